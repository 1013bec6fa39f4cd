//! Typed documents on top of the store and the sealing: JSON inside, personal data sealed.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::sealing::{SealError, SubjectKey};
use crate::store::{Address, Batch, Change, Expect, StoreError};
use crate::web::WebError;

/// The collection of wrapped keys; destroying one erases its subject.
pub const KEYS: &str = "keys";

/// Why a record could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealing.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The bytes are not what this version writes.
    #[error("the record {at} cannot be read: {why}")]
    Shape {
        /// Where it stands.
        at: String,
        /// What the parser says.
        why: String,
    },
}

impl From<RecordError> for WebError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) | RecordError::Seal(SealError::Store(error)) => error.into(),
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

/// Puts a sealed record into the batch.
///
/// # Errors
/// [`RecordError`].
pub fn put_sealed<T: Serialize>(
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
/// [`RecordError`].
pub async fn read_sealed<T: DeserializeOwned>(
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
    let plain = app.sealer.unwrap(subject, &wrapped.body)?.open(address, &stored.body)?;
    Ok(Some((decode(address, &plain)?, stored.version)))
}

/// Puts a record without personal data into the batch.
///
/// # Errors
/// [`RecordError::Shape`].
pub fn put_plain<T: Serialize>(
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
pub async fn read_plain<T: DeserializeOwned>(
    app: &App,
    address: &Address,
) -> Result<Option<(T, u64)>, RecordError> {
    match app.store.read(address).await? {
        Some(stored) => Ok(Some((decode(address, &stored.body)?, stored.version))),
        None => Ok(None),
    }
}

/// A record from its bytes.
///
/// # Errors
/// [`RecordError::Shape`].
pub fn decode<T: DeserializeOwned>(address: &Address, bytes: &[u8]) -> Result<T, RecordError> {
    serde_json::from_slice(bytes).map_err(|error| shape(address, &error))
}

fn encode<T: Serialize>(address: &Address, value: &T) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(value).map_err(|error| shape(address, &error))
}

fn shape(address: &Address, error: &serde_json::Error) -> RecordError {
    RecordError::Shape { at: address.to_string(), why: error.to_string() }
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
    batch.writes.push(crate::store::Write { collection, key: name.to_owned(), expect, change });
}
