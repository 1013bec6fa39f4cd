//! The chain: each entry's digest covers the one before, so that none can be changed, taken out or put in without
//! all that follow; the head is sealed by a key that no store knows, so that a tail cannot be cut off either.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Event, NOTES, PARTITION, anchor, kept, trail};
use crate::app::{App, SharedApp};
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

pub(super) const ENTRIES: &str = "audit_entries";
pub(super) const HEAD: &str = "audit_head";
/// How long a note may wait for the chain.
const PERIOD: Duration = Duration::from_secs(1);
/// Notes entered at once; so far back an entry is looked for that a crash left noted.
const MOST: usize = 256;
/// Entries read at once.
pub(super) const PAGE: usize = 500;

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The event's JSON, to the letter: what the digest covers.
    pub event: String,
    /// The name of the note that it comes from.
    pub note: String,
    /// [`digest`] of the entry before, this one's number, and its event; in hexadecimal.
    pub digest: String,
}

/// Where the chain begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The last entry that retention took out, 0 for none, and its digest.
    pub removed: u64,
    /// See `removed`.
    pub removed_digest: String,
    /// The last entry, and its digest.
    pub last: u64,
    /// See `last`.
    pub digest: String,
    /// A keyed hash of all this.
    pub(super) seal: String,
}

impl Head {
    fn none() -> Self {
        let nothing = String::new;
        Self { removed: 0, removed_digest: nothing(), last: 0, digest: nothing(), seal: nothing() }
    }

    /// The same, sealed.
    pub(super) fn sealed(self, app: &App) -> Self {
        Self { seal: self.seal_of(app), ..self }
    }

    /// Whether it is as a gateway left it.
    pub(super) fn is_ours(&self, app: &App) -> bool {
        self.seal == self.seal_of(app)
    }

    fn seal_of(&self, app: &App) -> String {
        let told = format!("{}:{}:{}:{}", self.removed, self.removed_digest, self.last, self.digest);
        app.sealer.lookup("audit-head", &told)
    }
}

/// SHA-256 over the digest before, the number and the event, a line each.
pub(super) fn digest(before: &str, number: u64, event: &str) -> String {
    let digest = Sha256::digest(format!("{before}\n{number}\n{event}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of an entry's document.
pub(super) fn name(number: u64) -> String {
    format!("{number:012}")
}

/// The head, and what its document is expected to be by the next who writes it.
pub(super) async fn head(app: &App) -> Result<(Head, Expect), RecordError> {
    let found = records::read_plain(app, &Address::new(HEAD, PARTITION, HEAD)).await?;
    Ok(found
        .map_or_else(|| (Head::none(), Expect::Absent), |(head, version)| (head, Expect::Version(version))))
}

/// Puts a head into a batch of the chain's partition.
pub(super) fn put_head(app: &App, batch: &mut Batch, head: Head, expect: Expect) -> Result<(), RecordError> {
    records::put_plain(batch, HEAD, HEAD, expect, &head.sealed(app), None)
}

/// Enters what is noted, until the process ends; now and then the digest is told outside of the store.
pub async fn follow(app: SharedApp) {
    let mut anchored = anchor::Anchored::default();
    loop {
        match settle(&app).await {
            Ok(()) => {
                if let Err(error) = anchor::tell(&app, &mut anchored).await {
                    tracing::warn!(%error, "the audit log's digest could not be mailed; it is tried again");
                }
            }
            Err(error) => tracing::error!(%error, "the audit log stands still; notes wait for it"),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Enters everything that is noted.
///
/// # Errors
/// [`RecordError`]; what was not entered stays noted.
pub async fn settle(app: &App) -> Result<(), RecordError> {
    loop {
        let scan =
            Scan { collection: NOTES, partition: None, prefix: String::new(), after: None, limit: MOST };
        let page = app.store.scan(scan).await?;
        let mut notes = Vec::new();
        for (address, stored) in page.documents {
            let event: Event = records::decode(&address, &stored.body)?;
            notes.push((address, event));
        }
        if notes.is_empty() {
            return Ok(());
        }
        notes.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        match enter(app, &notes).await {
            // Another gateway was quicker; what it left is looked at again.
            Err(RecordError::Store(StoreError::Conflict(_))) => {}
            other => other?,
        }
    }
}

/// Enters notes, leaves each organisation its part, and takes the notes away. After a kill at any moment a second
/// call does what is left, and nothing twice.
async fn enter(app: &App, notes: &[(Address, Event)]) -> Result<(), RecordError> {
    let (head, expect) = head(app).await?;
    let known = recent(app, &head).await?;
    let mut batch = Batch::new(PARTITION);
    let (mut last, mut before) = (head.last, head.digest.clone());
    let mut numbered = Vec::with_capacity(notes.len());
    for (address, event) in notes {
        let Some(number) = known.get(&address.key).copied() else {
            last += 1;
            let told = records::encode(address, event)?;
            let told = String::from_utf8_lossy(&told).into_owned();
            before = digest(&before, last, &told);
            let entry = Entry { event: told, note: address.key.clone(), digest: before.clone() };
            let expires = kept::expiry(app, event.at);
            records::put_plain(&mut batch, ENTRIES, &name(last), Expect::Absent, &entry, expires)?;
            numbered.push((last, address, event));
            continue;
        };
        numbered.push((number, address, event));
    }
    if last > head.last {
        put_head(app, &mut batch, Head { last, digest: before, ..head }, expect)?;
        app.store.commit(batch).await?;
    }
    for (number, address, event) in numbered {
        if let Some(organisation) = &event.organisation {
            trail::leave(app, organisation, number, event).await?;
        }
        let gone = Batch::new(&address.partition).delete(NOTES, &address.key, Expect::Anything);
        app.store.commit(gone).await?;
    }
    Ok(())
}

/// The last entries by the names of their notes.
async fn recent(app: &App, head: &Head) -> Result<HashMap<String, u64>, RecordError> {
    let first = head.last.saturating_sub(MOST as u64);
    let entries = read(app, first, MOST).await?;
    Ok(entries.into_iter().map(|(number, entry)| (entry.note, number)).collect())
}

/// Entries behind a number, in order, at most so many.
pub(super) async fn read(app: &App, behind: u64, limit: usize) -> Result<Vec<(u64, Entry)>, RecordError> {
    let after = (behind > 0).then(|| Address::new(ENTRIES, PARTITION, name(behind)));
    let scan =
        Scan { collection: ENTRIES, partition: Some(PARTITION.into()), prefix: String::new(), after, limit };
    let mut entries = Vec::new();
    for (address, stored) in app.store.scan(scan).await?.documents {
        let number = address.key.parse().unwrap_or_default();
        entries.push((number, records::decode(&address, &stored.body)?));
    }
    Ok(entries)
}

/// An entry, told to staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number in the chain.
    pub number: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Its digest.
    pub digest: String,
}

/// The entries of some days, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App, from: Option<Date>, to: Option<Date>) -> Result<Vec<Line>, RecordError> {
    settle(app).await?;
    let day = |at: Timestamp| at.to_zoned_datetime(TimeZone::UTC).date();
    let (mut lines, mut behind) = (Vec::new(), head(app).await?.0.removed);
    loop {
        let entries = read(app, behind, PAGE).await?;
        let Some((last, _)) = entries.last() else { return Ok(lines) };
        behind = *last;
        for (number, entry) in entries {
            let address = Address::new(ENTRIES, PARTITION, name(number));
            let event: Event = records::decode(&address, entry.event.as_bytes())?;
            let on = day(event.at);
            if from.is_none_or(|from| on >= from) && to.is_none_or(|to| on <= to) {
                lines.push(Line { number, event, digest: entry.digest });
            }
        }
    }
}
