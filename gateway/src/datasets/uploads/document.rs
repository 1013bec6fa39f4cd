//! What is kept of an upload: what the file is for and how far it has come, sealed; and once it is a data set, which one.

use aops_dataset::Mapping;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::document::{Warranty, draw_as, well_formed_as};
use crate::accounts::random::NoRandomness;
use crate::app::App;
use crate::blobs::{self, Blob};
use crate::records::{self, RecordError};
use crate::retention::{self, Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Change, Expect, Stored, Write};

/// The collection of uploads, each in its organisation's partition.
pub(in crate::datasets) const UPLOADS: &str = "uploads";
/// The collection of what became of them.
pub(in crate::datasets) const FINISHED: &str = "uploads_finished";
const PREFIX: &str = "up_";

/// A file that comes in parts.
pub const UPLOAD: Retention = Retention {
    what: "calculation upload",
    term: Term::Days(1),
    from: "recording",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// A file that comes in parts, sealed under the key of its own name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::datasets) struct Upload {
    /// For which module.
    pub(super) module: String,
    /// How its owner calls it.
    pub(super) name: String,
    /// What was said of its columns.
    pub(super) mapping: Mapping,
    /// Whether identifiers are to be replaced.
    pub(super) pseudonyms: bool,
    /// The warranty that came with it.
    pub(super) warranty: Warranty,
    /// When it was begun.
    pub(super) created: Timestamp,
    /// How much it will be, in bytes.
    pub(super) length: u64,
    /// How much of it is here.
    pub(super) offset: u64,
    /// How often a part was written: no name serves twice.
    pub(super) written: u32,
    /// Its parts, in their order.
    pub(super) parts: Vec<Part>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The number of its name.
    pub(super) number: u32,
    /// Its content.
    pub(super) blob: Blob,
}

impl records::Document for Upload {}

/// What became of an upload that is a data set: ids and a size, nobody's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::datasets) struct Finished {
    pub(super) length: u64,
    pub(super) dataset: String,
    pub(super) created: Timestamp,
}

impl records::Document for Finished {}

impl Upload {
    /// The instant from which it must be gone.
    pub(super) fn ends(&self, app: &App) -> Timestamp {
        app.settings.retention.end(&UPLOAD, self.created)
    }

    /// Whether all of it is here.
    pub(super) fn is_whole(&self) -> bool {
        self.offset == self.length
    }
}

/// The name of a part.
pub(super) fn part_of(id: &str, number: u32) -> String {
    format!("{id}/{number:06}")
}

/// A name that nobody guesses.
pub(super) fn draw(app: &App) -> Result<String, NoRandomness> {
    draw_as(app, PREFIX)
}

/// An upload of an organisation that goes on, and the version of its document; what another's is, is not there.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn read(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Upload, u64)>, RecordError> {
    if !well_formed_as(id, PREFIX) {
        return Ok(None);
    }
    let found = records::read_sealed::<Upload>(app, &Address::new(UPLOADS, organisation, id), id).await?;
    Ok(found.filter(|(upload, _)| upload.ends(app) > app.clock.now()))
}

/// What became of an upload that is a data set.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn finished(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Finished, u64)>, RecordError> {
    if !well_formed_as(id, PREFIX) {
        return Ok(None);
    }
    records::read_plain::<Finished>(app, &Address::new(FINISHED, organisation, id)).await
}

/// Puts into a batch what ends an upload: its key, its document, its parts.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn gone(app: &App, batch: &mut Batch, id: &str, expect: Expect) -> Result<(), RecordError> {
    records::erase(app, batch, id).await?;
    blobs::remove_all(app, batch, id).await?;
    batch.writes.push(Write { collection: UPLOADS, key: id.to_owned(), expect, change: Change::Delete });
    Ok(())
}

/// The expiry of its documents, by which the retention engine finds it.
pub(super) fn expires(app: &App, created: Timestamp) -> Option<Timestamp> {
    retention::expiry(app.settings.retention.end(&UPLOAD, created))
}

/// Uploads, for the retention engine.
#[derive(Debug)]
pub struct Uploads;

#[async_trait]
impl Kept for Uploads {
    fn collection(&self) -> &'static str {
        UPLOADS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let id = &address.key;
        let read = records::read_sealed::<Upload>(app, address, id).await;
        let upload = records::sound(read)?.flatten().map(|(upload, _)| upload);
        if upload.as_ref().is_some_and(|upload| upload.ends(app) > now) {
            return Ok(None);
        }
        let mut batch = Batch::new(&address.partition);
        gone(app, &mut batch, id, Expect::Version(stored.version)).await?;
        Ok(Some(Ended { by: &UPLOAD, batch }))
    }
}
