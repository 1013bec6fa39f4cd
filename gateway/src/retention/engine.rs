//! Carries out what is declared: a little at a time, again and again, whatever was missed; each removal leaves a
//! line that proves it and says nothing of anybody.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ground, Retention, Term, Then, WARNING, end_of};
use crate::app::{App, SharedApp};
use crate::blobs;
use crate::records::{self, RecordError, Shape};
use crate::sealing;
use crate::store::{Address, Batch, Expect, Scan, StoreError, Stored};

/// Documents looked at in one piece.
const PAGE: usize = 500;
/// Objects of contents that no document names: the name of what their removal proves.
const ORPHANS: &str = "orphaned_content";
/// Documents of a piece that are written at once: they share one sync of the disk, and a request that comes meanwhile
/// waits for no more than these.
const AT_ONCE: usize = 64;
/// Rests between two pieces, so that requests come first.
const REST: Duration = Duration::from_millis(1);
/// How often the engine runs by itself; the first time soon after the start.
const PERIOD: Duration = Duration::from_secs(6 * 3_600);
const FIRST: Duration = Duration::from_secs(20);
const PROOFS: &str = "retention_proofs";
const PARTITION: &str = "system";

/// A line that proves a removal.
pub const PROOF: Retention = Retention {
    what: "proof of deletion",
    term: Term::Years(5),
    from: "deletion",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};

/// What is kept of its work.
pub const SHAPES: &[Shape] = &[Shape::plain::<Proof>(PROOFS)];

/// A type that the engine carries out. Its documents expire at [`super::expiry`] of their end.
#[async_trait]
pub trait Kept: Send + Sync {
    /// The collection of its documents.
    fn collection(&self) -> &'static str;

    /// How many of them may be looked at at once: one, where each must stand on what the one before left.
    fn at_once(&self) -> usize {
        AT_ONCE
    }

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

    /// Removes what a hard stop left of documents that are no more, by the name of what its removal proves and how many.
    ///
    /// # Errors
    /// [`RecordError`].
    async fn strays(&self, _app: &App) -> Result<Option<(&'static str, u64)>, RecordError> {
        Ok(None)
    }

    /// Warns whoever it concerns within [`WARNING`] of the end, once; whether a letter was written.
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

impl records::Document for Proof {}

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
        match kept.strays(app).await {
            Ok(None | Some((_, 0))) => {}
            Ok(Some((what, strays))) => drop(counts.insert((what.into(), "delete"), strays)),
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    // What left the store leaves the bucket of contents, orphans too.
    if outcome.is_ok() {
        match blobs::sweep(app).await {
            Ok(0) => {}
            Ok(orphans) => drop(counts.insert((ORPHANS.into(), "delete"), orphans)),
            Err(error) => outcome = Err(error),
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
        // Once the store fails, nothing new is begun; what is under way ends, and is counted.
        let failed = AtomicBool::new(false);
        let each = page.documents.into_iter();
        let looked = each.map(|(address, stored)| unless(&failed, look(app, kept, address, stored, now)));
        let mut outcomes = stream::iter(looked).buffer_unordered(kept.at_once());
        let mut first = Ok(());
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(None) => {}
                Ok(Some(done)) => *counts.entry(done).or_default() += 1,
                Err(error) => first = first.and(Err(error)),
            }
        }
        drop(outcomes);
        first?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
        tokio::time::sleep(REST).await;
    }
}

/// Nothing, once another has failed.
async fn unless<T>(
    failed: &AtomicBool,
    act: impl Future<Output = Result<Option<T>, RecordError>>,
) -> Result<Option<T>, RecordError> {
    if failed.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let outcome = act.await;
    failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
    outcome
}

/// What is done to one document: the declaration and the word for it, if anything.
async fn look(
    app: &App,
    kept: &dyn Kept,
    address: Address,
    stored: Stored,
    now: Timestamp,
) -> Result<Option<(String, &'static str)>, RecordError> {
    let Some(end) = stored.expires.map(end_of) else { return Ok(None) };
    if end > now {
        let soon = end.duration_since(now) <= WARNING;
        let warned =
            soon && records::sound(kept.warn(app, &address, &stored, now).await)?.unwrap_or_default();
        return Ok(warned.then(|| ("warned".into(), "warn")));
    }
    let ended = records::sound(kept.end(app, &address, &stored, now).await)?.flatten();
    let Some(Ended { by, batch }) = ended else { return Ok(None) };
    let then = if by.then == Then::Archive { "archive" } else { "delete" };
    Ok(committed(app, batch).await?.then(|| (by.name(), then)))
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
