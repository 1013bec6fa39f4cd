//! Reserves of single claims: incapacity, passage to disability, disability. Not their totals.

use super::maintenance::still;
use crate::numeric::sum;
use crate::rates::Discount;

/// When a benefit is paid inside its month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paid {
    /// At its beginning, to those there then.
    #[default]
    Due,
    /// In its middle, to the mean of those there at its ends.
    Middle,
    /// At its end, to those there then.
    Immediate,
}

/// What reserves rest on beside tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    /// Discounting.
    pub discount: Discount,
    /// Yearly growth of benefits, at each anniversary of the valuation.
    pub revaluation: f64,
    /// When a month is paid.
    pub paid: Paid,
}

const MONTHS: usize = 12;

impl Basis {
    /// Factor of a month's payment, and the part of the two ends of the month in who is paid.
    fn month(&self, month: usize) -> (f64, f64) {
        let part = match self.paid {
            Paid::Due => 0.0,
            Paid::Middle => 0.5,
            Paid::Immediate => 1.0,
        };
        let time = (month as f64 + part) / MONTHS as f64;
        (self.discount.factor(time) * self.grown(month), part)
    }

    /// Growth of benefits in a month from now.
    fn grown(&self, month: usize) -> f64 {
        (1.0 + self.revaluation).powi((month / MONTHS) as i32)
    }

    /// Reserve of one euro a month to someone incapacitated since `duration` months, by the row of the age at entry:
    /// `Σ_j v^{j/12} l(a, k+j)/l(a, k)` up to the last duration of the table. Months before `waiting` are not paid.
    pub fn incapacity(&self, row: &[f64], duration: usize, waiting: usize) -> f64 {
        let last = row.len() - 1;
        let alive = still(row, duration as f64);
        if alive <= 0.0 {
            return 0.0;
        }
        sum((duration.max(waiting)..last.max(duration)).map(|at| {
            let (factor, part) = self.month(at - duration);
            let there = (1.0 - part) * row[at] + part * row[at + 1];
            factor * there / alive
        }))
    }

    /// Reserve of the passage to disability: `Σ_j v^{j/12} passage(a, k+j)/l(a, k) × reserve at entry`, the last given by
    /// `disability` for the age reached, in whole years, for a benefit of today.
    pub fn passage(
        &self,
        row: &[f64],
        passages: &[f64],
        age: u32,
        duration: usize,
        disability: impl Fn(u32) -> Option<f64>,
    ) -> Option<f64> {
        let alive = still(row, duration as f64);
        if alive <= 0.0 {
            return Some(0.0);
        }
        let mut total = crate::numeric::Sum::default();
        for (at, passing) in passages.iter().enumerate().skip(duration).filter(|(_, passing)| **passing > 0.0)
        {
            let month = at - duration;
            let factor = self.discount.factor(month as f64 / MONTHS as f64) * self.grown(month);
            total.add(factor * passing / alive * disability(age + (at / MONTHS) as u32)?);
        }
        Some(total.value())
    }

    /// Reserve of one euro a year, paid by month, to someone disabled since `duration` years, for `left` years at most.
    pub fn disability(&self, row: &[f64], duration: f64, left: f64) -> f64 {
        let alive = still(row, duration);
        if alive <= 0.0 {
            return 0.0;
        }
        // A month that begins before the end is paid.
        let months = (left.max(0.0) * MONTHS as f64 - 1e-9).ceil().max(0.0) as usize;
        let span = (((row.len() - 1) as f64 - duration).max(0.0) * MONTHS as f64).ceil() as usize;
        let months = (0..months.min(span)).map(|month| {
            let (factor, part) = self.month(month);
            let at = |month: usize| still(row, duration + month as f64 / MONTHS as f64);
            factor * ((1.0 - part) * at(month) + part * at(month + 1)) / alive
        });
        sum(months) / MONTHS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnnualRate;

    fn basis(rate: f64, paid: Paid) -> Basis {
        Basis { discount: Discount::Flat(AnnualRate::new(rate).unwrap()), revaluation: 0.0, paid }
    }

    /// Those still there when a constant part leaves each month: a table made by formula, for tests alone.
    fn constant(keep: f64, last: i32) -> Vec<f64> {
        (0..=last).map(|month| 1000.0 * keep.powi(month)).collect()
    }

    #[test]
    fn a_constant_exit_gives_a_geometric_series() {
        let (row, v) = (constant(0.9, 36), 1.03_f64.powf(-1.0 / 12.0));
        let part = 0.9 * v;
        let series = |months: i32| (1.0 - part.powi(months)) / (1.0 - part);
        let near =
            |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        near(basis(0.03, Paid::Due).incapacity(&row, 5, 0), series(31));
        near(basis(0.03, Paid::Immediate).incapacity(&row, 5, 0), part * series(31));
        near(basis(0.03, Paid::Middle).incapacity(&row, 5, 0), 0.95 * v.sqrt() * series(31));
        // Three months of waiting left: the series begins later.
        near(basis(0.03, Paid::Due).incapacity(&row, 0, 3), series(36) - series(3));
        assert_eq!(basis(0.03, Paid::Due).incapacity(&row, 36, 0), 0.0);
    }

    #[test]
    fn a_passage_is_worth_the_reserve_it_opens() {
        let row = constant(0.9, 36);
        // A twentieth of those there passes each month to a reserve of 10, whatever the age.
        let passages: Vec<f64> = row.iter().take(36).map(|there| there / 20.0).collect();
        let found = basis(0.0, Paid::Due).passage(&row, &passages, 40, 0, |_| Some(10.0)).unwrap();
        assert!((found - 0.5 * (1.0 - 0.9_f64.powi(36)) / 0.1).abs() < 1e-12);
        // The age reached grows with the duration at the passage.
        let mut single = vec![0.0; 36];
        single[30] = row[30];
        let aged = basis(0.0, Paid::Due).passage(&row, &single, 40, 30, |age| Some(f64::from(age))).unwrap();
        assert_eq!(aged, 42.0);
    }

    #[test]
    fn nobody_recovering_makes_disability_an_annuity_certain() {
        let row = vec![1.0; 41];
        let v = 1.02_f64.powf(-1.0 / 12.0);
        let certain = (1.0 - v.powi(120)) / (1.0 - v) / 12.0;
        assert!((basis(0.02, Paid::Due).disability(&row, 3.0, 10.0) - certain).abs() < 1e-12);
        // Growth equal to the yearly rate: each year is worth the first.
        let grown = Basis { revaluation: 0.02, ..basis(0.02, Paid::Due) };
        let year = (1.0 - v.powi(12)) / (1.0 - v) / 12.0;
        assert!((grown.disability(&row, 3.0, 10.0) - 10.0 * year).abs() < 1e-12);
    }
}
