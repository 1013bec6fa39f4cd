//! Yield curves from parameters or market instruments, and the request of module `courbe`. Not discounting by a given
//! curve, which `rates` does.

mod bootstrap;
mod instrument;
mod request;
mod smith_wilson;
mod svensson;
mod svensson_fit;

pub use bootstrap::{Bootstrap, bootstrap};
pub use instrument::{Instrument, Sort};
pub(crate) use request::MODULE;
pub use smith_wilson::{Convergence, SmithWilson, fit, search};
pub use svensson::Svensson;
pub use svensson_fit::{Fitted, fit_svensson};

/// A curve as discount factors and their slope.
pub trait Curve {
    /// Value now of one euro at `time` years.
    fn discount(&self, time: f64) -> f64;

    /// Instantaneous forward intensity at `time` years: `−P′(t)/P(t)`.
    fn forward(&self, time: f64) -> f64;

    /// Annual effective zero-coupon rate for a maturity; at zero, the rate of the first instant.
    fn zero(&self, time: f64) -> f64 {
        if time <= 0.0 { self.forward(0.0).exp_m1() } else { (-self.discount(time).ln() / time).exp_m1() }
    }
}
