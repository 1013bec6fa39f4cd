//! Reserves from run-off triangles, and the request of module `provisionnement`.
//! Not reserves of single claims.

mod bootstrap;
mod claims;
mod development;
mod diagnostics;
mod exposure;
mod mack;
mod munich;
mod one_year;
mod options;
mod read;
mod request;
mod triangle;

pub use bootstrap::{Bootstrap, Failure, bootstrap, quantile};
pub use development::{Average, Curve, Development, EXTRAPOLATED, LastSigma, Selection, curve_tail};
pub use diagnostics::{Residual, Test, calendar, correlation, residuals};
pub use exposure::{benktander, bornhuetter_ferguson, cape_cod};
pub use mack::{Mack, mack, ultimates};
pub use munich::{Munich, munich};
pub use one_year::{OneYear, merz_wuthrich};
pub(crate) use options::check_factors;
pub(crate) use read::{INPUT, triangle as read_triangle};
pub(crate) use request::MODULE;
pub use triangle::Triangle;
