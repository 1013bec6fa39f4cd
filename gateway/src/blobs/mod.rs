//! Large contents (data of clients, reports): compressed, then sealed in pieces under the key of the document that names
//! them. It knows no feature.
//!
//! They stand in the store, in the partition and by the batch of their document: content and document come and go
//! together, whatever is killed when, no orphan can be left, backups are whole, and every gateway and worker reads them
//! where it reads all else. What a payroll of 30 000 people weighs once compressed, about half a megabyte, is what a
//! store is for; [`MOST`] keeps it so.

use crate::app::App;
use crate::records::{KEYS, RecordError, Shape};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Change, Expect, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The collection of pieces, each named by its content and its number.
const BLOBS: &str = "blobs";
/// Bytes of a piece.
const PIECE: usize = 512 << 10;
/// The most that a content may weigh, in bytes, before it is compressed.
pub const MOST: usize = 128 << 20;
/// A level that costs less time than the disk.
const LEVEL: i32 = 1;

/// What is kept of contents.
pub const SHAPES: &[Shape] = &[Shape::bytes(BLOBS)];

/// A content, as the document that names it tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its size, in bytes.
    pub bytes: usize,
    /// In how many pieces it stands.
    pub pieces: u32,
}

/// Puts a content into the batch that puts its document; both end together.
///
/// # Errors
/// [`RecordError`]: it is too large, or cannot be sealed.
pub fn put(
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
    let mut pieces = 0;
    for piece in packed.chunks(PIECE) {
        let address = address(&batch.partition, name, pieces);
        let change = Change::Put { body: key.seal(&address, piece)?, expires };
        batch.writes.push(Write { collection: BLOBS, key: address.key, expect: Expect::Anything, change });
        pieces += 1;
    }
    Ok(Blob { bytes: content.len(), pieces })
}

/// A content that was sealed under a subject's key; none once the key or a piece is gone.
///
/// # Errors
/// [`RecordError`].
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
        let Some(stored) = app.store.read(&address).await? else { return Ok(None) };
        packed.extend_from_slice(&key.open(&address, &stored.body)?);
    }
    let content = zstd::bulk::decompress(&packed, blob.bytes.min(MOST));
    let wrong = |error: std::io::Error| RecordError::Shape {
        at: format!("{BLOBS}/{partition}/{name}"),
        why: error.to_string(),
    };
    content.map(|content| Some(Zeroizing::new(content))).map_err(wrong)
}

/// Removes a content by the batch that removes its document.
pub fn remove(batch: &mut Batch, name: &str, blob: Blob) {
    for piece in 0..blob.pieces {
        let Address { key, .. } = address(&batch.partition, name, piece);
        let (expect, change) = (Expect::Anything, Change::Delete);
        batch.writes.push(Write { collection: BLOBS, key, expect, change });
    }
}

fn address(partition: &str, name: &str, piece: u32) -> Address {
    Address::new(BLOBS, partition, format!("{name}/{piece:05}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{records, testing};

    #[tokio::test]
    async fn p_confidentiality_a_content_comes_back_whole_and_goes_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        // What does not compress makes several pieces.
        let mut state = 1_u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        let noise: Vec<u8> = (0..2 * PIECE).map(|_| draw()).collect();
        let mut batch = Batch::new("org_a");
        let key = records::subject_key(&app, "org_a", "ds_a", &mut batch).await.unwrap();
        let blob = put(&mut batch, &key, "ds_a/noise", &noise, None).unwrap();
        let empty = put(&mut batch, &key, "ds_a/empty", b"", None).unwrap();
        assert!(blob.pieces > 1 && empty.pieces == 1, "{blob:?}");
        app.store.commit(batch).await.unwrap();
        let read = async |name: &str, blob| read(&app, "org_a", "ds_a", name, blob).await.unwrap();
        assert_eq!(read("ds_a/noise", blob).await.unwrap().as_slice(), noise);
        assert_eq!(read("ds_a/empty", empty).await.unwrap().as_slice(), b"");
        let mut batch = Batch::new("org_a");
        records::erase(&app, &mut batch, "ds_a").await.unwrap();
        remove(&mut batch, "ds_a/noise", blob);
        app.store.commit(batch).await.unwrap();
        assert_eq!(read("ds_a/noise", blob).await, None);
        assert_eq!(app.store.count(BLOBS, Some("org_a")).await.unwrap(), 1);
    }
}
