//! What is to leave the bucket: the objects of contents that were removed, at once and again until they are gone; and
//! orphans, which a kill between an object and the batch that names it leaves behind.

use std::time::Duration;

use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::objects::{Found, Objects};
use super::{BLOBS, PAGE, named};
use crate::app::{App, SharedApp};
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

/// The collection of what is to leave the bucket, each by the name under which its objects stand.
pub(super) const LEAVINGS: &str = "blob_leavings";
/// Between two looks for what another gateway noted, or what did not leave at the first try.
const PERIOD: Duration = Duration::from_secs(60);
/// An object may be on its way to its batch for as long; none takes a tenth of it.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_hours(1);
/// Objects looked at in one piece, and the rest after it, so that requests come first.
const PIECE: usize = 256;
const REST: Duration = Duration::from_millis(1);

/// That objects are to leave the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leaving {
    /// Since when.
    pub(super) since: Timestamp,
}

impl records::Document for Leaving {}

/// Has what was removed leave the bucket, for ever.
pub async fn follow(app: SharedApp) {
    let Some(objects) = &app.blobs else { return };
    loop {
        if let Err(error) = leave(&app, objects).await {
            tracing::warn!(%error, "what was removed has not left the bucket yet; it is tried again");
        }
        // Whichever comes first.
        let _ = tokio::time::timeout(PERIOD, objects.leaving.notified()).await;
    }
}

/// Has everything leave the bucket that is to leave it, and orphans; how many of these there were. Nothing without a
/// bucket.
///
/// # Errors
/// [`RecordError`]; what has left until then has left.
pub async fn sweep(app: &App) -> Result<u64, RecordError> {
    let Some(objects) = &app.blobs else { return Ok(0) };
    leave(app, objects).await?;
    let settled = app.clock.now().saturating_sub(ON_ITS_WAY).unwrap_or(Timestamp::MIN);
    let mut listed = objects.list(None);
    let (mut looked_at, mut orphans) = (0, 0);
    while let Some(found) = objects.waiting(listed.try_next()).await? {
        if found.put < settled && orphaned(app, objects, &found).await? {
            orphans += 1;
        }
        looked_at += 1;
        if looked_at % PIECE == 0 {
            tokio::time::sleep(REST).await;
        }
    }
    Ok(orphans)
}

/// Has everything leave the bucket that was noted.
async fn leave(app: &App, objects: &Objects) -> Result<(), RecordError> {
    let mut after = None;
    loop {
        let scan = Scan { collection: LEAVINGS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let mut listed = objects.list(Some((&address.partition, &address.key)));
            while let Some(found) = objects.waiting(listed.try_next()).await? {
                orphaned(app, objects, &found).await?;
            }
            let version = Expect::Version(stored.version);
            let batch = Batch::new(&address.partition).delete(LEAVINGS, &address.key, version);
            match app.store.commit(batch).await {
                // Another gateway was here, or it was noted once more.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Removes an object that the store does not name; whether it was one.
async fn orphaned(app: &App, objects: &Objects, found: &Found) -> Result<bool, RecordError> {
    let piece = Address::new(BLOBS, &found.partition, &found.piece);
    if named(app.store.as_ref(), &piece).await?.is_some_and(|object| object.object == found.object) {
        return Ok(false);
    }
    objects.removed(&found.path).await?;
    Ok(true)
}
