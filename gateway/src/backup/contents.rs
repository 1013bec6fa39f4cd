//! Contents that are in a bucket, taken into a backup in place of what the store says of them: it is whole by itself, and
//! restores where there is no bucket.

use tokio::sync::mpsc;

use crate::blobs::{self, Objects};
use crate::records::RecordError;
use crate::store::{Address, Copied, Store, Stored};

/// What was taken, and what could not be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) contents: u64,
    pub(super) lost: u64,
}

/// Hands every document on, each that names an object as the piece that the object holds. One whose object is lost goes
/// as it is, and is told: the others must not go with it.
///
/// # Errors
/// [`RecordError`], of the store or the bucket as a whole.
pub(super) async fn taken(
    store: &dyn Store,
    objects: Option<&Objects>,
    mut from: mpsc::Receiver<Copied>,
    to: mpsc::Sender<Copied>,
) -> Result<Taken, RecordError> {
    let mut taken = Taken::default();
    while let Some(copied) = from.recv().await {
        let copied = match blobs::elsewhere(&copied.collection, &copied.partition, &copied.key) {
            Some(piece) if copied.stored.is_some() => {
                whole(store, objects, piece, copied, &mut taken).await?
            }
            _ => copied,
        };
        if to.send(copied).await.is_err() {
            // Whoever writes has failed, and says why.
            break;
        }
    }
    Ok(taken)
}

async fn whole(
    store: &dyn Store,
    objects: Option<&Objects>,
    piece: Address,
    copied: Copied,
    taken: &mut Taken,
) -> Result<Copied, RecordError> {
    match blobs::fetched(store, objects, &piece).await {
        Ok(Some(body)) => {
            taken.contents += 1;
            let stored = copied.stored.map(|stored| Stored { body, ..stored });
            let Address { collection, partition, key } = piece;
            Ok(Copied { collection: collection.into(), partition, key, stored })
        }
        // It was removed meanwhile.
        Ok(None) => Ok(Copied { stored: None, ..copied }),
        Err(error) if error.is_damage() => {
            tracing::error!(%error, "a content is not in the backup");
            taken.lost += 1;
            Ok(copied)
        }
        Err(error) => Err(error),
    }
}
