//! Calculations on request: the engine behind an API for clients' programs, and behind three public pages. It
//! knows no formula; it decides who may ask, how often, and how many run at once.

mod account;
mod bridge;
mod compute;
mod cost;
mod faults;
mod jobs;
mod openapi;
mod pages;
mod paying;
mod public;
mod reference;

use std::sync::Arc;
use std::time::Duration;

use aops_engine::{Fault, MODULES, Watch};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::SharedApp;
use crate::web::WebError;

use self::jobs::Jobs;
pub use self::jobs::{CALCULATION, Calculated, SHAPES, end_all, follow};

/// The longest wait for a turn; past it the client is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns for the engine.
#[derive(Debug)]
pub struct Calculations {
    turns: Arc<Semaphore>,
    /// Calculations that are fetched later.
    jobs: Jobs,
}

impl Calculations {
    /// As many turns as the machine has cores.
    #[allow(clippy::new_without_default, reason = "it asks the machine")]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { turns: Arc::new(Semaphore::new(cores)), jobs: Jobs::default() }
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

/// The routes: the API's calculations and account, the public calculators.
pub fn routes() -> axum::Router<SharedApp> {
    compute::routes()
        .merge(jobs::routes())
        .merge(pages::routes())
        .merge(account::routes())
        .merge(openapi::routes())
        .merge(reference::routes())
        .merge(public::routes())
}
