//! Typed documents on top of the store and the sealing: JSON inside, personal data sealed.

mod document;
mod restriction;
mod told;
mod turn;
mod verify;

use jiff::Timestamp;

use crate::accounts::random::NoRandomness;
use crate::app::App;
use crate::blobs::ContentError;
use crate::sealing::{SealError, SubjectKey};
use crate::store::{Address, Batch, Change, Expect, Scan, StoreError, Write};
use crate::web::WebError;

pub use self::document::{Document, Older, Shape};
pub use self::restriction::{
    RESTRICTIONS, SHAPES as RESTRICTION_SHAPES, Use, check, lift, reading_for, restrict,
};
pub use self::told::{Open, Place, forget, told};
pub use self::turn::{SHAPES as TURN_SHAPES, Turn};
pub use self::verify::{Damage, Newer, Verified, verify};

/// The collection of wrapped keys; destroying one erases its subject.
pub const KEYS: &str = "keys";
/// The collection of what is left of the erased: keyed hashes, by which a restored backup is kept from knowing them.
const ERASED: &str = "erased";
const PAGE: usize = 500;

/// Why a record could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealing.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No name can be drawn.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// A content that stands apart from the store.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The bytes are not what this version writes.
    #[error("the record {at} cannot be read: {why}")]
    Shape {
        /// Where it stands.
        at: String,
        /// What the parser says.
        why: String,
    },
    /// Its holder asked that it be kept and not used, and it was asked for our own ends.
    #[error(
        "the record {0} is restricted: its holder asked that it be kept and not used (GDPR art. 18); see `aops admin rights list`, and `rights lift` once it may be"
    )]
    Restricted(String),
    /// A later program wrote it.
    #[error(
        "the record {at} was written by a later program (version {schema} of its shape, this one knows {known}); it is left as it is"
    )]
    Newer {
        /// Where it stands.
        at: String,
        /// The version of its shape.
        schema: u16,
        /// The last one that is known here.
        known: u16,
    },
}

impl RecordError {
    /// Whether one record is at fault, and not the store.
    pub fn is_damage(&self) -> bool {
        if let Self::Content(error) = self {
            return error.is_damage();
        }
        matches!(
            self,
            Self::Shape { .. }
                | Self::Newer { .. }
                | Self::Seal(SealError::Unreadable(_))
                | Self::Store(StoreError::Damaged { .. })
        )
    }
}

/// For whoever reads many records: one that is damaged or restricted is told and counted, and the others are served.
///
/// # Errors
/// What concerns the store as a whole.
pub fn sound<T>(read: Result<T, RecordError>) -> Result<Option<T>, RecordError> {
    match read {
        Ok(record) => Ok(Some(record)),
        Err(RecordError::Restricted(_)) => Ok(None),
        Err(error) if error.is_damage() => {
            metrics::counter!("records_damaged_total").increment(1);
            tracing::error!(%error, "a record cannot be read and is left out; `aops admin store verify` tells of all");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl From<RecordError> for WebError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) | RecordError::Seal(SealError::Store(error)) => error.into(),
            RecordError::Content(error) if !error.is_damage() => Self::Unavailable(error.to_string()),
            RecordError::Restricted(_) => Self::Forbidden("the record is restricted (GDPR art. 18)"),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// The key of a subject, made and put into the batch when the subject has none yet.
///
/// # Errors
/// [`RecordError`].
pub async fn subject_key(
    app: &App,
    partition: &str,
    subject: &str,
    batch: &mut Batch,
) -> Result<SubjectKey, RecordError> {
    if let Some(stored) = app.store.read(&Address::new(KEYS, partition, subject)).await? {
        return Ok(app.sealer.unwrap(subject, &stored.body)?);
    }
    let (key, wrapped) = app.sealer.new_subject_key(subject)?;
    put(batch, KEYS, subject, Expect::Absent, wrapped, None);
    Ok(key)
}

/// Erases a subject of the batch's partition: its key goes, so nothing that was sealed under it opens any more. Should
/// the subject come back, it has another key, which the tombstone does not name.
///
/// # Errors
/// [`RecordError`].
pub async fn erase(app: &App, batch: &mut Batch, subject: &str) -> Result<(), RecordError> {
    restriction::forget(app, batch, subject).await?;
    let Some(stored) = app.store.read(&Address::new(KEYS, &batch.partition, subject)).await? else {
        return Ok(());
    };
    let expect = Expect::Version(stored.version);
    batch.writes.push(Write { collection: KEYS, key: subject.to_owned(), expect, change: Change::Delete });
    // A key that does not open is of no use in a backup either.
    if let Ok(stone) = app.sealer.tombstone(subject, &stored.body) {
        put(batch, ERASED, &stone, Expect::Anything, Vec::new(), None);
    }
    Ok(())
}

/// The names of the documents of a collection in a partition.
///
/// # Errors
/// [`RecordError::Store`].
pub async fn names(app: &App, collection: &'static str, partition: &str) -> Result<Vec<String>, RecordError> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let partition = Some(partition.to_owned());
        let scan = Scan { collection, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        all.extend(page.documents.into_iter().map(|(address, _)| address.key));
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Who was erased, as [`Sealer::tombstone`](crate::sealing::Sealer::tombstone) names them: to be kept apart from backups, and given when one is restored.
///
/// # Errors
/// [`RecordError`].
pub async fn erased(app: &App) -> Result<Vec<String>, RecordError> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { collection: ERASED, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        all.extend(page.documents.into_iter().map(|(address, _)| address.key));
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Puts a sealed record into the batch.
///
/// # Errors
/// [`RecordError`].
pub fn put_sealed<T: Document>(
    batch: &mut Batch,
    key: &SubjectKey,
    collection: &'static str,
    name: &str,
    expect: Expect,
    value: &T,
    expires: Option<Timestamp>,
) -> Result<(), RecordError> {
    let address = Address::new(collection, batch.partition.clone(), name);
    let sealed = key.seal(&address, &encode(&address, value)?)?;
    put(batch, collection, name, expect, sealed, expires);
    Ok(())
}

/// A sealed record of a subject, and its version. Without the subject's key it is as if it were not there.
///
/// # Errors
/// [`RecordError`]; [`RecordError::Restricted`] where it is not to be used and nobody [said](reading_for) for what else
/// it is read.
pub async fn read_sealed<T: Document>(
    app: &App,
    address: &Address,
    subject: &str,
) -> Result<Option<(T, u64)>, RecordError> {
    let Some(stored) = app.store.read(address).await? else {
        return Ok(None);
    };
    let Some(wrapped) = app.store.read(&Address::new(KEYS, address.partition.clone(), subject)).await? else {
        return Ok(None);
    };
    restriction::check(app, address, subject).await?;
    let plain = app.sealer.unwrap(subject, &wrapped.body)?.open(address, &stored.body)?;
    Ok(Some((decode(address, &plain)?, stored.version)))
}

/// Puts a record without personal data into the batch.
///
/// # Errors
/// [`RecordError::Shape`].
pub fn put_plain<T: Document>(
    batch: &mut Batch,
    collection: &'static str,
    name: &str,
    expect: Expect,
    value: &T,
    expires: Option<Timestamp>,
) -> Result<(), RecordError> {
    let address = Address::new(collection, batch.partition.clone(), name);
    put(batch, collection, name, expect, encode(&address, value)?, expires);
    Ok(())
}

/// A record without personal data, and its version.
///
/// # Errors
/// [`RecordError`].
pub async fn read_plain<T: Document>(app: &App, address: &Address) -> Result<Option<(T, u64)>, RecordError> {
    match app.store.read(address).await? {
        Some(stored) => Ok(Some((decode(address, &stored.body)?, stored.version))),
        None => Ok(None),
    }
}

/// A record from its bytes, upgraded where it is of an earlier version.
///
/// # Errors
/// [`RecordError::Shape`], [`RecordError::Newer`].
pub fn decode<T: Document>(address: &Address, bytes: &[u8]) -> Result<T, RecordError> {
    document::decode(&address.to_string(), bytes)
}

/// A record as bytes.
///
/// # Errors
/// [`RecordError::Shape`].
pub fn encode<T: Document>(address: &Address, value: &T) -> Result<Vec<u8>, RecordError> {
    document::encode(&address.to_string(), value)
}

fn put(
    batch: &mut Batch,
    collection: &'static str,
    name: &str,
    expect: Expect,
    body: Vec<u8>,
    expires: Option<Timestamp>,
) {
    let change = Change::Put { body, expires };
    batch.writes.push(Write { collection, key: name.to_owned(), expect, change });
}
