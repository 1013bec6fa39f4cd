//! Savings for retirement, projected and simulated, then turned into an annuity: the request of module `retraite`. Not the
//! annuity itself, which `life` values.

mod conversion;
mod fan;
mod market;
mod projection;
mod request;
mod simulation;

pub use conversion::Priced;
pub use market::{Market, Price, Steps};
pub use projection::{Saving, Year, project};
pub(crate) use request::MODULE;
pub use simulation::{Simulated, Simulation, simulate};
