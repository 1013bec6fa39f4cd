//! Generalised linear models by iteratively reweighted least squares. Not the making of columns.

use super::qr::{Factor, Solution};
use super::{Family, Link};
use crate::numeric::{Sum, in_chunks};
use crate::watch::Watch;

/// What is fitted: columns of numbers and the law of the response.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Columns of the design, the constant among them.
    pub columns: &'a [Vec<f64>],
    /// Response of each line.
    pub response: &'a [f64],
    /// Added to the linear predictor; empty for none.
    pub offset: &'a [f64],
    /// Prior weights; empty for 1.
    pub weights: &'a [f64],
    /// Law of the response.
    pub family: Family,
    /// Link of its mean.
    pub link: Link,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// A coefficient by column; `None` where the column is a combination of those before.
    pub coefficients: Vec<Option<f64>>,
    /// `(XᵀWX)⁻¹` of the columns kept, row by row.
    pub inverse: Vec<f64>,
    /// Deviance after each iteration.
    pub path: Vec<f64>,
    /// Pearson's statistic.
    pub pearson: f64,
    /// Lines that count (positive weight).
    pub lines: usize,
    /// Smallest fitted mean over the mean of the response.
    pub smallest: f64,
}

/// Why there is no fit.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// Deviances met without an end.
    NotConverged(Vec<f64>),
    /// The predictor left the values that the link allows.
    OutOfLink,
    /// A stop was asked for.
    Stopped,
}

/// Lines of a block, which stays in the processor's second cache.
const CHUNK: usize = 1024;
/// Lines joined by one thread before the others' are.
const SPAN: usize = 16 * CHUNK;
/// Iterations that a fit may take; only one without a finite maximum takes more.
const MOST_ITERATIONS: usize = 30;
/// Iterations end when the next step's squared length, in the metric of Fisher's information, is below this part of the
/// deviance. Unlike a change of the deviance it tells digits of the coefficients, under links that are not canonical too.
const TOLERANCE: f64 = 1e-18;
const MOST_HALVINGS: usize = 12;

impl Fit {
    /// The last deviance.
    pub fn deviance(&self) -> f64 {
        self.path.last().copied().unwrap_or(0.0)
    }

    /// Number of columns kept.
    pub fn rank(&self) -> usize {
        self.coefficients.iter().flatten().count()
    }

    /// Lines less columns kept.
    pub fn freedom(&self) -> f64 {
        self.lines as f64 - self.rank() as f64
    }

    /// Pearson's statistic over its degrees of freedom.
    pub fn dispersion(&self) -> f64 {
        self.pearson / self.freedom()
    }
}

/// Fits a model; the same bytes for any number of threads.
///
/// # Errors
/// When iterations do not end, leave the link's values, or are stopped.
pub fn fit(model: &Model<'_>, watch: &Watch) -> Result<Fit, Failure> {
    let mut pass = model.pass(None, watch).ok_or(Failure::Stopped)?;
    let mut path: Vec<f64> = Vec::new();
    let mut current: Option<Vec<f64>> = None;
    for _ in 0..MOST_ITERATIONS {
        let solution = pass.factor.solve();
        let mut next: Vec<f64> = solution.coefficients.iter().map(|one| one.unwrap_or(0.0)).collect();
        if let Some(before) = &current {
            let step: Vec<f64> = next.iter().zip(before).map(|(new, old)| new - old).collect();
            if pass.factor.length_squared(&step) <= TOLERANCE * (pass.deviance.abs() + 0.1) {
                return Ok(finish(&pass, solution, path));
            }
        }
        let mut tried = model.pass(Some(&next), watch).ok_or(Failure::Stopped)?;
        let mut halvings = 0;
        // A step that leaves the link's values, or goes up, is halved towards the one before.
        while let Some(before) = &current
            && (!tried.deviance.is_finite() || rises(tried.deviance, &path))
            && halvings < MOST_HALVINGS
        {
            next.iter_mut().zip(before).for_each(|(new, old)| *new = f64::midpoint(*new, *old));
            tried = model.pass(Some(&next), watch).ok_or(Failure::Stopped)?;
            halvings += 1;
        }
        if !tried.deviance.is_finite() {
            return Err(Failure::OutOfLink);
        }
        path.push(tried.deviance);
        current = Some(next);
        pass = tried;
    }
    Err(Failure::NotConverged(path))
}

fn rises(deviance: f64, path: &[f64]) -> bool {
    path.last().is_some_and(|before| deviance > before + 1e-8 * (before.abs() + 0.1))
}

/// The last pass holds weights at the last coefficients: its own step, too small to matter, is taken, and its errors.
fn finish(pass: &Pass, solution: Solution, path: Vec<f64>) -> Fit {
    let Solution { coefficients, inverse } = solution;
    Fit {
        coefficients,
        inverse,
        path,
        pearson: pass.pearson,
        lines: pass.lines,
        smallest: pass.smallest / (pass.total / pass.lines.max(1) as f64),
    }
}

/// One reading of all lines.
struct Pass {
    factor: Factor,
    deviance: f64,
    pearson: f64,
    lines: usize,
    smallest: f64,
    total: f64,
}

impl Pass {
    /// The pass over all lines of several, in their order.
    fn joined(parts: impl Iterator<Item = Self>, size: usize) -> Self {
        let (mut deviance, mut pearson, mut total) = (Sum::default(), Sum::default(), Sum::default());
        let mut pass = Self {
            factor: Factor::empty(size),
            deviance: 0.0,
            pearson: 0.0,
            lines: 0,
            smallest: f64::INFINITY,
            total: 0.0,
        };
        for (index, part) in parts.enumerate() {
            pass.factor = if index == 0 { part.factor } else { pass.factor.join(&part.factor) };
            deviance.add(part.deviance);
            pearson.add(part.pearson);
            total.add(part.total);
            pass.lines += part.lines;
            pass.smallest = pass.smallest.min(part.smallest);
        }
        (pass.deviance, pass.pearson, pass.total) = (deviance.value(), pearson.value(), total.value());
        pass
    }
}

impl Model<'_> {
    /// Reads all lines at given coefficients, or from the law's start.
    fn pass(&self, coefficients: Option<&[f64]>, watch: &Watch) -> Option<Pass> {
        let size = self.columns.len() + 1;
        let parts = in_chunks(self.response.len(), SPAN, watch, |range| {
            let end = range.end;
            let starts = range.step_by(CHUNK);
            Pass::joined(starts.map(|start| self.chunk(coefficients, start, CHUNK.min(end - start))), size)
        })?;
        Some(Pass::joined(parts.into_iter(), size))
    }

    fn chunk(&self, coefficients: Option<&[f64]>, start: usize, rows: usize) -> Pass {
        let columns = self.columns.len();
        let at = |values: &[f64], row: usize, absent: f64| values.get(start + row).copied().unwrap_or(absent);
        let mut predictor = vec![0.0; rows];
        if let Some(coefficients) = coefficients {
            if !self.offset.is_empty() {
                predictor.copy_from_slice(&self.offset[start..start + rows]);
            }
            for (column, coefficient) in self.columns.iter().zip(coefficients) {
                let values = &column[start..start + rows];
                predictor.iter_mut().zip(values).for_each(|(sum, value)| *sum += coefficient * value);
            }
        }
        let mut block = vec![0.0; rows * (columns + 1)];
        let mut roots = vec![0.0; rows];
        let (mut deviance, mut pearson, mut total) = (Sum::default(), Sum::default(), Sum::default());
        let (mut lines, mut smallest) = (0, f64::INFINITY);
        for row in 0..rows {
            let (y, weight) = (self.response[start + row], at(self.weights, row, 1.0));
            if weight <= 0.0 {
                continue;
            }
            lines += 1;
            if coefficients.is_none() {
                predictor[row] = self.link.of(self.family.start(y));
            }
            let (mean, slope) = self.link.inverse(predictor[row]);
            let variance = self.family.variance(mean);
            deviance.add(weight * self.family.deviance(y, mean));
            pearson.add(weight * (y - mean).powi(2) / variance);
            total.add(y);
            smallest = smallest.min(mean);
            let root = (weight / variance).sqrt() * slope.abs();
            roots[row] = root;
            // Where iterations start, the predictor is that of the response itself, offset and all.
            let working = predictor[row] - at(self.offset, row, 0.0) + (y - mean) / slope;
            block[columns * rows + row] = root * working;
        }
        for (column, values) in self.columns.iter().zip(block.chunks_exact_mut(rows)) {
            let cells = column[start..start + rows].iter().zip(&roots);
            values.iter_mut().zip(cells).for_each(|(value, (cell, root))| *value = cell * root);
        }
        let finite = block.iter().all(|value| value.is_finite());
        Pass {
            factor: if finite {
                Factor::of_block(&mut block, rows, columns + 1)
            } else {
                Factor::empty(columns + 1)
            },
            deviance: if finite { deviance.value() } else { f64::NAN },
            pearson: pearson.value(),
            lines,
            smallest,
            total: total.value(),
        }
    }

    /// The deviance where the linear predictor is given.
    pub(super) fn deviance_at(&self, predictor: &[f64]) -> f64 {
        let mut deviance = Sum::default();
        for (line, (y, predictor)) in self.response.iter().zip(predictor).enumerate() {
            let weight = self.weights.get(line).copied().unwrap_or(1.0);
            if weight > 0.0 {
                deviance.add(weight * self.family.deviance(*y, self.link.inverse(*predictor).0));
            }
        }
        deviance.value()
    }

    /// The mean of each line at given coefficients.
    pub(super) fn means(&self, coefficients: &[Option<f64>]) -> Vec<f64> {
        let mut predictor =
            if self.offset.is_empty() { vec![0.0; self.response.len()] } else { self.offset.to_vec() };
        for (column, coefficient) in self.columns.iter().zip(coefficients) {
            if let Some(coefficient) = coefficient {
                predictor.iter_mut().zip(column).for_each(|(sum, value)| *sum += coefficient * value);
            }
        }
        predictor.iter().map(|value| self.link.inverse(*value).0).collect()
    }

    /// Akaike's criterion as R gives it (for Tweedie, its package tweedie); `None` where the dispersion is zero.
    pub(super) fn aic(&self, fit: &Fit) -> Option<f64> {
        let weight = |row: usize| self.weights.get(row).copied().unwrap_or(1.0);
        let counted = (0..self.response.len()).filter(|row| weight(*row) > 0.0);
        let (mut total, mut weights) = (Sum::default(), Sum::default());
        counted.clone().for_each(|row| weights.add(weight(row)));
        let dispersion = match self.family {
            Family::Gaussian => fit.deviance() / fit.lines as f64,
            _ => fit.deviance() / weights.value(),
        };
        let means = self.means(&fit.coefficients);
        for row in counted {
            let (y, mean) = (self.response[row], means[row]);
            total.add(self.family.minus_twice_log_density(y, mean, weight(row), dispersion));
        }
        let nuisance = match self.family {
            Family::Gaussian | Family::Gamma | Family::Tweedie(_) => 2.0,
            _ => 0.0,
        };
        let aic = total.value() + nuisance + 2.0 * fit.rank() as f64;
        aic.is_finite().then_some(aic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_gives_the_same_bytes_and_a_stop_is_heard() {
        let lines = 3 * SPAN + 7;
        let columns =
            [vec![1.0; lines], (0..lines).map(|line| (line % 101) as f64 / 100.0).collect::<Vec<f64>>()];
        let response: Vec<f64> = (0..lines).map(|line| ((line * 7919) % 5) as f64).collect();
        let model = Model {
            columns: &columns,
            response: &response,
            offset: &[],
            weights: &[],
            family: Family::Poisson,
            link: Link::Log,
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&model, &Watch::default()).unwrap())
        };
        assert_eq!(on(1), on(3));
        let watch = Watch::default();
        watch.stop();
        assert_eq!(fit(&model, &watch), Err(Failure::Stopped));
    }
}
