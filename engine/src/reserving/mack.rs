//! Mack's standard errors around chain ladder (ASTIN Bulletin, 1993; recursively, with other averages and a tail,
//! ASTIN Bulletin, 1999). Not other methods.

use super::{Development, Triangle};

/// What Mack's model adds to chain ladder, in the unit of the triangle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mack {
    /// Standard error of the reserve of each origin.
    pub standard_error: Vec<f64>,
    /// Its part from the process.
    pub process: Vec<f64>,
    /// Its part from the estimation of factors.
    pub parameter: Vec<f64>,
    /// Standard error of the total reserve.
    pub total: f64,
    /// Its part from the process.
    pub total_process: f64,
    /// Its part from the estimation of factors, with the covariance of origins.
    pub total_parameter: f64,
}

/// Standard errors around the ultimates that `development` gives.
pub fn mack(triangle: &Triangle, development: &Development) -> Mack {
    let Development { factors, variances, errors, average } = development;
    let mut found = Mack::default();
    // Expected amount of all origins known or projected at a column, beyond the diagonal only.
    let mut moving = vec![0.0; factors.len()];
    let mut total_process = 0.0;
    for row in &triangle.rows {
        let mut amount = row.last().copied().unwrap_or(0.0);
        let (mut process, mut parameter) = (0.0, 0.0);
        for column in row.len() - 1..factors.len() {
            let square = amount * amount;
            // Var(C_{j+1} | C_j) = σ² C^{2−α}.
            if amount != 0.0 {
                let own = square * variances[column] / average.weight(amount);
                process = own + process * factors[column].powi(2);
            } else {
                process *= factors[column].powi(2);
            }
            parameter = square * errors[column] + parameter * factors[column].powi(2);
            moving[column] += amount;
            amount *= factors[column];
        }
        total_process += process;
        found.process.push(process.max(0.0).sqrt());
        found.parameter.push(parameter.max(0.0).sqrt());
        found.standard_error.push((process + parameter).max(0.0).sqrt());
    }
    let total_parameter = (0..factors.len())
        .fold(0.0, |risk, column| moving[column].powi(2) * errors[column] + risk * factors[column].powi(2));
    found.total_process = total_process.max(0.0).sqrt();
    found.total_parameter = total_parameter.max(0.0).sqrt();
    found.total = (total_process + total_parameter).max(0.0).sqrt();
    found
}

/// Ultimate of each origin by chain ladder.
pub fn ultimates(triangle: &Triangle, factors: &[f64]) -> Vec<f64> {
    let developments = triangle.to_ultimate(factors);
    triangle.latest().iter().zip(developments).map(|(latest, development)| latest * development).collect()
}
