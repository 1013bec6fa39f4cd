//! A watch: what was written to a collection since it was asked for, without gaps, or with the gap told.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Address;

/// How many writes may wait for a slow watcher before it is told that it missed some.
pub(super) const WAITING: usize = 4_096;

/// One thing that a watcher sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The document was put, and has this version.
    Written(Address, u64),
    /// It was deleted, or swept.
    Removed(Address),
    /// Some writes cannot be told any more: read the collection again.
    Missed,
}

/// What a side tells.
#[derive(Debug, Clone)]
pub(super) enum Heard {
    /// One write.
    Told(Told),
    /// That it does not know some.
    Gap,
}

/// What a side tells of one write: a put has a version, a removal none.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) collection: String,
    pub(super) partition: String,
    pub(super) key: String,
    pub(super) version: Option<u64>,
}

/// A stream of what is written to one collection.
#[derive(Debug)]
pub struct Watch {
    collection: &'static str,
    told: broadcast::Receiver<Heard>,
}

impl Watch {
    pub(super) fn new(collection: &'static str, told: broadcast::Receiver<Heard>) -> Self {
        Self { collection, told }
    }

    /// The next write; none once the store is gone.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            match self.told.recv().await {
                Ok(Heard::Told(told)) if told.collection == self.collection => {
                    let address = Address::new(self.collection, told.partition, told.key);
                    return Some(match told.version {
                        Some(version) => Seen::Written(address, version),
                        None => Seen::Removed(address),
                    });
                }
                Ok(Heard::Told(_)) => {}
                Ok(Heard::Gap) | Err(RecvError::Lagged(_)) => return Some(Seen::Missed),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
