//! The slope of the restricted likelihood by the logarithms of `λ`, exact, from one factor of the system (Wood, 2011, "Fast
//! stable restricted maximum likelihood", section 3). Not the search.

use super::differences::differences;
use super::whittaker::{Grid, Smoothed, Target};

/// One direction's part.
pub(super) struct Slope {
    /// The derivative of the criterion.
    pub(super) criterion: f64,
    /// The derivative of the table, cell by cell.
    pub(super) table: Vec<f64>,
}

/// The slope at a smoothed table, both directions.
pub(super) fn slope(grid: &Grid, smoothed: &Smoothed, target: Target<'_>, lambda: [f64; 2]) -> [Slope; 2] {
    let inverse = smoothed.factor.inverse();
    let (ages, years) = (grid.size(0), grid.size(1));
    let sum = smoothed.deviance + smoothed.penalty;
    [0, 1].map(|axis| {
        // `λ S θ` and the trace of `(W + P)⁻¹ λ S`, cell by cell of the penalty of one direction.
        let mut product = vec![0.0; grid.len()];
        let mut trace = 0.0;
        for (one, two, value) in differences(grid.size(axis), grid.orders[axis]) {
            let value = lambda[axis] * value;
            for other in 0..grid.size(1 - axis) {
                let cell = |point: usize| if axis == 0 { (point, other) } else { (other, point) };
                let [row, column] = [cell(one), cell(two)].map(|(age, year)| age * years + year);
                let [place, beside] = [cell(one), cell(two)].map(|(age, year)| grid.place(age, year));
                let met = inverse.at(place.max(beside), place.min(beside));
                product[row] += value * smoothed.values[column];
                trace += value * met;
                if row != column {
                    product[column] += value * smoothed.values[row];
                    trace += value * met;
                }
            }
        }
        let penalty: f64 = product.iter().zip(&smoothed.values).map(|(one, two)| one * two).sum();
        let spectra = [&grid.spectra[axis].values, &grid.spectra[1 - axis].values];
        let held = spectra[0].iter().flat_map(|s| {
            spectra[1].iter().map(move |t| (lambda[axis] * s, lambda[axis] * s + lambda[1 - axis] * t))
        });
        let free: f64 = held.filter(|(_, all)| *all > 0.0).map(|(own, all)| own / all).sum();
        // `dθ = −(W + P)⁻¹ λ S θ`.
        let mut table = grid.back(&smoothed.factor.solve(&grid.ordered(&product)));
        table.iter_mut().for_each(|moved| *moved = -*moved);
        let criterion = match target {
            Target::Values { weights, .. } => {
                let known = weights.iter().filter(|weight| **weight > 0.0).count() as f64;
                (known - grid.free() as f64) * penalty / sum.max(f64::MIN_POSITIVE) + trace - free
            }
            Target::Hazard { .. } => {
                // Weights follow the table, and the table `λ`.
                let cells = (0..ages).flat_map(|age| (0..years).map(move |year| (age, year)));
                let followed: f64 = cells
                    .zip(&table)
                    .zip(&smoothed.weights)
                    .map(|(((age, year), moved), weight)| {
                        let place = grid.place(age, year);
                        inverse.at(place, place) * weight * moved
                    })
                    .sum();
                penalty + trace + followed - free
            }
        };
        Slope { criterion, table }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experience::Criterion;

    #[test]
    fn the_slope_is_that_of_differences_of_the_criterion() {
        let (ages, years) = (9, 7);
        let grid = Grid::new(ages, years, [2, 1]);
        let exposures: Vec<f64> = (0..grid.len()).map(|cell| 500.0 + (cell * 37 % 91) as f64).collect();
        let deaths: Vec<f64> =
            (0..grid.len()).map(|cell| (3 + cell * 31 % 7 + 2 * (cell / years)) as f64).collect();
        let crude: Vec<f64> = deaths.iter().zip(&exposures).map(|(d, e)| d / e).collect();
        let hazard = Target::Hazard { deaths: &deaths, exposures: &exposures };
        let values = Target::Values { values: &crude, weights: &exposures };
        for (target, lambda) in [(hazard, [40.0, 9.0]), (values, [2000.0, 300.0])] {
            let score = |lambda: [f64; 2]| {
                let smoothed = grid.smooth(target, lambda, None).unwrap();
                grid.score(&smoothed, target, lambda, Criterion::Reml)
            };
            let found = slope(&grid, &grid.smooth(target, lambda, None).unwrap(), target, lambda);
            for axis in 0..2 {
                let moved = |by: f64| {
                    let mut at = lambda;
                    at[axis] *= f64::exp(by);
                    score(at)
                };
                let expected = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                let found = found[axis].criterion;
                assert!((found - expected).abs() < 2e-4, "{axis}: {found} {expected}");
            }
        }
    }
}
