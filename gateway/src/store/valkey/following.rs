//! What every write tells, followed for as long as anybody watches.
//!
//! A write is published with its number in its partition, its id and the id of the one before. Where these do not
//! follow on what was heard, and after every interruption, the partition's log tells the rest; where that does not
//! reach back, or tells of another past (a node that lost its last writes), the gap is told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::StreamExt;
use redis::aio::PubSub;
use tokio::task::AbortHandle;

use super::fault::{self, odd};
use super::layout::{CHANNEL, Names};
use super::partition::Shared;
use super::script::{ABOUT, Call, LOG};
use crate::store::StoreError;
use crate::store::watch::{Heard, Told};

/// Between two tries to hear the server.
const REST: Duration = Duration::from_millis(200);
/// Writes read from a log at once.
const PAGE: usize = 500;
/// Where nothing is heard for so long, partitions are looked at: a peer may be gone without a word.
const SILENCE: Duration = Duration::from_secs(20);

/// Where a partition stands: the number of its last write and that write's id.
type Place = (u64, String);

/// Begins to follow; once this has answered, no later write is missed.
pub(super) async fn start(shared: &Arc<Shared>) -> Result<AbortHandle, StoreError> {
    let heard = listen(shared).await?;
    let mut follower = Follower { shared: Arc::downgrade(shared), places: HashMap::new() };
    // Heard first, then looked at: what is written in between is heard, and found known.
    follower.begin(shared).await?;
    Ok(tokio::spawn(follower.run(heard)).abort_handle())
}

async fn listen(shared: &Shared) -> Result<PubSub, StoreError> {
    shared.reads.valkey().listen(CHANNEL).await.map_err(|error| fault::of(&error).into_error())
}

struct Follower {
    shared: Weak<Shared>,
    places: HashMap<String, Place>,
}

impl Follower {
    async fn run(mut self, mut heard: PubSub) {
        loop {
            let mut messages = heard.on_message();
            loop {
                let next = tokio::time::timeout(SILENCE, messages.next()).await;
                let Some(shared) = self.shared.upgrade() else { return };
                let followed = match next {
                    Ok(Some(message)) => self.take(&shared, message.get_payload_bytes()).await,
                    Ok(None) => break,
                    Err(_) => self.look(&shared).await,
                };
                if let Err(error) = followed {
                    tracing::debug!(%error, "what is written to the store is not heard");
                    break;
                }
            }
            drop(messages);
            heard = loop {
                tokio::time::sleep(REST).await;
                let Some(shared) = self.shared.upgrade() else { return };
                let Ok(again) = listen(&shared).await else { continue };
                if self.look(&shared).await.is_ok() {
                    break again;
                }
            };
        }
    }

    /// Every partition as it stands now.
    async fn begin(&mut self, shared: &Shared) -> Result<(), StoreError> {
        for partition in partitions(shared).await? {
            let place = place(shared, &partition).await?;
            self.places.insert(partition, place);
        }
        Ok(())
    }

    /// Tells what was written to any partition since it was last heard of.
    async fn look(&mut self, shared: &Shared) -> Result<(), StoreError> {
        for partition in partitions(shared).await? {
            if self.places.get(&partition) != Some(&place(shared, &partition).await?) {
                self.catch_up(shared, &partition).await?;
            }
        }
        Ok(())
    }

    /// Tells a write, and those before it that were not heard.
    async fn take(&mut self, shared: &Shared, message: &[u8]) -> Result<(), StoreError> {
        let text = std::str::from_utf8(message).map_err(|_| odd())?;
        let mut parts = text.splitn(5, '\0');
        let mut part = || parts.next().ok_or_else(odd);
        let (partition, number, id, before, changes) = (part()?, part()?, part()?, part()?, part()?);
        let number: u64 = number.parse().map_err(|_| odd())?;
        let follows = match self.places.get(partition) {
            Some((last, known)) => number == last + 1 && known == before,
            None => number == 1,
        };
        if !follows {
            return self.catch_up(shared, partition).await;
        }
        tell(shared, partition, changes)?;
        self.places.insert(partition.to_owned(), (number, id.to_owned()));
        Ok(())
    }

    /// Tells from a partition's log what was not heard; or the gap, where it tells of another past.
    async fn catch_up(&mut self, shared: &Shared, partition: &str) -> Result<(), StoreError> {
        let names = Names::of(partition);
        loop {
            let (number, id) = self.places.get(partition).cloned().unwrap_or_default();
            let call = Call::on([names.about(), names.log()])
                .with(number.to_string())
                .with(id)
                .with(PAGE.to_string());
            let mut answer = shared.reads.run(&LOG, &call).await?;
            if answer.text()? != "told" {
                // Nobody may be watching.
                let _ = shared.told.send(Heard::Gap);
                self.places.insert(partition.to_owned(), (answer.number()?, answer.text()?));
                return Ok(());
            }
            if answer.is_over() {
                return Ok(());
            }
            while !answer.is_over() {
                let place = (answer.number()?, answer.text()?);
                tell(shared, partition, &answer.text()?)?;
                self.places.insert(partition.to_owned(), place);
            }
        }
    }
}

/// Changes as the script writes them: collection, key and version in turn, no version for a removal.
fn tell(shared: &Shared, partition: &str, changes: &str) -> Result<(), StoreError> {
    let mut parts = changes.split('\0');
    while let Some(collection) = parts.next() {
        let (Some(key), Some(version)) = (parts.next(), parts.next()) else { return Err(odd()) };
        let version = match version {
            "" => None,
            version => Some(version.parse().map_err(|_| odd())?),
        };
        let (collection, partition, key) = (collection.to_owned(), partition.to_owned(), key.to_owned());
        // Nobody may be watching.
        let _ = shared.told.send(Heard::Told(Told { collection, partition, key, version }));
    }
    Ok(())
}

async fn partitions(shared: &Shared) -> Result<HashSet<String>, StoreError> {
    let (mut all, mut cursor) = (HashSet::new(), String::from("0"));
    loop {
        let (next, found) = shared.index.all(&shared.reads, &cursor).await?;
        all.extend(found);
        if next == "0" {
            return Ok(all);
        }
        cursor = next;
    }
}

async fn place(shared: &Shared, partition: &str) -> Result<Place, StoreError> {
    let mut answer = shared.reads.run(&ABOUT, &Call::on([Names::of(partition).about()])).await?;
    Ok((answer.number()?, answer.text()?))
}
