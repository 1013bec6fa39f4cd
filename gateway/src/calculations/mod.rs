//! Calculations on request: the engine behind an API for clients' programs, and behind three public pages. It
//! knows no formula; it decides who may ask, how often, and how many run at once.

mod account;
mod assumptions;
mod bridge;
mod compute;
mod config;
mod cost;
mod faults;
mod jobs;
mod openapi;
mod pages;
mod paying;
mod public;
mod quoted;
mod reference;

use std::sync::Arc;
use std::time::Duration;

use aops_engine::{Fault, MODULES, Watch};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::accounts::random::NoRandomness;
use crate::app::{App, SharedApp};
use crate::records::RecordError;
use crate::store::Batch;
use crate::valkey::Valkey;
use crate::web::WebError;

pub use self::assumptions::{ASSUMPTIONS, SHAPES as ASSUMPTION_SHAPES};
pub use self::config::CalculationsConfig;
pub use self::jobs::{
    Bounds, CALCULATION, Calculated, Nursery, SHAPES, calculate, follow, leave, nurse, removed, stop_removed,
};
use self::jobs::{Jobs, Shared};
pub use self::pages::latest;

/// The longest wait for a turn; past it the client is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns for the engine.
#[derive(Debug)]
pub struct Calculations {
    turns: Arc<Semaphore>,
    /// Calculations that are fetched later.
    jobs: Jobs,
    /// Where their processes come from; without one they run on threads of this process.
    pub(crate) nursery: Option<Nursery>,
}

impl Calculations {
    /// As many turns as the machine has cores; calculations that wait do so on `server`, where there is one.
    ///
    /// # Errors
    /// [`NoRandomness`], for want of a name there.
    pub fn new(server: Option<Valkey>) -> Result<Self, NoRandomness> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let jobs = server.map(Shared::on).transpose()?.map_or_else(Jobs::default, Jobs::shared);
        Ok(Self { turns: Arc::new(Semaphore::new(cores)), jobs, nursery: None })
    }

    /// Fails once no calculation can be computed any more in this process.
    ///
    /// # Errors
    /// Why not.
    pub fn alive(&self) -> Result<(), String> {
        self.nursery.as_ref().map_or(Ok(()), Nursery::alive)
    }

    /// A turn, held until it is dropped.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, WebError> {
        let busy = |_| WebError::Unavailable("too many calculations run at once".into());
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        turn.map_err(|_| busy(()))?.map_err(|_| busy(()))
    }

    /// One calculation, in its turn, on a thread where it hinders no other request.
    async fn run(&self, module: &'static str, input: Value) -> Result<Result<Value, Vec<Fault>>, WebError> {
        let turn = self.turn().await?;
        // Who hangs up stops what was computed for him.
        let watch = Stopping(Arc::default());
        let watched = Arc::clone(&watch.0);
        let computed = tokio::task::spawn_blocking(move || {
            let answer = aops_engine::calculate_watched(module, &input, &watched);
            drop(turn);
            answer
        });
        let answer = computed.await.map_err(|error| WebError::Internal(format!("{module}: {error}")))?;
        Ok(answer.map(Value::from).map_err(|faults| faults.0))
    }
}

/// Stops a calculation when nobody waits for it any more.
struct Stopping(Arc<Watch>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Puts into a batch what ends all calculations of an organisation and its assumptions, once it is no more.
///
/// # Errors
/// [`RecordError`].
pub async fn end_all(app: &App, batch: &mut Batch) -> Result<(), RecordError> {
    jobs::end_all(app, batch).await?;
    assumptions::end_all(app, batch).await
}

/// The routes: the API's calculations and account, the public calculators.
pub fn routes() -> axum::Router<SharedApp> {
    compute::routes()
        .merge(jobs::routes())
        .merge(assumptions::routes())
        .merge(pages::routes())
        .merge(account::routes())
        .merge(openapi::routes())
        .merge(reference::routes())
        .merge(public::routes())
}
