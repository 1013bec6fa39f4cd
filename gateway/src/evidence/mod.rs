//! The evidence pack: one file by which somebody outside sees how the promises of the policy are kept, over some days:
//! promises, configuration, registers, the audit log with its proof, components, what is served. It tells of systems and
//! counts, and of nobody (`p-confidentiality`); the same state and days give the same bytes.
//!
//! Every file of it has its digest in a manifest, which is signed (Ed25519) by a key that is kept sealed.

mod access;
mod components;
mod configuration;
mod key;
mod log;
mod pack;
mod promises;
mod registers;
mod served;
mod tested;
mod verify;
mod yearly;

use jiff::civil::Date;

pub use self::components::cyclonedx;
pub use self::key::{SHAPES, public_key};
pub use self::pack::write;
pub use self::tested::TestResults;
pub use self::verify::{Verified, verify};
pub use self::yearly::yearly;

use crate::leaflet::PdfError;
use crate::records::RecordError;
use crate::sealing::SealError;
use crate::store::StoreError;
use crate::web::SiteError;

/// The manifest's file.
const MANIFEST: &str = "manifeste.json";
/// Its signature, in base64.
const SIGNATURE: &str = "manifeste.sig";
/// The entries of the audit log.
const LOG: &str = "journal.jsonl";

/// The days that a pack tells of, both among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

impl Days {
    /// Whether an instant is within, in Greenwich, as the audit log counts.
    fn hold(self, at: jiff::Timestamp) -> bool {
        let day = at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        self.from <= day && day <= self.to
    }
}

/// Why there is no pack, or it cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// No days.
    #[error("a pack tells of some days: the first comes before the last, and neither is to come")]
    Days,
    /// Results of tests that are none.
    #[error(
        "the results of the tests cannot be taken: {0}; `cargo xtask promises --run --report FILE` writes them"
    )]
    Tests(String),
    /// No year.
    #[error("{0} has not begun, or is no year")]
    Year(i16),
    /// What is read is no pack.
    #[error("{0} is no evidence pack: {1}")]
    NoPack(String, String),
    /// A key that is none.
    #[error("`{0}` is no public key: 32 bytes in base64, as `aops admin audit key` prints them")]
    NoKey(String),
    /// The key that is kept cannot be taken.
    #[error("the key of the evidence packs cannot be taken")]
    Key,
    /// The theme's words, or the built site.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file.
    #[error("the file: {0}")]
    File(#[from] std::io::Error),
    /// A paper.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// The archive.
    #[error("the archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// What was declared with the program.
    #[error("what this program declares cannot be read: {0}")]
    Declared(String),
    /// What a feature says.
    #[error("{0}")]
    Feature(String),
}

impl From<SealError> for EvidenceError {
    fn from(error: SealError) -> Self {
        Self::Record(error.into())
    }
}

impl From<StoreError> for EvidenceError {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}

#[cfg(test)]
mod tests;
