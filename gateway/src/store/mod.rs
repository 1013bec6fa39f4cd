//! The store port: documents in collections, each in a partition. It knows no feature and no encryption.
//!
//! A *partition* is one organisation, or a named global one; a [`Batch`] is atomic inside one partition.
//! What [`Store::commit`] acknowledged is on disk: a kill at any later instant does not lose it. A side keeps
//! the promises that `conformance` holds it to; [`RedbStore`] is one file on this machine, [`ValkeyStore`] a server or a cluster.

#[cfg(test)]
mod conformance;
mod redb;
mod reservation;
mod valkey;
mod watch;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::mpsc;

pub use self::redb::RedbStore;
pub use self::reservation::{Reserved, confirm, release, reserve};
pub use self::valkey::ValkeyStore;
pub use self::watch::{Seen, Watch};

/// Where a document lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The kind of document, one name per type (`subscribers`, `outbox`).
    pub collection: &'static str,
    /// The organisation's id, or a global partition's name. No NUL.
    pub partition: String,
    /// The document's name inside its partition; scans follow its byte order. No NUL.
    pub key: String,
}

impl Address {
    /// An address from its three parts.
    pub fn new(collection: &'static str, partition: impl Into<String>, key: impl Into<String>) -> Self {
        Self { collection, partition: partition.into(), key: key.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.collection, self.partition, self.key)
    }
}

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Grows by one with each write of this document; 1 at creation.
    pub version: u64,
    /// The bytes that were put.
    pub body: Vec<u8>,
    /// The instant from which it no longer exists for readers.
    pub expires: Option<Timestamp>,
}

/// What must be true of a document for the batch to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing is asked.
    Anything,
    /// No document stands there (or only an expired one).
    Absent,
    /// The document stands at this version.
    Version(u64),
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts these bytes.
    Put {
        /// The document's bytes.
        body: Vec<u8>,
        /// When it ceases to exist, if ever.
        expires: Option<Timestamp>,
    },
    /// Removes the document; removing what is absent is no fault.
    Delete,
    /// Writes nothing: only the expectation counts.
    Check,
}

/// One write of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The kind of document.
    pub collection: &'static str,
    /// The document's name.
    pub key: String,
    /// What must be true for the whole batch to be applied.
    pub expect: Expect,
    /// What to do.
    pub change: Change,
}

/// Writes applied together or not at all, in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The partition of every write.
    pub partition: String,
    /// The writes, in order.
    pub writes: Vec<Write>,
}

impl Batch {
    /// An empty batch in a partition.
    pub fn new(partition: impl Into<String>) -> Self {
        Self { partition: partition.into(), writes: Vec::new() }
    }

    /// Adds a put of a document.
    #[must_use]
    pub fn put(
        mut self,
        collection: &'static str,
        key: impl Into<String>,
        expect: Expect,
        body: Vec<u8>,
        expires: Option<Timestamp>,
    ) -> Self {
        self.writes.push(Write {
            collection,
            key: key.into(),
            expect,
            change: Change::Put { body, expires },
        });
        self
    }

    /// Adds a removal.
    #[must_use]
    pub fn delete(mut self, collection: &'static str, key: impl Into<String>, expect: Expect) -> Self {
        self.writes.push(Write { collection, key: key.into(), expect, change: Change::Delete });
        self
    }
}

/// A page of a scan, in order of partition and key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The documents.
    pub documents: Vec<(Address, Stored)>,
    /// Where the next page begins (give it as `after`), if there is more.
    pub next: Option<Address>,
}

/// Which documents a scan visits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The kind of document.
    pub collection: &'static str,
    /// Only this partition, or all of them.
    pub partition: Option<String>,
    /// Only keys that begin so; empty for all.
    pub prefix: String,
    /// Begin past this address.
    pub after: Option<Address>,
    /// At most this many.
    pub limit: usize,
}

/// A document as a copy of the whole store holds it; the names may be of collections that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The kind of document.
    pub collection: String,
    /// Its partition.
    pub partition: String,
    /// Its name.
    pub key: String,
    /// What stood there; nothing when it went while the copy was made.
    pub stored: Option<Stored>,
}

/// Why the store did not do what was asked. Where nothing else is said, nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another write came first; read again and retry.
    #[error("the document {0} is not in the state that the write expects")]
    Conflict(Address),
    /// There is no room, on disk or in memory.
    #[error("the store is full: {0}")]
    Full(String),
    /// It may be read, not written.
    #[error("the store takes no writes: {0}")]
    ReadOnly(String),
    /// No answer in time, or no confirmation by a replica: what was asked may have been done or may yet be.
    #[error("the store is slow: {0}; what was asked may have been done")]
    Slow(String),
    /// It cannot be reached, refuses us, or is broken; a write that was on its way may have been done.
    #[error("the store is away: {0}")]
    Away(String),
    /// What stands in the store cannot be understood.
    #[error("the document {address} is damaged: {why}")]
    Damaged {
        /// Where it stands.
        address: Address,
        /// What is wrong with it.
        why: String,
    },
}

/// A place for documents that loses nothing that it acknowledged.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The document at an address, unless absent or expired.
    async fn read(&self, address: &Address) -> Result<Option<Stored>, StoreError>;

    /// Applies a batch whole, durably, or not at all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an expectation fails, and the others as they say.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// One page of documents in order of partition and key; expired ones are left out. A document that stands from
    /// the first page to the last is in exactly one of them, whatever is written meanwhile.
    async fn scan(&self, scan: Scan) -> Result<Page, StoreError>;

    /// How many documents a collection holds, in one partition or in all. What expired counts until it is swept.
    async fn count(&self, collection: &'static str, partition: Option<&str>) -> Result<u64, StoreError>;

    /// Tells every later write to a collection, in the order of each partition. A gap is told as
    /// [`Seen::Missed`]: read all again then.
    async fn watch(&self, collection: &'static str) -> Result<Watch, StoreError>;

    /// Removes what expired before now, at most `limit` documents; answers how many went.
    async fn sweep(&self, limit: usize) -> Result<usize, StoreError>;

    /// Sends every document, expired or not, as it stood at one instant of each partition. What is sent later
    /// replaces what was sent before.
    async fn copy(&self, to: mpsc::Sender<Copied>) -> Result<(), StoreError>;

    /// Puts copied documents back with the versions they had, durably, over whatever stands there.
    async fn load(&self, copied: Vec<Copied>) -> Result<(), StoreError>;

    /// Fails when the store could not take a write now.
    async fn ready(&self) -> Result<(), StoreError>;
}
