//! What is kept of an organisation's assumptions: those that it saved, and those of its last calculation of each module.
//! Sealed under the organisation's own key; values and words, no line of data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Found, Origin};
use crate::accounts::random::{self, NoRandomness};
use crate::app::App;
use crate::records::{self, Document, RecordError, Shape, sound};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Address, Batch, Expect};

/// The collection, each in its organisation's partition.
pub(super) const COLLECTION: &str = "assumptions";
const PREFIX: &str = "as_";
const LAST: &str = "last_";
const DRAWN: usize = 16;

/// How they are read.
pub const SHAPES: &[Shape] = &[Shape::sealed::<Assumptions>(COLLECTION)];

/// Assumptions that serve no more are forgotten after two closings.
pub const ASSUMPTIONS: Retention = Retention {
    what: "assumptions",
    term: Term::Months(26),
    from: "last use",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// Assumptions of an organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Assumptions {
    pub(super) id: String,
    pub(super) module: String,
    /// What they are called; those of the last calculation have no name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) name: Option<String>,
    /// Where their owner says that they come from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) source: Option<String>,
    pub(super) values: Map<String, Value>,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    /// When a calculation last began with them, or they were changed.
    pub(super) used: Timestamp,
    /// The account that wrote them last.
    pub(super) by: String,
}

impl Document for Assumptions {}

impl Assumptions {
    /// The instant from which they must be gone.
    pub(super) fn ends(&self, app: &App) -> Timestamp {
        app.settings.retention.end(&ASSUMPTIONS, self.used)
    }

    /// Whether they were saved under a name, and not remembered.
    pub(super) fn is_own(&self) -> bool {
        self.id.starts_with(PREFIX)
    }

    /// Puts them into a batch of their organisation.
    pub(super) async fn put(&self, app: &App, batch: &mut Batch, expect: Expect) -> Result<(), RecordError> {
        let organisation = batch.partition.clone();
        let key = records::subject_key(app, &organisation, &organisation, batch).await?;
        records::put_sealed(batch, &key, COLLECTION, &self.id, expect, self, Some(self.ends(app)))
    }
}

impl From<Assumptions> for Found {
    fn from(stored: Assumptions) -> Self {
        Self {
            origin: if stored.is_own() { Origin::Own } else { Origin::Last },
            id: stored.id,
            module: stored.module,
            name: stored.name,
            about: stored.source,
            values: stored.values,
            notes: Vec::new(),
            changed: Some(stored.changed),
        }
    }
}

/// A name for saved assumptions.
pub(super) fn new_id() -> Result<String, NoRandomness> {
    Ok(format!("{PREFIX}{}", random::base62(DRAWN)?))
}

/// The name of those of the last calculation of a module.
pub(super) fn last(module: &str) -> String {
    format!("{LAST}{module}")
}

/// Assumptions of an organisation, and their version; what another's are, is not there.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn read(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Assumptions, u64)>, RecordError> {
    let ours = [PREFIX, LAST].iter().any(|prefix| id.starts_with(prefix));
    if !ours || id.len() > 40 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(None);
    }
    let address = Address::new(COLLECTION, organisation, id);
    let found = records::read_sealed::<Assumptions>(app, &address, organisation).await?;
    Ok(found.filter(|(stored, _)| stored.ends(app) > app.clock.now()))
}

/// All assumptions of an organisation.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn all(app: &App, organisation: &str) -> Result<Vec<(Assumptions, u64)>, RecordError> {
    let mut all = Vec::new();
    for id in records::names(app, COLLECTION, organisation).await? {
        all.extend(sound(read(app, organisation, &id).await)?.flatten());
    }
    Ok(all)
}
