//! Savings along many scenarios. Each has a stream of random numbers keyed by its rank, so that results depend neither on
//! threads nor on order. Not their summary.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

use super::{Market, Priced, Saving, Steps};
use crate::numeric::{Sum, in_chunks};
use crate::watch::Watch;

/// How many scenarios, and how they are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulation {
    /// Scenarios; even with antithetic variates.
    pub scenarios: usize,
    /// Key of all streams.
    pub seed: u64,
    /// Every second scenario mirrors the one before.
    pub antithetic: bool,
    /// Part of the savings in shares, brought back every month; the rest earns the short rate.
    pub equity_share: f64,
}

/// What scenarios gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// Savings at the end of each year, then of the last month where it ends none: scenario after scenario.
    pub funds: Vec<Vec<f64>>,
    /// By year: mean and standard error of the discount to its end.
    pub bonds: Vec<(f64, f64)>,
    /// Mean and standard error of one euro in the portfolio, without premium nor fees, discounted from retirement.
    pub martingale: (f64, f64),
    /// By scenario, the price at retirement of the annuity asked for; empty without one.
    pub factors: Vec<f64>,
    /// Mean and standard error of that price discounted to today.
    pub factor_today: (f64, f64),
}

/// Scenarios between two looks at the watch; even, so that a pair stays together.
const CHUNK: usize = 256;

/// Runs all scenarios, pricing `annuity` at the end of each; `None` when a stop was asked for.
pub fn simulate(
    saving: &Saving,
    market: &Market,
    simulation: &Simulation,
    annuity: Option<&Priced>,
    watch: &Watch,
) -> Option<Simulated> {
    let steps = market.steps(saving.months);
    let years = saving.months.div_ceil(12);
    let contributions: Vec<f64> =
        (0..saving.months).map(|month| saving.contribution_of(month) * (1.0 - saving.entry_fee)).collect();
    let runner = Runner {
        saving,
        steps: &steps,
        simulation,
        annuity,
        contributions: &contributions,
        years,
        kept: saving.kept(),
    };
    let parts =
        in_chunks(simulation.scenarios, CHUNK, watch, |range| runner.chunk(range.start, range.len()))?;
    let mut funds = vec![Vec::with_capacity(simulation.scenarios); years];
    let mut bonds = vec![Moments::default(); years];
    let (mut martingale, mut factor_today) = (Moments::default(), Moments::default());
    let mut factors = Vec::new();
    for part in parts {
        for (year, all) in funds.iter_mut().enumerate() {
            all.extend(part.funds.iter().skip(year).step_by(years));
        }
        bonds.iter_mut().zip(&part.bonds).for_each(|(all, one)| all.merge(one));
        martingale.merge(&part.martingale);
        factor_today.merge(&part.factor_today);
        factors.extend(part.factors);
    }
    let bonds = bonds.iter().map(Moments::told).collect();
    let (martingale, factor_today) = (martingale.told(), factor_today.told());
    Some(Simulated { funds, bonds, martingale, factors, factor_today })
}

/// The stream of a scenario: its rank stirred into the seed (SplitMix64's finaliser).
fn stream(seed: u64, rank: u64) -> Xoshiro256PlusPlus {
    let mut z = rank.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1405_7b7e_f767_814f);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Xoshiro256PlusPlus::seed_from_u64(seed ^ z ^ (z >> 31))
}

struct Runner<'a> {
    saving: &'a Saving,
    steps: &'a Steps,
    simulation: &'a Simulation,
    annuity: Option<&'a Priced>,
    contributions: &'a [f64],
    years: usize,
    kept: f64,
}

struct Part {
    /// By scenario, then year.
    funds: Vec<f64>,
    bonds: Vec<Moments>,
    martingale: Moments,
    factors: Vec<f64>,
    factor_today: Moments,
}

/// What one path gives beside its savings.
struct Path {
    /// The portfolio in units of cash: its growth over the short rate is what discounting leaves.
    portfolio: f64,
    /// Distance of the last short rate from what it would be without noise.
    noise: f64,
}

impl Runner<'_> {
    fn chunk(&self, start: usize, length: usize) -> Part {
        let mut part = Part {
            funds: Vec::with_capacity(length * self.years),
            bonds: vec![Moments::default(); self.years],
            martingale: Moments::default(),
            factors: Vec::new(),
            factor_today: Moments::default(),
        };
        let pair = if self.simulation.antithetic { 2 } else { 1 };
        let mut discounts = vec![0.0; self.years];
        for rank in (start..start + length).step_by(pair) {
            discounts.fill(0.0);
            let (mut priced, mut today) = (0.0, 0.0);
            for mirror in 0..pair {
                let sign = if mirror == 0 { 1.0 } else { -1.0 };
                let before = discounts.last().copied().unwrap_or(0.0);
                let path = self.scenario(rank as u64, sign, &mut part.funds, &mut discounts);
                priced += path.portfolio;
                if let Some(annuity) = self.annuity {
                    let factor = annuity.factor(path.noise);
                    part.factors.push(factor);
                    today += factor * (discounts.last().copied().unwrap_or(0.0) - before);
                }
            }
            if self.annuity.is_some() {
                part.factor_today.add(today / pair as f64);
            }
            part.martingale.add(priced / pair as f64);
            part.bonds.iter_mut().zip(&discounts).for_each(|(all, one)| all.add(one / pair as f64));
        }
        part
    }

    /// One path; adds to `discounts` by year.
    fn scenario(&self, rank: u64, sign: f64, funds: &mut Vec<f64>, discounts: &mut [f64]) -> Path {
        let Steps { drift, decay, carried, factor: [rate, integral, share], share_drift, premium } =
            self.steps;
        let shares = self.simulation.equity_share;
        let mut random = stream(self.simulation.seed, rank);
        let mut fund = self.saving.initial;
        let (mut noise, mut accumulated, mut portfolio) = (0.0, 0.0, 1.0);
        let neutral = (-premium).exp();
        for (month, (certain, contribution)) in drift.iter().zip(self.contributions).enumerate() {
            let mut normal = || {
                let one: f64 = StandardNormal.sample(&mut random);
                sign * one
            };
            let (one, two, three) = (normal(), normal(), normal());
            let short = certain + carried * noise + integral[0] * one + integral[1] * two;
            noise = decay * noise + rate[0] * one;
            let over = (share_drift + share[0] * one + share[1] * two + share[2] * three).exp();
            let cash = short.exp();
            fund = (fund + contribution) * cash * (1.0 + shares * (over - 1.0)) * self.kept;
            portfolio *= 1.0 + shares * (over * neutral - 1.0);
            accumulated += short;
            if month % 12 == 11 || month + 1 == drift.len() {
                funds.push(fund);
                if let Some(discount) = discounts.get_mut(month / 12) {
                    *discount += (-accumulated).exp();
                }
            }
        }
        Path { portfolio, noise }
    }
}

/// Mean and variance, in a fixed order.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: usize,
    first: Sum,
    second: Sum,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.first.add(value);
        self.second.add(value * value);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.first.add(other.first.value());
        self.second.add(other.second.value());
    }

    /// Mean and standard error.
    fn told(&self) -> (f64, f64) {
        let count = self.count.max(1) as f64;
        let mean = self.first.value() / count;
        let variance = (self.second.value() / count - mean * mean).max(0.0);
        (mean, (variance / (count - 1.0).max(1.0)).sqrt())
    }
}
