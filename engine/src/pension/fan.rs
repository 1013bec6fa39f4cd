//! Quantiles of scenarios with their standard errors. Not scenarios.

use serde_json::{Value, json};

use crate::numeric::sum;

/// Levels told.
pub(super) const LEVELS: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// Mean and quantiles of `values`, `pair` of them drawn together (two with antithetic variates). The standard error of a
/// quantile is half the distance between the order statistics one binomial deviation below and above it; pairs count
/// for their mean indicator, since they are not independent.
pub(super) fn told(values: &[f64], pair: usize) -> Value {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let draws = (values.len() / pair).max(1) as f64;
    let mean = sum(values.iter().copied()) / values.len().max(1) as f64;
    let of_pair = |chunk: &[f64]| chunk.iter().sum::<f64>() / pair as f64 - mean;
    let variance =
        sum(values.chunks_exact(pair).map(|chunk| of_pair(chunk).powi(2))) / (draws - 1.0).max(1.0);
    let quantiles = LEVELS.iter().map(|level| {
        let value = at(&sorted, *level);
        let below =
            |chunk: &[f64]| chunk.iter().filter(|one| **one <= value).count() as f64 / pair as f64 - level;
        let spread = sum(values.chunks_exact(pair).map(|chunk| below(chunk).powi(2))) / draws;
        let deviation = (spread / draws).sqrt();
        let error = (at(&sorted, level + deviation) - at(&sorted, level - deviation)) / 2.0;
        json!({ "level": level, "value": value, "standard_error": error })
    });
    json!({
        "mean": mean,
        "standard_error": (variance / draws).sqrt(),
        "quantiles": quantiles.collect::<Vec<_>>(),
    })
}

/// Quantile by linear interpolation between order statistics (Hyndman and Fan's type 7).
fn at(sorted: &[f64], level: f64) -> f64 {
    let place = level.clamp(0.0, 1.0) * (sorted.len().max(1) - 1) as f64;
    let left = place.floor() as usize;
    let value = |index: usize| sorted.get(index).or(sorted.last()).copied().unwrap_or(0.0);
    value(left) + (place - left as f64) * (value(left + 1) - value(left))
}
