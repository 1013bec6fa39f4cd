//! How documents and their ends are laid out in the file.

use jiff::Timestamp;
use redb::TableDefinition;

use crate::store::{Address, Scan, Stored};

/// `collection NUL partition NUL key` → version, end, bytes.
pub(super) const DOCUMENTS: TableDefinition<'_, &'static [u8], &'static [u8]> =
    TableDefinition::new("documents");

/// `end, document's key` → nothing: what expires, in order of time.
pub(super) const ENDS: TableDefinition<'_, &'static [u8], ()> = TableDefinition::new("ends");

/// `collection NUL partition` → how many documents stand there.
pub(super) const COUNTS: TableDefinition<'_, &'static [u8], u64> = TableDefinition::new("counts");

/// Stands for "never" in the header.
const NEVER: i64 = i64::MAX;
const HEADER: usize = 16;

/// The name of a document in the file.
pub(super) fn key(collection: &str, partition: &str, key: &str) -> Vec<u8> {
    [collection.as_bytes(), b"\0", partition.as_bytes(), b"\0", key.as_bytes()].concat()
}

/// What the names of all documents of a scan begin with, as far as it is one range.
pub(super) fn prefix(scan: &Scan) -> Vec<u8> {
    match &scan.partition {
        Some(partition) => key(scan.collection, partition, &scan.prefix),
        None => [scan.collection.as_bytes(), b"\0"].concat(),
    }
}

/// The name of a count: a document's name without its key.
pub(super) fn counted(name: &[u8]) -> &[u8] {
    let mut nuls = name.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
    nuls.nth(1).and_then(|at| name.get(..at)).unwrap_or(name)
}

/// Collection, partition and key in the name of a document.
pub(super) fn parts(name: &[u8]) -> Option<(String, String, String)> {
    let mut parts = name.split(|byte| *byte == 0).map(|part| std::str::from_utf8(part).map(str::to_owned));
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
}

/// The address of a document from its name in the file.
pub(super) fn address(collection: &'static str, name: &[u8]) -> Option<Address> {
    let mut parts = name.split(|byte| *byte == 0).skip(1);
    let partition = std::str::from_utf8(parts.next()?).ok()?;
    let key = std::str::from_utf8(parts.next()?).ok()?;
    Some(Address::new(collection, partition, key))
}

/// A document's value in the file.
pub(super) fn encode(version: u64, expires: Option<Timestamp>, body: &[u8]) -> Vec<u8> {
    let end = expires.map_or(NEVER, Timestamp::as_second);
    [&version.to_be_bytes()[..], &end.to_be_bytes()[..], body].concat()
}

/// What is known of a document without its bytes.
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) expires: Option<Timestamp>,
}

impl Head {
    /// Whether the document has ceased to exist.
    pub(super) fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// A document's head from its value; none when the value is too short to be one.
pub(super) fn head(value: &[u8]) -> Option<Head> {
    let (header, _) = value.split_first_chunk::<HEADER>()?;
    let (version, end) = header.split_first_chunk::<8>()?;
    let end = i64::from_be_bytes(end.try_into().ok()?);
    let expires = (end != NEVER).then(|| Timestamp::from_second(end).unwrap_or(Timestamp::MAX));
    Some(Head { version: u64::from_be_bytes(*version), expires })
}

/// A document from its value.
pub(super) fn decode(value: &[u8]) -> Option<Stored> {
    let Head { version, expires } = head(value)?;
    Some(Stored { version, body: value.get(HEADER..)?.to_vec(), expires })
}

/// Whether a document has ceased to exist.
pub(super) fn expired(stored: &Stored, now: Timestamp) -> bool {
    stored.expires.is_some_and(|end| end <= now)
}

/// The name of an end: its instant first, so that ends stand in order of time.
pub(super) fn end(instant: Timestamp, name: &[u8]) -> Vec<u8> {
    // The sign bit is flipped so that instants before 1970 come first.
    let ordered = (instant.as_second() as u64) ^ (1 << 63);
    [&ordered.to_be_bytes()[..], name].concat()
}

/// The document's name in the name of an end.
pub(super) fn ended(name: &[u8]) -> &[u8] {
    name.get(8..).unwrap_or_default()
}
