//! What is asked of one partition, and of all of them one by one.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use tokio::sync::broadcast;

use super::fault::{lost, odd};
use super::identity::random;
use super::index::Index;
use super::layout::{CHANNEL, ENDS, Names, decode, end};
use super::link::Link;
use super::script::{Answer, COMMIT, CONFIRM, COUNT, Call, DUE, SCAN, Script};
use crate::clock::Clock;
use crate::store::watch::Heard;
use crate::store::{Address, Change, Expect, Scan, StoreError, Stored, Write};

/// Partitions asked at once.
pub(super) const AT_ONCE: usize = 64;
/// Tries of a batch: its partition may have to be listed first, and another may be about to do the same.
const TRIES: usize = 4;
/// Where the script's arguments change between two tries.
const GIVEN: usize = 4;

/// What all calls share.
pub(super) struct Shared {
    pub(super) reads: Link,
    pub(super) writes: Vec<Link>,
    pub(super) index: Index,
    pub(super) clock: Clock,
    pub(super) told: broadcast::Sender<Heard>,
}

/// One write as the script is given it.
pub(super) struct Written<'a> {
    pub(super) collection: &'a str,
    pub(super) key: &'a str,
    pub(super) expect: Expect,
    pub(super) change: &'static str,
    pub(super) end: String,
    pub(super) version: u64,
    pub(super) body: &'a [u8],
}

/// What became of a batch.
pub(super) enum Applied {
    /// It was applied, and wrote so many documents (none are counted where it had been applied before).
    Yes(usize),
    /// The write of this place expects something else.
    Conflict(usize),
}

/// A write of the port.
pub(super) fn written(write: &Write) -> Written<'_> {
    let (change, end, body) = match &write.change {
        Change::Put { body, expires } => ("put", end(*expires), &body[..]),
        Change::Delete => ("delete", String::new(), &[][..]),
        Change::Check => ("check", String::new(), &[][..]),
    };
    Written {
        collection: write.collection,
        key: &write.key,
        expect: write.expect,
        change,
        end,
        version: 0,
        body,
    }
}

/// The first name after this one.
pub(super) fn past(name: &str) -> String {
    format!("{name}\0")
}

impl Shared {
    /// The link for writes to a partition.
    fn writer(&self, partition: &str) -> &Link {
        let sum = partition.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.writes.get(sum % self.writes.len().max(1)).unwrap_or(&self.reads)
    }

    /// What a script answers of a partition, after whether that knows itself. One that does not was never written, or
    /// is lost.
    pub(super) async fn ask(
        &self,
        partition: &str,
        script: &Script,
        call: &Call,
    ) -> Result<Answer, StoreError> {
        let mut answer = self.reads.run(script, call).await?;
        if answer.flag()? || !self.index.knows(&self.reads, partition).await? {
            return Ok(answer);
        }
        // It may have been written in between.
        let mut answer = self.reads.run(script, call).await?;
        if answer.flag()? { Ok(answer) } else { Err(lost()) }
    }

    /// Applies a batch.
    pub(super) async fn apply(&self, partition: &str, writes: &[Written<'_>]) -> Result<Applied, StoreError> {
        let names = Names::of(partition);
        let batch = random()?;
        let collections: Vec<&str> =
            writes.iter().map(|write| write.collection).collect::<BTreeSet<_>>().into_iter().collect();
        let mut call = Call::on([names.about(), names.ends(), names.log(), names.done(&batch)]);
        for argument in [&self.clock.now().as_second().to_string(), &batch, partition, CHANNEL, ""] {
            call.push(argument);
        }
        call.push(collections.len().to_string());
        for collection in &collections {
            call.key(names.documents(collection));
            call.key(names.names(collection));
            call.push(collection);
        }
        for write in writes {
            let place = collections.binary_search(&write.collection).unwrap_or_default() + 1;
            call.push(place.to_string());
            call.push(write.key);
            call.push(match write.expect {
                Expect::Anything => "*".to_owned(),
                Expect::Absent => "-".to_owned(),
                Expect::Version(version) => version.to_string(),
            });
            call.push(write.change);
            call.push(&write.end);
            call.push(write.version.to_string());
            call.push(write.body);
        }
        let link = self.writer(partition);
        let mut missing = false;
        for _ in 0..TRIES {
            let mut answer = link.run(&COMMIT, &call).await?;
            match &answer.text()?[..] {
                "applied" => {
                    if !answer.is_over() && !answer.flag()? {
                        self.confirm(link, partition, &names).await;
                    }
                    return Ok(Applied::Yes(if answer.is_over() { 0 } else { answer.number()? as usize }));
                }
                "conflict" => return Ok(Applied::Conflict(answer.number()? as usize)),
                "unknown" => {
                    let known = answer.flag()?;
                    let lists: Vec<_> = listed(writes).into_iter().collect();
                    let (identity, written) =
                        self.index.register(link, partition, &random()?, &lists).await?;
                    // It was written before, so it must be there; it may have been written a moment ago.
                    let gone = written && !known;
                    if gone && missing {
                        return Err(lost());
                    }
                    missing = gone;
                    call.set(GIVEN, if gone { "" } else { &identity });
                }
                "other" => return Err(lost()),
                _ => return Err(odd()),
            }
        }
        Err(StoreError::Away(format!("the partition {partition} could not be listed")))
    }

    /// The index learns that the partition was written: from then on it must be there. Should this fail, the next
    /// batch tries again.
    async fn confirm(&self, link: &Link, partition: &str, names: &Names) {
        let told = async {
            self.index.confirm(link, partition).await?;
            link.value(&CONFIRM, &Call::on([names.about()])).await.map(drop)
        };
        if let Err(error) = told.await {
            tracing::debug!(%error, "a partition is not confirmed yet");
        }
    }

    /// Documents of a partition past the scan's place.
    pub(super) async fn page(
        &self,
        scan: &Scan,
        partition: &str,
        wanted: usize,
    ) -> Result<Vec<(Address, Stored)>, StoreError> {
        let after = scan.after.as_ref().filter(|after| after.partition == partition);
        let from = match after {
            Some(after) if after.key >= scan.prefix => format!("({}", after.key),
            _ => format!("[{}", scan.prefix),
        };
        let now = self.clock.now().as_second().to_string();
        let found = self.walk(scan.collection, partition, &scan.prefix, &from, wanted, &now).await?;
        let mut documents = Vec::new();
        for (key, value) in found {
            // As on the embedded side, one that has no head is left out of lists.
            if let Some(stored) = decode(&value) {
                documents.push((Address::new(scan.collection, partition, key), stored));
            }
        }
        Ok(documents)
    }

    /// Keys and values from a place on; without `now`, those that ended too.
    pub(super) async fn walk(
        &self,
        collection: &str,
        partition: &str,
        prefix: &str,
        from: &str,
        limit: usize,
        now: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let names = Names::of(partition);
        let call = Call::on([names.about(), names.documents(collection), names.names(collection)])
            .with(prefix)
            .with(from)
            .with(limit.to_string())
            .with(now);
        let mut answer = self.ask(partition, &SCAN, &call).await?;
        let mut found = Vec::new();
        while !answer.is_over() {
            found.push((answer.text()?, answer.bytes()?.ok_or_else(odd)?));
        }
        Ok(found)
    }

    /// Documents of all partitions past the scan's place.
    pub(super) async fn everywhere(
        &self,
        scan: &Scan,
        wanted: usize,
    ) -> Result<Vec<(Address, Stored)>, StoreError> {
        let mut from = scan.after.as_ref().map(|after| after.partition.clone()).unwrap_or_default();
        let (mut documents, mut at_once) = (Vec::new(), 1);
        loop {
            let found = self.index.holding(&self.reads, scan.collection, &from, at_once).await?;
            let left = wanted - documents.len();
            let pages = try_join_all(found.iter().map(|partition| self.page(scan, partition, left))).await?;
            documents.extend(pages.into_iter().flatten());
            documents.truncate(wanted);
            match found.last() {
                Some(last) if found.len() == at_once && documents.len() < wanted => from = past(last),
                _ => return Ok(documents),
            }
            at_once = (at_once * 2).min(AT_ONCE);
        }
    }

    pub(super) async fn count(&self, collection: &str, partition: &str) -> Result<u64, StoreError> {
        let names = Names::of(partition);
        let call = Call::on([names.about(), names.documents(collection)]);
        self.ask(partition, &COUNT, &call).await?.number()
    }

    /// Removes what ended in a partition, the oldest first.
    pub(super) async fn sweep(&self, partition: &str, now: &str, limit: usize) -> Result<usize, StoreError> {
        let call = Call::on([Names::of(partition).ends()]).with(now).with(limit.to_string());
        let mut answer = self.reads.run(&DUE, &call).await?;
        let mut due = Vec::new();
        while !answer.is_over() {
            due.push(answer.text()?);
        }
        if due.is_empty() {
            return Ok(0);
        }
        let writes = due.iter().filter_map(|member| {
            let (collection, key) = member.split_once('\0')?;
            let (expect, end) = (Expect::Anything, String::new());
            Some(Written { collection, key, expect, change: "sweep", end, version: 0, body: &[] })
        });
        match self.apply(partition, &writes.collect::<Vec<_>>()).await? {
            Applied::Yes(swept) => Ok(swept),
            Applied::Conflict(_) => Err(odd()),
        }
    }
}

/// The lists that a batch's partition must be in.
fn listed<'a>(writes: &[Written<'a>]) -> BTreeSet<&'a str> {
    let puts = || writes.iter().filter(|write| matches!(write.change, "put" | "load"));
    let ends = puts().any(|write| !write.end.is_empty()).then_some(ENDS);
    puts().map(|write| write.collection).chain(ends).collect()
}

/// A list of texts.
pub(super) fn texts(mut answer: Answer) -> Result<Vec<String>, StoreError> {
    let mut all = Vec::new();
    while !answer.is_over() {
        all.push(answer.text()?);
    }
    Ok(all)
}
