//! Whether chain ladder suits a triangle: standardised residuals, and Mack's tests of calendar effect and of correlation
//! of factors (Mack, 1994, "Measuring the Variability of Chain Ladder Reserve Estimates", appendices G and H).

use super::{Development, Selection, Triangle};

/// One standardised residual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Origin, from zero.
    pub origin: usize,
    /// Development of the first cell, from zero.
    pub development: usize,
    /// `(F_{i,j} − f_j) √(C^α) / σ_j`.
    pub value: f64,
}

/// A statistic beside what it would be without the effect it looks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// The statistic.
    pub statistic: f64,
    /// Its expectation without effect.
    pub expectation: f64,
    /// Its variance without effect.
    pub variance: f64,
    /// Ends of the range where it is no sign of an effect.
    pub range: (f64, f64),
}

impl Test {
    /// Tells whether the statistic is outside its range.
    pub fn rejects(&self) -> bool {
        self.statistic < self.range.0 || self.statistic > self.range.1
    }
}

/// Residuals of the pairs used, column by column; none where `σ` is zero.
pub fn residuals(triangle: &Triangle, selection: &Selection, development: &Development) -> Vec<Residual> {
    let mut found = Vec::new();
    for (column, (factor, variance)) in development.factors.iter().zip(&development.variances).enumerate() {
        for (origin, from, to) in selection.pairs(triangle, column) {
            if from > 0.0 && *variance > 0.0 {
                let root = (development.average.weight(from) / variance).sqrt();
                found.push(Residual { origin, development: column, value: (to / from - factor) * root });
            }
        }
    }
    found
}

/// Half width of a range that holds 95 % of a normal law, and 50 %, as Mack chooses for the two tests.
const NORMAL_95: f64 = 1.959_963_984_540_054;
const NORMAL_50: f64 = 0.674_489_750_196_081_7;

/// Calendar effect: on each diagonal, `Z` is the smaller of the numbers of factors above and below their column's median.
pub fn calendar(triangle: &Triangle) -> Option<Test> {
    let mut counts: Vec<(usize, usize)> = vec![(0, 0); triangle.rows.len() + triangle.width];
    for column in 0..triangle.width - 1 {
        let ratios = ratios(triangle, column);
        let mut sorted: Vec<f64> = ratios.iter().map(|(_, ratio)| *ratio).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => continue,
            even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        for (origin, ratio) in ratios {
            let (small, large) = &mut counts[origin + column];
            *small += usize::from(ratio < median);
            *large += usize::from(ratio > median);
        }
    }
    let (mut statistic, mut expectation, mut variance) = (0.0, 0.0, 0.0);
    for (small, large) in counts {
        let number = small + large;
        let n = number as f64;
        if number == 0 {
            continue;
        }
        let half = (number - 1) / 2;
        // C(n − 1, m) / 2^n, factor by factor so that nothing overflows.
        let part = (1..=half).fold(0.5_f64.powi(number as i32), |part, k| part * (n - k as f64) / k as f64);
        let mean = n / 2.0 - part * n;
        statistic += small.min(large) as f64;
        expectation += mean;
        variance += n * (n - 1.0) / 4.0 - part * n * (n - 1.0) + mean - mean * mean;
    }
    let half = NORMAL_95 * variance.sqrt();
    (variance > 0.0).then_some(Test {
        statistic,
        expectation,
        variance,
        range: (expectation - half, expectation + half),
    })
}

/// Correlation of successive factors: the weighted mean of Spearman's rank correlations of neighbouring columns.
pub fn correlation(triangle: &Triangle) -> Option<Test> {
    let (mut products, mut weights) = (0.0, 0.0);
    for column in 1..triangle.width - 1 {
        let later = ratios(triangle, column);
        let before: Vec<(usize, f64)> = ratios(triangle, column - 1)
            .into_iter()
            .filter(|(origin, _)| later.iter().any(|(other, _)| other == origin))
            .collect();
        let later: Vec<(usize, f64)> =
            later.into_iter().filter(|(origin, _)| before.iter().any(|(other, _)| other == origin)).collect();
        let n = later.len() as f64;
        if later.len() < 2 {
            continue;
        }
        let squares: f64 =
            ranks(&later).iter().zip(ranks(&before)).map(|(one, two)| (one - two).powi(2)).sum();
        products += (n - 1.0) * (1.0 - 6.0 * squares / (n * (n * n - 1.0)));
        weights += n - 1.0;
    }
    let half = NORMAL_50 / f64::sqrt(weights);
    (weights > 0.0).then(|| Test {
        statistic: products / weights,
        expectation: 0.0,
        variance: 1.0 / weights,
        range: (-half, half),
    })
}

fn ratios(triangle: &Triangle, column: usize) -> Vec<(usize, f64)> {
    let positive = triangle.pairs(column).filter(|(_, from, _)| *from != 0.0);
    positive.map(|(origin, from, to)| (origin, to / from)).collect()
}

/// Ranks from one; equal values share the mean of theirs.
fn ranks(values: &[(usize, f64)]) -> Vec<f64> {
    let rank = |value: f64| {
        let below = values.iter().filter(|(_, other)| *other < value).count() as f64;
        let equal = values.iter().filter(|(_, other)| *other == value).count() as f64;
        below + (equal + 1.0) / 2.0
    };
    values.iter().map(|(_, value)| rank(*value)).collect()
}
