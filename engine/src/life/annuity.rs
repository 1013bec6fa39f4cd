//! Annuities: certain times, uncertain lives. Not insurances on death.

use super::{Lives, Valuation};
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
    pub term: Option<f64>,
    /// Years before the first period.
    pub deferral: f64,
    /// Years paid whatever happens, from the deferral on.
    pub guarantee: f64,
    /// Yearly growth of the payments.
    pub growth: f64,
}

/// Values an annuity on `lives` by direct summation (integration when continuous).
pub fn annuity(lives: &Lives<'_>, contract: &Annuity, discount: &Discount, fraction: Fraction) -> Valuation {
    let paid_for = contract
        .term
        .unwrap_or_else(|| (lives.horizon() - contract.deferral).max(contract.guarantee).max(0.0));
    let reached = if contract.deferral == 0.0 { 1.0 } else { lives.paying(contract.deferral, fraction) };
    match contract.timing {
        Timing::Continuous => continuous(lives, contract, discount, fraction, paid_for, reached),
        Timing::Due | Timing::Immediate => discrete(lives, contract, discount, fraction, paid_for, reached),
    }
}

/// Guards the comparison of times that are sums of fractions of a year.
const TINY: f64 = 1e-9;

fn discrete(
    lives: &Lives<'_>,
    contract: &Annuity,
    discount: &Discount,
    fraction: Fraction,
    paid_for: f64,
    reached: f64,
) -> Valuation {
    let frequency = contract.frequency.max(1);
    let m = f64::from(frequency);
    let immediate = contract.timing == Timing::Immediate;
    let count = |years: f64| {
        if immediate { (years * m + TINY).floor() as u32 } else { (years * m - TINY).ceil().max(0.0) as u32 }
    };
    let (payments, guaranteed) = (count(paid_for), count(contract.guarantee));
    let first = u32::from(immediate);
    let factors = Factors::new(discount, contract.deferral, frequency);
    let mut growth = 1.0;
    let mut valuation = Valuation::default();
    for period in 0..payments {
        if period > 0 && period % frequency == 0 {
            growth *= 1.0 + contract.growth;
        }
        let rank = period + first;
        let time = contract.deferral + f64::from(rank) / m;
        let probability = if period < guaranteed { reached } else { lives.paying(time, fraction) };
        let year = (contract.deferral + f64::from(period) / m + TINY) as usize;
        valuation.add(year, probability * growth / m, factors.at(rank, time));
    }
    valuation
}

/// Discount factors at `deferral + rank / frequency`, with one power a year instead of one a payment.
struct Factors<'a> {
    discount: &'a Discount,
    flat: Option<(f64, Vec<f64>, f64)>,
    frequency: u32,
}

impl<'a> Factors<'a> {
    fn new(discount: &'a Discount, deferral: f64, frequency: u32) -> Self {
        let flat = match discount {
            Discount::Flat(rate) => {
                let parts =
                    (0..frequency).map(|part| discount.factor(f64::from(part) / f64::from(frequency)));
                Some((discount.factor(deferral), parts.collect(), 1.0 / (1.0 + rate)))
            }
            Discount::Curve(_) => None,
        };
        Self { discount, flat, frequency }
    }

    fn at(&self, rank: u32, time: f64) -> f64 {
        match &self.flat {
            Some((start, parts, v)) => {
                start * v.powi((rank / self.frequency) as i32) * parts[(rank % self.frequency) as usize]
            }
            None => self.discount.factor(time),
        }
    }
}

fn continuous(
    lives: &Lives<'_>,
    contract: &Annuity,
    discount: &Discount,
    fraction: Fraction,
    paid_for: f64,
    reached: f64,
) -> Valuation {
    let (start, end) = (contract.deferral, contract.deferral + paid_for);
    let mut cuts = vec![start, end, (start + contract.guarantee).min(end)];
    let years = end.ceil() as u32;
    for year in 0..=years {
        cuts.push(start + f64::from(year));
        cuts.push(f64::from(year));
        cuts.extend(lives.corners().iter().map(|corner| corner + f64::from(year)));
    }
    if let Discount::Curve(points) = discount {
        cuts.extend(points.iter().map(|(maturity, _)| *maturity));
    }
    cuts.retain(|cut| (start..=end).contains(cut));
    cuts.sort_by(f64::total_cmp);
    let mut valuation = Valuation::default();
    for piece in cuts.windows(2).filter(|piece| piece[1] - piece[0] > 1e-12) {
        let middle = f64::midpoint(piece[0], piece[1]);
        let growth = (1.0 + contract.growth).powi((middle - start) as i32);
        for (time, weight) in gauss(piece[0], piece[1]) {
            let guaranteed = middle < start + contract.guarantee;
            let probability = if guaranteed { reached } else { lives.paying(time, fraction) };
            valuation.add(middle as usize, probability * growth * weight, discount.factor(time));
        }
    }
    valuation
}

/// Gauss-Legendre points and weights, exact to rounding for the smooth pieces met here (at most a year long).
pub(super) fn gauss(from: f64, to: f64) -> impl Iterator<Item = (f64, f64)> {
    const HALF: [(f64, f64); 4] = [
        (0.183_434_642_495_649_8, 0.362_683_783_378_362),
        (0.525_532_409_916_329, 0.313_706_645_877_887_3),
        (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
        (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
    ];
    let (middle, half) = (f64::midpoint(from, to), (to - from) / 2.0);
    HALF.into_iter()
        .flat_map(|(point, weight)| [(-point, weight), (point, weight)])
        .map(move |(point, weight)| (middle + half * point, half * weight))
}
