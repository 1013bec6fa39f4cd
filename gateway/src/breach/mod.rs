//! Breaches of personal data: the register (GDPR art. 33.5), how severe one is, who is concerned, the letters to clients
//! and persons (art. 33.2 and 34), what the CNIL's form asks, and the 72 hours in which it is told (art. 33.1).

mod concerned;
mod desk;
mod follow;
mod form;
mod notices;
mod register;
mod report;
mod severity;

pub use self::desk::{Act, BreachError, act};
pub use self::follow::follow;
pub use self::register::{KEPT, SHAPES, Scope};
pub use self::report::Report;
pub use self::severity::{Circumstances, Data, Level, guide};
