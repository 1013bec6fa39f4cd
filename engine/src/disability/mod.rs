//! Incapacity, disability and death: reserves, covers, models of several states, and the request of module `prevoyance`.
//! Not the regulatory tables, which clients bring.

mod claims;
mod death;
mod maintenance;
mod multi_state;
mod read;
mod request;
mod reserves;
mod states;

pub use claims::{Basis, Paid};
pub use maintenance::{Maintenance, still};
pub(crate) use request::MODULE;
pub use states::{Intensity, Occupied, Span, States, TooSteep, Transition};
