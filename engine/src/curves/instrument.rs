//! Market instruments and their cash flows. Not curves.

use super::Curve;

/// What a quoted rate means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Annual effective rate of a zero-coupon bond.
    Zero,
    /// Coupon, so many times a year, of a bond or swap at par.
    Par(u32),
}

/// A maturity in years and the rate quoted for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Instrument {
    /// Years to the last payment.
    pub maturity: f64,
    /// Quoted rate.
    pub rate: f64,
    /// What it means.
    pub sort: Sort,
}

impl Instrument {
    /// Market price of one euro nominal.
    pub fn price(&self) -> f64 {
        match self.sort {
            Sort::Zero => (-self.maturity * self.rate.ln_1p()).exp(),
            Sort::Par(_) => 1.0,
        }
    }

    /// Times in years and amounts, in the order of time.
    pub fn flows(&self) -> Vec<(f64, f64)> {
        match self.sort {
            Sort::Zero => vec![(self.maturity, 1.0)],
            Sort::Par(frequency) => {
                let m = f64::from(frequency);
                let count = (self.maturity * m).round() as u32;
                let coupon = |k: u32| (f64::from(k) / m, self.rate / m + f64::from(u8::from(k == count)));
                (1..=count).map(coupon).collect()
            }
        }
    }

    /// Price that a curve gives.
    pub fn priced(&self, curve: &dyn Curve) -> f64 {
        self.flows().iter().map(|(time, amount)| amount * curve.discount(*time)).sum()
    }
}
