//! The annuity on one life with one rate and uniform deaths, summed a year at a time: inside a year of age survivors are
//! linear, so the `m` payments of a policy year are three weights on three survivors. The same sum as the direct one, in
//! another order; tests compare them.

use super::annuity::payments;
use super::{Annuity, Life, Timing};
use crate::quantity::Duration;
use crate::tables::Fraction;

/// Most payments a year of this way.
const MOST: usize = 12;

/// The present value of one euro a year, `None` where this way does not apply.
#[inline]
pub fn yearly(life: &Life<'_>, contract: &Annuity, rate: f64) -> Option<f64> {
    let frequency = contract.frequency as usize;
    if contract.timing == Timing::Continuous
        || contract.guarantee.value() > 0.0
        || !(1..=MOST).contains(&frequency)
    {
        return None;
    }
    let Annuity { timing, deferral, growth, .. } = *contract;
    let (deferral, growth, age) = (deferral.value(), growth.value(), life.age.value());
    let m = frequency as f64;
    let entry = age + deferral;
    let place = entry - f64::from(life.survivors.first_age);
    let start = place.floor();
    let part = place - start;
    let lx = life.survivors.lx.get(start as usize..).unwrap_or(&[0.0]);
    let paid_for = contract.term.map_or_else(|| (lx.len() as f64 - part).max(0.0), Duration::value);
    let count = payments(paid_for, m, timing) as usize;
    let delta = rate.ln_1p();
    let step = (-delta / m).exp();
    // Weights of the survivors at the birthday before, at the next and at the one after.
    let mut weights = [0.0; 3];
    let mut rest = [0.0; 3];
    let remainder = count % frequency;
    let first = usize::from(timing == Timing::Immediate);
    let mut discount = if first == 1 { step } else { 1.0 };
    for period in 0..frequency {
        let at = part + (period + first) as f64 / m;
        let (before, next, after) = if at < 1.0 { (1.0 - at, at, 0.0) } else { (0.0, 2.0 - at, at - 1.0) };
        weights[0] += discount * before;
        weights[1] += discount * next;
        weights[2] += discount * after;
        if period + 1 == remainder {
            rest = weights;
        }
        discount *= step;
    }
    let yearly = (1.0 + growth) / (1.0 + rate);
    let years = count / frequency;
    let mut power = 1.0;
    let mut total = 0.0;
    let of = |window: &[f64], weights: &[f64; 3]| {
        weights[0] * window[0] + weights[1] * window[1] + weights[2] * window[2]
    };
    let inside = lx.len().saturating_sub(2).min(years);
    for window in lx.windows(3).take(inside) {
        total += power * of(window, &weights);
        power *= yearly;
    }
    let at = |index: usize| lx.get(index).copied().unwrap_or(0.0);
    for year in inside..years.min(lx.len()) {
        total += power * of(&[at(year), at(year + 1), at(year + 2)], &weights);
        power *= yearly;
    }
    if remainder > 0 && years < lx.len() {
        total += power * of(&[at(years), at(years + 1), at(years + 2)], &rest);
    }
    Some((-delta * deferral).exp() * total / (m * life.survivors.at(age, Fraction::Udd)))
}
