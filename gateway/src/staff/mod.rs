//! What staff may ask of the house: over the running gateway's socket, or on the store when none runs. It
//! decides nothing that a feature decides; it asks the features.

pub mod bans;
mod command;
mod socket;

pub use self::command::{Command, StaffError, execute};
pub use self::socket::{CallError, answers, call, serve};
