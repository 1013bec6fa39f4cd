//! The negative binomial law with `θ` estimated by maximum likelihood, alternately with the means, as `glm.nb` of R's
//! MASS (Venables and Ripley, 2002, section 7.4). Not the fit of the means.

use statrs::function::gamma::digamma;

use super::Family;
use super::fit::{Failure, Fit, Model, fit as fit_means};
use crate::numeric::Sum;
use crate::watch::Watch;

const MOST_ITERATIONS: usize = 60;
const TOLERANCE: f64 = 1e-9;

/// The fit, `θ` and its standard error.
pub(super) fn fit(model: &Model<'_>, watch: &Watch) -> Result<(Fit, f64, f64), Failure> {
    let poisson = Model { family: Family::Poisson, ..*model };
    let mut means = poisson.means(&fit_means(&poisson, watch)?.coefficients);
    let mut theta = moments(model, &means);
    let mut path = vec![theta];
    for _ in 0..MOST_ITERATIONS {
        let before = theta;
        theta = likely(model, &means, theta).ok_or_else(|| Failure::NotConverged(path.clone()))?;
        let fitted = fit_means(&Model { family: Family::NegativeBinomial(theta), ..*model }, watch)?;
        means = model.means(&fitted.coefficients);
        path.push(theta);
        if (theta - before).abs() <= TOLERANCE * theta {
            let (_, information) = score(model, &means, theta);
            return Ok((fitted, theta, 1.0 / information.sqrt()));
        }
    }
    Err(Failure::NotConverged(path))
}

fn weight(model: &Model<'_>, line: usize) -> f64 {
    model.weights.get(line).copied().unwrap_or(1.0)
}

/// A first `θ`, from `Σ (y/μ − 1)² = n/θ`.
fn moments(model: &Model<'_>, means: &[f64]) -> f64 {
    let (mut count, mut squares) = (Sum::default(), Sum::default());
    for (line, (y, mean)) in model.response.iter().zip(means).enumerate() {
        count.add(weight(model, line));
        squares.add(weight(model, line) * (y / mean - 1.0).powi(2));
    }
    (count.value() / squares.value()).clamp(1e-3, 1e6)
}

/// The root of the score by Newton's steps; `None` when it runs to infinity, where the law is Poisson's.
fn likely(model: &Model<'_>, means: &[f64], start: f64) -> Option<f64> {
    let mut theta = start;
    for _ in 0..MOST_ITERATIONS {
        let (slope, information) = score(model, means, theta);
        let step = slope / information;
        let next = if information > 0.0 { theta + step } else { 2.0 * theta };
        theta = next.clamp(theta / 4.0, theta * 4.0);
        if !(1e-8..1e8).contains(&theta) {
            return None;
        }
        if information > 0.0 && step.abs() <= 1e-12 * theta {
            return Some(theta);
        }
    }
    Some(theta)
}

/// The derivative of the log-likelihood by `θ`, and the negative of the second.
fn score(model: &Model<'_>, means: &[f64], theta: f64) -> (f64, f64) {
    let (mut slope, mut information) = (Sum::default(), Sum::default());
    for (line, (y, mean)) in model.response.iter().zip(means).enumerate() {
        let weight = weight(model, line);
        if weight <= 0.0 {
            continue;
        }
        let sum = mean + theta;
        slope.add(
            weight * (digamma(theta + y) - digamma(theta) + theta.ln() + 1.0 - sum.ln() - (y + theta) / sum),
        );
        information.add(
            weight
                * (trigamma(theta) - trigamma(theta + y) - 1.0 / theta + 2.0 / sum
                    - (y + theta) / (sum * sum)),
        );
    }
    (slope.value(), information.value())
}

/// The second derivative of `ln Γ`: by recurrence up to 15, then its asymptotic series (Abramowitz and Stegun, 6.4.12).
fn trigamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 15.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = 1.0 / 6.0
        - square * (1.0 / 30.0 - square * (1.0 / 42.0 - square * (1.0 / 30.0 - square * (5.0 / 66.0))));
    sum + 1.0 / x + square / 2.0 + series * square / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_derivative_of_ln_gamma_is_known_at_one_and_a_half() {
        // Abramowitz and Stegun, 6.4.2 and 6.4.4: π²/6 and π²/2.
        let square = std::f64::consts::PI.powi(2);
        assert!((trigamma(1.0) - square / 6.0).abs() < 1e-14);
        assert!((trigamma(0.5) - square / 2.0).abs() < 1e-13);
    }
}
