//! Large contents (data of clients, outcomes): compressed, then sealed in pieces under the key of the document that names
//! them. It knows no feature.
//!
//! The port has two sides. Without `[blobs]` pieces stand in the store, in the partition and by the batch of their
//! document: content and document come and go together, whatever is killed when. With it they are objects of a bucket
//! ([`Objects`]), sealed before they leave; what stands in the store is where each is and what its checksum must be. An
//! object is put before the batch that names it, and goes after the batch that names it no more; `sweep.rs` removes what
//! a kill in between leaves behind. What was put on one side is read there whatever is configured since.

mod config;
mod fault;
mod objects;
mod sweep;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::config::BlobsConfig;
pub use self::fault::ContentError;
use self::objects::{Object, PutError};
pub use self::objects::{Objects, ObjectsError};
use self::sweep::{LEAVINGS, Leaving};
pub use self::sweep::{follow, sweep};
use crate::app::App;
use crate::records::{self, KEYS, RecordError, Shape};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Change, Expect, Scan, Store, StoreError, Write};

/// The collection of pieces, each named by its content and its number.
const BLOBS: &str = "blobs";
/// The collection of pieces that stand in the bucket, by the same names.
const OBJECTS: &str = "blob_objects";
/// Bytes of a piece in the store.
const PIECE: usize = 512 << 10;
/// Bytes of a piece in a bucket, where each is a call.
const OBJECT: usize = 4 << 20;
/// The most that a content may weigh, in bytes, before it is compressed.
pub const MOST: usize = 128 << 20;
/// A level that costs less time than the disk.
const LEVEL: i32 = 1;
const PAGE: usize = 500;

/// What is kept of contents.
pub const SHAPES: &[Shape] =
    &[Shape::bytes(BLOBS), Shape::plain::<Object>(OBJECTS), Shape::plain::<Leaving>(LEAVINGS)];

/// A content, as the document that names it tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its size, in bytes.
    pub bytes: usize,
    /// In how many pieces it stands.
    pub pieces: u32,
}

/// Puts a content into the batch that puts its document; both end together. `name` begins with the subject whose key
/// this is, and no other content ever has it: `calc_1/outcome`.
///
/// # Errors
/// [`RecordError`]: it is too large, cannot be sealed, or the bucket does not take it.
pub async fn put(
    app: &App,
    batch: &mut Batch,
    key: &SubjectKey,
    name: &str,
    content: &[u8],
    expires: Option<Timestamp>,
) -> Result<Blob, RecordError> {
    let wrong = |why: String| RecordError::Shape { at: format!("{BLOBS}/{}/{name}", batch.partition), why };
    if content.len() > MOST {
        return Err(wrong("it is larger than any content may be".into()));
    }
    let packed = zstd::bulk::compress(content, LEVEL).map_err(|error| wrong(error.to_string()))?;
    let packed = Zeroizing::new(packed);
    let size = if app.blobs.is_some() { OBJECT } else { PIECE };
    let mut pieces = 0;
    for piece in packed.chunks(size) {
        let address = address(&batch.partition, name, pieces);
        let sealed = key.seal(&address, piece)?;
        let (collection, body) = match &app.blobs {
            None => (BLOBS, sealed),
            Some(objects) => {
                let object = objects.put(app.clock.now(), &address, sealed).await?;
                (OBJECTS, serde_json::to_vec(&object).map_err(|error| wrong(error.to_string()))?)
            }
        };
        let change = Change::Put { body, expires };
        batch.writes.push(Write { collection, key: address.key, expect: Expect::Anything, change });
        pieces += 1;
    }
    Ok(Blob { bytes: content.len(), pieces })
}

/// A content that was sealed under a subject's key; none once the key or a piece is gone.
///
/// # Errors
/// [`RecordError`]; in particular [`ContentError`], where the bucket does not give it back as it was.
pub async fn read(
    app: &App,
    partition: &str,
    subject: &str,
    name: &str,
    blob: Blob,
) -> Result<Option<Zeroizing<Vec<u8>>>, RecordError> {
    let Some(wrapped) = app.store.read(&Address::new(KEYS, partition, subject)).await? else {
        return Ok(None);
    };
    let key = app.sealer.unwrap(subject, &wrapped.body)?;
    let mut packed = Zeroizing::new(Vec::new());
    for piece in 0..blob.pieces {
        let address = address(partition, name, piece);
        let Some(sealed) = sealed(app, &address).await? else { return Ok(None) };
        packed.extend_from_slice(&key.open(&address, &sealed)?);
    }
    let content = zstd::bulk::decompress(&packed, blob.bytes.min(MOST));
    let wrong = |error: std::io::Error| RecordError::Shape {
        at: format!("{BLOBS}/{partition}/{name}"),
        why: error.to_string(),
    };
    content.map(|content| Some(Zeroizing::new(content))).map_err(wrong)
}

/// A piece as it was sealed, wherever it stands.
async fn sealed(app: &App, address: &Address) -> Result<Option<Vec<u8>>, RecordError> {
    if let Some(stored) = app.store.read(address).await? {
        return Ok(Some(stored.body));
    }
    fetched(app.store.as_ref(), app.blobs.as_ref(), address).await
}

/// A piece as it was sealed, from the bucket; none where the store names none.
///
/// # Errors
/// [`RecordError`].
pub(crate) async fn fetched(
    store: &dyn Store,
    objects: Option<&Objects>,
    address: &Address,
) -> Result<Option<Vec<u8>>, RecordError> {
    let Some(object) = named(store, address).await? else { return Ok(None) };
    let Some(objects) = objects else { return Err(ContentError::Nowhere(address.clone()).into()) };
    match objects.get(address, &object).await {
        Ok(sealed) => Ok(Some(sealed)),
        // It was removed between the two looks.
        Err(ContentError::Missing(_)) if named(store, address).await?.as_ref() != Some(&object) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The object in which a piece stands, if it is in a bucket.
async fn named(store: &dyn Store, address: &Address) -> Result<Option<Object>, RecordError> {
    let at = Address { collection: OBJECTS, ..address.clone() };
    let stored = store.read(&at).await?;
    stored.map(|stored| records::decode(&at, &stored.body)).transpose()
}

/// The address of the piece for which a document of the store says where in the bucket it stands; none of any other
/// document.
pub(crate) fn elsewhere(collection: &str, partition: &str, key: &str) -> Option<Address> {
    (collection == OBJECTS).then(|| Address::new(BLOBS, partition, key))
}

/// Removes a content by the batch that removes its document.
///
/// # Errors
/// [`RecordError`].
pub fn remove(app: &App, batch: &mut Batch, name: &str, blob: Blob) -> Result<(), RecordError> {
    for piece in 0..blob.pieces {
        gone(batch, address("", name, piece).key);
    }
    leave(app, batch, name)
}

/// Removes every content of a subject by the batch that removes its document, whatever the document says or does not.
///
/// # Errors
/// [`RecordError`].
pub async fn remove_all(app: &App, batch: &mut Batch, subject: &str) -> Result<(), RecordError> {
    let mut found = false;
    for collection in [BLOBS, OBJECTS] {
        let mut after = None;
        loop {
            let (partition, prefix) = (Some(batch.partition.clone()), format!("{subject}/"));
            let page = app.store.scan(Scan { collection, partition, prefix, after, limit: PAGE }).await?;
            for (address, _) in page.documents {
                found = true;
                gone(batch, address.key);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    if found { leave(app, batch, subject) } else { Ok(()) }
}

fn gone(batch: &mut Batch, key: String) {
    for collection in [BLOBS, OBJECTS] {
        let (expect, change) = (Expect::Anything, Change::Delete);
        batch.writes.push(Write { collection, key: key.clone(), expect, change });
    }
}

/// Notes that what stands in the bucket under a name is to leave it.
fn leave(app: &App, batch: &mut Batch, name: &str) -> Result<(), RecordError> {
    if app.blobs.is_none() {
        return Ok(());
    }
    let leaving = Leaving { since: app.clock.now() };
    records::put_plain(batch, LEAVINGS, name, Expect::Anything, &leaving, None)
}

/// Commits a batch into which contents were put or by which they go. Where it is refused, what was put for it leaves the
/// bucket again; where it is written, what it removed does.
///
/// # Errors
/// [`StoreError`], as [`Store::commit`].
pub async fn commit(app: &App, batch: Batch) -> Result<(), StoreError> {
    let Some(objects) = &app.blobs else { return app.store.commit(batch).await };
    let leaves = batch.writes.iter().any(|write| write.collection == LEAVINGS);
    let put: Vec<(Address, Object)> = batch.writes.iter().filter_map(|write| put_by(&batch, write)).collect();
    match app.store.commit(batch).await {
        Ok(()) => {
            if leaves {
                objects.leaving.notify_one();
            }
            Ok(())
        }
        // It may have been written, or may yet be: what is in nobody's hands is swept later.
        Err(error @ (StoreError::Slow(_) | StoreError::Away(_))) => Err(error),
        Err(error) => {
            for (at, object) in put {
                if let Err(why) = objects.remove(&at, &object.object).await {
                    tracing::warn!(%why, "what was put for nothing stays in the bucket until it is swept");
                    break;
                }
            }
            Err(error)
        }
    }
}

fn put_by(batch: &Batch, write: &Write) -> Option<(Address, Object)> {
    match &write.change {
        Change::Put { body, .. } if write.collection == OBJECTS => {
            let object = serde_json::from_slice(body).ok()?;
            Some((Address::new(BLOBS, &batch.partition, &write.key), object))
        }
        _ => None,
    }
}

impl From<PutError> for RecordError {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Content(error) => error.into(),
            PutError::Seal(error) => error.into(),
        }
    }
}

fn address(partition: &str, name: &str, piece: u32) -> Address {
    Address::new(BLOBS, partition, format!("{name}/{piece:05}"))
}
