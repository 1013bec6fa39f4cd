//! The laws and links of generalised linear models (McCullagh and Nelder, 1989). Not their fit.

use statrs::function::gamma::ln_gamma;

use crate::numeric::Sum;

/// The law of the response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Family {
    /// Variance 1.
    Gaussian,
    /// Variance `μ`.
    Poisson,
    /// Variance `μ²`.
    Gamma,
    /// Variance `μ^p`, `1 < p < 2`.
    Tweedie(f64),
    /// Variance `μ + μ²/θ`.
    NegativeBinomial(f64),
}

/// What the linear predictor is of the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// `ln μ`.
    #[default]
    Log,
    /// `μ`.
    Identity,
    /// `1/μ`.
    Inverse,
}

impl Family {
    pub(super) fn variance(self, mean: f64) -> f64 {
        match self {
            Self::Gaussian => 1.0,
            Self::Poisson => mean,
            Self::Gamma => mean * mean,
            Self::Tweedie(power) => mean.powf(power),
            Self::NegativeBinomial(theta) => mean + mean * mean / theta,
        }
    }

    /// The unit deviance.
    pub(super) fn deviance(self, y: f64, mean: f64) -> f64 {
        let ratio = |y: f64| if y > 0.0 { y * (y / mean).ln() } else { 0.0 };
        2.0 * match self {
            Self::Gaussian => (y - mean).powi(2) / 2.0,
            Self::Poisson => ratio(y) - (y - mean),
            Self::Gamma => -(y / mean).ln() + (y - mean) / mean,
            Self::Tweedie(p) => {
                y.powf(2.0 - p) / ((1.0 - p) * (2.0 - p)) - y * mean.powf(1.0 - p) / (1.0 - p)
                    + mean.powf(2.0 - p) / (2.0 - p)
            }
            Self::NegativeBinomial(theta) => ratio(y) - (y + theta) * ((y + theta) / (mean + theta)).ln(),
        }
    }

    /// Where iterations start, as R does.
    pub(super) fn start(self, y: f64) -> f64 {
        match self {
            Self::Gaussian | Self::Gamma => y,
            Self::Poisson | Self::Tweedie(_) => y + 0.1,
            Self::NegativeBinomial(_) => y + if y == 0.0 { 1.0 / 6.0 } else { 0.0 },
        }
    }

    /// Whether the law may give `y`.
    pub(super) fn allows(self, y: f64) -> bool {
        match self {
            Self::Gaussian => true,
            Self::Gamma => y > 0.0,
            _ => y >= 0.0,
        }
    }

    /// Whether the dispersion is 1 by the law.
    pub(super) fn has_unit_dispersion(self) -> bool {
        matches!(self, Self::Poisson | Self::NegativeBinomial(_))
    }

    /// `−2 ln f(y)` with the dispersion that R's `AIC` takes.
    pub(super) fn minus_twice_log_density(self, y: f64, mean: f64, weight: f64, dispersion: f64) -> f64 {
        match self {
            Self::Gaussian => {
                weight * ((y - mean).powi(2) / dispersion)
                    + (std::f64::consts::TAU * dispersion / weight).ln()
            }
            Self::Poisson => {
                let log = if y > 0.0 { y * mean.ln() } else { 0.0 };
                -2.0 * weight * (log - mean - ln_gamma(y + 1.0))
            }
            Self::Gamma => {
                let shape = 1.0 / dispersion;
                let scale = mean * dispersion;
                -2.0 * weight * ((shape - 1.0) * y.ln() - y / scale - shape * scale.ln() - ln_gamma(shape))
            }
            Self::Tweedie(power) => -2.0 * weight * log_tweedie(y, mean, dispersion, power),
            Self::NegativeBinomial(theta) => {
                let log = if y > 0.0 { y * (mean / (mean + theta)).ln() } else { 0.0 };
                let count = ln_gamma(y + theta) - ln_gamma(theta) - ln_gamma(y + 1.0);
                -2.0 * weight * (count + theta * (theta / (mean + theta)).ln() + log)
            }
        }
    }
}

/// From so many claims in the likeliest number on, the saddle point replaces the series: their difference is about a part in a
/// hundred thousand.
const MANY: f64 = 1e4;

/// Logarithm of the density of a sum of gamma claims in Poisson number (Dunn and Smyth, 2005: series over the number), of
/// the probability at zero.
fn log_tweedie(y: f64, mean: f64, dispersion: f64, power: f64) -> f64 {
    let none = mean.powf(2.0 - power) / (dispersion * (2.0 - power));
    if y <= 0.0 {
        return -none;
    }
    let likeliest = y.powf(2.0 - power) / (dispersion * (2.0 - power));
    if likeliest.is_nan() || likeliest > MANY {
        let deviance = Family::Tweedie(power).deviance(y, mean);
        return -(deviance / dispersion + (std::f64::consts::TAU * dispersion).ln() + power * y.ln()) / 2.0;
    }
    let shape = (2.0 - power) / (power - 1.0);
    let log_z = shape * (y / (power - 1.0)).ln() - (1.0 + shape) * dispersion.ln() - (2.0 - power).ln();
    let term = |claims: f64| claims * log_z - ln_gamma(claims + 1.0) - ln_gamma(shape * claims);
    let middle = likeliest.round().max(1.0);
    let most = term(middle);
    // Terms fall on both sides of the likeliest number; below e^−37 of it they no longer count.
    let side = |step: f64| {
        let mut sum = Sum::default();
        let mut claims = middle + step;
        while claims >= 1.0 {
            let part = (term(claims) - most).exp();
            sum.add(part);
            // Without a finite likeliest term there is no sum to wait for.
            if part.is_nan() || part < 1e-16 {
                break;
            }
            claims += step;
        }
        sum.value()
    };
    let series = most + (1.0 + side(1.0) + side(-1.0)).ln();
    series - y.ln() - y * mean.powf(1.0 - power) / (dispersion * (power - 1.0)) - none
}

impl Link {
    pub(super) fn of(self, mean: f64) -> f64 {
        match self {
            Self::Log => mean.ln(),
            Self::Identity => mean,
            Self::Inverse => 1.0 / mean,
        }
    }

    /// The mean, and the derivative of the mean by the predictor.
    pub(super) fn inverse(self, predictor: f64) -> (f64, f64) {
        match self {
            Self::Log => {
                let mean = predictor.exp().max(f64::MIN_POSITIVE);
                (mean, mean)
            }
            Self::Identity => (predictor, 1.0),
            Self::Inverse => (1.0 / predictor, -1.0 / (predictor * predictor)),
        }
    }
}
