//! Positioning on a reference table: standardised mortality ratio, proportional hazard, Brass. Not smoothing.

use statrs::distribution::{ContinuousCDF, Gamma};

use super::Failure;

/// Observed over expected deaths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Observed deaths.
    pub observed: f64,
    /// Expected deaths.
    pub expected: f64,
    /// The ratio.
    pub ratio: f64,
    /// Lower and upper bounds of the ratio.
    pub bounds: (f64, f64),
}

/// The ratio with the exact interval of a Poisson count at a level of confidence (Garwood, 1936):
/// `χ²_{α/2}(2D)/2` and `χ²_{1−α/2}(2D+2)/2`. `None` where nothing is expected.
pub fn ratio(observed: f64, expected: f64, confidence: f64) -> Option<Ratio> {
    let (low, high) = poisson_bounds(observed, confidence)?;
    (expected > 0.0).then(|| Ratio {
        observed,
        expected,
        ratio: observed / expected,
        bounds: (low / expected, high / expected),
    })
}

/// Bounds of the mean of a Poisson count.
pub fn poisson_bounds(count: f64, confidence: f64) -> Option<(f64, f64)> {
    let tail = (1.0 - confidence) / 2.0;
    // χ²(2k)/2 is the gamma law of shape k.
    let quantile = |shape: f64, level: f64| Some(Gamma::new(shape, 1.0).ok()?.inverse_cdf(level));
    let low = if count > 0.0 { quantile(count, tail)? } else { 0.0 };
    Some((low, quantile(count + 1.0, 1.0 - tail)?))
}

/// `logit q = a + b logit q_ref` by maximum binomial likelihood (after Brass, 1971).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Brass {
    /// The level.
    pub a: f64,
    /// The slope.
    pub b: f64,
    /// Standard errors of both.
    pub errors: (f64, f64),
    /// Steps of the search.
    pub iterations: usize,
}

impl Brass {
    /// The probability of death where the reference has `q`, strictly between 0 and 1.
    pub fn death(&self, q: f64) -> f64 {
        expit(self.a + self.b * logit(q))
    }
}

const MOST_ITERATIONS: usize = 60;

/// Fits Brass's line to deaths out of initial exposures; ages without exposure, or where the reference is 0 or 1, do not count.
///
/// # Errors
/// When fewer than two ages count, or Newton's steps do not end.
pub fn brass(deaths: &[f64], initial: &[f64], reference: &[f64]) -> Result<Brass, Failure> {
    let ages: Vec<(f64, f64, f64)> = (deaths.iter().zip(initial).zip(reference))
        .filter(|((_, exposed), q)| **exposed > 0.0 && **q > 0.0 && **q < 1.0)
        .map(|((deaths, exposed), q)| (deaths.min(*exposed), *exposed, logit(*q)))
        .collect();
    let total: f64 = ages.iter().map(|(deaths, ..)| deaths).sum();
    if ages.len() < 2 || total <= 0.0 {
        return Err(Failure::Singular);
    }
    let (mut a, mut b) = (0.0, 1.0);
    let mut path = Vec::new();
    for iteration in 1..=MOST_ITERATIONS {
        let [mut level, mut slope, mut aa, mut ab, mut bb] = [0.0; 5];
        for (deaths, exposed, x) in &ages {
            let q = expit(a + b * x);
            let (rest, weight) = (deaths - exposed * q, exposed * q * (1.0 - q));
            level += rest;
            slope += rest * x;
            aa += weight;
            ab += weight * x;
            bb += weight * x * x;
        }
        let determinant = aa * bb - ab * ab;
        if determinant <= 1e-12 * aa * bb {
            return Err(Failure::Singular);
        }
        let step = ((bb * level - ab * slope) / determinant, (aa * slope - ab * level) / determinant);
        // Newton's step, no longer than one on each line: the likelihood is concave.
        let longest = step.0.abs().max(step.1.abs()).max(1.0);
        (a, b) = (a + step.0 / longest, b + step.1 / longest);
        path.push(step.0.abs().max(step.1.abs()));
        if step.0.abs().max(step.1.abs()) < 1e-12 * (1.0 + a.abs() + b.abs()) {
            let errors = ((bb / determinant).sqrt(), (aa / determinant).sqrt());
            return Ok(Brass { a, b, errors, iterations: iteration });
        }
    }
    Err(Failure::NotConverged(path))
}

pub(super) fn logit(q: f64) -> f64 {
    (q / (1.0 - q)).ln()
}

pub(super) fn expit(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_ten_deaths_is_garwoods() {
        // Garwood (1936), Biometrika 28: 95 % limits of 10 are 4.795 and 18.39; of 0, 0 and 3.689. His table was not at hand:
        // scipy 1.17.1 gives 4.79539, 18.39036 and 3.68888 by the chi-square law.
        let (low, high) = poisson_bounds(10.0, 0.95).unwrap();
        assert!((low - 4.795).abs() < 5e-4 && (high - 18.39).abs() < 5e-3, "{low} {high}");
        let (low, high) = poisson_bounds(0.0, 0.95).unwrap();
        assert!(low == 0.0 && (high - 3.689).abs() < 5e-4);
        // For none, the upper bound has a closed form: −ln(0.025).
        assert!((high + 0.025_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn brass_finds_the_line_that_deaths_were_made_by() {
        let reference: Vec<f64> = (60..90).map(|x| 1e-5 * f64::from(x).mul_add(0.1, 0.0).exp()).collect();
        let initial = vec![5000.0; 30];
        let deaths: Vec<f64> = reference.iter().map(|q| 5000.0 * expit(-0.3 + 1.1 * logit(*q))).collect();
        let found = brass(&deaths, &initial, &reference).unwrap();
        assert!((found.a + 0.3).abs() < 1e-9 && (found.b - 1.1).abs() < 1e-10);
        assert_eq!(brass(&[1.0], &[10.0], &[0.1]), Err(Failure::Singular));
    }
}
