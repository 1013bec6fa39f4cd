//! Whittaker and Henderson's smoothing in one and two dimensions, of values or, by penalised likelihood, of the logarithm
//! of forces of mortality (Biessy, 2023, "Revisiting Whittaker-Henderson smoothing"). Not the choice of `λ`.

use super::band::{Band, Lower};
use super::differences::{binomials, differences};
use super::eigen::{Spectrum, spectrum};

/// A table of ages (rows) and years (columns, one in one dimension), and the differences that are penalised.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    ages: usize,
    years: usize,
    pub(super) orders: [usize; 2],
    /// Spectrum of each direction's penalty, the smallest `order` values of it exactly zero.
    pub(super) spectra: [Spectrum; 2],
}

/// A smoothed table, age by age.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothed {
    /// Smoothed values; logarithms of forces by penalised likelihood.
    pub values: Vec<f64>,
    /// Weighted sum of squares, or deviance.
    pub deviance: f64,
    /// What the penalty adds: `Σ λ (Δ^z θ)²`.
    pub penalty: f64,
    /// Logarithm of the determinant of `W + P`.
    log_determinant: f64,
    pub(super) factor: Lower,
    pub(super) weights: Vec<f64>,
    /// Steps of the penalised likelihood; one for values.
    pub iterations: usize,
}

/// What criteria are made of.
pub(super) struct Parts {
    /// Cells with a weight.
    pub(super) known: f64,
    pub(super) deviance: f64,
    pub(super) penalty: f64,
}

/// Why there is no smoothed table.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The weights leave something undetermined.
    Singular,
    /// Penalised deviances met without an end.
    NotConverged(Vec<f64>),
    /// A stop was asked for.
    Stopped,
}

/// What `λ` is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Criterion {
    /// Restricted maximum likelihood.
    #[default]
    Reml,
    /// Generalised cross-validation.
    Gcv,
}

/// What is smoothed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// Values with weights.
    Values {
        /// Observed values.
        values: &'a [f64],
        /// Their weights.
        weights: &'a [f64],
    },
    /// Deaths of a Poisson law, by exposure.
    Hazard {
        /// Deaths.
        deaths: &'a [f64],
        /// Central exposures.
        exposures: &'a [f64],
    },
}

impl<'a> Target<'a> {
    /// What each cell weighs, at its observation.
    pub(super) fn weights(&self) -> &'a [f64] {
        match self {
            Self::Values { weights, .. } => weights,
            Self::Hazard { deaths, .. } => deaths,
        }
    }
}

const MOST_ITERATIONS: usize = 50;
/// Relative change of the penalised deviance at which steps end: they converge quadratically, so that the next change would
/// be the square of it; below, a large `λ` leaves rounding alone.
const TOLERANCE: f64 = 1e-9;

impl Grid {
    /// A table of `ages` × `years` with differences of `orders`; the second order is not used with one year.
    pub fn new(ages: usize, years: usize, orders: [usize; 2]) -> Self {
        let of = |size: usize, order: usize| {
            let mut full = vec![0.0; size * size];
            for (row, column, value) in differences(size, order) {
                full[row * size + column] = value;
                full[column * size + row] = value;
            }
            let mut found = spectrum(full, size);
            found.values.iter_mut().take(order).for_each(|value| *value = 0.0);
            found
        };
        let second = if years > 1 { of(years, orders[1]) } else { spectrum(vec![0.0], 1) };
        Self { ages, years, orders, spectra: [of(ages, orders[0]), second] }
    }

    /// Points of a direction: 0 ages, 1 years.
    pub(super) fn size(&self, axis: usize) -> usize {
        if axis == 0 { self.ages } else { self.years }
    }

    /// Multiplications of one system.
    pub(super) fn cost(&self) -> f64 {
        self.len() as f64 * (self.width() as f64).powi(2) / 2.0
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.ages * self.years
    }

    /// Tells whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of smoothing parameters.
    pub fn dimensions(&self) -> usize {
        if self.years > 1 { 2 } else { 1 }
    }

    /// Number of polynomials that the penalty leaves free.
    pub(super) fn free(&self) -> usize {
        self.orders[0] * if self.years > 1 { self.orders[1] } else { 1 }
    }

    /// Place of a cell in the system: the shorter direction runs first, for the narrowest band.
    pub(super) fn place(&self, age: usize, year: usize) -> usize {
        if self.years <= self.ages { age * self.years + year } else { year * self.ages + age }
    }

    fn width(&self) -> usize {
        if self.years == 1 {
            return self.orders[0];
        }
        if self.years <= self.ages {
            (self.orders[0] * self.years).max(self.orders[1])
        } else {
            (self.orders[1] * self.ages).max(self.orders[0])
        }
    }

    /// `W + λ₁ D₁ᵀD₁ + λ₂ D₂ᵀD₂`, and what each cell of the table is in it.
    fn system(&self, weights: &[f64], lambda: [f64; 2]) -> Band {
        let mut band = Band::new(self.len(), self.width());
        for age in 0..self.ages {
            for year in 0..self.years {
                let place = self.place(age, year);
                band.add(place, place, weights[age * self.years + year]);
            }
        }
        let mut add = |one: usize, two: usize, value: f64| band.add(one.max(two), one.min(two), value);
        for (row, column, value) in differences(self.ages, self.orders[0]) {
            for year in 0..self.years {
                add(self.place(row, year), self.place(column, year), lambda[0] * value);
            }
        }
        if self.years > 1 {
            for (row, column, value) in differences(self.years, self.orders[1]) {
                for age in 0..self.ages {
                    add(self.place(age, row), self.place(age, column), lambda[1] * value);
                }
            }
        }
        band
    }

    /// `Σ λ (Δ^z θ)²`.
    pub(super) fn penalty(&self, values: &[f64], lambda: [f64; 2]) -> f64 {
        let squares = |count: usize, order: usize, at: &dyn Fn(usize) -> f64| -> f64 {
            let signs = binomials(order);
            let difference =
                |from: usize| signs.iter().enumerate().map(|(k, sign)| sign * at(from + k)).sum::<f64>();
            (0..count.saturating_sub(order)).map(|from| difference(from).powi(2)).sum()
        };
        let cell = |age: usize, year: usize| values[age * self.years + year];
        let by_age: f64 =
            (0..self.years).map(|year| squares(self.ages, self.orders[0], &|age| cell(age, year))).sum();
        if self.years == 1 {
            return lambda[0] * by_age;
        }
        let by_year: f64 =
            (0..self.ages).map(|age| squares(self.years, self.orders[1], &|year| cell(age, year))).sum();
        lambda[0] * by_age + lambda[1] * by_year
    }

    /// The logarithm of the product of the penalty's eigenvalues that are not zero.
    fn log_penalty(&self, lambda: [f64; 2]) -> f64 {
        let [ages, years] = &self.spectra;
        let sums =
            ages.values.iter().flat_map(|a| years.values.iter().map(move |b| lambda[0] * a + lambda[1] * b));
        sums.filter(|sum| *sum > 0.0).map(f64::ln).sum()
    }

    pub(super) fn ordered(&self, values: &[f64]) -> Vec<f64> {
        let mut ordered = vec![0.0; values.len()];
        for age in 0..self.ages {
            for year in 0..self.years {
                ordered[self.place(age, year)] = values[age * self.years + year];
            }
        }
        ordered
    }

    pub(super) fn back(&self, ordered: &[f64]) -> Vec<f64> {
        let cells = (0..self.ages).flat_map(|age| (0..self.years).map(move |year| (age, year)));
        cells.map(|(age, year)| ordered[self.place(age, year)]).collect()
    }

    fn solve(&self, values: &[f64], weights: &[f64], lambda: [f64; 2]) -> Result<(Vec<f64>, Lower), Failure> {
        let factor = self.system(weights, lambda).factor().ok_or(Failure::Singular)?;
        let right: Vec<f64> = values.iter().zip(weights).map(|(value, weight)| value * weight).collect();
        Ok((self.back(&factor.solve(&self.ordered(&right))), factor))
    }

    /// Smooths with given `λ`; a smoothed table at hand is where a penalised likelihood starts.
    ///
    /// # Errors
    /// When weights leave something undetermined, or iterations do not end.
    pub fn smooth(
        &self,
        target: Target<'_>,
        lambda: [f64; 2],
        start: Option<&[f64]>,
    ) -> Result<Smoothed, Failure> {
        match target {
            Target::Values { values, weights } => {
                let (smooth, factor) = self.solve(values, weights, lambda)?;
                let squares = values.iter().zip(&smooth).zip(weights);
                let deviance =
                    squares.map(|((value, smooth), weight)| weight * (value - smooth).powi(2)).sum();
                Ok(self.told(smooth, deviance, lambda, factor, weights.to_vec(), 1))
            }
            Target::Hazard { deaths, exposures } => self.likely(deaths, exposures, lambda, start),
        }
    }

    fn likely(
        &self,
        deaths: &[f64],
        exposures: &[f64],
        lambda: [f64; 2],
        start: Option<&[f64]>,
    ) -> Result<Smoothed, Failure> {
        let mut values = match start {
            Some(start) => start.to_vec(),
            None => Self::first(deaths, exposures),
        };
        // From a table at hand one step may be enough.
        let mut path: Vec<f64> =
            start.map(|start| self.penalised(deaths, exposures, start, lambda)).into_iter().collect();
        for iteration in 1..=MOST_ITERATIONS {
            let (weights, working) = Self::working(deaths, exposures, &values);
            let (mut next, factor) = self.solve(&working, &weights, lambda)?;
            let mut reached = self.penalised(deaths, exposures, &next, lambda);
            // A step too long is halved; the likelihood is concave, so that it ends.
            for _ in 0..30 {
                let before = path.last().copied().unwrap_or(f64::INFINITY);
                if reached.is_finite() && reached <= before + 1e-9 * before.abs() {
                    break;
                }
                next.iter_mut().zip(&values).for_each(|(new, old)| *new = f64::midpoint(*new, *old));
                reached = self.penalised(deaths, exposures, &next, lambda);
            }
            let settled = path
                .last()
                .is_some_and(|before| (before - reached).abs() <= TOLERANCE * (reached.abs() + 1.0));
            path.push(reached);
            values = next;
            if settled {
                let deviance = deviance(deaths, exposures, &values);
                return Ok(self.told(values, deviance, lambda, factor, weights, iteration));
            }
        }
        Err(Failure::NotConverged(path))
    }

    /// Logarithms of crude forces, where a penalised likelihood starts: half a death of the overall rate keeps them finite.
    pub(super) fn first(deaths: &[f64], exposures: &[f64]) -> Vec<f64> {
        let overall = deaths.iter().sum::<f64>() / exposures.iter().sum::<f64>();
        let one = |(deaths, exposure): (&f64, &f64)| ((deaths + 0.5) / (exposure + 0.5 / overall)).ln();
        deaths.iter().zip(exposures).map(one).collect()
    }

    /// Weights and working values of a step of the penalised likelihood.
    pub(super) fn working(deaths: &[f64], exposures: &[f64], values: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let weights: Vec<f64> =
            exposures.iter().zip(values).map(|(exposure, value)| exposure * value.exp()).collect();
        let one = |((deaths, weight), value): ((&f64, &f64), &f64)| {
            if *weight > 0.0 { value + (deaths - weight) / weight } else { 0.0 }
        };
        let working = deaths.iter().zip(&weights).zip(values).map(one).collect();
        (weights, working)
    }

    fn penalised(&self, deaths: &[f64], exposures: &[f64], values: &[f64], lambda: [f64; 2]) -> f64 {
        deviance(deaths, exposures, values) + self.penalty(values, lambda)
    }

    fn told(
        &self,
        values: Vec<f64>,
        deviance: f64,
        lambda: [f64; 2],
        factor: Lower,
        weights: Vec<f64>,
        iterations: usize,
    ) -> Smoothed {
        let penalty = self.penalty(&values, lambda);
        Smoothed {
            values,
            deviance,
            penalty,
            log_determinant: factor.log_determinant(),
            factor,
            weights,
            iterations,
        }
    }

    /// Variances of the smoothed values for a unit dispersion (Bayesian, Biessy, 2023, section 2), and the effective degrees
    /// of freedom, the trace of `(W + P)⁻¹ W`.
    pub fn uncertainty(&self, smoothed: &Smoothed) -> (Vec<f64>, f64) {
        let variances = self.back(&smoothed.factor.inverse_diagonal());
        let freedom =
            variances.iter().zip(&smoothed.weights).map(|(variance, weight)| variance * weight).sum();
        (variances, freedom)
    }

    /// What `λ` makes smallest.
    pub fn score(&self, smoothed: &Smoothed, target: Target<'_>, lambda: [f64; 2], by: Criterion) -> f64 {
        let known = smoothed.weights.iter().filter(|weight| **weight > 0.0).count() as f64;
        let freedom = || self.uncertainty(smoothed).1;
        let determinants = || smoothed.log_determinant - self.log_penalty(lambda);
        let parts = Parts { known, deviance: smoothed.deviance, penalty: smoothed.penalty };
        self.criterion(target, by, &parts, freedom, determinants)
    }

    /// A criterion from its parts, the degrees of freedom, and the logarithm of the determinant of `W + P` over that of `P`.
    pub(super) fn criterion(
        &self,
        target: Target<'_>,
        by: Criterion,
        parts: &Parts,
        freedom: impl FnOnce() -> f64,
        determinants: impl FnOnce() -> f64,
    ) -> f64 {
        let Parts { known, deviance, penalty } = *parts;
        match by {
            Criterion::Gcv => known * deviance / (known - freedom()).powi(2),
            Criterion::Reml => {
                let sum = deviance + penalty;
                match target {
                    // The dispersion is profiled out.
                    Target::Values { .. } => {
                        let free = known - self.free() as f64;
                        free * (sum / free).max(f64::MIN_POSITIVE).ln() + determinants()
                    }
                    Target::Hazard { .. } => sum + determinants(),
                }
            }
        }
    }
}

/// Deviance of Poisson deaths at logarithms of forces.
pub(super) fn deviance(deaths: &[f64], exposures: &[f64], values: &[f64]) -> f64 {
    let cells = deaths.iter().zip(exposures).zip(values);
    let cell = |((deaths, exposure), value): ((&f64, &f64), &f64)| {
        let expected = exposure * value.exp();
        let log = if *deaths > 0.0 { deaths * (deaths / expected).ln() } else { 0.0 };
        2.0 * (log - (deaths - expected))
    };
    cells.map(cell).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_annihilate_polynomials_of_lower_degree() {
        let grid = Grid::new(12, 1, [3, 0]);
        let parabola: Vec<f64> = (0..12).map(|x| f64::from(x * x) - 3.0 * f64::from(x)).collect();
        assert!(grid.penalty(&parabola, [5.0, 0.0]).abs() < 1e-20);
        let target = Target::Values { values: &parabola, weights: &[2.0; 12] };
        let smooth = grid.smooth(target, [1e6, 0.0], None).unwrap();
        assert!(smooth.values.iter().zip(&parabola).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_smoothed_table_solves_its_normal_equations() {
        // (W + λ₁P₁ + λ₂P₂) θ = W y, checked by differences written out here.
        let (ages, years, lambda) = (7, 5, [3.0, 0.7]);
        let grid = Grid::new(ages, years, [2, 1]);
        let values: Vec<f64> = (0..35).map(|k| f64::from(k * k % 17)).collect();
        let weights: Vec<f64> = (0..35).map(|k| f64::from(k % 3)).collect();
        let theta =
            grid.smooth(Target::Values { values: &values, weights: &weights }, lambda, None).unwrap().values;
        let at = |age: usize, year: usize| theta[age * years + year];
        let mut left: Vec<f64> = theta.iter().zip(&weights).map(|(t, w)| t * w).collect();
        for year in 0..years {
            for from in 0..ages - 2 {
                let second = at(from, year) - 2.0 * at(from + 1, year) + at(from + 2, year);
                for (k, sign) in [1.0, -2.0, 1.0].iter().enumerate() {
                    left[(from + k) * years + year] += lambda[0] * sign * second;
                }
            }
        }
        for age in 0..ages {
            for from in 0..years - 1 {
                let first = at(age, from + 1) - at(age, from);
                left[age * years + from] -= lambda[1] * first;
                left[age * years + from + 1] += lambda[1] * first;
            }
        }
        for ((left, value), weight) in left.iter().zip(&values).zip(&weights) {
            assert!((left - value * weight).abs() < 1e-10);
        }
    }

    #[test]
    fn a_penalised_likelihood_keeps_deaths_and_their_moments() {
        // The score is zero along what the penalty leaves free: expected deaths and their mean age equal the observed.
        let grid = Grid::new(30, 1, [2, 0]);
        let exposures: Vec<f64> = (0..30).map(|x| 1000.0 - 20.0 * f64::from(x)).collect();
        let deaths: Vec<f64> = (0..30).map(|x| f64::from((x * 7 % 5) + x / 3)).collect();
        let target = Target::Hazard { deaths: &deaths, exposures: &exposures };
        let smooth = grid.smooth(target, [50.0, 0.0], None).unwrap();
        let expected: Vec<f64> = exposures.iter().zip(&smooth.values).map(|(e, v)| e * v.exp()).collect();
        for power in 0..2 {
            let moment = |list: &[f64]| -> f64 {
                list.iter().enumerate().map(|(x, value)| value * (x as f64).powi(power)).sum()
            };
            assert!((moment(&expected) / moment(&deaths) - 1.0).abs() < 1e-8);
        }
    }

    #[test]
    fn freedom_runs_from_every_cell_to_the_free_polynomials() {
        let grid = Grid::new(20, 1, [2, 0]);
        let values: Vec<f64> = (0..20).map(|x| (f64::from(x) * 1.3).sin()).collect();
        let freedom = |lambda: f64| {
            let target = Target::Values { values: &values, weights: &[1.0; 20] };
            grid.uncertainty(&grid.smooth(target, [lambda, 0.0], None).unwrap()).1
        };
        assert!((freedom(1e-9) - 20.0).abs() < 1e-5);
        assert!((freedom(1e9) - 2.0).abs() < 1e-3);
        assert!(freedom(1.0) > freedom(10.0));
    }
}
