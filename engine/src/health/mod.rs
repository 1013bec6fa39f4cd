//! Rating of health covers: generalised linear models, pure premiums, open years, and the request of module `sante`.
//! Not reserves.

mod completion;
mod design;
mod family;
mod fit;
mod fitted;
mod model;
mod premium;
mod profile;
mod qr;
mod request;
mod theta;

pub use design::{Column, Data, Part, Unknown, Variable, columns};
pub use family::{Family, Link};
pub use fit::{Failure, Fit, Model, fit};
pub(crate) use request::MODULE;
