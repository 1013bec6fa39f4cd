//! The rights desk: what people ask of us about their data (GDPR art. 12 to 22; Loi Informatique et Libertés, art. 85),
//! by form, from their account, or by post and telephone through staff; proved, counted to the day, and answered.
//!
//! What is kept about somebody is found by [`inventory`](crate::inventory), and by nothing of this folder.

mod area;
mod carried_out;
mod copy;
mod desk;
mod directives;
mod due;
mod erasure;
mod follow;
mod form;
mod letters;
#[cfg(test)]
mod measured;
mod request;

use axum::Router;

use crate::app::SharedApp;

pub use self::desk::{Act, DeskError, Line, act};
pub use self::directives::{Proof, Witness};
pub use self::erasure::under_way;
pub use self::follow::follow;
pub use self::request::{Channel, HANDLED, Right, SHAPES, State, UNPROVED, place};

/// The routes of this feature.
pub fn routes() -> Router<SharedApp> {
    form::routes().merge(area::routes())
}
