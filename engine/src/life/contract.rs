//! A contract of either sort, valued today or later, with the premiums that pay for it. Not its reading.

use super::annuity::{annuity_at, each_payment};
use super::insurance::{each_claim, insurance_at};
use super::{Annuity, Insurance, Lives, Status, Timing, Valuation, yearly};
use crate::rates::Discount;
use crate::tables::Fraction;

/// An annuity or an insurance, of one euro.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Contract {
    /// Pays while the lives last.
    Annuity(Annuity),
    /// Pays once.
    Insurance(Insurance),
}

/// The lives and the assumptions that a contract is valued on.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The lives.
    pub lives: Lives<'a>,
    /// Discounting.
    pub discount: &'a Discount,
    /// Between integer ages.
    pub fraction: Fraction,
}

impl Contract {
    /// Its value today.
    pub fn value(&self, basis: &Basis<'_>) -> Valuation {
        self.value_at(basis, 0.0)
    }

    /// Its present value alone, by the shortest way.
    pub fn present_value(&self, basis: &Basis<'_>) -> f64 {
        if let (Self::Annuity(annuity), Lives::Single(life), Discount::Flat(rate), Fraction::Udd) =
            (self, &basis.lives, basis.discount, basis.fraction)
            && let Some(value) = yearly(life, annuity, rate.value())
        {
            return value;
        }
        self.value(basis).present_value
    }

    /// What remains of it after `elapsed` years if all its lives are alive then.
    pub fn value_at(&self, basis: &Basis<'_>, elapsed: f64) -> Valuation {
        let lives = basis.lives.later(elapsed);
        match self {
            Self::Annuity(annuity) => annuity_at(&lives, annuity, basis.discount, basis.fraction, elapsed),
            Self::Insurance(insurance) => {
                insurance_at(&lives, insurance, basis.discount, basis.fraction, elapsed)
            }
        }
    }

    /// What it pays between `elapsed` and the next anniversary, valued at `elapsed`: each payment's time, probability,
    /// amount and discount.
    pub(super) fn payments(&self, basis: &Basis<'_>) -> Vec<[f64; 5]> {
        let mut rows = Vec::new();
        let fraction = basis.fraction;
        match self {
            Self::Annuity(annuity) => {
                each_payment(&basis.lives, annuity, basis.discount, fraction, 0.0, &mut |one| {
                    let value = one.probability * one.amount * one.discount;
                    rows.push([one.time, one.probability, one.amount, one.discount, value]);
                });
            }
            Self::Insurance(insurance) => {
                each_claim(&basis.lives, insurance, basis.discount, fraction, 0.0, &mut |one| {
                    let time = (one.year + 1) as f64;
                    rows.push([time, one.probability, 1.0, one.discount, one.probability * one.discount]);
                });
            }
        }
        rows
    }

    /// Years over which it is paid for where nothing else is said: to the first annuity payment, or as long as cover.
    pub(super) fn premium_years(&self, lives: &Lives<'_>) -> f64 {
        match self {
            Self::Annuity(annuity) => annuity.deferral.value(),
            Self::Insurance(insurance) => insurance
                .term
                .map_or_else(|| lives.horizon().ceil(), |term| f64::from(term + insurance.deferral)),
        }
    }

    /// Whether one reserve a duration is enough: the contract ends with the status of its lives.
    pub(super) fn ends_with(&self, lives: &Lives<'_>) -> bool {
        let guaranteed = matches!(self, Self::Annuity(annuity) if annuity.guarantee.value() > 0.0);
        !guaranteed && matches!(lives, Lives::Single(_) | Lives::Pair(_, _, Status::Joint))
    }

    /// The part of the contract that falls before the anniversary after `elapsed` (Fackler's recursion).
    pub(super) fn year(&self, basis: &Basis<'_>, elapsed: u32) -> f64 {
        let now = f64::from(elapsed);
        let lives = basis.lives.later(now);
        let mut total = 0.0;
        match self {
            Self::Annuity(annuity) => {
                each_payment(&lives, annuity, basis.discount, basis.fraction, now, &mut |one| {
                    let due = annuity.timing != Timing::Immediate;
                    if if due { one.time < 1.0 - 1e-9 } else { one.time < 1.0 + 1e-9 } {
                        total += one.probability * one.amount * one.discount;
                    }
                });
            }
            Self::Insurance(insurance) => {
                each_claim(&lives, insurance, basis.discount, basis.fraction, now, &mut |one| {
                    // The reserve at the term is the one just before survival is paid.
                    if one.year == elapsed as usize && !one.survival {
                        total += one.probability * one.discount;
                    }
                });
            }
        }
        total
    }
}
