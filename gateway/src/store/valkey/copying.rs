//! Every document of every partition, and back.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;

use super::fault::odd;
use super::layout::{Names, decode, end};
use super::partition::{Applied, Shared, Written, texts};
use super::script::{ABOUT, Call, SINCE};
use crate::store::{Copied, Expect, StoreError, Stored};

/// Documents read at once.
const PAGE: usize = 500;
/// Documents written at once.
const LOADED: usize = 256;
/// How often a walk begins again whose partition's log was cut meanwhile.
const TRIES: usize = 5;

/// Where a partition stands.
struct Place {
    number: u64,
    id: String,
    collections: Vec<String>,
}

/// Nobody listens any more: they know why.
struct Unheard;

/// Sends every document: each partition is walked through, then what was written meanwhile is sent again.
pub(super) async fn copy(shared: &Shared, to: &mpsc::Sender<Copied>) -> Result<(), StoreError> {
    let (mut cursor, mut seen) = (String::from("0"), BTreeSet::new());
    loop {
        let (next, partitions) = shared.index.all(&shared.reads, &cursor).await?;
        for partition in partitions {
            if seen.insert(partition.clone()) && walk(shared, &partition, to).await?.is_err() {
                return Ok(());
            }
        }
        if next == "0" {
            return Ok(());
        }
        cursor = next;
    }
}

async fn walk(
    shared: &Shared,
    partition: &str,
    to: &mpsc::Sender<Copied>,
) -> Result<Result<(), Unheard>, StoreError> {
    for _ in 0..TRIES {
        let Place { mut number, mut id, collections } = place(shared, partition).await?;
        for collection in &collections {
            let mut from = String::from("-");
            loop {
                let found = shared.walk(collection, partition, "", &from, PAGE, "").await?;
                let last = found.last().map(|(key, _)| format!("({key}"));
                let whole = found.len() < PAGE;
                for (key, value) in found {
                    if send(to, collection, partition, key, Some(value)).await?.is_err() {
                        return Ok(Err(Unheard));
                    }
                }
                match last {
                    Some(last) if !whole => from = last,
                    _ => break,
                }
            }
        }
        let names = Names::of(partition);
        loop {
            let mut call = Call::on([names.about(), names.log()]).with(number.to_string()).with(&id);
            call.push(collections.len().to_string());
            for collection in &collections {
                call.key(names.documents(collection));
                call.push(collection);
            }
            let mut answer = shared.reads.run(&SINCE, &call).await?;
            if answer.text()? != "told" {
                break;
            }
            let more = answer.flag()?;
            (number, id) = (answer.number()?, answer.text()?);
            while !answer.is_over() {
                let (collection, key, value) = (answer.text()?, answer.text()?, answer.bytes()?);
                if send(to, &collection, partition, key, value).await?.is_err() {
                    return Ok(Err(Unheard));
                }
            }
            if !more {
                return Ok(Ok(()));
            }
        }
    }
    Err(StoreError::Slow(format!("the partition {partition} is written faster than it is copied")))
}

async fn place(shared: &Shared, partition: &str) -> Result<Place, StoreError> {
    let mut answer = shared.reads.run(&ABOUT, &Call::on([Names::of(partition).about()])).await?;
    Ok(Place { number: answer.number()?, id: answer.text()?, collections: texts(answer)? })
}

async fn send(
    to: &mpsc::Sender<Copied>,
    collection: &str,
    partition: &str,
    key: String,
    value: Option<Vec<u8>>,
) -> Result<Result<(), Unheard>, StoreError> {
    let stored: Option<Stored> = value.map(|value| decode(&value).ok_or_else(odd)).transpose()?;
    let (collection, partition) = (collection.to_owned(), partition.to_owned());
    Ok(to.send(Copied { collection, partition, key, stored }).await.map_err(|_| Unheard))
}

/// Puts documents with the versions that they had.
pub(super) async fn load(shared: &Shared, copied: &[Copied]) -> Result<(), StoreError> {
    let mut by_partition: BTreeMap<&str, Vec<Written<'_>>> = BTreeMap::new();
    for one in copied {
        let (collection, key, expect) = (&one.collection[..], &one.key[..], Expect::Anything);
        by_partition.entry(&one.partition).or_default().push(match &one.stored {
            Some(stored) => Written {
                collection,
                key,
                expect,
                change: "load",
                end: end(stored.expires),
                version: stored.version,
                body: &stored.body,
            },
            None => {
                let end = String::new();
                Written { collection, key, expect, change: "delete", end, version: 0, body: &[] }
            }
        });
    }
    for (partition, writes) in by_partition {
        for part in writes.chunks(LOADED) {
            if let Applied::Conflict(_) = shared.apply(partition, part).await? {
                return Err(odd());
            }
        }
    }
    Ok(())
}
