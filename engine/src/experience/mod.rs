//! Experience of mortality: exposures, smoothing, positioning, projection, and the request of module `mortalite`.
//! Not regulatory tables.

mod band;
mod cbd;
mod certificate;
mod choice;
mod differences;
mod eigen;
mod exposure;
mod forecast;
mod lee_carter;
mod newton;
mod position;
mod projection;
mod read;
mod reduced;
mod request;
mod slope;
mod smoothing;
mod whittaker;
mod workings;

pub use cbd::{Cbd, cbd};
pub use choice::choose;
pub use exposure::{Exposed, Exposures, Observed, Split, birthday, expose};
pub use forecast::{Fan, Fanned, Walk, along, expectancy, fan};
pub use lee_carter::{Estimation, LeeCarter, Surface, lee_carter};
pub use position::{Brass, Ratio, brass, poisson_bounds, ratio};
pub(crate) use request::MODULE;
pub use whittaker::{Criterion, Failure, Grid, Smoothed, Target};
