//! What is kept of a calculation: its head, which lists show; its inputs; its outcome; until then, what its chunks
//! computed. All sealed under its own key, so that destroying the key is deleting it; places in the queue name nobody and
//! are plain.

use aops_engine::Partial;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::idempotency::Once;
use super::kept::CALCULATION;
use crate::accounts::random;
use crate::app::App;
use crate::blobs::Blob;
use crate::calculations::faults::Kept;
use crate::records::{self, Document, Older, RecordError, Shape, sound};
use crate::retention;
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, Scan};

/// Heads, which the retention engine walks: small.
pub(super) const HEADS: &str = "calculations";
pub(super) const INPUTS: &str = "calculation_inputs";
pub(super) const OUTCOMES: &str = "calculation_outcomes";
pub(super) const QUEUE: &str = "calculation_queue";
/// Places in the queue of chunks, which a program from before them leaves alone.
pub(super) const CHUNKS: &str = "calculation_chunks";
/// What chunks computed.
pub(super) const PARTIALS: &str = "calculation_partials";
pub(super) const ONCE: &str = "calculation_requests";

/// How they are read.
pub const SHAPES: &[Shape] = &[
    Shape::sealed::<Job>(HEADS),
    Shape::sealed::<Inputs>(INPUTS),
    Shape::sealed::<Outcome>(OUTCOMES),
    Shape::plain::<Queued>(QUEUE),
    Shape::plain::<Queued>(CHUNKS),
    Shape::sealed::<Partial>(PARTIALS),
    Shape::plain::<Once>(ONCE),
];

/// Begins every id.
const PREFIX: &str = "calc_";

/// Where a calculation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::calculations) enum State {
    /// It waits.
    Queued,
    /// It is computed.
    Running,
    /// It has an outcome.
    Done,
    /// It has faults, or an incident.
    Failed,
    /// It was stopped by who asked for it.
    Cancelled,
}

impl State {
    /// Whether nothing more happens to it.
    pub(in crate::calculations) fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A calculation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::calculations) struct Job {
    /// Its name, in the order of time, the newest first.
    pub(in crate::calculations) id: String,
    /// What is computed.
    pub(in crate::calculations) module: String,
    /// What its owner calls it.
    pub(in crate::calculations) name: Option<String>,
    /// From which data, if any.
    pub(in crate::calculations) dataset: Option<String>,
    /// Where it stands.
    pub(in crate::calculations) state: State,
    /// When it was asked for.
    pub(in crate::calculations) created: Timestamp,
    /// When it came to its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::calculations) ended: Option<Timestamp>,
    /// Who asked.
    pub(in crate::calculations) account: String,
    /// In units of its cost.
    pub(in crate::calculations) size: u32,
    /// Whether it only tries the API out: of sample data, not counted, gone after a day.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(in crate::calculations) test: bool,
    /// Whether who asked wants a letter at its end.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(in crate::calculations) letter: bool,
    /// When its data must be gone, and all that was made of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::calculations) until: Option<Timestamp>,
    /// How its data are cut, where they are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::calculations) cut: Option<Cut>,
    /// What counts it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::calculations) counter: Option<String>,
    /// What is wrong with what was asked.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(in crate::calculations) faults: Vec<Kept>,
    /// By which our log tells what went wrong here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::calculations) incident: Option<String>,
}

/// How the data of a calculation are cut, and how far its chunks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::calculations) struct Cut {
    /// Blocks of the engine in a chunk.
    pub(super) blocks: usize,
    /// Chunks.
    pub(super) of: u32,
    /// Chunks that have ended.
    pub(super) done: u32,
}

/// What was asked, beside the data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Inputs {
    pub(super) parameters: Map<String, Value>,
}

/// An outcome, and what was asked without its lines of data: JSON, compressed, in base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Here, as it was kept at first.
    Here(String),
    /// As a content of its own.
    Content(Blob),
    /// The same, of which a list has its first lines alone; all of them are contents beside it.
    Apart {
        /// The outcome.
        told: Blob,
        /// The lines, in their order.
        lines: Vec<Blob>,
    },
}

/// An outcome as it was kept at first.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Packed {
    zstd: String,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Queued {
    /// In units of its cost.
    pub(super) size: u32,
    /// How often it was begun.
    pub(super) begun: u32,
    /// How often it took its process down.
    #[serde(default)]
    pub(super) died: u32,
}

impl Document for Job {}
impl Document for Inputs {}
impl Document for Packed {}

impl Document for Outcome {
    const SCHEMA: u16 = 1;

    fn upgraded(older: Older<'_>) -> Result<Self, RecordError> {
        older.read::<Packed>().map(|Packed { zstd }| Self::Here(zstd))
    }
}
impl Document for Queued {}

impl Job {
    /// The instant from which it must be gone.
    pub(in crate::calculations) fn ends(&self, app: &App) -> Timestamp {
        let end = app.settings.retention.end(&CALCULATION, self.created);
        self.until.map_or(end, |until| until.min(end))
    }

    /// Puts its head into a batch.
    pub(super) fn put(
        &self,
        app: &App,
        batch: &mut Batch,
        key: &SubjectKey,
        expect: Expect,
    ) -> Result<(), RecordError> {
        records::put_sealed(batch, key, HEADS, &self.id, expect, self, retention::expiry(self.ends(app)))
    }
}

/// The name of the content of an outcome.
pub(super) fn outcome_of(id: &str) -> String {
    format!("{id}/outcome")
}

/// The name of a content of the lines that stand apart from an outcome.
pub(super) fn lines_of(id: &str, number: usize) -> String {
    format!("{id}/lines-{number}")
}

/// A new id: names in order of them are the newest first.
pub(super) fn new_id(now: Timestamp) -> Result<String, RecordError> {
    const LATEST: i64 = (1 << 48) - 1;
    let left = LATEST.saturating_sub(now.as_millisecond()).max(0);
    Ok(format!("{PREFIX}{left:012x}{}", random::base62(16)?))
}

/// A calculation of an organisation, and the version of its head; what another's is, is not there.
///
/// # Errors
/// [`RecordError`].
pub(in crate::calculations) async fn read(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Job, u64)>, RecordError> {
    // The store takes no NUL in a name, and ours are plain.
    if !id.starts_with(PREFIX) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(None);
    }
    let address = Address::new(HEADS, organisation, id);
    let found = records::read_sealed::<Job>(app, &address, id).await?;
    Ok(found.filter(|(job, _)| job.ends(app) > app.clock.now()))
}

/// What was asked of a calculation, beside its data.
///
/// # Errors
/// [`RecordError`].
pub(in crate::calculations) async fn parameters(
    app: &App,
    organisation: &str,
    job: &Job,
) -> Result<Option<Map<String, Value>>, RecordError> {
    let address = Address::new(INPUTS, organisation, &job.id);
    let found = records::read_sealed::<Inputs>(app, &address, &job.id).await?;
    Ok(found.map(|(inputs, _)| inputs.parameters))
}

/// Calculations of an organisation, the newest first, and from which the next page goes on.
///
/// # Errors
/// [`RecordError`].
pub(in crate::calculations) async fn list(
    app: &App,
    organisation: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Job>, Option<String>), RecordError> {
    let after = after.map(|id| Address::new(HEADS, organisation, id));
    let partition = Some(organisation.to_owned());
    let scan = Scan { collection: HEADS, partition, prefix: String::new(), after, limit };
    let page = app.store.scan(scan).await?;
    let mut jobs = Vec::with_capacity(page.documents.len());
    for (address, _) in page.documents {
        let found = sound(read(app, organisation, &address.key).await)?.flatten();
        jobs.extend(found.map(|(job, _)| job));
    }
    Ok((jobs, page.next.map(|address| address.key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_was_kept_before_contents_were_is_read_as_it_stands() {
        let at = Address::new(OUTCOMES, "org_a", "calc_a");
        let before = records::decode::<Outcome>(&at, br#"{"zstd":"KLUv"}"#).unwrap();
        assert!(matches!(before, Outcome::Here(packed) if packed == "KLUv"));
        let since = br#"{"content":{"bytes":9,"pieces":1}}"#;
        let since = [&[2, 0, 1][..], since].concat();
        let since = records::decode::<Outcome>(&at, &since).unwrap();
        assert!(matches!(since, Outcome::Content(Blob { bytes: 9, pieces: 1 })));
    }

    #[test]
    fn ids_are_in_the_order_of_time_the_newest_first() {
        let at = |text: &str| new_id(text.parse().unwrap()).unwrap();
        let (earlier, later) = (at("2026-11-27T12:00:00Z"), at("2026-11-27T12:00:00.001Z"));
        assert!(later < earlier, "{later} {earlier}");
        assert_ne!(at("2026-11-27T12:00:00Z"), earlier);
    }
}
