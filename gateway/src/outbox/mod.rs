//! Mail that must leave: put into the same batch as what it tells of, delivered at least once afterwards.
//!
//! It renders and hands over; what a letter says is the theme's, how it leaves is the mailer's.

mod breaker;
mod desk;
mod schedule;
mod worker;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aops_manifest::Language;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::app::App;
use crate::mail::MailError;
use crate::records::{self, KEYS, RecordError, Shape};
use crate::retention::{Ground, Retention, Term, Then};
use crate::sealing::{self, SubjectKey};
use crate::store::{Address, Batch, Expect};

pub use self::breaker::Breaker;
pub use self::desk::{Line, list, retry};
pub use self::schedule::Schedule;
pub use self::worker::{patience, run};

/// Letters that wait.
const OUTBOX: &str = "outbox";
/// Letters that never will leave by themselves, kept a while for whoever looks into it.
const DEAD: &str = "outbox_dead";
/// A letter that was noted is looked for so long: its batch may not be committed yet, or never be.
const NOTED: Duration = Duration::from_secs(60);

/// A letter that could not leave.
pub const UNDELIVERED: Retention = Retention {
    what: "undelivered letter",
    term: Term::Days(30),
    from: "last try",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};

/// What is kept of letters.
pub const SHAPES: &[Shape] = &[Shape::plain::<Waiting>(OUTBOX), Shape::plain::<Waiting>(DEAD)];

/// Why somebody is written to: the closed list of purposes (`p-purposes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// They asked for the newsletter.
    Newsletter,
    /// Somebody typed their address to ask for the newsletter.
    Confirmation,
    /// They wrote to us.
    Contact,
    /// They bought.
    Contract,
    /// Their account's safety.
    Security,
    /// The firm itself reads what was written to it.
    Staff,
}

impl Purpose {
    /// Its word in records and to the mailer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newsletter => "newsletter",
            Self::Confirmation => "confirmation",
            Self::Contact => "contact",
            Self::Contract => "contract",
            Self::Security => "security",
            Self::Staff => "staff",
        }
    }
}

/// A letter to be written when it leaves.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// The recipient's address.
    pub to: String,
    /// Where an answer goes, when not to the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// `NAME` of `mail/NAME.md`.
    pub template: String,
    /// The language it is written in.
    pub language: Language,
    /// Why it is sent.
    pub purpose: Purpose,
    /// What the template is given, an object.
    pub context: serde_json::Value,
    /// The https link that ends the subscription.
    pub unsubscribe: Option<String>,
    /// Whose key seals it while it waits.
    pub subject: String,
}

/// How a letter waits: what the worker needs before it has the key, and the rest sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    subject: String,
    tries: u32,
    due: Timestamp,
    /// The word of its purpose, and its template: neither says anything of anybody.
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    template: String,
    /// Why the last try failed.
    #[serde(default)]
    why: Option<String>,
    /// When staff gave it another chance.
    #[serde(default)]
    revived: Option<Timestamp>,
    sealed: String,
}

impl records::Document for Waiting {}

/// The outbox of this process: what wakes it, and the circuit to the mailer.
#[derive(Debug, Default)]
pub struct Outbox {
    wake: Notify,
    noted: Mutex<Vec<(Address, Instant)>>,
    /// The circuit between letters and the mailer.
    pub breaker: Breaker,
    /// Whether other processes write to the same store: a letter is then claimed before it is handed over.
    pub shared: bool,
}

impl Outbox {
    /// Tells the worker that a batch with letters was committed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    fn note(&self, address: Address) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push((address, Instant::now()));
    }

    /// What was noted and may be in the store by now.
    fn noted(&self) -> Vec<(Address, Instant)> {
        let mut noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        noted.retain(|(_, since)| since.elapsed() < NOTED);
        noted
    }

    fn note_again(&self, address: Address, since: Instant) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push((address, since));
    }
}

/// Puts a letter into a batch, sealed under its subject's key; [`Outbox::wake`] once it is committed.
///
/// # Errors
/// [`RecordError`].
pub fn enqueue(app: &App, batch: &mut Batch, key: &SubjectKey, mail: &Mail) -> Result<(), RecordError> {
    let now = app.clock.now();
    let id = format!("{:013x}-{}", now.as_millisecond(), sealing::hex(&sealing::random::<8>()?));
    enqueue_as(app, batch, key, mail, &id)
}

/// As [`enqueue`], under a name that makes a second one of the same name impossible.
///
/// # Errors
/// [`RecordError`].
pub fn enqueue_as(
    app: &App,
    batch: &mut Batch,
    key: &SubjectKey,
    mail: &Mail,
    id: &str,
) -> Result<(), RecordError> {
    let address = Address::new(OUTBOX, batch.partition.clone(), id);
    let plain = serde_json::to_vec(mail)
        .map_err(|error| RecordError::Shape { at: address.to_string(), why: error.to_string() })?;
    let waiting = Waiting {
        subject: mail.subject.clone(),
        tries: 0,
        due: app.clock.now(),
        purpose: mail.purpose.name().into(),
        template: mail.template.clone(),
        why: None,
        revived: None,
        sealed: STANDARD.encode(key.seal(&address, &plain)?),
    };
    records::put_plain(batch, OUTBOX, id, Expect::Absent, &waiting, None)?;
    app.outbox.note(address);
    Ok(())
}

/// A letter as it was put in; none when its subject was erased.
async fn open(app: &App, partition: &str, id: &str, waiting: &Waiting) -> Result<Option<Mail>, MailError> {
    let place = Address::new(KEYS, partition, &waiting.subject);
    let wrapped = app.store.read(&place).await.map_err(|error| MailError::Later(error.to_string()))?;
    let Some(wrapped) = wrapped else {
        return Ok(None);
    };
    let never = |why: String| MailError::Never(why);
    let key = app.sealer.unwrap(&waiting.subject, &wrapped.body).map_err(|error| never(error.to_string()))?;
    let sealed = STANDARD.decode(&waiting.sealed).map_err(|error| never(error.to_string()))?;
    // It was sealed for its place in the outbox, wherever it is kept now.
    let address = Address::new(OUTBOX, partition, id);
    let plain = key.open(&address, &sealed).map_err(|error| never(error.to_string()))?;
    serde_json::from_slice(&plain).map(Some).map_err(|_| never("the letter cannot be read".into()))
}

/// Every letter that waits, in the order of the store.
#[cfg(test)]
pub(crate) async fn waiting(app: &App) -> Vec<Mail> {
    let scan = crate::store::Scan {
        collection: OUTBOX,
        partition: None,
        prefix: String::new(),
        after: None,
        limit: 1_000,
    };
    let mut letters = Vec::new();
    for (address, stored) in app.store.scan(scan).await.unwrap().documents {
        let waiting: Waiting = records::decode(&address, &stored.body).unwrap();
        let letter = open(app, &address.partition, &address.key, &waiting).await.unwrap();
        letters.extend(letter.map(|letter| (address.key, letter)));
    }
    letters.sort_by(|one, other| one.0.cmp(&other.0));
    letters.into_iter().map(|(_, letter)| letter).collect()
}

/// When a letter was put in, as its name tells.
fn since(id: &str) -> Option<Timestamp> {
    let millis = i64::from_str_radix(id.split('-').next()?, 16).ok()?;
    Timestamp::from_millisecond(millis).ok()
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
