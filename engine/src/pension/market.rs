//! The market that scenarios follow: shares as a geometric Brownian motion over a short rate, Vasicek's or Hull and
//! White's fitted to a curve, correlated; exact from month to month. Not the savings.

use crate::rates::Discount;

/// The parameters of the market.
#[derive(Debug, Clone, PartialEq)]
pub struct Market {
    /// Speed of mean reversion of the short rate.
    pub speed: f64,
    /// Volatility of the short rate.
    pub rate_volatility: f64,
    /// What the short rate does without noise.
    pub level: Level,
    /// Volatility of shares.
    pub equity_volatility: f64,
    /// Expected return of shares over the short rate, continuous; zero for pricing.
    pub premium: f64,
    /// Correlation of both noises.
    pub correlation: f64,
}

/// The short rate without its noise.
#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    /// Vasicek: from a start towards a mean, continuous rates.
    Vasicek {
        /// Short rate now.
        start: f64,
        /// Long-run mean.
        mean: f64,
    },
    /// Hull and White: whatever prices the bonds of a curve.
    Fitted(Discount),
}

/// The market month by month: deterministic parts, and how three normal numbers move it.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// Deterministic part of the integral of the short rate over each month.
    pub drift: Vec<f64>,
    /// What remains of the rate's noise after a month, and its integral over it.
    pub decay: f64,
    /// Integral over a month of one unit of noise.
    pub carried: f64,
    /// Cholesky factor of the month's noises: rate, its integral, shares.
    pub factor: [[f64; 3]; 3],
    /// Part of the shares' log return that is certain, over the rate's integral.
    pub share_drift: f64,
    /// Of which premium.
    pub premium: f64,
}

/// The price of a bond at a day to come: `P = P₀ e^(−B x)`, `x` the noise of the short rate on that day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Years to its payment.
    pub time: f64,
    /// `B`.
    pub loading: f64,
    /// `P₀`, its price without noise.
    pub central: f64,
}

impl Price {
    /// The price for a noise of the short rate.
    pub fn at(&self, noise: f64) -> f64 {
        self.central * (-self.loading * noise).exp()
    }
}

const MONTH: f64 = 1.0 / 12.0;

impl Market {
    /// Prepares so many months.
    pub fn steps(&self, months: usize) -> Steps {
        let (a, s, q) = (self.speed, self.rate_volatility, self.equity_volatility);
        let carried = self.loading(MONTH);
        // Covariances over a month of ∫e^(−a(Δ−u))σ dW, of its time integral, and of the shares' q dZ.
        let rate = s * s * -(-2.0 * a * MONTH).exp_m1() / (2.0 * a);
        let both = s * s * carried * carried / 2.0;
        let integral = self.variance(MONTH);
        let share = q * q * MONTH;
        let rate_share = self.correlation * s * q * carried;
        let integral_share = self.correlation * s * q * (MONTH - carried) / a;
        let factor = cholesky([
            [rate, both, rate_share],
            [both, integral, integral_share],
            [rate_share, integral_share, share],
        ]);
        let logs: Vec<f64> = (0..=months).map(|month| self.certain(month as f64 * MONTH)).collect();
        Steps {
            drift: logs.windows(2).map(|pair| pair[1] - pair[0]).collect(),
            decay: (-a * MONTH).exp(),
            carried,
            factor,
            share_drift: self.premium * MONTH - share / 2.0,
            premium: self.premium * MONTH,
        }
    }

    /// `B(t) = (1 − e^(−at))/a`.
    fn loading(&self, time: f64) -> f64 {
        -(-self.speed * time).exp_m1() / self.speed
    }

    /// Variance of the integral of the short rate to `time`.
    fn variance(&self, time: f64) -> f64 {
        let (a, s) = (self.speed, self.rate_volatility);
        let x = a * time;
        if x < 1e-3 {
            // The series, where the formula subtracts what is nearly equal.
            return s * s * time.powi(3) * (1.0 / 3.0 - x / 4.0 + 7.0 * x * x / 60.0 - x.powi(3) / 24.0);
        }
        s * s / (a * a) * (time - 2.0 * self.loading(time) - (-2.0 * x).exp_m1() / (2.0 * a))
    }

    /// Integral to `time` of the short rate without noise.
    fn certain(&self, time: f64) -> f64 {
        match &self.level {
            Level::Vasicek { start, mean } => mean * time + (start - mean) * self.loading(time),
            Level::Fitted(discount) => time * discount.rate(time).ln_1p() + self.variance(time) / 2.0,
        }
    }

    /// The price at `start` of one euro `time` years later, by the noise of the short rate at `start`.
    pub fn price(&self, start: f64, time: f64) -> Price {
        let certain = self.certain(start + time) - self.certain(start);
        Price { time, loading: self.loading(time), central: (self.variance(time) / 2.0 - certain).exp() }
    }

    /// Price of a zero-coupon bond by the closed form (Vasicek 1977; Hull and White 1990).
    pub fn bond(&self, maturity: f64) -> f64 {
        (self.variance(maturity) / 2.0 - self.certain(maturity)).exp()
    }
}

/// Lower triangular root of a covariance; a null variance gives a null line.
fn cholesky(matrix: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let mut root = [[0.0; 3]; 3];
    for row in 0..3 {
        for column in 0..=row {
            let done: f64 = (0..column).map(|k| root[row][k] * root[column][k]).sum();
            let left = matrix[row][column] - done;
            root[row][column] = if row == column {
                left.max(0.0).sqrt()
            } else if root[column][column] > 0.0 {
                left / root[column][column]
            } else {
                0.0
            };
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_the_variance_meets_its_formula() {
        let market = |speed: f64| Market {
            speed,
            rate_volatility: 0.01,
            level: Level::Vasicek { start: 0.0, mean: 0.0 },
            equity_volatility: 0.0,
            premium: 0.0,
            correlation: 0.0,
        };
        // Just under and just over the switch at a·t = 0.001.
        let (below, above) = (market(0.000_999_9).variance(1.0), market(0.001_000_1).variance(1.0));
        assert!((below / above - 1.0).abs() < 1e-6, "{below} {above}");
    }
}
