//! The one-year view: standard error of the claims development result (Merz and Wüthrich, 2008, "Modelling the Claims
//! Development Result for Solvency Purposes", CAS E-Forum). Not the view to ultimate.

use super::{Development, Triangle, ultimates};

/// Standard errors of next year's claims development result.
#[derive(Debug, Clone, PartialEq)]
pub struct OneYear {
    /// Of each origin.
    pub standard_error: Vec<f64>,
    /// Of all together.
    pub total: f64,
}

/// The one-year view of a triangle whose rows get shorter one by one, with volume-weighted factors of all pairs.
///
/// With `S_j = Σ C_{i,j}` over the pairs of column j and `a_j` the part of the next diagonal in `S_j` a year later, the
/// paper's `Φ + Ψ + Δ` (process of the year, of later updates, estimation) is
/// `σ²_k/f²_k (1/C_{i,k} + 1/S_k) + Σ_{j>k} a_j σ²_j/f²_j / S_j`, and the covariance of two origins the same without `1/C`.
pub fn merz_wuthrich(triangle: &Triangle, development: &Development) -> OneYear {
    let Development { factors, variances, .. } = development;
    let ultimates = ultimates(triangle, factors);
    let columns = factors.len();
    let mut volumes = vec![0.0; columns];
    let mut next = vec![0.0; columns];
    for column in 0..columns {
        volumes[column] = triangle.pairs(column).map(|(_, from, _)| from).sum();
        let last = triangle.rows.iter().filter(|row| row.len() == column + 1);
        next[column] = last.filter_map(|row| row.last()).sum();
    }
    let relative = |column: usize| variances[column] / factors[column].powi(2);
    let later: Vec<f64> = (0..columns)
        .map(|column| next[column] / (volumes[column] + next[column]) * relative(column) / volumes[column])
        .collect();
    let mut squares = Vec::new();
    let mut total = 0.0;
    for (origin, row) in triangle.rows.iter().enumerate() {
        let first = row.len() - 1;
        if first >= columns {
            squares.push(0.0);
            continue;
        }
        let shared = relative(first) / volumes[first] + later[first + 1..].iter().sum::<f64>();
        let amount = row.last().copied().unwrap_or(0.0);
        let own = if amount > 0.0 { relative(first) / amount } else { 0.0 };
        let square = ultimates[origin].powi(2) * (own + shared);
        let younger: f64 = ultimates[origin + 1..].iter().sum();
        total += square + 2.0 * ultimates[origin] * younger * shared;
        squares.push(square);
    }
    OneYear {
        standard_error: squares.iter().map(|square| square.max(0.0).sqrt()).collect(),
        total: total.max(0.0).sqrt(),
    }
}
