//! Files that come in parts (tus 1.0.0: core, creation, expiration, termination): where a connection breaks, what came is
//! kept, and the next one goes on from there. Each part is sealed before it is kept, under the upload's own key, which goes
//! with it; once all is there, the file is read as one that came at once, and the upload is gone in the batch that records
//! the data set.

mod api;
mod append;
mod described;
mod document;
mod finish;
mod keep;
mod protocol;
#[cfg(test)]
mod tests;

pub(super) use self::described::{described, schemas};
pub(super) use self::document::{FINISHED, Finished, UPLOADS, Upload};
pub use self::document::{UPLOAD, Uploads};

use crate::app::SharedApp;

/// Uploads of an organisation that may be under way at once.
const MOST: usize = 20;
/// What they may weigh together, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// The routes of this folder.
pub(super) fn routes() -> axum::Router<SharedApp> {
    api::routes()
}
