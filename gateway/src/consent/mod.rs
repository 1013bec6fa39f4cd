//! Consent: which services exist, what a visitor chose, the proof of it, and the frames in which what was
//! accepted runs. Pages themselves never load anything of a third party; their bytes are the same for everybody.

mod choice;
mod frames;
mod guard;
mod pages;
mod proof;
pub mod registry;

pub use self::choice::{KEPT, OPPOSITION, signalled};
pub use self::guard::registered;
pub use self::proof::{Proof, SHAPES, list};
pub use self::registry::{ConsentConfig, Registry, Services};

use axum::Router;

use crate::app::SharedApp;

/// The routes of this feature.
pub fn routes() -> Router<SharedApp> {
    pages::routes().merge(frames::routes())
}
