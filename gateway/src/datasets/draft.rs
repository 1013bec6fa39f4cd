//! A file with faults, or whose columns its sender wants to settle: it waits sealed, a week at most, and goes once it is
//! recorded, replaced or given up.

use aops_dataset::{Checked, Fault, Faults, Mapped, Mapping};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::document::{Warranty, draw_as, well_formed_as};
use super::guard::Who;
use super::keep::note;
use crate::app::App;
use crate::blobs::{self, Blob};
use crate::records::{self, RecordError};
use crate::retention::{self, Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Change, Expect, StoreError, Stored, Write};

/// The collection of drafts.
pub(super) const DRAFTS: &str = "dataset_drafts";
const PREFIX: &str = "dd_";

/// A file that waits to be mended.
pub const DRAFT: Retention = Retention {
    what: "calculation draft",
    term: Term::Days(7),
    from: "recording",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// A file that waits, sealed under the key of its own name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Draft {
    /// For which module.
    pub(super) module: String,
    /// How its owner calls it.
    pub(super) name: String,
    /// When it came.
    pub(super) created: Timestamp,
    /// The warranty that came with it.
    pub(super) warranty: Warranty,
    /// Whether identifiers are to be replaced.
    pub(super) pseudonyms: bool,
    /// The file as it came.
    pub(super) file: Blob,
    /// What was [found](Found) in it the last time that it was checked, and how often that was done.
    pub(super) found: Blob,
    /// How often it was checked.
    pub(super) checks: u32,
}

impl records::Document for Draft {}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) rows: usize,
    pub(super) mapped: Vec<Mapped>,
    pub(super) faults: Faults,
    pub(super) warnings: Vec<Fault>,
}

impl From<&Checked> for Found {
    fn from(checked: &Checked) -> Self {
        Self {
            rows: checked.rows,
            mapped: checked.mapped.clone(),
            faults: checked.faults.clone(),
            warnings: checked.warnings.clone(),
        }
    }
}

impl Draft {
    fn ends(&self, app: &App) -> Timestamp {
        app.settings.retention.end(&DRAFT, self.created)
    }
}

fn file_of(id: &str) -> String {
    format!("{id}/file")
}

fn found_of(id: &str, checks: u32) -> String {
    format!("{id}/found{checks}")
}

/// Keeps a file that was checked, and answers the name of its draft.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn keep(
    app: &App,
    who: &Who,
    new: super::keep::New,
    file: &[u8],
    found: &Found,
) -> Result<String, RecordError> {
    let id = draw_as(app, PREFIX)?;
    let created = app.clock.now();
    let expires = retention::expiry(app.settings.retention.end(&DRAFT, created));
    let mut batch = Batch::new(&who.organisation);
    let key = records::subject_key(app, &who.organisation, &id, &mut batch).await?;
    let draft = Draft {
        module: new.module.to_owned(),
        name: new.name,
        created,
        warranty: new.warranty,
        pseudonyms: new.pseudonyms,
        file: blobs::put(app, &mut batch, &key, &file_of(&id), file, expires).await?,
        found: blobs::put(app, &mut batch, &key, &found_of(&id, 0), &told(found)?, expires).await?,
        checks: 0,
    };
    records::put_sealed(&mut batch, &key, DRAFTS, &id, Expect::Absent, &draft, expires)?;
    note(app, &mut batch, who, "dataset draft recorded", &id)?;
    blobs::commit(app, batch).await?;
    Ok(id)
}

/// Notes what was found in a draft now.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn checked(
    app: &App,
    who: &Who,
    id: &str,
    (draft, version): (Draft, u64),
    found: &Found,
) -> Result<(), RecordError> {
    let expires = retention::expiry(draft.ends(app));
    let mut batch = Batch::new(&who.organisation);
    let key = records::subject_key(app, &who.organisation, id, &mut batch).await?;
    blobs::remove(app, &mut batch, &found_of(id, draft.checks), draft.found)?;
    let checks = draft.checks.saturating_add(1);
    let found = blobs::put(app, &mut batch, &key, &found_of(id, checks), &told(found)?, expires).await?;
    let draft = Draft { found, checks, ..draft };
    records::put_sealed(&mut batch, &key, DRAFTS, id, Expect::Version(version), &draft, expires)?;
    Ok(blobs::commit(app, batch).await?)
}

/// A draft of an organisation, and the version of its document.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn read(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Draft, u64)>, RecordError> {
    if !well_formed_as(id, PREFIX) {
        return Ok(None);
    }
    let address = Address::new(DRAFTS, organisation, id);
    let found = records::read_sealed::<Draft>(app, &address, id).await?;
    Ok(found.filter(|(draft, _)| draft.ends(app) > app.clock.now()))
}

/// The file of a draft.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn file(
    app: &App,
    organisation: &str,
    id: &str,
    draft: &Draft,
) -> Result<Option<Zeroizing<Vec<u8>>>, RecordError> {
    blobs::read(app, organisation, id, &file_of(id), draft.file).await
}

/// What was found in a draft.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn found(
    app: &App,
    organisation: &str,
    id: &str,
    draft: &Draft,
) -> Result<Option<Found>, RecordError> {
    let name = found_of(id, draft.checks);
    let Some(told) = blobs::read(app, organisation, id, &name, draft.found).await? else { return Ok(None) };
    let wrong = |error: serde_json::Error| RecordError::Shape { at: name, why: error.to_string() };
    serde_json::from_slice(&told).map(Some).map_err(wrong)
}

/// Removes a draft with its key; whether it was there.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn remove(app: &App, who: &Who, id: &str) -> Result<bool, RecordError> {
    let Some((_, version)) = read(app, &who.organisation, id).await? else { return Ok(false) };
    let mut batch = Batch::new(&who.organisation);
    gone(app, &mut batch, id, Expect::Version(version)).await?;
    note(app, &mut batch, who, "dataset draft deleted", id)?;
    match blobs::commit(app, batch).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn gone(app: &App, batch: &mut Batch, id: &str, expect: Expect) -> Result<(), RecordError> {
    records::erase(app, batch, id).await?;
    blobs::remove_all(app, batch, id).await?;
    batch.writes.push(Write { collection: DRAFTS, key: id.to_owned(), expect, change: Change::Delete });
    Ok(())
}

fn told(found: &Found) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(found)
        .map_err(|error| RecordError::Shape { at: DRAFTS.to_owned(), why: error.to_string() })
}

/// Drafts, for the retention engine.
#[derive(Debug)]
pub struct Drafts;

#[async_trait]
impl Kept for Drafts {
    fn collection(&self) -> &'static str {
        DRAFTS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let id = &address.key;
        let read = records::read_sealed::<Draft>(app, address, id).await;
        let draft = records::sound(read)?.flatten().map(|(draft, _)| draft);
        if draft.as_ref().is_some_and(|draft| draft.ends(app) > now) {
            return Ok(None);
        }
        let mut batch = Batch::new(&address.partition);
        gone(app, &mut batch, id, Expect::Version(stored.version)).await?;
        Ok(Some(Ended { by: &DRAFT, batch }))
    }
}

/// What a mapping says of the columns of a file, those that it does not name being guessed.
pub(super) fn mapping(mapped: &[Mapped], chosen: impl Fn(usize) -> Option<String>) -> Mapping {
    let one = |(index, mapped): (usize, &Mapped)| {
        let target = chosen(index)?;
        Some((aops_dataset::plain(&mapped.column), target))
    };
    mapped.iter().enumerate().filter_map(one).collect()
}
