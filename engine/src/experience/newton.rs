//! Newton's search of two smoothing parameters on their logarithms: first on the table with ages and years joined two by two,
//! then by the exact slope on the whole table, or by differences on few eigenvectors where that is cheaper. Not the criteria.

use std::f64::consts::LN_2;

use rayon::prelude::*;

use super::reduced::Reduced;
use super::slope::slope;
use super::{Criterion, Failure, Grid, Target};

const MOST_STEPS: usize = 30;
/// Longest step of a logarithm: the criterion is far from a parabola beyond.
const LONGEST: f64 = 2.5;
/// A step below this is the last: what is left after it is of the order of its square.
const SETTLED: f64 = 0.05;
/// Fewest ages and years of a table that is first searched with two of each joined, at a sixteenth of the work.
const COARSENED: usize = 16;

/// Where the criterion is least.
pub(super) struct Least {
    /// Logarithms of `λ`.
    pub(super) at: [f64; 2],
    /// A table near the one there.
    pub(super) table: Vec<f64>,
    /// How the criterion bends there.
    bend: Bend,
}

/// Second derivatives of the criterion by the logarithms of `λ`.
#[derive(Clone, Copy)]
struct Bend {
    own: [f64; 2],
    cross: f64,
}

impl Bend {
    /// Corrected by what the slope did over a step (the symmetric rank-one update).
    fn after(self, step: [f64; 2], change: [f64; 2]) -> Self {
        let left = [
            change[0] - self.own[0] * step[0] - self.cross * step[1],
            change[1] - self.cross * step[0] - self.own[1] * step[1],
        ];
        let along = left[0] * step[0] + left[1] * step[1];
        let size = |pair: [f64; 2]| pair[0].hypot(pair[1]);
        if along.abs() <= 1e-8 * size(left) * size(step) {
            return self;
        }
        Self {
            own: [self.own[0] + left[0] * left[0] / along, self.own[1] + left[1] * left[1] / along],
            cross: self.cross + left[0] * left[1] / along,
        }
    }
}

/// How the criterion is looked at around a point.
enum Way<'g> {
    Whole(&'g Grid),
    Reduced(Reduced<'g>),
}

impl Way<'_> {
    /// The criterion, and the table; infinite where it has no meaning.
    fn score(
        &self,
        target: Target<'_>,
        at: [f64; 2],
        start: Option<&[f64]>,
        by: Criterion,
    ) -> (f64, Vec<f64>) {
        let lambda = at.map(f64::exp);
        let found = match self {
            Self::Reduced(reduced) => reduced.score(target, lambda, start, by),
            Self::Whole(grid) => grid
                .smooth(target, lambda, start)
                .ok()
                .map(|smoothed| (grid.score(&smoothed, target, lambda, by), smoothed.values)),
        };
        found.unwrap_or((f64::INFINITY, Vec::new()))
    }
}

/// The logarithms of `λ` where the criterion is least. `None` where the steps do not end: the criterion falls towards a bound,
/// or has no meaning on the way.
///
/// # Errors
/// `Stopped` when `go_on` says so.
pub(super) fn descend(
    grid: &Grid,
    target: Target<'_>,
    by: Criterion,
    start: [f64; 2],
    bounds: (f64, f64),
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Least>, Failure> {
    let search = Search { grid, target, by, bounds, go_on };
    let heaviest = target.weights().iter().copied().fold(0.0, f64::max);
    match search.coarser(start)? {
        None => search.by_differences(start, heaviest),
        Some(found) => {
            let light = Reduced::under(grid, found.at.map(|x| (x - WIDE).exp()), heaviest).is_some();
            if by == Criterion::Reml
                && !light
                && let Some(least) = search.by_slopes(&found)?
            {
                return Ok(Some(least));
            }
            search.by_differences(found.at, heaviest)
        }
    }
}

/// Distances of the points looked at around one, far from the least value and near it.
const WIDE: f64 = 0.25;
const NARROW: f64 = 0.1;

struct Search<'s> {
    grid: &'s Grid,
    target: Target<'s>,
    by: Criterion,
    bounds: (f64, f64),
    go_on: &'s (dyn Fn() -> bool + Sync),
}

impl Search<'_> {
    fn heard(&self) -> Result<(), Failure> {
        if (self.go_on)() { Ok(()) } else { Err(Failure::Stopped) }
    }

    fn moved(&self, at: [f64; 2], step: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| (at[axis] + step[axis]).clamp(self.bounds.0, self.bounds.1))
    }

    /// Newton's steps with the exact slope on the whole table, from where a coarser one led and as it bends.
    fn by_slopes(&self, from: &Least) -> Result<Option<Least>, Failure> {
        let (mut at, mut bend, mut table) = (from.at, from.bend, from.table.clone());
        let mut before: Option<([f64; 2], [f64; 2])> = None;
        for _ in 0..MOST_STEPS {
            self.heard()?;
            let lambda = at.map(f64::exp);
            let Ok(smoothed) = self.grid.smooth(self.target, lambda, Some(&table)) else { return Ok(None) };
            let slopes = slope(self.grid, &smoothed, self.target, lambda);
            let slope = [slopes[0].criterion, slopes[1].criterion];
            if !slope.iter().all(|part| part.is_finite()) {
                return Ok(None);
            }
            if let Some((place, old)) = before {
                let pair = |new: [f64; 2], old: [f64; 2]| [new[0] - old[0], new[1] - old[1]];
                bend = bend.after(pair(at, place), pair(slope, old));
            }
            let step = step(slope, bend, LONGEST / 2.0);
            before = Some((at, slope));
            at = self.moved(at, step);
            // The table follows: the next system begins within the square of the step.
            table = smoothed.values;
            for (part, slope) in step.iter().zip(&slopes) {
                table.iter_mut().zip(&slope.table).for_each(|(value, moved)| *value += part * moved);
            }
            if step[0].abs().max(step[1].abs()) < SETTLED {
                return Ok(Some(Least { at, table, bend }));
            }
        }
        Ok(None)
    }

    /// Newton's steps by differences of the criterion around each point, on few eigenvectors where that is cheaper.
    fn by_differences(&self, start: [f64; 2], heaviest: f64) -> Result<Option<Least>, Failure> {
        let Self { grid, target, by, .. } = *self;
        let (mut at, mut table) = (start, None::<Vec<f64>>);
        let (mut before, mut longest, mut width) = (None::<([f64; 2], f64)>, LONGEST, WIDE);
        let mut near = false;
        for _ in 0..MOST_STEPS {
            self.heard()?;
            // The same eigenvectors all around the point.
            let least = at.map(|x| (x - width).exp());
            // Cross-validation is so flat near its least value that what is left out would move it.
            let way = if near && by == Criterion::Gcv { None } else { Reduced::under(grid, least, heaviest) };
            let way = way.map_or(Way::Whole(grid), Way::Reduced);
            let (here, found) = way.score(target, at, table.as_deref(), by);
            if !here.is_finite() {
                return Ok(None);
            }
            // What went uphill goes three quarters of the way back.
            if let Some((from, value)) = before.filter(|(_, value)| here > value + 1e-6 * value.abs()) {
                if longest < SETTLED {
                    return Ok(None);
                }
                longest /= 4.0;
                at = [0, 1].map(|axis| from[axis] + (at[axis] - from[axis]) / 4.0);
                before = Some((from, value));
                continue;
            }
            let around = [[width, 0.0], [-width, 0.0], [0.0, width], [0.0, -width], [width, width]];
            let values: Vec<f64> = around
                .par_iter()
                .map(|by_axis| {
                    if !(self.go_on)() {
                        return f64::INFINITY;
                    }
                    way.score(target, [at[0] + by_axis[0], at[1] + by_axis[1]], Some(&found), by).0
                })
                .collect();
            self.heard()?;
            let &[right, left, up, down, both] = values.as_slice() else { return Ok(None) };
            if values.iter().any(|value| !value.is_finite()) {
                return Ok(None);
            }
            let slope = [(right - left) / (2.0 * width), (up - down) / (2.0 * width)];
            let square = width * width;
            let bend = Bend {
                own: [(right - 2.0 * here + left) / square, (up - 2.0 * here + down) / square],
                cross: (both - right - up + here) / square,
            };
            let step = step(slope, bend, longest);
            before = Some((at, here));
            at = self.moved(at, step);
            let largest = step[0].abs().max(step[1].abs());
            if largest < SETTLED && (near || by == Criterion::Reml) {
                return Ok(Some(Least { at, table: found, bend }));
            }
            table = Some(found);
            near = largest < 0.5;
            width = if near { NARROW } else { WIDE };
        }
        Ok(None)
    }

    /// What the search finds with two ages and two years joined, told for the table as it is: over twice the distance a
    /// difference of order `z` is `2^z` times as large, and there are a quarter as many.
    fn coarser(&self, start: [f64; 2]) -> Result<Option<Least>, Failure> {
        let Self { grid, target, by, bounds: (low, high), go_on } = *self;
        let [ages, years] = [grid.size(0), grid.size(1)];
        if ages.min(years) < COARSENED {
            return Ok(None);
        }
        let coarse = Grid::new(ages / 2, years / 2, grid.orders);
        // An odd one joins the last two.
        let joined = |cell: usize| {
            (cell / years / 2).min(ages / 2 - 1) * (years / 2) + (cell % years / 2).min(years / 2 - 1)
        };
        let join = |of: &dyn Fn(usize) -> f64| {
            let mut sums = vec![0.0; coarse.len()];
            (0..grid.len()).for_each(|cell| sums[joined(cell)] += of(cell));
            sums
        };
        let shift = grid.orders.map(|order| (2.0 * order as f64 - 2.0) * LN_2);
        let from = [start[0] - shift[0], start[1] - shift[1]];
        let search = |target: Target<'_>| descend(&coarse, target, by, from, (low - 10.0, high), go_on);
        let found = match target {
            Target::Hazard { deaths, exposures } => {
                let (deaths, exposures) = (join(&|cell| deaths[cell]), join(&|cell| exposures[cell]));
                search(Target::Hazard { deaths: &deaths, exposures: &exposures })?
            }
            Target::Values { values, weights } => {
                let sums = join(&|cell| weights[cell] * values[cell]);
                let weights = join(&|cell| weights[cell]);
                let mean = |(sum, weight): (&f64, &f64)| if *weight > 0.0 { sum / weight } else { 0.0 };
                let values: Vec<f64> = sums.iter().zip(&weights).map(mean).collect();
                search(Target::Values { values: &values, weights: &weights })?
            }
        };
        Ok(found.map(|Least { at, table, bend }| Least {
            at: self.moved(at, shift),
            table: (0..grid.len()).map(|cell| table[joined(cell)]).collect(),
            bend,
        }))
    }
}

/// Newton's step, or one downhill where the criterion is not convex; none of its parts beyond `longest`.
fn step(slope: [f64; 2], Bend { own, cross }: Bend, longest: f64) -> [f64; 2] {
    let determinant = own[0] * own[1] - cross * cross;
    let step =
        if own[0] > 0.0 && determinant > 0.0 {
            [
                (cross * slope[1] - own[1] * slope[0]) / determinant,
                (cross * slope[0] - own[0] * slope[1]) / determinant,
            ]
        } else {
            // Each direction by itself, as long as allowed where it does not bend upwards.
            [0, 1].map(|axis| {
                if own[axis] > 0.0 { -slope[axis] / own[axis] } else { -slope[axis].signum() * longest }
            })
        };
    let largest = step[0].abs().max(step[1].abs());
    if largest > longest { step.map(|part| part * longest / largest) } else { step }
}
