//! Insured sums paid on death or on survival. Not annuities.

use super::annuity::gauss;
use super::{Lives, Valuation};
use crate::rates::Discount;
use crate::tables::Fraction;

/// What an insurance pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsuranceKind {
    /// On the end of the status of the lives (death).
    Assurance,
    /// On survival to the end of deferral and term.
    PureEndowment,
    /// On the first of both.
    Endowment,
}

/// An insurance of one euro.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Insurance {
    /// What it pays for.
    pub kind: InsuranceKind,
    /// Whole years covered; `None` for the whole life (assurance only).
    pub term: Option<u32>,
    /// Whole years before cover begins.
    pub deferral: u32,
    /// Paid at the moment of death rather than at the end of its year.
    pub at_moment: bool,
}

/// Values an insurance on `lives`; deaths of a year are uniform over it where the moment of death counts.
pub fn insurance(
    lives: &Lives<'_>,
    contract: &Insurance,
    discount: &Discount,
    fraction: Fraction,
) -> Valuation {
    let mut valuation = Valuation::default();
    let whole = (lives.horizon().ceil().max(0.0) as u32).saturating_sub(contract.deferral);
    let end = contract.deferral + contract.term.unwrap_or(whole);
    if contract.kind != InsuranceKind::PureEndowment {
        let mut alive = lives.paying(f64::from(contract.deferral), fraction);
        for year in contract.deferral..end {
            let left = lives.paying(f64::from(year + 1), fraction);
            let factor = death_factor(discount, year, contract.at_moment);
            valuation.add(year as usize, alive - left, factor);
            alive = left;
        }
    }
    if contract.kind != InsuranceKind::Assurance {
        let time = f64::from(end);
        valuation.add(end.saturating_sub(1) as usize, lives.paying(time, fraction), discount.factor(time));
    }
    valuation
}

/// Value now of one euro paid for a death during the year that begins at `year`.
fn death_factor(discount: &Discount, year: u32, at_moment: bool) -> f64 {
    let (start, end) = (f64::from(year), f64::from(year + 1));
    if !at_moment {
        return discount.factor(end);
    }
    match discount {
        Discount::Flat(0.0) => 1.0,
        Discount::Flat(rate) => discount.factor(end) * rate / rate.ln_1p(),
        Discount::Curve(points) => {
            let inside =
                points.iter().map(|(maturity, _)| *maturity).filter(|cut| start < *cut && *cut < end);
            let cuts: Vec<f64> = std::iter::once(start).chain(inside).chain([end]).collect();
            let pieces = cuts.windows(2).flat_map(|piece| gauss(piece[0], piece[1]));
            pieces.map(|(time, weight)| weight * discount.factor(time)).sum()
        }
    }
}
