//! Insured sums paid on death or on survival. Not annuities.

use super::quadrature::gauss;
use super::{Lives, Valuation};
use crate::quantity::AnnualRate;
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
    insurance_at(lives, contract, discount, fraction, 0.0)
}

/// What remains of an insurance after `elapsed` years, on `lives` as old as they are then.
pub(super) fn insurance_at(
    lives: &Lives<'_>,
    contract: &Insurance,
    discount: &Discount,
    fraction: Fraction,
    elapsed: f64,
) -> Valuation {
    let mut valuation = Valuation::default();
    each_claim(lives, contract, discount, fraction, elapsed, &mut |claim| {
        valuation.add(claim.year, claim.probability, claim.discount);
    });
    valuation
}

/// One year's expected payment of an insured euro.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Claim {
    /// Policy year, 0 the first.
    pub(super) year: usize,
    pub(super) probability: f64,
    pub(super) discount: f64,
    /// Paid for having lived to the end.
    pub(super) survival: bool,
}

/// Hands every year's claim to `take`, survival last.
pub(super) fn each_claim(
    lives: &Lives<'_>,
    contract: &Insurance,
    discount: &Discount,
    fraction: Fraction,
    elapsed: f64,
    take: &mut dyn FnMut(Claim),
) {
    let whole = ((lives.horizon() + elapsed).ceil().max(0.0) as u32).saturating_sub(contract.deferral);
    let end = contract.deferral + contract.term.unwrap_or(whole);
    if contract.kind != InsuranceKind::PureEndowment {
        for year in (contract.deferral..end).filter(|year| f64::from(year + 1) > elapsed) {
            let (from, to) = (f64::from(year).max(elapsed) - elapsed, f64::from(year + 1) - elapsed);
            let probability = lives.paying(from, fraction) - lives.paying(to, fraction);
            let discount = death_factor(discount, elapsed, from, to, contract.at_moment);
            take(Claim { year: year as usize, probability, discount, survival: false });
        }
    }
    if contract.kind != InsuranceKind::Assurance && f64::from(end) >= elapsed {
        let time = f64::from(end) - elapsed;
        let (probability, discount) = (lives.paying(time, fraction), discount.between(elapsed, time));
        take(Claim { year: end.saturating_sub(1) as usize, probability, discount, survival: true });
    }
}

/// Value now of one euro paid for a death between two times, at most a year apart.
fn death_factor(discount: &Discount, elapsed: f64, from: f64, to: f64, at_moment: bool) -> f64 {
    if !at_moment {
        return discount.between(elapsed, to);
    }
    match discount {
        Discount::Flat(AnnualRate::ZERO) => 1.0,
        Discount::Flat(rate) => {
            let delta = rate.value().ln_1p();
            (-delta * from).exp() * -(-delta * (to - from)).exp_m1() / (delta * (to - from))
        }
        Discount::Curve(points) => {
            let knots = points.iter().map(|(maturity, _)| *maturity - elapsed);
            let cuts: Vec<f64> = std::iter::once(from)
                .chain(knots.filter(|cut| from < *cut && *cut < to))
                .chain([to])
                .collect();
            let pieces = cuts.windows(2).flat_map(|piece| gauss(piece[0], piece[1]));
            pieces.map(|(time, weight)| weight * discount.between(elapsed, time)).sum::<f64>() / (to - from)
        }
    }
}
