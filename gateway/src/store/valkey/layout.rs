//! How documents are named and written on the server: what a partition has shares a hash tag, so it is on one node.

use jiff::Timestamp;

use crate::store::Stored;

/// What every name of ours begins with: the access list of our user says the same.
pub(super) const PREFIX: &str = "aops:store:";
/// What is told of every write.
pub(super) const CHANNEL: &str = "aops:store:told";
/// The list of partitions that hold something which ends, beside those of collections; no collection is called so.
pub(super) const ENDS: &str = "@ends";

/// The names of one partition.
pub(super) struct Names(String);

impl Names {
    pub(super) fn of(partition: &str) -> Self {
        // A brace would end the tag; the dot keeps it from being empty, and from being the index'.
        Self(format!("{PREFIX}{{.{}}}:", partition.replace('%', "%25").replace('}', "%7D")))
    }

    /// Its identity, the collections that it is listed for, and its last write.
    pub(super) fn about(&self) -> String {
        format!("{}about", self.0)
    }

    /// What ends, in order of time.
    pub(super) fn ends(&self) -> String {
        format!("{}ends", self.0)
    }

    /// What was written of late.
    pub(super) fn log(&self) -> String {
        format!("{}log", self.0)
    }

    /// Whether a batch was applied.
    pub(super) fn done(&self, batch: &str) -> String {
        format!("{}done:{batch}", self.0)
    }

    /// The documents of a collection.
    pub(super) fn documents(&self, collection: &str) -> String {
        format!("{}documents:{collection}", self.0)
    }

    /// Their names, in order.
    pub(super) fn names(&self, collection: &str) -> String {
        format!("{}names:{collection}", self.0)
    }
}

/// The names of the index.
pub(super) fn index(what: &str) -> String {
    format!("{PREFIX}{{index}}:{what}")
}

/// Where the partitions of a collection are listed.
pub(super) fn listed(collection: &str) -> String {
    index(&format!("in:{collection}"))
}

/// An end as it is written: whole seconds, nothing for never.
pub(super) fn end(expires: Option<Timestamp>) -> String {
    expires.map(|end| end.as_second().to_string()).unwrap_or_default()
}

/// A document from `version:end:bytes`.
pub(super) fn decode(value: &[u8]) -> Option<Stored> {
    let mut parts = value.splitn(3, |byte| *byte == b':');
    let version = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let end = std::str::from_utf8(parts.next()?).ok()?;
    let expires = match end {
        "" => None,
        end => Some(Timestamp::from_second(end.parse().ok()?).unwrap_or(Timestamp::MAX)),
    };
    Some(Stored { version, expires, body: parts.next()?.to_vec() })
}
