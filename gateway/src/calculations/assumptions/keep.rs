//! Saving, changing and removing an organisation's assumptions, and remembering those of its last calculation.

use serde_json::{Map, Value};

use super::members;
use super::stored::{Assumptions, COLLECTION, all, last, new_id, read};
use crate::app::App;
use crate::audit::{self, Event};
use crate::calculations::jobs::Who;
use crate::records::{self, RecordError, Turn};
use crate::store::{Batch, Change, Expect, StoreError, Write};
use crate::web::WebError;
use crate::web::conditional::IfMatch;

/// As many as an organisation may save.
pub(super) const MOST: usize = 200;
/// The longest name, in characters.
pub(super) const LONGEST_NAME: usize = 120;
/// The longest word on where they come from.
pub(super) const LONGEST_SOURCE: usize = 500;
/// The most that values may weigh as JSON, in bytes.
const HEAVIEST: usize = 512 * 1024;
/// Others who write at once, before one is asked to come again.
const TRIES: usize = 16;
/// What is admitted one at a time.
const ADMISSION: &str = "assumptions";
/// Between two notes that the same assumptions served.
const NOTED: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Why nothing is saved.
#[derive(Debug)]
pub(in crate::calculations) enum Refused {
    /// A field is wrong, by the code of its message.
    Field(&'static str, &'static str),
    /// Anything else.
    Web(WebError),
}

impl<E: Into<WebError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Web(error.into())
    }
}

/// What is to be kept, where it is said.
#[derive(Debug, Clone, Default)]
pub(in crate::calculations) struct Kept {
    pub(in crate::calculations) name: Option<String>,
    pub(in crate::calculations) source: Option<String>,
    /// Of a whole request: what is an assumption is taken of it.
    pub(in crate::calculations) values: Option<Map<String, Value>>,
}

fn name(typed: &str) -> Result<String, Refused> {
    let name = typed.trim();
    match name.chars().count() {
        0 => Err(Refused::Field("name", "required")),
        count if count > LONGEST_NAME || name.chars().any(char::is_control) => {
            Err(Refused::Field("name", "too_long"))
        }
        _ => Ok(name.to_owned()),
    }
}

fn source(typed: &str) -> Result<Option<String>, Refused> {
    let source = typed.trim().replace("\r\n", "\n");
    if source.chars().count() > LONGEST_SOURCE {
        return Err(Refused::Field("source", "too_long"));
    }
    Ok(Some(source).filter(|source| !source.is_empty()))
}

fn values(module: &str, request: &Map<String, Value>) -> Result<Map<String, Value>, Refused> {
    let values = members::of(module, request);
    let weight = Value::Object(values.clone()).to_string().len();
    match weight {
        _ if values.is_empty() => Err(Refused::Field("values", "assumptions_none")),
        weight if weight > HEAVIEST => Err(Refused::Field("values", "too_long")),
        _ => Ok(values),
    }
}

/// Saves assumptions under a name. One name is that of one set of a module: those of it whose id is `over` are changed,
/// those of another are left as they are, and it is told.
///
/// # Errors
/// [`Refused`].
pub(in crate::calculations) async fn save(
    app: &App,
    who: Who<'_>,
    module: &str,
    kept: &Kept,
    over: Option<&str>,
) -> Result<(String, u64), Refused> {
    let name = name(kept.name.as_deref().unwrap_or_default())?;
    let source = source(kept.source.as_deref().unwrap_or_default())?;
    let values = values(module, &kept.values.clone().unwrap_or_default())?;
    for _ in 0..TRIES {
        let turn = Turn::of(app, who.organisation, ADMISSION).await?;
        let saved: Vec<(Assumptions, u64)> =
            all(app, who.organisation).await?.into_iter().filter(|(one, _)| one.is_own()).collect();
        let now = app.clock.now();
        let same =
            saved.iter().find(|(one, _)| one.module == module && one.name.as_deref() == Some(name.as_str()));
        let mut batch = Batch::new(who.organisation);
        turn.take(&mut batch)?;
        let (one, expect, action) = match same {
            Some((before, version)) if over == Some(before.id.as_str()) => {
                let source = source.clone().or_else(|| before.source.clone());
                let changed = Assumptions {
                    source,
                    values: values.clone(),
                    changed: now,
                    used: now,
                    by: who.account.into(),
                    ..before.clone()
                };
                (changed, Expect::Version(*version), "assumptions changed")
            }
            Some(_) => return Err(Refused::Field("name", "assumptions_name")),
            None if saved.len() >= MOST => return Err(Refused::Field("name", "assumptions_many")),
            None => {
                let one = Assumptions {
                    id: new_id().map_err(RecordError::from)?,
                    module: module.to_owned(),
                    name: Some(name.clone()),
                    source: source.clone(),
                    values: values.clone(),
                    created: now,
                    changed: now,
                    used: now,
                    by: who.account.to_owned(),
                };
                (one, Expect::Absent, "assumptions saved")
            }
        };
        one.put(app, &mut batch, expect).await?;
        note(app, &mut batch, who, action, &one.id)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                return Ok((one.id, if let Expect::Version(version) = expect { version + 1 } else { 1 }));
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy().into())
}

/// Changes what was saved; `patch` comes over its values member by member.
///
/// # Errors
/// [`Refused`].
pub(super) async fn change(
    app: &App,
    who: Who<'_>,
    id: &str,
    seen: &IfMatch,
    wanted: &Kept,
    patch: Option<&Map<String, Value>>,
) -> Result<(Assumptions, u64), Refused> {
    for _ in 0..TRIES {
        let turn = Turn::of(app, who.organisation, ADMISSION).await?;
        let (mut one, version) = own(app, who.organisation, id).await?;
        seen.allows(version)?;
        if let Some(typed) = &wanted.name {
            let name = name(typed)?;
            let taken = |other: &Assumptions| {
                other.is_own()
                    && other.id != one.id
                    && other.module == one.module
                    && other.name.as_ref() == Some(&name)
            };
            if all(app, who.organisation).await?.iter().any(|(other, _)| taken(other)) {
                return Err(Refused::Field("name", "assumptions_name"));
            }
            one.name = Some(name);
        }
        if let Some(typed) = &wanted.source {
            one.source = source(typed)?;
        }
        if let Some(request) = &wanted.values {
            one.values = values(&one.module, request)?;
        }
        if let Some(patch) = patch {
            let mut whole = one.values.clone();
            members::merge(&mut whole, patch.clone());
            one.values = values(&one.module, &whole)?;
        }
        (one.changed, one.used) = (app.clock.now(), app.clock.now());
        who.account.clone_into(&mut one.by);
        let mut batch = Batch::new(who.organisation);
        turn.take(&mut batch)?;
        one.put(app, &mut batch, Expect::Version(version)).await?;
        note(app, &mut batch, who, "assumptions changed", id)?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok((one, version + 1)),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy().into())
}

/// Assumptions that were saved, by their id.
async fn own(app: &App, organisation: &str, id: &str) -> Result<(Assumptions, u64), WebError> {
    let found = read(app, organisation, id).await?.filter(|(one, _)| one.is_own());
    found.ok_or(WebError::NotFound)
}

/// Removes what was saved, or forgets those of the last calculation.
///
/// # Errors
/// [`WebError`].
pub(super) async fn remove(app: &App, who: Who<'_>, id: &str, seen: &IfMatch) -> Result<(), WebError> {
    for _ in 0..TRIES {
        let (_, version) = read(app, who.organisation, id).await?.ok_or(WebError::NotFound)?;
        seen.allows(version)?;
        let mut batch = Batch::new(who.organisation).delete(COLLECTION, id, Expect::Version(version));
        note(app, &mut batch, who, "assumptions deleted", id)?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// Notes that a calculation began with saved assumptions, so that they are kept.
///
/// # Errors
/// [`WebError`].
pub(in crate::calculations) async fn used(app: &App, organisation: &str, id: &str) -> Result<(), WebError> {
    let Some((mut one, version)) = read(app, organisation, id).await?.filter(|(one, _)| one.is_own()) else {
        return Ok(());
    };
    if app.clock.now().duration_since(one.used) < NOTED {
        return Ok(());
    }
    one.used = app.clock.now();
    let mut batch = Batch::new(organisation);
    one.put(app, &mut batch, Expect::Version(version)).await?;
    match app.store.commit(batch).await {
        // Whoever changed it meanwhile noted as much.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Puts into the batch that ends a calculation what it was asked with, for the next one of its module.
///
/// # Errors
/// [`RecordError`].
pub(in crate::calculations) async fn remember(
    app: &App,
    batch: &mut Batch,
    (module, account): (&str, &str),
    asked: &Map<String, Value>,
) -> Result<(), RecordError> {
    let values = members::of(module, asked);
    if values.is_empty() || Value::Object(values.clone()).to_string().len() > HEAVIEST {
        return Ok(());
    }
    let now = app.clock.now();
    let one = Assumptions {
        id: last(module),
        module: module.to_owned(),
        name: None,
        source: None,
        values,
        created: now,
        changed: now,
        used: now,
        by: account.to_owned(),
    };
    one.put(app, batch, Expect::Anything).await
}

/// Puts into a batch what ends all assumptions of an organisation, once it is no more. What they are sealed with goes with it.
///
/// # Errors
/// [`RecordError`].
pub(in crate::calculations) async fn end_all(app: &App, batch: &mut Batch) -> Result<(), RecordError> {
    for key in records::names(app, COLLECTION, &batch.partition).await? {
        let change = Change::Delete;
        batch.writes.push(Write { collection: COLLECTION, key, expect: Expect::Anything, change });
    }
    Ok(())
}

fn busy() -> WebError {
    WebError::Unavailable("the assumptions are written by too many at once".into())
}

fn note(app: &App, batch: &mut Batch, who: Who<'_>, action: &str, id: &str) -> Result<(), RecordError> {
    audit::note(batch, &Event::by_account(app, who.organisation, who.account, action, id))
}
