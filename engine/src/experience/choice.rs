//! The choice of smoothing parameters: a search on their logarithms, by restricted likelihood or cross-validation.
//! Not the criteria.

use std::f64::consts::LN_10;

use super::newton::{Least, descend};
use super::{Criterion, Failure, Grid, Smoothed, Target};

/// Chooses `λ` by a criterion: in one dimension a coarse search on the logarithm, then a golden section around the best; in
/// two, Newton's steps, and a simplex where they do not end.
///
/// # Errors
/// As [`Grid::smooth`]; `Stopped` when `go_on` says so.
pub fn choose(
    grid: &Grid,
    target: Target<'_>,
    by: Criterion,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<([f64; 2], Smoothed), Failure> {
    let weight = target.weights().iter().sum::<f64>() / grid.len() as f64;
    let centre = weight.max(1e-9).ln();
    let (start, bounds) = ([centre + 2.0 * LN_10; 2], (centre - 6.0 * LN_10, centre + 12.0 * LN_10));
    // Cross-validation keeps a finite limit where nothing is smoothed any more, which may be its least value: a table with
    // more than half as many degrees of freedom as cells is not a smoothed one.
    let rough = |smoothed: &Smoothed| grid.uncertainty(smoothed).1 > grid.len() as f64 / 2.0;
    if grid.dimensions() == 2
        && let Some(Least { at, table, .. }) = descend(grid, target, by, start, bounds, go_on)?
    {
        let lambda = at.map(f64::exp);
        let smoothed = grid.smooth(target, lambda, Some(&table))?;
        if by == Criterion::Reml || !rough(&smoothed) {
            return Ok((lambda, smoothed));
        }
    }
    let mut warm: Option<Vec<f64>> = None;
    let mut score = |at: [f64; 2]| -> Result<f64, Failure> {
        if !go_on() {
            return Err(Failure::Stopped);
        }
        let lambda = [at[0].exp(), at[1].exp()];
        // Far from the best, a system may be too ill to solve: it is no candidate.
        let Ok(smoothed) = grid.smooth(target, lambda, warm.as_deref()) else { return Ok(f64::INFINITY) };
        let mut score = grid.score(&smoothed, target, lambda, by);
        if by == Criterion::Gcv && rough(&smoothed) {
            score = f64::INFINITY;
        }
        warm = Some(smoothed.values);
        Ok(score)
    };
    let best = if grid.dimensions() == 1 {
        let (mut best, mut least) = (centre, f64::INFINITY);
        for step in -4..=12 {
            let at = centre + f64::from(step) * LN_10;
            let found = score([at, 0.0])?;
            if found < least {
                (best, least) = (at, found);
            }
        }
        [golden(best - LN_10, best + LN_10, &mut |at| score([at, 0.0]))?, 0.0]
    } else {
        simplex(start, 1.5 * LN_10, bounds, &mut score)?
    };
    let lambda = [best[0].exp(), best[1].exp()];
    let smoothed = grid.smooth(target, lambda, warm.as_deref())?;
    Ok((lambda, smoothed))
}

/// The least value between two ends, to a hundredth of a thousandth of the logarithm.
fn golden(low: f64, high: f64, of: &mut dyn FnMut(f64) -> Result<f64, Failure>) -> Result<f64, Failure> {
    let part = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (low, high);
    let (mut one, mut two) = (high - part * (high - low), low + part * (high - low));
    let (mut at_one, mut at_two) = (of(one)?, of(two)?);
    while high - low > 1e-5 {
        if at_one < at_two {
            (high, two, at_two) = (two, one, at_one);
            one = high - part * (high - low);
            at_one = of(one)?;
        } else {
            (low, one, at_one) = (one, two, at_two);
            two = low + part * (high - low);
            at_two = of(two)?;
        }
    }
    Ok(f64::midpoint(low, high))
}

/// Nelder and Mead's simplex (1965) in two dimensions, kept between bounds; it ends within a hundredth of the logarithm.
fn simplex(
    start: [f64; 2],
    step: f64,
    bounds: (f64, f64),
    of: &mut dyn FnMut([f64; 2]) -> Result<f64, Failure>,
) -> Result<[f64; 2], Failure> {
    let inside = |at: [f64; 2]| at.map(|x| x.clamp(bounds.0, bounds.1));
    let mut corners = Vec::new();
    for at in [start, [start[0] + step, start[1]], [start[0], start[1] + step]] {
        corners.push((of(inside(at))?, inside(at)));
    }
    for _ in 0..80 {
        corners.sort_by(|left, right| left.0.total_cmp(&right.0));
        let spread = (0..2).map(|axis| (corners[2].1[axis] - corners[0].1[axis]).abs()).fold(0.0, f64::max);
        if spread < 0.01 {
            break;
        }
        let middle = [0, 1].map(|axis| f64::midpoint(corners[0].1[axis], corners[1].1[axis]));
        let away = |factor: f64| {
            inside([0, 1].map(|axis| middle[axis] + factor * (corners[2].1[axis] - middle[axis])))
        };
        let reflected = (of(away(-1.0))?, away(-1.0));
        let next = if reflected.0 < corners[0].0 {
            let far = (of(away(-2.0))?, away(-2.0));
            if far.0 < reflected.0 { far } else { reflected }
        } else if reflected.0 < corners[1].0 {
            reflected
        } else {
            let factor = if reflected.0 < corners[2].0 { -0.5 } else { 0.5 };
            (of(away(factor))?, away(factor))
        };
        if next.0 < corners[2].0 {
            corners[2] = next;
        } else {
            for index in 1..3 {
                let at = [0, 1].map(|axis| f64::midpoint(corners[0].1[axis], corners[index].1[axis]));
                corners[index] = (of(at)?, at);
            }
        }
    }
    corners.sort_by(|left, right| left.0.total_cmp(&right.0));
    Ok(corners[0].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_parameter_is_a_minimum_of_its_criterion() {
        let grid = Grid::new(40, 1, [2, 0]);
        let noise = |x: i32| f64::from((x * 7919 % 101) - 50) / 500.0;
        let values: Vec<f64> = (0..40).map(|x| (f64::from(x) / 8.0).sin() + noise(x)).collect();
        let target = Target::Values { values: &values, weights: &[1.0; 40] };
        for by in [Criterion::Reml, Criterion::Gcv] {
            let (lambda, _) = choose(&grid, target, by, &|| true).unwrap();
            let score = |lambda: f64| {
                let smooth = grid.smooth(target, [lambda, 0.0], None).unwrap();
                grid.score(&smooth, target, [lambda, 0.0], by)
            };
            assert!(
                score(lambda[0]) <= score(lambda[0] * 1.05) && score(lambda[0]) <= score(lambda[0] / 1.05)
            );
        }
    }

    #[test]
    fn two_parameters_chosen_are_a_minimum_whether_few_eigenvectors_or_the_whole_table_are_looked_at() {
        let (ages, years) = (18, 16);
        let grid = Grid::new(ages, years, [2, 2]);
        let noise = |cell: usize| ((cell * 7919 % 1009) as f64 / 1009.0 - 0.5) * 2.0;
        for (exposure, hazards) in [(40.0, true), (40.0, false), (4e4, true)] {
            let expected = |cell: usize| {
                let (age, year) = ((cell / years) as f64, (cell % years) as f64);
                exposure * (-4.0 + 0.08 * age - 0.01 * year + 0.2 * (year / 4.0).sin()).exp()
            };
            let deaths: Vec<f64> = (0..grid.len())
                .map(|cell| (expected(cell) + noise(cell) * expected(cell).sqrt()).round().max(0.0))
                .collect();
            let exposures = vec![exposure; grid.len()];
            let hazard = Target::Hazard { deaths: &deaths, exposures: &exposures };
            let crude: Vec<f64> = deaths.iter().map(|deaths| deaths / exposure).collect();
            let values = Target::Values { values: &crude, weights: &exposures };
            let (target, by) = if hazards { (hazard, Criterion::Reml) } else { (values, Criterion::Gcv) };
            let (lambda, found) = choose(&grid, target, by, &|| true).unwrap();
            let score = |lambda: [f64; 2]| {
                let smoothed = grid.smooth(target, lambda, Some(&found.values)).unwrap();
                // What cross-validation may not choose.
                let rough = by == Criterion::Gcv && grid.uncertainty(&smoothed).1 > grid.len() as f64 / 2.0;
                if rough { f64::INFINITY } else { grid.score(&smoothed, target, lambda, by) }
            };
            let least = grid.score(&found, target, lambda, by);
            for axis in 0..2 {
                for factor in [0.7, 1.4] {
                    let mut moved = lambda;
                    moved[axis] *= factor;
                    assert!(
                        score(moved) > least - 1e-6 * least.abs(),
                        "{exposure} {by:?} {axis} {factor}: {} {least}",
                        score(moved)
                    );
                }
            }
        }
    }
}
