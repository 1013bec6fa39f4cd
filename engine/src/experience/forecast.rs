//! Indices of mortality carried on by a random walk with drift, and the fan of life expectancies. Not the indices.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

use crate::numeric::in_chunks;
use crate::watch::Watch;

/// A random walk with drift in one or two dimensions, estimated from yearly steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// Where it stands.
    pub last: Vec<f64>,
    /// Mean step.
    pub drift: Vec<f64>,
    /// Covariance of a step, row by row.
    pub covariance: Vec<f64>,
    /// Number of steps known.
    pub steps: usize,
}

impl Walk {
    /// The walk of states a year apart; three states at least, else no variance is known.
    pub fn new(states: &[Vec<f64>]) -> Option<Self> {
        let steps = states.len().checked_sub(1).filter(|steps| *steps > 1)?;
        let (first, last) = (states.first()?, states.last()?);
        let size = last.len();
        let drift: Vec<f64> =
            last.iter().zip(first).map(|(last, first)| (last - first) / steps as f64).collect();
        let mut covariance = vec![0.0; size * size];
        for pair in states.windows(2) {
            let rest: Vec<f64> = (0..size).map(|at| pair[1][at] - pair[0][at] - drift[at]).collect();
            for row in 0..size {
                for column in 0..size {
                    covariance[row * size + column] += rest[row] * rest[column] / (steps - 1) as f64;
                }
            }
        }
        Some(Self { last: last.clone(), drift, covariance, steps })
    }

    /// The central state after some years.
    pub fn central(&self, years: usize) -> Vec<f64> {
        self.last.iter().zip(&self.drift).map(|(last, drift)| last + years as f64 * drift).collect()
    }

    /// Variance of each index after some years: steps, and the estimation of the drift.
    pub fn variance(&self, years: usize) -> Vec<f64> {
        let (size, years) = (self.last.len(), years as f64);
        (0..size)
            .map(|at| self.covariance[at * size + at] * (years + years * years / self.steps as f64))
            .collect()
    }

    /// The lower factor of the covariance, zero where an index does not vary.
    fn factor(&self) -> [f64; 3] {
        let one = self.covariance[0].max(0.0).sqrt();
        if self.last.len() == 1 {
            return [one, 0.0, 0.0];
        }
        let across = if one > 0.0 { self.covariance[2] / one } else { 0.0 };
        [one, across, (self.covariance[3] - across * across).max(0.0).sqrt()]
    }

    /// States of each future year on one path: its own drift, then its steps.
    fn path(&self, horizon: usize, random: &mut Xoshiro256PlusPlus) -> Vec<Vec<f64>> {
        let [one, across, two] = self.factor();
        let mut draw = || {
            let (first, second): (f64, f64) = (StandardNormal.sample(random), StandardNormal.sample(random));
            [one * first, across * first + two * second]
        };
        let doubt = draw().map(|part| part / (self.steps as f64).sqrt());
        let mut state = self.last.clone();
        let mut states = Vec::with_capacity(horizon);
        for _ in 0..horizon {
            let step = draw();
            for (at, value) in state.iter_mut().enumerate() {
                *value += self.drift[at] + doubt[at] + step[at];
            }
            states.push(state.clone());
        }
        states
    }
}

/// What paths are drawn for.
pub struct Fan<'a> {
    /// Years ahead.
    pub horizon: usize,
    /// Number of paths.
    pub paths: usize,
    /// Seed; each path has its own stream, so that threads change nothing.
    pub seed: u64,
    /// Probabilities of death of all ages in a state.
    pub deaths: &'a (dyn Fn(&[f64]) -> Vec<f64> + Sync),
    /// Rows of the ages whose expectancies are asked.
    pub rows: &'a [usize],
}

/// Life expectancies on every path, sorted.
#[derive(Debug, Clone, PartialEq)]
pub struct Fanned {
    /// By year ahead, then age asked.
    pub period: Vec<Vec<Vec<f64>>>,
    /// Of those at the age asked next year, following the years; by age asked.
    pub cohort: Vec<Vec<f64>>,
}

/// Draws the fan; `None` when a stop was asked for.
pub fn fan(walk: &Walk, of: &Fan<'_>, watch: &Watch) -> Option<Fanned> {
    let chunks = in_chunks(of.paths, 16, watch, |range| {
        let draw = |path: usize| {
            let seed = of.seed.rotate_left(32) ^ (path as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let states = walk.path(of.horizon, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            let deaths: Vec<Vec<f64>> = states.iter().map(|state| (of.deaths)(state)).collect();
            let period: Vec<Vec<f64>> = (deaths.iter())
                .map(|deaths| of.rows.iter().map(|row| expectancy(&deaths[*row..])).collect())
                .collect();
            let cohort: Vec<f64> = of.rows.iter().map(|row| along(&deaths, *row)).collect();
            (period, cohort)
        };
        range.map(draw).collect::<Vec<_>>()
    })?;
    let mut fanned = Fanned {
        period: vec![vec![Vec::with_capacity(of.paths); of.rows.len()]; of.horizon],
        cohort: vec![Vec::with_capacity(of.paths); of.rows.len()],
    };
    for (period, cohort) in chunks.into_iter().flatten() {
        for (lists, values) in fanned.period.iter_mut().zip(period) {
            lists.iter_mut().zip(values).for_each(|(list, value)| list.push(value));
        }
        fanned.cohort.iter_mut().zip(cohort).for_each(|(list, value)| list.push(value));
    }
    let lists = fanned.period.iter_mut().flatten().chain(&mut fanned.cohort);
    lists.for_each(|list| list.sort_unstable_by(f64::total_cmp));
    Some(fanned)
}

/// Years lived from the first probability on, deaths in the middle of their year; limited to the ages given.
pub fn expectancy(deaths: &[f64]) -> f64 {
    let (mut alive, mut lived) = (1.0, 0.0);
    for q in deaths {
        lived += alive * (1.0 - q / 2.0);
        alive *= 1.0 - q;
    }
    lived
}

/// The same along years and ages together; the last year stays when years run out.
pub fn along(deaths: &[Vec<f64>], row: usize) -> f64 {
    let Some(last) = deaths.last() else { return 0.0 };
    let ages = last.len();
    let path: Vec<f64> = (row..ages).map(|age| deaths.get(age - row).unwrap_or(last)[age]).collect();
    expectancy(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_knows_its_drift_and_variance() {
        // Steps 1, 3, 2: mean 2, variance 1.
        let walk = Walk::new(&[vec![0.0], vec![1.0], vec![4.0], vec![6.0]]).unwrap();
        assert_eq!((walk.drift[0], walk.covariance[0]), (2.0, 1.0));
        assert_eq!(walk.central(2), [10.0]);
        assert_eq!(walk.variance(3), [3.0 + 9.0 / 3.0]);
        assert_eq!(Walk::new(&[vec![0.0], vec![1.0]]), None);
    }

    #[test]
    fn paths_have_the_variance_of_the_walk_for_any_number_of_threads() {
        let walk = Walk::new(&[vec![0.0], vec![1.0], vec![4.0], vec![6.0]]).unwrap();
        // One age, whose expectancy is 1 − q/2 with q a thousandth of the state: the state is read back.
        let deaths = |state: &[f64]| vec![state[0] * 1e-3];
        let of = Fan { horizon: 5, paths: 20_000, seed: 3, deaths: &deaths, rows: &[0] };
        let watch = Watch::default();
        let drawn = fan(&walk, &of, &watch).unwrap();
        let states: Vec<f64> = drawn.period[4][0].iter().map(|life| (1.0 - life) * 2e3).collect();
        let mean = states.iter().sum::<f64>() / 2e4;
        let variance = states.iter().map(|state| (state - mean).powi(2)).sum::<f64>() / 2e4;
        let expected = walk.variance(5)[0];
        assert!((mean - walk.central(5)[0]).abs() < 4.0 * (expected / 2e4).sqrt());
        // The standard error of a variance of normal draws is √(2/n) of it.
        assert!((variance / expected - 1.0).abs() < 4.0 * (2.0_f64 / 2e4).sqrt());
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| fan(&walk, &of, &watch).unwrap()), drawn);
    }

    #[test]
    fn expectancies_count_half_a_year_for_the_dead() {
        assert_eq!(expectancy(&[0.5, 1.0]), 0.75 + 0.25);
        assert_eq!(along(&[vec![0.5, 0.9], vec![0.1, 1.0]], 0), 0.75 + 0.25);
    }
}
