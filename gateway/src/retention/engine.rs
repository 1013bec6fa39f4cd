//! Carries out what is declared: a little at a time, again and again, whatever was missed; each removal leaves a
//! line that proves it and says nothing of anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Ground, Retention, Term, Then, end_of};
use crate::app::{App, SharedApp};
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect, Scan, StoreError, Stored};

/// Documents looked at in one piece.
const PAGE: usize = 500;
/// Rests between two pieces, so that requests come first.
const REST: Duration = Duration::from_millis(5);
/// How often the engine runs by itself; the first time soon after the start.
const PERIOD: Duration = Duration::from_secs(6 * 3_600);
const FIRST: Duration = Duration::from_secs(20);
const PROOFS: &str = "retention_proofs";
const PARTITION: &str = "system";
/// How long before the end somebody is warned.
const WARNING: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A line that proves a removal.
pub const PROOF: Retention = Retention {
    what: "proof of deletion",
    term: Term::Years(5),
    from: "deletion",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};

/// A type that the engine carries out. Its documents expire at [`super::expiry`] of their end.
#[async_trait]
pub trait Kept: Send + Sync {
    /// The collection of its documents.
    fn collection(&self) -> &'static str;

    /// What is to be written when the end of a document has come; nothing when it lives on after all.
    ///
    /// # Errors
    /// [`RecordError`].
    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<Option<Ended>, RecordError>;

    /// Warns whoever it concerns a month before; whether a letter was written.
    ///
    /// # Errors
    /// [`RecordError`].
    async fn warn(
        &self,
        _app: &App,
        _address: &Address,
        _stored: &Stored,
        _now: Timestamp,
    ) -> Result<bool, RecordError> {
        Ok(false)
    }
}

/// What the end of a document writes, and by which declaration.
#[derive(Debug)]
pub struct Ended {
    /// The declaration.
    pub by: &'static Retention,
    /// What to write; it removes the document at the version that was read.
    pub batch: Batch,
}

/// What one run did by one declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The declaration's name, or `warned`.
    pub what: String,
    /// What happened: `delete`, `archive`, `warn`.
    pub then: String,
    /// To how many documents.
    pub count: u64,
}

/// A line that proves what a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// The day by which it was judged.
    pub by: Timestamp,
    /// What was done.
    #[serde(flatten)]
    pub done: Done,
}

/// Runs now and then until the process ends.
pub async fn follow(app: SharedApp, kept: &'static [&'static dyn Kept]) {
    tokio::time::sleep(FIRST).await;
    loop {
        if let Err(error) = run(&app, kept, app.clock.now()).await {
            tracing::warn!(%error, "what is past its term could not all be removed; it is tried again");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Does everything that is due at an instant; a second run finds nothing more to do. What could not be written for
/// another write's sake is left to the next run.
///
/// # Errors
/// [`RecordError`]; what was done until then is done, and proved.
pub async fn run(app: &App, kept: &[&dyn Kept], now: Timestamp) -> Result<Vec<Done>, RecordError> {
    let mut counts: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
    let mut outcome = Ok(());
    for kept in kept {
        outcome = walk(app, *kept, now, &mut counts).await;
        if outcome.is_err() {
            break;
        }
    }
    let done: Vec<Done> =
        counts.into_iter().map(|((what, then), count)| Done { what, then: then.to_owned(), count }).collect();
    for one in &done {
        prove(app, one, now).await?;
    }
    outcome.map(|()| done)
}

/// Every proof that is kept, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn proofs(app: &App) -> Result<Vec<Proof>, RecordError> {
    let mut proofs = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan {
            collection: PROOFS,
            partition: Some(PARTITION.into()),
            prefix: String::new(),
            after,
            limit: PAGE,
        };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            proofs.push(records::decode(&address, &stored.body)?);
        }
        after = page.next;
        if after.is_none() {
            return Ok(proofs);
        }
    }
}

async fn walk(
    app: &App,
    kept: &dyn Kept,
    now: Timestamp,
    counts: &mut BTreeMap<(String, &'static str), u64>,
) -> Result<(), RecordError> {
    let mut after = None;
    loop {
        let scan = Scan {
            collection: kept.collection(),
            partition: None,
            prefix: String::new(),
            after,
            limit: PAGE,
        };
        let page = app.store.scan(scan).await?;
        for (address, stored) in &page.documents {
            let Some(end) = stored.expires.map(end_of) else { continue };
            if end <= now {
                let ended = records::sound(kept.end(app, address, stored, now).await)?.flatten();
                if let Some(Ended { by, batch }) = ended
                    && committed(app, batch).await?
                {
                    let then = if by.then == Then::Archive { "archive" } else { "delete" };
                    *counts.entry((by.name(), then)).or_default() += 1;
                }
            } else if end.duration_since(now) <= WARNING
                && records::sound(kept.warn(app, address, stored, now).await)?.unwrap_or_default()
            {
                *counts.entry(("warned".into(), "warn")).or_default() += 1;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
        tokio::time::sleep(REST).await;
    }
}

async fn committed(app: &App, batch: Batch) -> Result<bool, RecordError> {
    match app.store.commit(batch).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn prove(app: &App, done: &Done, by: Timestamp) -> Result<(), RecordError> {
    let at = app.clock.now();
    tracing::info!(what = done.what, then = done.then, count = done.count, "data past their term are gone");
    let name = format!("{:013x}-{}", at.as_millisecond(), sealing::hex(&sealing::random::<4>()?));
    let mut batch = Batch::new(PARTITION);
    let proof = Proof { at, by, done: done.clone() };
    records::put_plain(&mut batch, PROOFS, &name, Expect::Absent, &proof, Some(PROOF.end(at)))?;
    Ok(app.store.commit(batch).await?)
}
