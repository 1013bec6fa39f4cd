//! Munich chain ladder (Quarg and Mack, 2004): paid and incurred projected together.
//! Where one pair alone is known, σ is extrapolated log-linearly. Not separate projections.

use super::{Average, LastSigma, Selection, Triangle};

/// Ultimates of both triangles.
#[derive(Debug, Clone, PartialEq)]
pub struct Munich {
    /// From the paid triangle.
    pub paid: Vec<f64>,
    /// From the incurred triangle.
    pub incurred: Vec<f64>,
}

/// Projects two triangles of the same shape.
pub fn munich(paid: &Triangle, incurred: &Triangle) -> Munich {
    let from_paid = Side::new(paid, incurred);
    let from_incurred = Side::new(incurred, paid);
    let (mut paid_ultimates, mut incurred_ultimates) = (Vec::new(), Vec::new());
    for (one, two) in paid.rows.iter().zip(&incurred.rows) {
        let (mut p, mut i) = (one.last().copied().unwrap_or(0.0), two.last().copied().unwrap_or(0.0));
        for column in one.len() - 1..paid.width - 1 {
            let next_paid = p * from_paid.factor(column, i / p);
            let next_incurred = i * from_incurred.factor(column, p / i);
            (p, i) = (next_paid, next_incurred);
        }
        paid_ultimates.push(p);
        incurred_ultimates.push(i);
    }
    Munich { paid: paid_ultimates, incurred: incurred_ultimates }
}

/// What projects one triangle with the help of the other.
struct Side {
    factors: Vec<f64>,
    sigma: Vec<f64>,
    ratios: Vec<f64>,
    rho: Vec<f64>,
    lambda: f64,
}

impl Side {
    fn new(own: &Triangle, other: &Triangle) -> Self {
        let selection =
            Selection { last_sigma: LastSigma::LogLinear, average: Average::Volume, ..Selection::default() };
        let development = selection.develop(own);
        let factors = development.factors;
        let sigma: Vec<f64> = development.variances.iter().map(|variance| variance.sqrt()).collect();
        let known = |column: usize| {
            own.rows
                .iter()
                .zip(&other.rows)
                .filter_map(move |(one, two)| Some((*one.get(column)?, *two.get(column)?)))
        };
        let mut ratios = Vec::new();
        let mut rho = Vec::new();
        for column in 0..own.width {
            let sums = known(column).fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
            let ratio = sums.1 / sums.0;
            let squares: f64 = known(column).map(|(one, two)| one * (two / one - ratio).powi(2)).sum();
            let count = known(column).count();
            ratios.push(ratio);
            rho.push(if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 });
        }
        let (mut products, mut squares) = (0.0, 0.0);
        for column in 0..own.width - 1 {
            if own.pairs(column).count() < 2 || rho[column] == 0.0 || sigma[column] == 0.0 {
                continue;
            }
            for (one, two) in own.rows.iter().zip(&other.rows).filter(|(one, _)| one.len() > column + 1) {
                let root = one[column].sqrt();
                let ratio = (two[column] / one[column] - ratios[column]) / rho[column] * root;
                let development = (one[column + 1] / one[column] - factors[column]) / sigma[column] * root;
                products += ratio * development;
                squares += ratio * ratio;
            }
        }
        let lambda = if squares > 0.0 { products / squares } else { 0.0 };
        Self { factors, sigma, ratios, rho, lambda }
    }

    fn factor(&self, column: usize, ratio: f64) -> f64 {
        let spread = if self.rho[column] > 0.0 { self.sigma[column] / self.rho[column] } else { 0.0 };
        self.factors[column] + self.lambda * spread * (ratio - self.ratios[column])
    }
}
