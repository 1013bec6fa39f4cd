//! Working from the queue that gateways and workers share: what is taken is leased, and looked after while it is
//! computed.

use std::time::Duration;

use futures::future::join_all;
use redis::RedisError;

use super::queue::Takes;
use super::shared::{Held, Shared};
use super::worker::{Attempt, PAUSE, attempt, places, restore};
use crate::app::App;

/// Between two signs of life of a calculation, and two looks at whether it is still wanted.
const BEAT: Duration = Duration::from_secs(1);
/// Between two looks for a calculation to take, where none was asked for here.
const POLL: Duration = Duration::from_millis(250);
/// Between two looks through the store for what is in no line.
const LOOK: Duration = Duration::from_secs(60);

/// Takes every calculation in its turn, for ever.
pub(super) async fn follow(app: &App, shared: &Shared) {
    let workers = join_all(places(app).map(|takes| work(app, shared, takes)));
    tokio::join!(workers, look(app, shared), hear(shared));
}

/// Gives back what this process holds, so that others need not wait for the end of its leases.
pub async fn leave(app: &App) {
    let Some(shared) = &app.calculations.jobs.shared else { return };
    if let Err(error) = shared.leave().await {
        tracing::warn!(%error, "calculations could not be given back; others take them in a while");
    }
}

/// Puts in line what stands in the store alone: the server of the queue may have lost what it held, or been away when a
/// calculation was asked for.
async fn look(app: &App, shared: &Shared) {
    loop {
        match shared.looks().await {
            Ok(true) => {
                if let Err(error) = restore(app).await {
                    tracing::warn!(%error, "the calculations that wait cannot be read yet");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the queue of calculations does not answer"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Hears how far others are, for whoever asks here.
async fn hear(shared: &Shared) {
    loop {
        // Without an answer what was heard last stands; `look` tells of it.
        let _ = shared.hear().await;
        tokio::time::sleep(BEAT).await;
    }
}

async fn work(app: &App, shared: &Shared, takes: Takes) {
    loop {
        match shared.take(takes).await {
            Ok(Some(held)) => {
                if let Err(error) = one(app, shared, &held).await {
                    tracing::warn!(%error, calculation = held.waiting.id, "a calculation stays in line; it is looked at again");
                    shared.lost(&held);
                }
            }
            Ok(None) => app.calculations.jobs.more(POLL).await,
            Err(error) => {
                tracing::warn!(%error, "no calculation can be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A calculation that was taken, until it is over, given back or lost.
async fn one(app: &App, shared: &Shared, held: &Held) -> Result<(), RedisError> {
    let attempt = attempt(app, &held.waiting);
    tokio::pin!(attempt);
    let mut lost = false;
    let attempted = tokio::select! {
        attempted = &mut attempt => attempted,
        () = until_unwanted(app, shared, held, &mut lost) => {
            app.calculations.jobs.stop(&held.waiting.id);
            attempt.await
        }
    };
    if lost {
        shared.lost(held);
        return Ok(());
    }
    match attempted {
        Ok(Attempt::Over) => shared.done(held).await,
        Ok(Attempt::Again) => shared.back(held).await,
        Err(error) => {
            tracing::error!(%error, calculation = held.waiting.id, "a calculation could not be ended; it is tried again");
            tokio::time::sleep(PAUSE).await;
            shared.back(held).await
        }
    }
}

/// Prolongs the lease until another has it, or until nobody wants it any more.
async fn until_unwanted(app: &App, shared: &Shared, held: &Held, lost: &mut bool) {
    let (organisation, id) = (&held.waiting.organisation, &held.waiting.id);
    let calculation = held.waiting.calculation();
    loop {
        tokio::time::sleep(BEAT).await;
        match shared.beat(held, app.calculations.jobs.progress(id).unwrap_or(0.0)).await {
            Ok(true) => {}
            Ok(false) => {
                *lost = true;
                return tracing::warn!(calculation = id, "a calculation was taken over by another worker");
            }
            // It may still be ours: its end is one batch, which another's end makes fail.
            Err(error) => tracing::debug!(%error, calculation = id, "a lease could not be prolonged"),
        }
        match super::read(app, organisation, calculation).await {
            Ok(Some((job, _))) if !job.state.is_final() => {}
            Ok(_) => return,
            Err(error) => tracing::debug!(%error, calculation = id, "a calculation could not be looked at"),
        }
    }
}
