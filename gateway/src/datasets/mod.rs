//! Data that clients load for their calculations: what is sent is checked, and only what the engine needs of it is kept,
//! sealed under a key of its own, for six months at most (`p-delete-6-months`). It computes nothing.
//!
//! Whatever a file is, what is kept of it is one canonical CSV (`aops_dataset`), and none is ever served back as a page.
//! A file with faults that was sent by the page waits, sealed as well, a week at most for its columns to be told or for
//! another to replace it (`draft`). Data carry the purpose `calc` (`p-purpose-calc`): they are read for calculations and
//! for their owner, and stand in no mail, log, export or figure of ours.

mod api;
mod described;
mod document;
mod draft;
mod guard;
mod keep;
mod load;
mod mapping;
mod pages;
mod receive;
mod retained;
mod told;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::described::{described, schemas};
pub use self::document::{Dataset, Purpose, SHAPES, Warranty};
pub use self::draft::{DRAFT, Drafts};
pub use self::keep::end_all;
pub use self::load::{Headed, Loaded, choices, head, load};
pub use self::retained::{Datasets as Retained, KEPT};
pub use self::uploads::{UPLOAD, Uploads};
use crate::app::SharedApp;
use crate::web::WebError;

/// The version of the warranty that is asked for (`p-client-controller`).
pub const WARRANTY: &str = "2026-11";
/// As many as an organisation may keep.
const MOST: usize = 200;
/// Files that are received at once: each is held in memory until it is checked.
const RECEIVED: usize = 8;
/// The longest wait for a turn; past it the client is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Turns for files.
#[derive(Debug)]
pub struct Turns {
    receiving: Arc<Semaphore>,
    checking: Arc<Semaphore>,
}

impl Turns {
    /// As many checks at once as the machine has cores.
    #[allow(clippy::new_without_default, reason = "it asks the machine")]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { receiving: Arc::new(Semaphore::new(RECEIVED)), checking: Arc::new(Semaphore::new(cores)) }
    }

    /// A turn to receive a file.
    ///
    /// # Errors
    /// [`WebError::Unavailable`], later perhaps.
    async fn receive(&self) -> Result<OwnedSemaphorePermit, WebError> {
        turn(&self.receiving).await
    }

    /// A turn to check one.
    ///
    /// # Errors
    /// [`WebError::Unavailable`], later perhaps.
    async fn check(&self) -> Result<OwnedSemaphorePermit, WebError> {
        turn(&self.checking).await
    }
}

async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, WebError> {
    let busy = || WebError::Unavailable("too many files are received at once".into());
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(turns).acquire_owned()).await;
    turn.map_err(|_| busy())?.map_err(|_| busy())
}

/// The routes of this feature.
pub fn routes() -> axum::Router<SharedApp> {
    api::routes().merge(uploads::routes()).merge(pages::routes())
}
