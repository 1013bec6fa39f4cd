//! Data sets in the store: recorded whole, read by their organisation alone, removed at once with their key.

use aops_dataset::{Checked, Fault};
use sha2::{Digest, Sha256};

use super::MOST;
use super::document::{
    DATASETS, Dataset, Details, Purpose, Warranty, details_of, draw, lines_of, well_formed,
};
use super::draft::DRAFTS;
use super::guard::Who;
use super::uploads::{FINISHED, UPLOADS};
use crate::app::App;
use crate::audit::{self, Actor, Event};
use crate::blobs;
use crate::records::{self, RecordError};
use crate::retention;
use crate::sealing::hex;
use crate::store::{Address, Batch, Change, Expect, Scan, StoreError, Write};
use crate::web::WebError;
use crate::web::conditional::IfMatch;

/// A data set with its name.
pub(super) type Named = (String, Dataset);

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    /// There are as many as there may be.
    #[error("the organisation keeps {MOST} data sets already")]
    Many,
    /// The store.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A data set that is to be recorded, beside what is in it.
#[derive(Debug)]
pub(super) struct New {
    pub(super) module: &'static str,
    pub(super) name: String,
    pub(super) pseudonyms: bool,
    pub(super) warranty: Warranty,
}

/// Records what was checked, in one batch: its key, its head, its lines, what was found in them, and the note of it.
///
/// # Errors
/// [`KeepError`].
pub(super) async fn record(
    app: &App,
    who: &Who,
    new: New,
    checked: Checked,
) -> Result<(Named, Vec<Fault>), KeepError> {
    let id = draw(app).map_err(RecordError::from)?;
    record_as(app, who, (id, Batch::new(&who.organisation)), new, checked).await
}

/// As [`record`], under a name that was drawn, in the batch that does what goes with it.
///
/// # Errors
/// [`KeepError`].
pub(super) async fn record_as(
    app: &App,
    who: &Who,
    (id, mut batch): (String, Batch),
    new: New,
    checked: Checked,
) -> Result<(Named, Vec<Fault>), KeepError> {
    let before = all(app, &who.organisation).await?;
    if before.len() >= MOST {
        return Err(KeepError::Many);
    }
    let digest = hex(&Sha256::digest(checked.csv.as_bytes()));
    let mut warnings = checked.warnings;
    let same = before.iter().find(|(_, one)| one.digest == digest && one.module == new.module);
    warnings.extend(same.map(|(_, one)| Fault::same_file(&one.name)));
    let now = app.clock.now();
    let expires = retention::expiry(app.settings.retention.end(&super::KEPT, now));
    let key = records::subject_key(app, &who.organisation, &id, &mut batch).await?;
    let details = Details { mapped: checked.mapped, warnings, profile: checked.profile };
    let told = serde_json::to_vec(&details)
        .map_err(|error| RecordError::Shape { at: details_of(&id), why: error.to_string() })?;
    let head = Dataset {
        module: new.module.to_owned(),
        name: new.name,
        rows: checked.rows,
        columns: checked.columns.iter().map(|&column| column.to_owned()).collect(),
        created: now,
        purpose: Purpose::Calc,
        warranty: new.warranty,
        digest,
        pseudonyms: new.pseudonyms,
        lines: blobs::put(app, &mut batch, &key, &lines_of(&id), checked.csv.as_bytes(), expires).await?,
        details: blobs::put(app, &mut batch, &key, &details_of(&id), &told, expires).await?,
    };
    records::put_sealed(&mut batch, &key, DATASETS, &id, Expect::Absent, &head, expires)?;
    note(app, &mut batch, who, "dataset recorded", &id)?;
    blobs::commit(app, batch).await.map_err(RecordError::from)?;
    Ok(((id, head), details.warnings))
}

/// A data set of an organisation, and the version of its document; what is past its term is not there any more.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn read(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Dataset, u64)>, RecordError> {
    if !well_formed(id) {
        return Ok(None);
    }
    let address = Address::new(DATASETS, organisation, id);
    let found = records::read_sealed::<Dataset>(app, &address, id).await?;
    let now = app.clock.now();
    Ok(found.filter(|(dataset, _)| dataset.ends(&app.settings.retention) > now))
}

/// What was found in a data set.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn details(
    app: &App,
    organisation: &str,
    (id, dataset): &Named,
) -> Result<Option<Details>, RecordError> {
    let name = details_of(id);
    let Some(told) = blobs::read(app, organisation, id, &name, dataset.details).await? else {
        return Ok(None);
    };
    let wrong = |error: serde_json::Error| RecordError::Shape { at: name, why: error.to_string() };
    serde_json::from_slice(&told).map(Some).map_err(wrong)
}

/// The lines of a data set, as canonical CSV.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn lines(
    app: &App,
    organisation: &str,
    id: &str,
    dataset: &Dataset,
) -> Result<Option<String>, RecordError> {
    let name = lines_of(id);
    let Some(lines) = blobs::read(app, organisation, id, &name, dataset.lines).await? else {
        return Ok(None);
    };
    let wrong = |error: std::str::Utf8Error| RecordError::Shape { at: name, why: error.to_string() };
    std::str::from_utf8(&lines).map(|lines| Some(lines.to_owned())).map_err(wrong)
}

/// A page of an organisation's data sets, the latest first, past the one named; and where the next page begins.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn page(
    app: &App,
    organisation: &str,
    past: Option<&str>,
    limit: usize,
) -> Result<(Vec<Named>, Option<String>), RecordError> {
    let now = app.clock.now();
    let mut found = Vec::new();
    let mut after = past.map(|past| Address::new(DATASETS, organisation, past));
    loop {
        let partition = Some(organisation.to_owned());
        let left = limit - found.len();
        let scan = Scan { collection: DATASETS, partition, prefix: String::new(), after, limit: left };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            let read = records::read_sealed::<Dataset>(app, &address, &address.key).await;
            let Some((dataset, _)) = records::sound(read)?.flatten() else { continue };
            if dataset.ends(&app.settings.retention) > now {
                found.push((address.key, dataset));
            }
        }
        after = page.next;
        if after.is_none() || found.len() >= limit {
            return Ok((found, after.map(|after| after.key)));
        }
    }
}

/// All of an organisation's.
async fn all(app: &App, organisation: &str) -> Result<Vec<Named>, RecordError> {
    Ok(page(app, organisation, None, MOST).await?.0)
}

/// Removes a data set at once, as far as it is what was `seen`: its key, its head, its lines. Whether it was there.
///
/// # Errors
/// [`WebError`].
pub(super) async fn remove(app: &App, who: &Who, id: &str, seen: &IfMatch) -> Result<bool, WebError> {
    let Some((dataset, version)) = read(app, &who.organisation, id).await? else { return Ok(false) };
    seen.allows(version)?;
    let mut batch = Batch::new(&who.organisation);
    gone(app, &mut batch, id, Expect::Version(version)).await?;
    // Those that were counted when it was recorded, whatever is found now.
    for (name, blob) in [(lines_of(id), dataset.lines), (details_of(id), dataset.details)] {
        blobs::remove(app, &mut batch, &name, blob)?;
    }
    note(app, &mut batch, who, "dataset deleted", id)?;
    match blobs::commit(app, batch).await {
        Ok(()) => Ok(true),
        // Somebody else removed it a moment ago.
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Puts into a batch what ends a data set but for its contents: without its key they open no more.
pub(super) async fn gone(app: &App, batch: &mut Batch, id: &str, expect: Expect) -> Result<(), RecordError> {
    records::erase(app, batch, id).await?;
    let change = Change::Delete;
    batch.writes.push(Write { collection: DATASETS, key: id.to_owned(), expect, change });
    Ok(())
}

/// Puts into a batch what ends all that an organisation loaded, once it is no more, with its contents.
///
/// # Errors
/// [`RecordError`].
pub async fn end_all(app: &App, batch: &mut Batch) -> Result<(), RecordError> {
    for collection in [DATASETS, DRAFTS, UPLOADS] {
        for id in records::names(app, collection, &batch.partition).await? {
            records::erase(app, batch, &id).await?;
            blobs::remove_all(app, batch, &id).await?;
            let (expect, change) = (Expect::Anything, Change::Delete);
            batch.writes.push(Write { collection, key: id, expect, change });
        }
    }
    for id in records::names(app, FINISHED, &batch.partition).await? {
        let (expect, change) = (Expect::Anything, Change::Delete);
        batch.writes.push(Write { collection: FINISHED, key: id, expect, change });
    }
    Ok(())
}

pub(super) fn note(
    app: &App,
    batch: &mut Batch,
    who: &Who,
    action: &str,
    id: &str,
) -> Result<(), RecordError> {
    let event = Event::new(app, action, id).concerning(&who.organisation);
    audit::note(batch, &Event { actor: Actor::account(&who.account), ..event })
}
