//! Whittaker and Henderson's smoothing in two dimensions on few eigenvectors of one direction's penalty, the other
//! direction whole: what the search of `λ` looks at, many times quicker than the whole table. Not what is answered, which
//! is solved whole.
//!
//! The eigenvectors left out are those that the penalty holds at zero: weights over `λ s_k` there are small, and count in the
//! determinant and in the degrees of freedom to first order. Within one point of the whole direction the others meet in a full
//! block, between points only by the penalty: the system has a band of the order times the rank (Biessy, 2023, section 4,
//! keeps few eigenvectors of both directions).

use super::band::{Band, Lower};
use super::differences::differences;
use super::whittaker::{Criterion, Grid, Parts, Target, deviance};

/// A part of the eigenvectors of one direction.
pub(super) struct Reduced<'g> {
    grid: &'g Grid,
    /// The direction reduced: 0 ages, 1 years.
    axis: usize,
    rank: usize,
}

/// Weights over `λ s` beyond which an eigenvector is left out.
const LEFT_OUT: f64 = 0.02;
const MOST_ITERATIONS: usize = 30;
/// Relative change of the penalised deviance at which steps end, as for the whole table.
const TOLERANCE: f64 = 1e-9;

impl<'g> Reduced<'g> {
    /// The cheapest reduction that keeps what weights up to `heaviest` may move under `λ`; `None` where the whole table costs
    /// no more.
    pub(super) fn under(grid: &'g Grid, lambda: [f64; 2], heaviest: f64) -> Option<Self> {
        let reduced = |axis: usize| {
            let kept = grid.spectra[axis].values.partition_point(|s| lambda[axis] * s * LEFT_OUT < heaviest);
            Self { grid, axis, rank: (kept + 1).min(grid.size(axis)) }
        };
        let [ages, years] = [reduced(0), reduced(1)];
        let best = if ages.cost() <= years.cost() { ages } else { years };
        (best.cost() < grid.cost() / 2.0).then_some(best)
    }

    /// Multiplications of one system.
    fn cost(&self) -> f64 {
        let (points, rank) = (self.grid.size(1 - self.axis) as f64, self.rank as f64);
        let order = self.grid.orders[1 - self.axis] as f64;
        points * rank * rank * (rank * order * order + self.grid.size(self.axis) as f64) / 2.0
    }

    /// Place in the table of a point of the reduced direction and one of the whole.
    fn cell(&self, reduced: usize, whole: usize) -> usize {
        let years = self.grid.size(1);
        if self.axis == 0 { reduced * years + whole } else { whole * years + reduced }
    }

    /// Eigenvectors kept, at a point.
    fn basis(&self, point: usize) -> &[f64] {
        let size = self.grid.size(self.axis);
        &self.grid.spectra[self.axis].vectors[point * size..point * size + self.rank]
    }

    /// The criterion under `λ`, and the table there; `None` where nothing can be solved.
    pub(super) fn score(
        &self,
        target: Target<'_>,
        lambda: [f64; 2],
        start: Option<&[f64]>,
        by: Criterion,
    ) -> Option<(f64, Vec<f64>)> {
        match target {
            Target::Values { values, weights } => {
                let solved = self.solve(values, weights, lambda)?;
                let squares = values.iter().zip(&solved.table).zip(weights);
                let deviance =
                    squares.map(|((value, smooth), weight)| weight * (value - smooth).powi(2)).sum();
                Some((self.rate(&solved, target, deviance, weights, lambda, by), solved.table))
            }
            Target::Hazard { deaths, exposures } => {
                let mut table = match start {
                    Some(start) => start.to_vec(),
                    None => Grid::first(deaths, exposures),
                };
                let mut before = f64::INFINITY;
                for _ in 0..MOST_ITERATIONS {
                    let (weights, working) = Grid::working(deaths, exposures, &table);
                    let solved = self.solve(&working, &weights, lambda)?;
                    let deviance = deviance(deaths, exposures, &solved.table);
                    let reached = deviance + solved.penalty;
                    if !reached.is_finite() {
                        return None;
                    }
                    if (before - reached).abs() <= TOLERANCE * (reached.abs() + 1.0) {
                        let rated = self.rate(&solved, target, deviance, &weights, lambda, by);
                        return Some((rated, solved.table));
                    }
                    before = reached;
                    table = solved.table;
                }
                None
            }
        }
    }

    fn solve(&self, working: &[f64], weights: &[f64], lambda: [f64; 2]) -> Option<Solved> {
        let (grid, rank) = (self.grid, self.rank);
        let (reduced, whole) = (grid.size(self.axis), grid.size(1 - self.axis));
        let order = grid.orders[1 - self.axis];
        let mut band = Band::new(whole * rank, order * rank);
        let mut right = vec![0.0; whole * rank];
        let mut grams = vec![0.0; whole * rank * rank];
        for point in 0..whole {
            let gram = &mut grams[point * rank * rank..(point + 1) * rank * rank];
            let right = &mut right[point * rank..(point + 1) * rank];
            for other in 0..reduced {
                let (cell, basis) = (self.cell(other, point), self.basis(other));
                let (weight, value) = (weights[cell], weights[cell] * working[cell]);
                for (row, one) in basis.iter().enumerate() {
                    let weighted = weight * one;
                    let line = &mut gram[row * rank..row * rank + row + 1];
                    line.iter_mut().zip(basis).for_each(|(sum, two)| *sum += weighted * two);
                    right[row] += value * one;
                }
            }
            for row in 0..rank {
                band.add_row(point * rank + row, point * rank, &gram[row * rank..row * rank + row + 1]);
                let own = lambda[self.axis] * grid.spectra[self.axis].values[row];
                band.add(point * rank + row, point * rank + row, own);
            }
        }
        for (one, two, value) in differences(whole, order) {
            for k in 0..rank {
                band.add(one * rank + k, two * rank + k, lambda[1 - self.axis] * value);
            }
        }
        let factor = band.factor()?;
        let found = factor.solve(&right);
        let mut table = vec![0.0; working.len()];
        for point in 0..whole {
            let own = &found[point * rank..(point + 1) * rank];
            for other in 0..reduced {
                let value = self.basis(other).iter().zip(own).map(|(basis, one)| basis * one).sum();
                table[self.cell(other, point)] = value;
            }
        }
        let penalty = grid.penalty(&table, lambda);
        Some(Solved { table, penalty, factor, grams })
    }

    fn rate(
        &self,
        solved: &Solved,
        target: Target<'_>,
        deviance: f64,
        weights: &[f64],
        lambda: [f64; 2],
        by: Criterion,
    ) -> f64 {
        let rest = self.left_out(weights, lambda);
        let known = weights.iter().filter(|weight| **weight > 0.0).count() as f64;
        let freedom = || {
            let kept = solved.freedom(self.rank);
            kept + rest.iter().map(|ratio| ratio / (1.0 + ratio)).sum::<f64>()
        };
        let determinants = || {
            let more: f64 = rest.iter().map(|ratio| ratio.ln_1p()).sum();
            // Of the penalty, what is kept alone: what is left out stands in both determinants.
            let [kept, other] =
                [&self.grid.spectra[self.axis].values[..self.rank], &self.grid.spectra[1 - self.axis].values];
            let sums = kept
                .iter()
                .flat_map(|s| other.iter().map(move |t| lambda[self.axis] * s + lambda[1 - self.axis] * t));
            let penalty: f64 = sums.filter(|sum| *sum > 0.0).map(f64::ln).sum();
            solved.factor.log_determinant() + more - penalty
        };
        let parts = Parts { known, deviance, penalty: solved.penalty };
        self.grid.criterion(target, by, &parts, freedom, determinants)
    }

    /// For what is left out, its mean weight over what the penalty holds it with.
    fn left_out(&self, weights: &[f64], lambda: [f64; 2]) -> Vec<f64> {
        let (size, whole) = (self.grid.size(self.axis), self.grid.size(1 - self.axis));
        let of_point = |point: usize| -> f64 {
            (0..whole).map(|other| weights[self.cell(point, other)]).sum::<f64>() / whole as f64
        };
        let means: Vec<f64> = (0..size).map(of_point).collect();
        let spectra = &self.grid.spectra;
        let mut ratios = Vec::with_capacity((size - self.rank) * whole);
        for k in self.rank..size {
            let squares = means.iter().enumerate();
            let weight: f64 = squares
                .map(|(point, mean)| mean * spectra[self.axis].vectors[point * size + k].powi(2))
                .sum();
            let held = lambda[self.axis] * spectra[self.axis].values[k];
            let other = &spectra[1 - self.axis].values;
            ratios.extend(other.iter().map(|t| weight / (held + lambda[1 - self.axis] * t)));
        }
        ratios
    }
}

/// A system solved.
struct Solved {
    table: Vec<f64>,
    penalty: f64,
    factor: Lower,
    /// For each point of the whole direction, what weights give: `UᵀWU`, its lower half.
    grams: Vec<f64>,
}

impl Solved {
    /// The trace of `(W + P)⁻¹ W` on what is kept.
    fn freedom(&self, rank: usize) -> f64 {
        let inverse = self.factor.inverse();
        let mut sum = 0.0;
        for (point, gram) in self.grams.chunks_exact(rank * rank).enumerate() {
            for row in 0..rank {
                for column in 0..=row {
                    let twice = if row == column { 1.0 } else { 2.0 };
                    let cell = inverse.at(point * rank + row, point * rank + column);
                    sum += twice * cell * gram[row * rank + column];
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_eigenvectors_give_nearly_the_criterion_of_the_whole_table() {
        let (ages, years) = (40, 30);
        let grid = Grid::new(ages, years, [2, 2]);
        let exposures: Vec<f64> = (0..grid.len()).map(|cell| 900.0 - (cell / years) as f64 * 15.0).collect();
        let deaths: Vec<f64> =
            (0..grid.len()).map(|cell| (cell * 31 % 7) as f64 + (cell / years / 4) as f64).collect();
        let hazard = Target::Hazard { deaths: &deaths, exposures: &exposures };
        let crude: Vec<f64> =
            deaths.iter().zip(&exposures).map(|(deaths, exposure)| deaths / exposure).collect();
        let values = Target::Values { values: &crude, weights: &exposures };
        for (target, lambda) in [(hazard, [2e3, 9e2]), (hazard, [50.0, 4e4]), (values, [5e5, 1e6])] {
            let reduced = Reduced::under(&grid, lambda, target.weights().iter().copied().fold(0.0, f64::max));
            let reduced = reduced.expect("fewer eigenvectors than points");
            assert!(reduced.rank < grid.size(reduced.axis));
            let whole = grid.smooth(target, lambda, None).unwrap();
            for by in [Criterion::Reml, Criterion::Gcv] {
                let (score, table) = reduced.score(target, lambda, None, by).unwrap();
                let expected = grid.score(&whole, target, lambda, by);
                assert!((score / expected - 1.0).abs() < 1e-3, "{by:?} {score} {expected}");
                let apart = table.iter().zip(&whole.values).map(|(one, two)| (one - two).abs());
                assert!(apart.fold(0.0, f64::max) < 0.02);
            }
        }
    }
}
