//! Chain ladder, and Mack's standard errors (ASTIN Bulletin, 1993). Not other methods.

use super::Triangle;

/// What Mack's model adds to chain ladder.
#[derive(Debug, Clone, PartialEq)]
pub struct Mack {
    /// Volatility of each development factor.
    pub sigma: Vec<f64>,
    /// Standard error of the reserve of each origin, in the unit of the triangle.
    pub standard_error: Vec<f64>,
    /// Standard error of the total reserve.
    pub total_standard_error: f64,
}

/// Standard errors around the ultimates that `factors` give.
pub fn mack(triangle: &Triangle, factors: &[f64]) -> Mack {
    let variances = variances(triangle, factors);
    let mut squared_errors = Vec::new();
    let mut covariance = 0.0;
    let ultimates = ultimates(triangle, factors);
    for (origin, row) in triangle.rows.iter().enumerate() {
        let ultimate = ultimates[origin];
        let mut projected = row.last().copied().unwrap_or(0.0);
        let (mut own, mut shared) = (0.0, 0.0);
        for column in row.len() - 1..factors.len() {
            let volume: f64 = triangle.pairs(column).map(|(from, _)| from).sum();
            let relative = variances[column] / (factors[column] * factors[column]);
            if projected != 0.0 {
                own += relative * (1.0 / projected + 1.0 / volume);
            }
            shared += 2.0 * relative / volume;
            projected *= factors[column];
        }
        squared_errors.push(ultimate * ultimate * own);
        let later: f64 = ultimates[origin + 1..].iter().sum();
        covariance += ultimate * later * shared;
    }
    let total: f64 = squared_errors.iter().sum::<f64>() + covariance;
    Mack {
        sigma: variances.iter().map(|variance| variance.sqrt()).collect(),
        standard_error: squared_errors.iter().map(|error| error.max(0.0).sqrt()).collect(),
        total_standard_error: total.max(0.0).sqrt(),
    }
}

/// Ultimate of each origin by chain ladder.
pub fn ultimates(triangle: &Triangle, factors: &[f64]) -> Vec<f64> {
    let developments = triangle.to_ultimate(factors);
    triangle.latest().iter().zip(developments).map(|(latest, development)| latest * development).collect()
}

/// `σ²` of each factor; where one pair alone is known, Mack's rule from the two before.
pub(super) fn variances(triangle: &Triangle, factors: &[f64]) -> Vec<f64> {
    let mut variances: Vec<f64> = Vec::new();
    for (column, factor) in factors.iter().enumerate() {
        let pairs = triangle.pairs(column).count();
        let variance = if pairs > 1 {
            let squares = triangle.pairs(column).filter(|(from, _)| *from != 0.0);
            let sum: f64 = squares.map(|(from, to)| from * (to / from - factor).powi(2)).sum();
            sum / (pairs - 1) as f64
        } else {
            match variances.as_slice() {
                [.., before, last] if *before > 0.0 => (last * last / before).min(before.min(*last)),
                [.., last] => *last,
                [] => 0.0,
            }
        };
        variances.push(variance);
    }
    variances
}
