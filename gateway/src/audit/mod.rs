//! The audit log: who did what to which record, when, and from where with the address cut; never the data
//! (`p-access-control`).
//!
//! What happens is noted in the same batch as the fact, so that neither stands without the other. One writer then
//! enters the notes, in order, into a chain of digests that covers all organisations, and leaves each its own part.

mod anchor;
mod chain;
mod extract;
mod kept;
mod trail;
mod verify;

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, random};
use crate::app::App;
use crate::edge::prefix::Truncated;
use crate::records::{self, Document, RecordError, Shape};
use crate::store::{Batch, Expect};

pub use self::chain::{Line, follow, list, settle};
pub use self::extract::{Letter, extract, follows};
pub use self::kept::{Entries, KEPT};
pub use self::trail::{Part, part};
pub use self::verify::{Anchor, NoAnchor, Verified, verify};

/// What has happened and is not in the chain yet, in the partition of the fact.
const NOTES: &str = "audit_notes";
/// The partition of facts that concern no organisation, and of the chain.
const PARTITION: &str = "audit";

/// What is kept of the log.
pub const SHAPES: &[Shape] = &[
    Shape::plain::<Event>(NOTES),
    Shape::plain::<chain::Entry>(chain::ENTRIES),
    Shape::plain::<chain::Head>(chain::HEAD),
    Shape::plain::<Event>(trail::TRAIL),
    Shape::plain::<anchor::Sent>(anchor::ANCHORS),
];

impl Document for Event {}
impl Document for chain::Entry {}
impl Document for chain::Head {}
impl Document for anchor::Sent {}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// Somebody at the command line, by the kernel's word.
    pub fn operator(uid: u32) -> Self {
        Self(format!("uid:{uid}"))
    }

    /// Whoever runs this process.
    pub fn here() -> Self {
        Self::operator(rustix::process::getuid().as_raw())
    }

    /// An account's holder.
    pub fn account(account: &str) -> Self {
        Self(account.to_owned())
    }

    /// Whoever audits for a client, by the name of the audit.
    pub fn auditor(audit: &str) -> Self {
        Self(format!("auditor:{audit}"))
    }

    /// Who it is for an account's holder: `self`, `colleague`, `staff`, `auditor` or `gateway`.
    pub fn kind(&self, account: &str) -> &'static str {
        match self.0.as_str() {
            actor if actor == account => "self",
            "gateway" => "gateway",
            actor if actor.starts_with("uid:") => "staff",
            actor if actor.starts_with("auditor:") => "auditor",
            _ => "colleague",
        }
    }

    /// The gateway, of its own accord or by a signed message of the payment processor.
    pub fn gateway() -> Self {
        Self("gateway".into())
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who acted.
    pub actor: Actor,
    /// What they did: a verb of the log, or a command of `aops admin`.
    pub action: String,
    /// To which record, by its id or by a keyed hash.
    pub object: String,
    /// Whom it concerns.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organisation: Option<String>,
    /// From where: a /24 or a /48.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Why, in the words of whoever had to give a reason: a number of a request, never what it says. Or how often.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

tokio::task_local! {
    static SOURCE: Source;
}

/// On whose behalf a task runs.
#[derive(Debug, Clone)]
struct Source {
    actor: Option<Actor>,
    from: Option<String>,
}

/// Lets what a request causes know from where it came.
pub fn from<F: Future>(peer: IpAddr, future: F) -> impl Future<Output = F::Output> {
    SOURCE.scope(Source { actor: None, from: Some(Truncated(peer).to_string()) }, future)
}

/// Lets what a command causes know who typed it.
pub fn by<F: Future>(actor: Actor, future: F) -> impl Future<Output = F::Output> {
    SOURCE.scope(Source { actor: Some(actor), from: None }, future)
}

/// Lets what a request causes know who is signed in, from where it is known already.
pub async fn acting<F: Future>(actor: Actor, future: F) -> F::Output {
    let from = SOURCE.try_with(|source| source.from.clone()).ok().flatten();
    SOURCE.scope(Source { actor: Some(actor), from }, future).await
}

impl Event {
    /// What happens now to a record, by whoever is acting.
    pub fn new(app: &App, action: &str, object: &str) -> Self {
        let source = SOURCE.try_with(Source::clone).ok();
        let (actor, from) = source.map_or((None, None), |source| (source.actor, source.from));
        Self {
            at: app.clock.now(),
            actor: actor.unwrap_or_else(Actor::gateway),
            action: action.to_owned(),
            object: object.to_owned(),
            organisation: None,
            from,
            reason: None,
        }
    }

    /// What an account's holder does now to a record of their organisation; or staff for them, at the command line.
    pub fn of(app: &App, account: &Account, action: &str, object: &str) -> Self {
        let event = Self::new(app, action, object).concerning(&account.organisation);
        match event.actor == Actor::gateway() {
            true => Self { actor: Actor::account(&account.id), ..event },
            false => event,
        }
    }

    /// What somebody does of whom the ids alone are known.
    pub fn by_account(app: &App, organisation: &str, account: &str, action: &str, object: &str) -> Self {
        let event = Self::new(app, action, object).concerning(organisation);
        match event.actor == Actor::gateway() {
            true => Self { actor: Actor::account(account), ..event },
            false => event,
        }
    }

    /// The same, of an organisation.
    #[must_use]
    pub fn concerning(self, organisation: &str) -> Self {
        Self { organisation: Some(organisation.to_owned()), ..self }
    }
}

/// Notes in a batch what it does.
///
/// # Errors
/// [`RecordError`].
pub fn note(batch: &mut Batch, event: &Event) -> Result<(), RecordError> {
    // In the order of time; the draw tells apart what happens at once.
    let name = format!("{:020}-{}", event.at.as_microsecond(), random::base62(10)?);
    records::put_plain(batch, NOTES, &name, Expect::Absent, event, None)
}

/// Notes what no other write goes with.
///
/// # Errors
/// [`RecordError`].
pub async fn record(app: &App, event: &Event) -> Result<(), RecordError> {
    let mut batch = Batch::new(event.organisation.as_deref().unwrap_or(PARTITION));
    note(&mut batch, event)?;
    Ok(app.store.commit(batch).await?)
}

#[cfg(test)]
mod tests;
