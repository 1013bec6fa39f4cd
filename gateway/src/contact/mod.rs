//! What people write to the firm: a message is kept in its sender's thread, acknowledged, and told to the firm; staff
//! answer and close. A complaint is a message with a day by which it is answered.

mod desk;
mod form;
mod retained;
mod satisfaction;
mod spam;
mod thread;

use axum::Router;

pub use self::desk::{ContactError, Line, Shown, answer, close, list, show};
pub use self::retained::{CLIENT, PROSPECT, Threads};
pub use self::thread::{Message, SHAPES, State, Thread, place};
use crate::app::SharedApp;

/// The routes of this feature.
pub fn routes() -> Router<SharedApp> {
    form::routes().merge(satisfaction::routes())
}
