//! Survivors by exact age: the embedded tables by name, and interpolation between integer ages.
//! Not what tables are for.

mod embedded;
mod own;

pub use embedded::{NAMES, Named, find, named};
pub(crate) use own::{TABLES_FIELD, read as read_own};

use crate::quantity::Probability;

/// How survivors run between two integer ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fraction {
    /// `l` linear: uniform distribution of deaths.
    #[default]
    Udd,
    /// `l` geometric: constant force of mortality.
    ConstantForce,
    /// `1/l` linear.
    Balducci,
}

/// Survivors of one generation by integer age.
#[derive(Debug, Clone, PartialEq)]
pub struct Survivors {
    /// Age of the first entry, in years.
    pub first_age: u32,
    /// `lx` from `first_age`, ending with the first zero.
    pub lx: Vec<f64>,
}

impl Survivors {
    /// Keeps survivors up to the first zero, adding one where `values` stop before it.
    pub fn new(first_age: u32, values: impl Iterator<Item = f64>) -> Self {
        let mut lx: Vec<f64> = values.take_while(|alive| *alive > 0.0).collect();
        lx.push(0.0);
        Self { first_age, lx }
    }

    /// First age at which nobody is left, in years.
    pub fn closing_age(&self) -> f64 {
        f64::from(self.first_age) + (self.lx.len() - 1) as f64
    }

    /// Survivors at an exact age in years, at or after the first entry; zero beyond the closing age.
    pub fn at(&self, age: f64, fraction: Fraction) -> f64 {
        let place = age - f64::from(self.first_age);
        // The cast cuts as `floor` would, which is a call where the processor has no instruction for it.
        let whole = place as u32;
        let (part, index) = (place - f64::from(whole), whole as usize);
        let Some(&left) = self.lx.get(index) else { return 0.0 };
        let right = self.lx.get(index + 1).copied().unwrap_or(0.0);
        if part == 0.0 {
            return left;
        }
        match fraction {
            Fraction::Udd => left + part * (right - left),
            Fraction::ConstantForce if right > 0.0 => left * (right / left).powf(part),
            Fraction::Balducci if right > 0.0 => left * right / (right + part * (left - right)),
            Fraction::ConstantForce | Fraction::Balducci => 0.0,
        }
    }
}

/// A table by name: one column for everybody, or one by birth year.
#[derive(Debug, Clone, PartialEq)]
pub enum Table {
    /// The same survivors whatever the birth year.
    Period(Survivors),
    /// Survivors of consecutive birth years.
    Generational {
        /// Birth year of the first column.
        first_year: i32,
        /// One column for each birth year.
        columns: Vec<Survivors>,
    },
}

/// Survivors of one birth, from yearly probabilities of death.
pub fn from_deaths(deaths: impl Iterator<Item = Probability>) -> impl Iterator<Item = f64> {
    let mut alive = 1.0;
    deaths.map(move |q| {
        let before = alive;
        alive *= 1.0 - q.value();
        before
    })
}

/// A name without what people write differently: case, spaces, hyphens, underscores.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_table_is_read_and_closes() {
        for name in NAMES {
            match find(name).unwrap() {
                Table::Period(survivors) => assert_eq!(survivors.lx.last(), Some(&0.0), "{name}"),
                Table::Generational { columns, .. } => {
                    assert_eq!(columns.len(), 106, "{name}");
                    for column in columns {
                        assert_eq!(column.lx.last(), Some(&0.0), "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn survivors_decrease_in_every_table() {
        for name in NAMES {
            let columns = match find(name).unwrap() {
                Table::Period(survivors) => vec![survivors.clone()],
                Table::Generational { columns, .. } => columns.clone(),
            };
            for column in columns {
                assert!(column.lx.windows(2).all(|pair| pair[0] >= pair[1]), "{name}");
            }
        }
    }

    #[test]
    fn life_expectancies_at_birth_are_those_of_the_source() {
        for (name, expected) in [("TH 00-02", 75.5), ("TF 00-02", 83.0)] {
            let Table::Period(survivors) = find(name).unwrap() else { panic!() };
            let sum: f64 = survivors.lx[1..].iter().sum();
            assert!((sum / survivors.lx[0] + 0.5 - expected).abs() < 0.1, "{name}");
        }
    }

    #[test]
    fn interpolations_meet_the_integer_ages_and_are_ordered_between() {
        let survivors = Survivors { first_age: 60, lx: vec![100.0, 80.0, 0.0] };
        for fraction in [Fraction::Udd, Fraction::ConstantForce, Fraction::Balducci] {
            assert_eq!(survivors.at(60.0, fraction), 100.0);
            assert_eq!(survivors.at(61.0, fraction), 80.0);
        }
        let udd = survivors.at(60.5, Fraction::Udd);
        let force = survivors.at(60.5, Fraction::ConstantForce);
        let balducci = survivors.at(60.5, Fraction::Balducci);
        assert!(udd > force && force > balducci);
        assert!((udd - 90.0).abs() < 1e-12);
    }
}
