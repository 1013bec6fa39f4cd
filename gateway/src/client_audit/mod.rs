//! The audit that a client may have made of our security and confidentiality (`p-audit-yearly`): asked for with its
//! notice, once a year, for two days at most; accepted or refused by staff; made by an auditor who reads, changes
//! nothing, and whose access ends by itself.

mod desk;
mod letters;
mod limits;
mod page;
mod request;
mod visit;

use axum::Router;

use crate::app::SharedApp;

pub use self::desk::{Act, DeskError, act};
pub use self::request::{Auditor, KEPT, SHAPES};

/// The routes of this feature.
pub fn routes() -> Router<SharedApp> {
    page::routes().merge(visit::routes())
}
