//! Methods that rest on an exposure: Bornhuetter-Ferguson, Benktander and Cape Cod. Not chain ladder itself.

use super::Triangle;

/// Ultimates by Bornhuetter-Ferguson: what is unreported comes from the a priori loss of each origin.
pub fn bornhuetter_ferguson(triangle: &Triangle, factors: &[f64], a_priori: &[f64]) -> Vec<f64> {
    benktander(triangle, factors, a_priori, 1)
}

/// Ultimates by Benktander (Mack, 2000, "Credible Claims Reserves"): Bornhuetter-Ferguson repeated, each time with the
/// ultimate before as a priori loss; once is Bornhuetter-Ferguson, twice Benktander's own, ever more tends to chain ladder.
pub fn benktander(triangle: &Triangle, factors: &[f64], a_priori: &[f64], iterations: usize) -> Vec<f64> {
    let developments = triangle.to_ultimate(factors);
    let lines = triangle.latest().into_iter().zip(developments).zip(a_priori);
    let ultimate = |((latest, development), loss): ((f64, f64), &f64)| {
        (0..iterations).fold(*loss, |loss, _| latest + loss * (1.0 - 1.0 / development))
    };
    lines.map(ultimate).collect()
}

/// A priori losses by Cape Cod: loss ratios of all origins, trended to each origin and weighted by reported exposure
/// times `decay^|distance|` (Gluck, 1997); `decay` 1 and `trend` 0 is the plain method.
pub fn cape_cod(triangle: &Triangle, factors: &[f64], exposure: &[f64], trend: f64, decay: f64) -> Vec<f64> {
    let developments = triangle.to_ultimate(factors);
    let latest = triangle.latest();
    let a_priori = |origin: usize| {
        let (mut losses, mut used) = (0.0, 0.0);
        for other in 0..latest.len() {
            let distance = origin as i32 - other as i32;
            let weight = decay.powi(distance.abs());
            losses += weight * latest[other] * (1.0 + trend).powi(distance);
            used += weight * exposure[other] / developments[other];
        }
        exposure[origin] * losses / used
    };
    (0..latest.len()).map(a_priori).collect()
}
