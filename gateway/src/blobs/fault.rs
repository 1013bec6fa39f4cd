//! What may go wrong with a content that stands in a bucket.

use crate::store::Address;

/// Why a content cannot be put, read or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The server does not answer, is slow, or asks to be left alone for a while; retries changed nothing.
    #[error("the server of [blobs] does not serve now: {0}")]
    Busy(String),
    /// The server knows us not, or has no such bucket.
    #[error(
        "the server of [blobs] refuses us: {0}; look at [blobs] and AOPS_BLOBS_SECRET, `aops doctor` tries them"
    )]
    Refused(String),
    /// Its object is not in the bucket.
    #[error(
        "the content {0} is not in the bucket of [blobs]: give the bucket its objects back, or restore a backup"
    )]
    Missing(Address),
    /// What came is not what was put, twice.
    #[error(
        "the content {0} came from the bucket of [blobs] otherwise than it was put: its checksum is wrong"
    )]
    Altered(Address),
    /// It is in a bucket that nobody names.
    #[error("the content {0} is in a bucket and site.toml has no [blobs]: put the table back")]
    Nowhere(Address),
}

impl ContentError {
    /// Whether this content is at fault, and not the server or its configuration.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Altered(_))
    }
}
