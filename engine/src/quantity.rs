//! Quantities that cannot be wrong: checked once, where a request is read or a kernel is called, then taken as they are.
//! Not their units' formulas.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::watch::Watch;

/// A number that its quantity cannot be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutOfRange {
    /// The number met.
    pub found: f64,
    /// The least allowed.
    pub minimum: f64,
    /// The most allowed.
    pub maximum: f64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is out of range: expected from {} to {}", self.found, self.minimum, self.maximum)
    }
}

impl std::error::Error for OutOfRange {}

/// A number between two bounds, under a name of its own; in JSON a number, refused beyond the bounds.
macro_rules! quantity {
    ($(#[$about:meta])* $name:ident, $minimum:expr, $maximum:expr) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// The least there is.
            pub const MINIMUM: f64 = $minimum;
            /// The most there is.
            pub const MAXIMUM: f64 = $maximum;

            /// The quantity of a number.
            ///
            /// # Errors
            /// Beyond the bounds, or not a number.
            pub fn new(value: f64) -> Result<Self, OutOfRange> {
                let bounds = Self::MINIMUM..=Self::MAXIMUM;
                if bounds.contains(&value) {
                    return Ok(Self(value));
                }
                Err(OutOfRange { found: value, minimum: Self::MINIMUM, maximum: Self::MAXIMUM })
            }

            /// The number.
            #[inline]
            pub const fn value(self) -> f64 {
                self.0
            }

            /// The nearest there is to a number; the least for none.
            pub fn nearest(value: f64) -> Self {
                Self(if value.is_nan() { Self::MINIMUM } else { value.clamp(Self::MINIMUM, Self::MAXIMUM) })
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfRange;

            fn try_from(value: f64) -> Result<Self, OutOfRange> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(quantity: $name) -> Self {
                quantity.0
            }
        }
    };
}

quantity!(
    /// A probability.
    ///
    /// ```
    /// use aops_engine::Probability;
    /// assert!(Probability::new(1.2).is_err() && Probability::new(f64::NAN).is_err());
    /// ```
    Probability,
    0.0,
    1.0
);
quantity!(
    /// An annual effective rate: above −100 %, so that discounting has a meaning.
    AnnualRate,
    -0.99,
    10.0
);
quantity!(
    /// An exact age in years; the oldest that tables of a request may reach.
    Age,
    0.0,
    400.0
);
quantity!(
    /// A time to come, in years.
    Duration,
    0.0,
    1000.0
);

impl AnnualRate {
    /// No interest.
    pub const ZERO: Self = Self(0.0);
}

impl Age {
    /// The age of the same life, so many years later.
    pub fn after(self, years: f64) -> Self {
        Self::nearest(self.0 + years)
    }
}

/// Lines of which there is at least one, valued in their order whatever threads do it.
#[derive(Debug, Clone, PartialEq)]
pub struct Portfolio<T>(Vec<T>);

impl<T> Portfolio<T> {
    /// The lines; `None` where there is none.
    pub fn new(lines: Vec<T>) -> Option<Self> {
        (!lines.is_empty()).then_some(Self(lines))
    }

    /// The lines in their order.
    pub fn lines(&self) -> &[T] {
        &self.0
    }
}

impl<T: Sync> Portfolio<T> {
    /// What `value` gives for each line, so many of them between two looks at the watch; `None` when a stop was asked for.
    pub fn each<R: Send>(
        &self,
        chunk: usize,
        watch: &Watch,
        value: impl Fn(&T) -> R + Sync,
    ) -> Option<Vec<R>> {
        let parts = crate::numeric::in_chunks(self.0.len(), chunk, watch, |range| {
            self.0[range].iter().map(&value).collect::<Vec<R>>()
        })?;
        Some(parts.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_quantity_cannot_be_is_refused_in_code_and_in_json() {
        assert!(AnnualRate::new(-1.0).is_err() && AnnualRate::new(f64::INFINITY).is_err());
        assert!(Age::new(-0.1).is_err() && Duration::new(10_000.0).is_err());
        assert_eq!(Probability::new(0.25).map(f64::from), Ok(0.25));
        assert_eq!(serde_json::from_str::<Duration>("7.5").unwrap().value(), 7.5);
        assert_eq!(serde_json::to_string(&AnnualRate::ZERO).unwrap(), "0.0");
        let told = serde_json::from_str::<Probability>("1.5").unwrap_err().to_string();
        assert!(told.contains("1.5 is out of range: expected from 0 to 1"), "{told}");
        assert_eq!(Age::new(399.0).map(|age| age.after(7.0).value()), Ok(400.0));
    }

    #[test]
    fn a_portfolio_is_valued_in_its_order_and_never_empty() {
        assert_eq!(Portfolio::<u8>::new(Vec::new()), None);
        let portfolio = Portfolio::new((0..10).collect()).unwrap();
        let doubled = portfolio.each(3, &Watch::default(), |line: &i32| line * 2).unwrap();
        assert_eq!(doubled, (0..10).map(|line| line * 2).collect::<Vec<i32>>());
    }
}
