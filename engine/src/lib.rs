//! The actuarial engine: a JSON request in, a JSON answer or all its faults out.
//! Not a place for files, network, clock or languages.

mod calculate;
mod fault;
pub mod ifc;
pub mod life;
pub mod rates;
mod reader;
pub mod reserving;
pub mod tables;

pub use calculate::{MODULES, calculate};
pub use fault::{CODES, Fault, Faults};
