//! Development factors with their volatility: averages, diagonals kept, pairs left out, tails. Not projections.

use super::Triangle;

/// How a factor is made from the ratios `F = C_{i,j+1}/C_{i,j}` of a column: weights `C^α` (Mack, 1999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Average {
    /// `α = 1`: the ratio of the sums.
    #[default]
    Volume,
    /// `α = 0`: the mean of the ratios.
    Simple,
    /// `α = 2`: least squares through the origin.
    Regression,
}

impl Average {
    fn alpha(self) -> i32 {
        match self {
            Self::Simple => 0,
            Self::Volume => 1,
            Self::Regression => 2,
        }
    }

    /// `C^α`.
    pub(super) fn weight(self, amount: f64) -> f64 {
        amount.powi(self.alpha())
    }
}

/// How `σ²` is found where one pair alone is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastSigma {
    /// Mack's rule (1993) from the two before.
    #[default]
    Mack,
    /// Least squares on `ln σ_j` of all columns where it is known.
    LogLinear,
}

/// Which pairs make the factors, and how.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// Weights of the ratios.
    pub average: Average,
    /// Rule where one pair alone is known.
    pub last_sigma: LastSigma,
    /// Number of latest diagonals used; `None` for all.
    pub last_diagonals: Option<usize>,
    /// Pairs left out: origin and development of their first cell, from zero.
    pub exclude: Vec<(usize, usize)>,
}

/// The factors of a triangle and what Mack's model tells of them, one for each pair of columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Development {
    /// `f_j`.
    pub factors: Vec<f64>,
    /// `σ²_j`.
    pub variances: Vec<f64>,
    /// Squared standard error of each factor.
    pub errors: Vec<f64>,
    /// Weights of the ratios.
    pub average: Average,
}

impl Selection {
    /// The pairs of a column that are used: origin, `C_{i,j}`, `C_{i,j+1}`.
    pub fn pairs<'a>(
        &'a self,
        triangle: &'a Triangle,
        column: usize,
    ) -> impl Iterator<Item = (usize, f64, f64)> + 'a {
        let known = triangle.pairs(column).count();
        let skipped = known.saturating_sub(self.last_diagonals.unwrap_or(known));
        triangle.pairs(column).skip(skipped).filter(move |pair| !self.exclude.contains(&(pair.0, column)))
    }

    /// Factors, variances and standard errors; a factor is not finite where no pair is left.
    pub fn develop(&self, triangle: &Triangle) -> Development {
        let mut found =
            Development { factors: vec![], variances: vec![], errors: vec![], average: self.average };
        let mut estimated = Vec::new();
        let mut weights = Vec::new();
        for column in 0..triangle.width - 1 {
            let (mut products, mut weight, mut count) = (0.0, 0.0, 0_u32);
            for (_, from, to) in self.pairs(triangle, column) {
                match self.average {
                    Average::Volume => {
                        products += to;
                        weight += from;
                    }
                    average if from != 0.0 => {
                        products += average.weight(from) * to / from;
                        weight += average.weight(from);
                    }
                    _ => continue,
                }
                count += 1;
            }
            let factor = products / weight;
            let squares = self.pairs(triangle, column).filter(|(_, from, _)| *from != 0.0);
            let sum: f64 =
                squares.map(|(_, from, to)| self.average.weight(from) * (to / from - factor).powi(2)).sum();
            found.factors.push(factor);
            found.variances.push(if count > 1 { sum / f64::from(count - 1) } else { 0.0 });
            estimated.push(count > 1);
            weights.push(weight);
        }
        self.fill(&mut found.variances, &estimated);
        found.errors = found.variances.iter().zip(&weights).map(|(variance, sum)| variance / sum).collect();
        found
    }

    fn fill(&self, variances: &mut [f64], estimated: &[bool]) {
        let known: Vec<(f64, f64)> = (0..variances.len())
            .filter(|column| estimated[*column] && variances[*column] > 0.0)
            .map(|column| ((column + 1) as f64, variances[column].sqrt().ln()))
            .collect();
        for column in 0..variances.len() {
            if estimated[column] {
                continue;
            }
            variances[column] = match (self.last_sigma, line(&known)) {
                (LastSigma::LogLinear, Some(line)) => (2.0 * line.at((column + 1) as f64)).exp(),
                _ => match &variances[..column] {
                    [.., before, last] if *before > 0.0 => (last * last / before).min(before.min(*last)),
                    [.., last] => *last,
                    [] => 0.0,
                },
            };
        }
    }
}

/// A curve fitted to the factors and carried beyond the triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Curve {
    /// `f_j − 1 = exp(a + b j)`.
    Exponential,
    /// `f_j − 1 = exp(a) j^b`.
    InversePower,
    /// `f_j = 1 / (1 − exp(−exp(a) j^b))`.
    Weibull,
}

/// Periods beyond the triangle that a curve is carried on, as chainladder does.
pub const EXTRAPOLATED: usize = 100;
/// Factors at or below this say nothing of the decay, as in chainladder.
const FLAT: f64 = 1.000_01;

/// The tail factor of a curve fitted to the factors from column `first` on; `None` with fewer than two factors above 1.
pub fn curve_tail(factors: &[f64], curve: Curve, first: usize, periods: usize) -> Option<f64> {
    let place = |period: f64| if curve == Curve::Exponential { period } else { period.ln() };
    let points: Vec<(f64, f64)> = (factors.iter().enumerate().skip(first))
        .filter(|(_, factor)| **factor > FLAT)
        .map(|(column, factor)| {
            let value = if curve == Curve::Weibull {
                (factor / (factor - 1.0)).ln().ln()
            } else {
                (factor - 1.0).ln()
            };
            (place((column + 1) as f64), value)
        })
        .collect();
    let line = line(&points)?;
    let factor = |period: usize| {
        let value = line.at(place(period as f64)).exp();
        if curve == Curve::Weibull { 1.0 / -(-value).exp_m1() } else { 1.0 + value }
    };
    Some((factors.len() + 1..=factors.len() + periods).map(factor).product())
}

impl Development {
    /// Adds a tail factor. Its `σ` and standard error, where not given, come log-linearly from those before, at the
    /// development where `ln(f − 1)` on its line equals that of the tail (as chainladder; Mack, 1999, asks for a judgement).
    pub fn push_tail(&mut self, tail: f64, sigma: Option<f64>, error: Option<f64>) {
        let points = |values: &[f64], of: fn(f64) -> f64| -> Vec<(f64, f64)> {
            let known = values.iter().enumerate().map(|(column, value)| ((column + 1) as f64, of(*value)));
            known.filter(|(_, value)| value.is_finite()).collect()
        };
        let log_excess = line(&points(&self.factors, |factor| (factor - 1.0).ln()));
        let period = log_excess.map(|line| ((tail - 1.0).ln() - line.start) / line.slope);
        let extrapolated =
            |squares: &[f64]| match (period, line(&points(squares, |square| square.sqrt().ln()))) {
                (Some(period), Some(line)) if tail > 1.0 => (2.0 * line.at(period)).exp(),
                _ => 0.0,
            };
        let variance = sigma.map_or_else(|| extrapolated(&self.variances), |sigma| sigma * sigma);
        let error = error.map_or_else(|| extrapolated(&self.errors), |error| error * error);
        self.factors.push(tail);
        self.variances.push(variance);
        self.errors.push(error);
    }
}

/// `start + slope x`.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: f64,
    slope: f64,
}

impl Line {
    fn at(self, x: f64) -> f64 {
        self.start + self.slope * x
    }
}

/// The line of least squares through two points or more.
fn line(points: &[(f64, f64)]) -> Option<Line> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let products: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let squares: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope = products / squares;
    (points.len() > 1).then_some(Line { start: y - slope * x, slope })
}
