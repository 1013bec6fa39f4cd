//! What is kept of webhooks: where to and which events, how its calls fare, each message with its tries, and a place in
//! the queue while one is to be tried. All but the last two are sealed under the organisation's own key; these name
//! nothing but ids.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::secret::Secrets;
use crate::accounts::random;
use crate::app::App;
use crate::records::{self, Document, RecordError, Shape, sound};
use crate::retention::{Ground, Retention, Term, Then};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, Scan};

pub(super) const WEBHOOKS: &str = "webhooks";
pub(super) const HEALTH: &str = "webhook_health";
pub(super) const DELIVERIES: &str = "webhook_deliveries";
pub(super) const WAITING: &str = "webhook_waiting";

/// The most webhooks of an organisation.
pub(super) const MOST: usize = 10;
/// The tries of a message that are kept, the last ones.
const MOST_TRIES: usize = 40;
const WEBHOOK: &str = "wh_";
const MESSAGE: &str = "msg_";

/// How they are read.
pub const SHAPES: &[Shape] = &[
    Shape::sealed::<Webhook>(WEBHOOKS),
    Shape::plain::<Health>(HEALTH),
    Shape::sealed::<Delivery>(DELIVERIES),
    Shape::plain::<Waiting>(WAITING),
];

/// A message to a client's server, with its tries.
pub const DELIVERY: Retention = Retention {
    what: "webhook delivery",
    term: Term::Days(30),
    from: "recording",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// What a message tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "calculation.completed")]
    CalculationCompleted,
    #[serde(rename = "calculation.failed")]
    CalculationFailed,
    /// That its owner wants to see one.
    #[serde(rename = "webhook.test")]
    Test,
}

impl Kind {
    /// What may be asked for.
    pub(super) const ALL: [Self; 2] = [Self::CalculationCompleted, Self::CalculationFailed];

    /// Its word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CalculationCompleted => "calculation.completed",
            Self::CalculationFailed => "calculation.failed",
            Self::Test => "webhook.test",
        }
    }

    /// What may be asked for by this word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == word)
    }
}

/// Why a webhook is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// Somebody of the organisation wants it so.
    Asked,
    /// Nothing has reached it for long.
    Failing,
    /// It answered that it is no more (410).
    Gone,
}

/// That a webhook is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Off {
    pub(super) at: Timestamp,
    pub(super) why: Why,
}

/// A webhook of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) events: Vec<Kind>,
    pub(super) created: Timestamp,
    /// The account that made it.
    pub(super) by: String,
    #[serde(flatten)]
    pub(super) secrets: Secrets,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) off: Option<Off>,
}

/// How calls of a webhook fare: tries in a row that failed, since when; and when one was last asked for by hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Health {
    pub(super) failures: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) asked: Option<Timestamp>,
}

/// Why a try came to nothing, where no status says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// The name has no address.
    Name,
    /// The place is not a public one.
    Refused,
    /// No connection, or it broke.
    Connection,
    /// Its certificate is not believed.
    Certificate,
    /// No answer in time.
    Timeout,
    /// The webhook is switched off, or is no more.
    Off,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Try {
    pub(super) at: Timestamp,
    /// How long it took.
    pub(super) millis: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) fault: Option<Fault>,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It is to be tried.
    Waiting,
    /// It was taken.
    Delivered,
    /// It is not tried any more.
    Failed,
}

/// A message to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) webhook: String,
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    /// What it tells: ids, a state, a module; nobody's data and no result.
    pub(super) data: Map<String, Value>,
    pub(super) state: State,
    pub(super) tries: Vec<Try>,
}

/// A message that is to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) due: Timestamp,
    /// Tries since it was put here.
    pub(super) tries: u32,
}

impl Document for Webhook {}
impl Document for Health {}
impl Document for Delivery {}
impl Document for Waiting {}

impl Webhook {
    /// Whether it is to hear of something.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.off.is_none() && self.events.contains(&kind)
    }

    /// Puts it into a batch of its organisation.
    pub(super) async fn put(&self, app: &App, batch: &mut Batch, expect: Expect) -> Result<(), RecordError> {
        let key = key(app, batch).await?;
        records::put_sealed(batch, &key, WEBHOOKS, &self.id, expect, self, None)
    }
}

impl Delivery {
    /// A new message.
    pub(super) fn new(
        webhook: &str,
        kind: Kind,
        at: Timestamp,
        data: Map<String, Value>,
    ) -> Result<Self, RecordError> {
        const LATEST: i64 = (1 << 48) - 1;
        // Names in order of them are the newest first.
        let left = LATEST.saturating_sub(at.as_millisecond()).max(0);
        let id = format!("{MESSAGE}{left:012x}{}", random::base62(12)?);
        Ok(Self { id, webhook: webhook.into(), kind, at, data, state: State::Waiting, tries: Vec::new() })
    }

    /// The name of its documents.
    pub(super) fn name(&self) -> String {
        named(&self.webhook, &self.id)
    }

    /// The body, the same at each try.
    pub(super) fn body(&self) -> String {
        json!({ "type": self.kind, "timestamp": self.at, "data": self.data }).to_string()
    }

    /// Notes a try.
    pub(super) fn tried(&mut self, one: Try) {
        let more = (self.tries.len() + 1).saturating_sub(MOST_TRIES);
        self.tries.drain(..more);
        self.tries.push(one);
    }

    /// Puts it into a batch of its organisation.
    pub(super) fn put(
        &self,
        app: &App,
        batch: &mut Batch,
        key: &SubjectKey,
        expect: Expect,
    ) -> Result<(), RecordError> {
        let end = app.settings.retention.end(&DELIVERY, self.at);
        records::put_sealed(batch, key, DELIVERIES, &self.name(), expect, self, Some(end))
    }
}

/// The key of the organisation of a batch.
pub(super) async fn key(app: &App, batch: &mut Batch) -> Result<SubjectKey, RecordError> {
    let organisation = batch.partition.clone();
    records::subject_key(app, &organisation, &organisation, batch).await
}

/// A name for a webhook.
pub(super) fn new_id() -> Result<String, random::NoRandomness> {
    Ok(format!("{WEBHOOK}{}", random::base62(16)?))
}

/// The name of a message's documents: those of one webhook stand together.
pub(super) fn named(webhook: &str, message: &str) -> String {
    format!("{webhook}.{message}")
}

fn well_formed(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| {
        (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// A webhook of an organisation, and its version; what another's is, is not there.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn read(
    app: &App,
    organisation: &str,
    id: &str,
) -> Result<Option<(Webhook, u64)>, RecordError> {
    if !well_formed(WEBHOOK, id) {
        return Ok(None);
    }
    records::read_sealed(app, &Address::new(WEBHOOKS, organisation, id), organisation).await
}

/// The webhooks of an organisation, the oldest first.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn all(app: &App, organisation: &str) -> Result<Vec<(Webhook, u64)>, RecordError> {
    let mut all = Vec::new();
    for id in records::names(app, WEBHOOKS, organisation).await? {
        all.extend(sound(read(app, organisation, &id).await)?.flatten());
    }
    all.sort_by(|(one, _), (other, _)| (one.created, &one.id).cmp(&(other.created, &other.id)));
    Ok(all)
}

/// How calls of a webhook fare, and what its document is expected to be when it is written.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn health(app: &App, organisation: &str, id: &str) -> Result<(Health, Expect), RecordError> {
    let found = records::read_plain::<Health>(app, &Address::new(HEALTH, organisation, id)).await?;
    Ok(found
        .map_or((Health::default(), Expect::Absent), |(health, version)| (health, Expect::Version(version))))
}

/// A message by the name of its documents, and its version.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn delivery(
    app: &App,
    organisation: &str,
    name: &str,
) -> Result<Option<(Delivery, u64)>, RecordError> {
    records::read_sealed(app, &Address::new(DELIVERIES, organisation, name), organisation).await
}

/// A message of a webhook by its id, and its version.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn delivery_of(
    app: &App,
    organisation: &str,
    webhook: &str,
    message: &str,
) -> Result<Option<(Delivery, u64)>, RecordError> {
    if !well_formed(WEBHOOK, webhook) || !well_formed(MESSAGE, message) {
        return Ok(None);
    }
    delivery(app, organisation, &named(webhook, message)).await
}

/// When a message is to be tried, if it is, and the version of its place.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn waiting(
    app: &App,
    organisation: &str,
    name: &str,
) -> Result<Option<(Waiting, u64)>, RecordError> {
    records::read_plain(app, &Address::new(WAITING, organisation, name)).await
}

/// A page of the messages of a webhook, the newest first, past the one named; and the name of the last where more follow.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn deliveries(
    app: &App,
    organisation: &str,
    webhook: &str,
    past: Option<&str>,
    limit: usize,
) -> Result<(Vec<Delivery>, Option<String>), RecordError> {
    let past = past.filter(|past| well_formed(MESSAGE, past));
    let after = past.map(|past| Address::new(DELIVERIES, organisation, named(webhook, past)));
    let scan = Scan {
        collection: DELIVERIES,
        partition: Some(organisation.to_owned()),
        prefix: named(webhook, ""),
        after,
        limit,
    };
    let page = app.store.scan(scan).await?;
    let mut found = Vec::new();
    for (address, _) in page.documents {
        let read = sound(delivery(app, organisation, &address.key).await)?.flatten();
        found.extend(read.map(|(delivery, _)| delivery));
    }
    let next = page.next.and_then(|next| Some(next.key.rsplit_once('.')?.1.to_owned()));
    Ok((found, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_tries_the_last_are_kept() {
        let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        let mut delivery = Delivery::new("wh_a", Kind::Test, now, Map::new()).unwrap();
        for second in 0..100 {
            let at = now + jiff::SignedDuration::from_secs(second);
            delivery.tried(Try { at, millis: 1, status: Some(500), fault: None });
        }
        assert_eq!(delivery.tries.len(), MOST_TRIES);
        assert_eq!(delivery.tries.last().unwrap().at, now + jiff::SignedDuration::from_secs(99));
    }

    #[test]
    fn a_body_says_what_happened_when_and_to_which_record() {
        let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        let data = Map::from_iter([("id".to_owned(), json!("calc_1"))]);
        let delivery = Delivery::new("wh_a", Kind::CalculationFailed, now, data).unwrap();
        let body: Value = serde_json::from_str(&delivery.body()).unwrap();
        let expected = json!({ "type": "calculation.failed", "timestamp": "2026-11-28T10:00:00Z", "data": { "id": "calc_1" } });
        assert_eq!(body, expected);
        assert!(
            well_formed(MESSAGE, &delivery.id)
                && !well_formed(MESSAGE, "msg_")
                && !well_formed(WEBHOOK, "wh_é")
        );
    }
}
