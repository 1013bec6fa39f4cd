//! What staff may ask of the house: over the running gateway's socket, or on the store when none runs. It
//! decides nothing that a feature decides; it asks the features.

pub mod bans;
mod command;
mod desk;
mod figures;
mod page;
mod people;
mod policy;
mod socket;
mod traced;

pub use self::command::{Command, StaffError};
pub use self::people::StaffAct;
pub use self::socket::{CallError, answers, call, serve};
pub use self::traced::perform;

/// The routes of the staff's pages.
pub fn routes() -> axum::Router<crate::app::SharedApp> {
    page::routes().merge(desk::routes()).merge(policy::routes())
}
