//! Svensson's curve (Estimating and interpreting forward interest rates, NBER working paper 4871, 1994). Not its fitting.

use super::Curve;

/// Its six parameters; rates as parts of one, times in years.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Svensson {
    /// Level, slope and two humps.
    pub beta: [f64; 4],
    /// Time scales of the humps.
    pub tau: [f64; 2],
    /// Whether the formula gives continuous rates (as central banks publish) rather than annual effective ones.
    pub continuous: bool,
}

impl Svensson {
    /// The formula's rate for a maturity.
    fn rate(&self, time: f64) -> f64 {
        let [level, slope, first, second] = self.parts(time);
        level + slope + first + second
    }

    /// What each beta adds to the formula's rate.
    pub(super) fn parts(&self, time: f64) -> [f64; 4] {
        let [level, slope, first, second] = self.beta;
        let load = |tau: f64| if time == 0.0 { 1.0 } else { -(-time / tau).exp_m1() / (time / tau) };
        let hump = |tau: f64| load(tau) - (-time / tau).exp();
        [level, slope * load(self.tau[0]), first * hump(self.tau[0]), second * hump(self.tau[1])]
    }

    /// Derivative of `t · rate(t)`: the formula's forward rate.
    fn slope(&self, time: f64) -> f64 {
        let [level, slope, first, second] = self.beta;
        let [one, two] = self.tau;
        let (e, f) = ((-time / one).exp(), (-time / two).exp());
        level + slope * e + first * time / one * e + second * time / two * f
    }

    fn intensity(&self, time: f64) -> f64 {
        if self.continuous { self.rate(time) } else { self.rate(time).ln_1p() }
    }
}

impl Curve for Svensson {
    fn discount(&self, time: f64) -> f64 {
        (-time * self.intensity(time)).exp()
    }

    fn forward(&self, time: f64) -> f64 {
        if self.continuous {
            return self.slope(time);
        }
        // d/dt of t·ln(1 + r(t)), with t·r′(t) = slope − r.
        let rate = self.rate(time);
        rate.ln_1p() + (self.slope(time) - rate) / (1.0 + rate)
    }
}
