//! The register: each breach with what happened, whom it concerns, what was done and who was told (GDPR art. 33.5).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::severity::{Circumstances, Data, Level};
use crate::accounts::random;
use crate::app::App;
use crate::records::{self, KEYS, RecordError, Shape};
use crate::retention::{Ground, Retention, Term, Then};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Change, Expect, Scan, StoreError, Write};

pub(super) const BREACHES: &str = "breaches";
const PARTITION: &str = "breaches";
const ID: &str = "vio_";
const ID_CHARACTERS: usize = 12;
const PAGE: usize = 500;
const TRIES: usize = 5;
/// From knowing of it to telling the CNIL (art. 33.1).
const CLOCK: SignedDuration = SignedDuration::from_hours(72);

/// What is kept of breaches.
pub const SHAPES: &[Shape] = &[Shape::sealed::<Breach>(BREACHES)];

/// An entry, for as long as one may be asked about it (GDPR art. 33.5; Code civil, art. 2224).
pub const KEPT: Retention = Retention {
    what: "breach",
    term: Term::Years(5),
    from: "last event",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};

/// Whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everybody of whom such data are kept.
    All,
    /// Those of these organisations.
    Organisations(Vec<String>),
    /// Those of the organisations whose records somebody acted on meanwhile, as the audit log tells.
    TouchedBy(String),
}

/// What is known when it is reported.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// What happened, for whoever is told.
    pub(super) what: String,
    /// When it began.
    pub(super) began: Timestamp,
    /// When we knew: the clock runs from there.
    pub(super) known: Timestamp,
    pub(super) data: Vec<Data>,
    pub(super) how: Circumstances,
    /// What may follow for persons.
    pub(super) consequences: String,
    /// What was done and is being done.
    pub(super) measures: String,
    pub(super) scope: Scope,
}

/// Who is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Audience {
    /// Clients, as controllers of what they load (art. 33.2).
    Clients,
    /// Persons (art. 34).
    Persons,
}

/// An entry, sealed at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Breach {
    pub(super) facts: Facts,
    /// What the guide says, and what was decided.
    pub(super) guided: Level,
    pub(super) level: Level,
    /// An exercise: its letters go to the firm alone.
    pub(super) rehearsal: bool,
    pub(super) reported: Timestamp,
    /// Whom letters still go to, in this order.
    pub(super) to_tell: Vec<Audience>,
    /// The last one of them who was written to; letters go in the order of addresses.
    pub(super) told_up_to: Option<String>,
    pub(super) clients: u32,
    pub(super) persons: u32,
    /// Letters that were put on their way.
    pub(super) letters: u32,
    /// When the CNIL was told, under which number.
    pub(super) filed: Option<(Timestamp, String)>,
    pub(super) reminded: u8,
}

impl records::Document for Breach {}

impl Breach {
    /// By when the CNIL is told.
    pub(super) fn deadline(&self) -> Timestamp {
        self.facts.known.saturating_add(CLOCK).unwrap_or(Timestamp::MAX)
    }

    /// Whether the clock runs.
    pub(super) fn is_awaited(&self) -> bool {
        self.filed.is_none() && self.level.concerns_authority()
    }
}

pub(super) fn new_id() -> Result<String, RecordError> {
    Ok(format!("{ID}{}", random::base62(ID_CHARACTERS)?))
}

/// Whether a name is one that [`new_id`] may have drawn.
pub(super) fn is_id(name: &str) -> bool {
    let drawn = name.strip_prefix(ID).unwrap_or_default();
    drawn.len() == ID_CHARACTERS && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Every entry, the oldest first.
pub(super) async fn all(app: &App) -> Result<Vec<(String, Breach)>, RecordError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let partition = Some(PARTITION.to_owned());
        let scan = Scan { collection: BREACHES, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            let found = records::sound(read(app, &address.key).await)?.flatten();
            all.extend(found.map(|(breach, _)| (address.key, breach)));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    all.sort_by_key(|(_, breach): &(String, Breach)| breach.reported);
    Ok(all)
}

pub(super) async fn read(app: &App, id: &str) -> Result<Option<(Breach, u64)>, RecordError> {
    records::read_sealed(app, &Address::new(BREACHES, PARTITION, id), id).await
}

/// Enters a breach.
pub(super) async fn enter(
    app: &App,
    id: &str,
    breach: &Breach,
    more: impl Fn(&mut Batch, &SubjectKey) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let mut batch = Batch::new(PARTITION);
    let key = put(app, &mut batch, id, breach, Expect::Absent).await?;
    more(&mut batch, &key)?;
    app.store.commit(batch).await?;
    app.outbox.wake();
    Ok(())
}

/// One step of an entry; none when `change` finds nothing to do.
pub(super) async fn step(
    app: &App,
    id: &str,
    change: impl Fn(&Breach) -> Option<Breach>,
    more: impl Fn(&mut Batch, &SubjectKey, &Breach) -> Result<(), RecordError>,
) -> Result<Option<Breach>, RecordError> {
    let mut tries = 0;
    loop {
        let Some((before, version)) = read(app, id).await? else { return Ok(None) };
        let Some(after) = change(&before) else { return Ok(None) };
        let mut batch = Batch::new(PARTITION);
        let key = put(app, &mut batch, id, &after, Expect::Version(version)).await?;
        more(&mut batch, &key, &after)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return Ok(Some(after));
            }
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The entry and its key, which end together.
async fn put(
    app: &App,
    batch: &mut Batch,
    id: &str,
    breach: &Breach,
    expect: Expect,
) -> Result<SubjectKey, RecordError> {
    let ends = Some(app.settings.retention.end(&KEPT, app.clock.now()));
    let stored = app.store.read(&Address::new(KEYS, PARTITION, id)).await?;
    let (key, wrapped) = match stored {
        Some(stored) => (app.sealer.unwrap(id, &stored.body)?, stored.body),
        None => app.sealer.new_subject_key(id)?,
    };
    let change = Change::Put { body: wrapped, expires: ends };
    batch.writes.push(Write { collection: KEYS, key: id.to_owned(), expect: Expect::Anything, change });
    records::put_sealed(batch, &key, BREACHES, id, expect, breach, ends)?;
    Ok(key)
}
