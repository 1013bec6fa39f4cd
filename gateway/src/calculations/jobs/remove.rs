//! Stopping a calculation and deleting one: at once, whatever it is doing.

use super::chunks;
use super::kept::all_of;
use super::records::{HEADS, QUEUE, State};
use super::submit::Who;
use crate::app::App;
use crate::audit::{self, Event};
use crate::blobs;
use crate::checkout;
use crate::records::{self, RecordError};
use crate::store::{Batch, Change, Expect, StoreError, Write};
use crate::web::WebError;
use crate::web::conditional::IfMatch;

/// Writers that may come between.
const TRIES: usize = 16;

/// Deletes a calculation with all that is kept of it, as far as it is what was `seen`, and stops it if it runs; whether
/// it was there. What had no result is not counted.
///
/// # Errors
/// [`WebError`].
pub(in crate::calculations) async fn remove(
    app: &App,
    who: Who<'_>,
    id: &str,
    seen: &IfMatch,
) -> Result<bool, WebError> {
    for _ in 0..TRIES {
        let Some((job, version)) = super::read(app, who.organisation, id).await? else { return Ok(false) };
        seen.allows(version)?;
        let mut batch = all_of(who.organisation, id, Expect::Version(version));
        // The tombstone keeps a restored backup from knowing it.
        batch.writes.retain(|write| write.collection != records::KEYS);
        records::erase(app, &mut batch, id).await?;
        chunks::remove_all(app, &mut batch, id).await?;
        blobs::remove_all(app, &mut batch, id).await?;
        uncount(app, who, &job, &mut batch).await?;
        let event = Event::by_account(app, who.organisation, who.account, "calculation deleted", id);
        audit::note(&mut batch, &event)?;
        match blobs::commit(app, batch).await {
            Ok(()) => {
                app.calculations.jobs.stop(id);
                return Ok(true);
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the calculation is written by too many at once".into()))
}

/// Puts into a batch what ends all calculations of an organisation, once it is no more. One that runs finds its head
/// gone when it ends, and leaves nothing.
///
/// # Errors
/// [`RecordError`].
pub(in crate::calculations) async fn end_all(app: &App, batch: &mut Batch) -> Result<(), RecordError> {
    for id in records::names(app, HEADS, &batch.partition).await? {
        let gone = all_of(&batch.partition, &id, Expect::Anything).writes;
        batch.writes.extend(gone.into_iter().filter(|write| write.collection != records::KEYS));
        records::erase(app, batch, &id).await?;
        chunks::remove_all(app, batch, &id).await?;
        blobs::remove_all(app, batch, &id).await?;
    }
    Ok(())
}

/// The calculations that a batch removes.
pub fn removed(batch: &Batch) -> Vec<String> {
    let gone = |write: &&Write| write.collection == HEADS && matches!(write.change, Change::Delete);
    batch.writes.iter().filter(gone).map(|write| write.key.clone()).collect()
}

/// Stops those that run here, once they are no more: nothing is computed of who was erased.
pub fn stop_removed(app: &App, ids: &[String]) {
    ids.iter().for_each(|id| app.calculations.jobs.stop(id));
}

/// Stops a calculation that waits or runs, and keeps what was asked; whether there was one to stop.
///
/// # Errors
/// [`WebError`].
pub(in crate::calculations) async fn cancel(app: &App, who: Who<'_>, id: &str) -> Result<bool, WebError> {
    for _ in 0..TRIES {
        let Some((mut job, version)) = super::read(app, who.organisation, id).await? else {
            return Ok(false);
        };
        if job.state.is_final() {
            return Ok(false);
        }
        let mut batch = Batch::new(who.organisation).delete(QUEUE, id, Expect::Anything);
        chunks::remove_all(app, &mut batch, id).await?;
        let key = records::subject_key(app, who.organisation, id, &mut batch).await?;
        uncount(app, who, &job, &mut batch).await?;
        (job.state, job.ended) = (State::Cancelled, Some(app.clock.now()));
        job.put(app, &mut batch, &key, Expect::Version(version))?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.calculations.jobs.stop(id);
                return Ok(true);
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the calculation is written by too many at once".into()))
}

async fn uncount(app: &App, who: Who<'_>, job: &super::Job, batch: &mut Batch) -> Result<(), WebError> {
    match &job.counter {
        Some(counter) if !job.state.is_final() => {
            checkout::uncount_in(app, who.organisation, counter, batch).await
        }
        _ => Ok(()),
    }
}
