//! Annuities: certain times, uncertain lives. Not insurances on death.

use super::{Lives, Valuation, smooth};
use crate::quantity::{AnnualRate, Duration};
use crate::rates::Discount;
use crate::tables::Fraction;

/// When an annuity pays inside its periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// At the beginning of each period.
    #[default]
    Due,
    /// At the end of each period.
    Immediate,
    /// All the time.
    Continuous,
}

/// An annuity of one euro a year before growth.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Annuity {
    /// When it pays inside a period.
    pub timing: Timing,
    /// Payments a year; not used when continuous.
    pub frequency: u32,
    /// Years of payment; `None` for the whole life.
    pub term: Option<Duration>,
    /// Years before the first period.
    pub deferral: Duration,
    /// Years paid whatever happens, from the deferral on.
    pub guarantee: Duration,
    /// Yearly growth of the payments.
    pub growth: AnnualRate,
}

/// One payment as it enters the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Payment {
    /// Policy year, 0 the first.
    pub(super) year: usize,
    /// Years from the valuation.
    pub(super) time: f64,
    pub(super) probability: f64,
    /// Euros, or euros times the length of a piece when continuous.
    pub(super) amount: f64,
    pub(super) discount: f64,
}

/// Values an annuity on `lives` by direct summation (integration when continuous).
pub fn annuity(lives: &Lives<'_>, contract: &Annuity, discount: &Discount, fraction: Fraction) -> Valuation {
    annuity_at(lives, contract, discount, fraction, 0.0)
}

/// Years to each payment of an annuity, and its expected amount, whatever the rates.
pub(crate) fn payments_of(lives: &Lives<'_>, contract: &Annuity, fraction: Fraction) -> Vec<(f64, f64)> {
    let mut payments = Vec::new();
    each_payment(lives, contract, &Discount::Flat(AnnualRate::ZERO), fraction, 0.0, &mut |one| {
        payments.push((one.time, one.probability * one.amount));
    });
    payments
}

/// What remains of an annuity after `elapsed` years, on `lives` as old as they are then. A payment in advance that
/// falls on that day is still to come; one in arrears has been made.
pub(super) fn annuity_at(
    lives: &Lives<'_>,
    contract: &Annuity,
    discount: &Discount,
    fraction: Fraction,
    elapsed: f64,
) -> Valuation {
    let mut valuation = Valuation::default();
    each_payment(lives, contract, discount, fraction, elapsed, &mut |payment| {
        valuation.add(payment.year, payment.probability * payment.amount, payment.discount);
    });
    valuation
}

/// Hands every payment to `take`, in the order of time.
pub(super) fn each_payment(
    lives: &Lives<'_>,
    contract: &Annuity,
    discount: &Discount,
    fraction: Fraction,
    elapsed: f64,
    take: &mut dyn FnMut(Payment),
) {
    let left = contract.deferral.value() - elapsed;
    let paid_for = contract
        .term
        .map_or_else(|| (lives.horizon() - left).max(contract.guarantee.value()).max(0.0), Duration::value);
    let reached = if left <= 0.0 { 1.0 } else { lives.paying(left, fraction) };
    let running = Running { lives, contract, discount, fraction, elapsed, left, paid_for, reached };
    match contract.timing {
        Timing::Continuous => running.continuous(take),
        Timing::Due | Timing::Immediate => running.discrete(take),
    }
}

/// Guards the comparison of times that are sums of fractions of a year.
pub(super) const TINY: f64 = 1e-9;

/// Payments in so many years, in advance or in arrears.
pub(super) fn payments(years: f64, m: f64, timing: Timing) -> u32 {
    let exact = years * m;
    if timing == Timing::Immediate {
        (exact + TINY).floor() as u32
    } else {
        (exact - TINY).ceil().max(0.0) as u32
    }
}

struct Running<'a> {
    lives: &'a Lives<'a>,
    contract: &'a Annuity,
    discount: &'a Discount,
    fraction: Fraction,
    elapsed: f64,
    /// Years to the end of the deferral, negative once it is over.
    left: f64,
    paid_for: f64,
    /// Probability that the deferral is reached.
    reached: f64,
}

impl Running<'_> {
    fn discrete(&self, take: &mut dyn FnMut(Payment)) {
        let Annuity { timing, growth: rate, guarantee, .. } = *self.contract;
        let (rate, guarantee) = (rate.value(), guarantee.value());
        let frequency = self.contract.frequency.max(1);
        let m = f64::from(frequency);
        let (payments, guaranteed) = (payments(self.paid_for, m, timing), payments(guarantee, m, timing));
        let first = u32::from(timing == Timing::Immediate);
        let factors = Factors::new(self.discount, self.left, frequency);
        let mut growth = 1.0;
        for period in 0..payments {
            if period > 0 && period % frequency == 0 {
                growth *= 1.0 + rate;
            }
            let rank = period + first;
            let time = self.left + f64::from(rank) / m;
            if time < -TINY || (first == 1 && time < TINY) {
                continue;
            }
            let time = time.max(0.0);
            take(Payment {
                year: (self.contract.deferral.value() + f64::from(period) / m + TINY) as usize,
                time,
                probability: if period < guaranteed {
                    self.reached
                } else {
                    self.lives.paying(time, self.fraction)
                },
                amount: growth / m,
                discount: factors.at(rank, self.elapsed, time),
            });
        }
    }

    fn continuous(&self, take: &mut dyn FnMut(Payment)) {
        let Annuity { growth, guarantee, deferral, .. } = *self.contract;
        let (growth, guarantee, deferral) = (growth.value(), guarantee.value(), deferral.value());
        let (start, end) = (self.left.max(0.0), self.left + self.paid_for);
        let mut cuts = vec![start, end, self.left + guarantee];
        let years = deferral.max(end).ceil() as u32 + 1;
        let corners = self.lives.corners();
        for year in 0..=years {
            cuts.push(self.left + f64::from(year));
            cuts.push(f64::from(year));
            cuts.extend(corners.iter().map(|corner| corner + f64::from(year)));
        }
        if let Discount::Curve(points) = self.discount {
            cuts.extend(points.iter().map(|(maturity, _)| *maturity - self.elapsed));
        }
        cuts.retain(|cut| (start..=end).contains(cut));
        cuts.sort_by(f64::total_cmp);
        for piece in cuts.windows(2).filter(|piece| piece[1] - piece[0] > 1e-12) {
            let middle = f64::midpoint(piece[0], piece[1]);
            let grown = (1.0 + growth).powi((middle - self.left) as i32);
            let guaranteed = middle < self.left + guarantee;
            let year = (middle + deferral - self.left) as usize;
            for (time, weight) in smooth(piece[0], piece[1], self.fraction) {
                let probability =
                    if guaranteed { self.reached } else { self.lives.paying(time, self.fraction) };
                let discount = self.discount.between(self.elapsed, time);
                take(Payment { year, time, probability, amount: grown * weight, discount });
            }
        }
    }
}

/// Discount factors at `left + rank / frequency`, with one power a year instead of one a payment.
struct Factors<'a> {
    discount: &'a Discount,
    flat: Option<(f64, Vec<f64>, f64)>,
    frequency: u32,
}

impl<'a> Factors<'a> {
    fn new(discount: &'a Discount, left: f64, frequency: u32) -> Self {
        let flat = match discount {
            Discount::Flat(rate) => {
                let parts =
                    (0..frequency).map(|part| discount.factor(f64::from(part) / f64::from(frequency)));
                Some((discount.factor(left), parts.collect(), 1.0 / (1.0 + rate.value())))
            }
            Discount::Curve(_) => None,
        };
        Self { discount, flat, frequency }
    }

    fn at(&self, rank: u32, elapsed: f64, time: f64) -> f64 {
        match &self.flat {
            Some((start, parts, v)) => {
                start * v.powi((rank / self.frequency) as i32) * parts[(rank % self.frequency) as usize]
            }
            None => self.discount.between(elapsed, time),
        }
    }
}
