//! The workers: each takes the next calculation, computes it on a thread apart, and ends it by one batch. What was under
//! way when the process died is begun again; what takes its thread down three times, or never ends, is set apart.

use std::sync::Arc;
use std::time::Duration;

use aops_engine::{Fault, Watch, calculate_lines, calculate_watched};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::data::{self, Data};
use super::forms;
use super::letter;
use super::queue::{Takes, Waiting};
use super::records::{INPUTS, Inputs, Job, OUTCOMES, QUEUE, Queued, State};
use crate::accounts::random;
use crate::app::{App, SharedApp};
use crate::calculations::faults::Kept;
use crate::checkout;
use crate::records::{self, RecordError, sound};
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::web::WebError;
use crate::webhooks::{self, Ended};

/// After so many beginnings without an end, it is not begun again. A process is killed and started over for reasons that
/// are not the calculation's: there is room for a bad day.
pub(super) const MOST_BEGINNINGS: u32 = 12;
/// After it took so many threads down, which is its own doing, it is not begun again.
pub(super) const MOST_DEATHS: u32 = 3;
/// Faults that are kept; a file may have one in each cell.
const MOST_FAULTS: usize = 1_000;
/// Between two looks at a store that does not answer.
const PAUSE: Duration = Duration::from_secs(5);
const PAGE: usize = 500;
/// Lines of data in what was asked, in whose place those of a dataset come.
const LINES: [&str; 3] = ["employees", "heads", "triangle"];

/// Takes up what waits and what was under way, and then every calculation in its turn.
pub async fn follow(app: SharedApp) {
    while let Err(error) = restore(&app).await {
        tracing::warn!(%error, "the calculations that wait cannot be read yet");
        tokio::time::sleep(PAUSE).await;
    }
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // With one core the second worker only waits for what is small: it is short.
    let takes = (0..cores.max(2)).map(|worker| if worker == 0 { Takes::Small } else { Takes::All });
    join_all(takes.map(|takes| work(&app, takes))).await;
}

async fn restore(app: &App) -> Result<(), RecordError> {
    let mut after = None;
    loop {
        let scan = Scan { collection: QUEUE, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            if let Some(queued) = sound(records::decode::<Queued>(&address, &stored.body))? {
                let (organisation, id) = (address.partition, address.key);
                app.calculations.jobs.push(Waiting { organisation, id, size: queued.size });
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn work(app: &App, takes: Takes) {
    loop {
        let waiting = app.calculations.jobs.next(takes).await;
        match attempt(app, &waiting).await {
            Ok(Attempt::Over) => {}
            Ok(Attempt::Again) => app.calculations.jobs.push(waiting),
            Err(error) => {
                tracing::error!(%error, calculation = waiting.id, "a calculation could not be ended; it is tried again");
                tokio::time::sleep(PAUSE).await;
                app.calculations.jobs.push(waiting);
            }
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// There is nothing more to do.
    Over,
    /// It is to be begun again.
    Again,
}

/// What came of a calculation.
enum Came {
    /// An outcome, with what was asked.
    Outcome(String),
    /// What is wrong with what was asked.
    Faults(Vec<Fault>),
    /// What went wrong here.
    Incident(String),
    /// It took the thread down with it.
    Died,
}

/// One beginning of a calculation, and its end where there is one.
///
/// # Errors
/// [`WebError`] when the store does not answer: it stays where it was.
pub(super) async fn attempt(app: &App, waiting: &Waiting) -> Result<Attempt, WebError> {
    let Waiting { organisation, id, .. } = waiting;
    let Some((mut job, version)) = super::read(app, organisation, id).await? else {
        return forget(app, waiting).await;
    };
    if job.state.is_final() {
        return forget(app, waiting).await;
    }
    let place = Address::new(QUEUE, organisation, id);
    let Some((queued, at)) = records::read_plain::<Queued>(app, &place).await? else {
        return Ok(Attempt::Over);
    };
    if queued.begun >= MOST_BEGINNINGS || queued.died >= MOST_DEATHS {
        let why =
            format!("it was begun {} times, took {} threads down and never ended", queued.begun, queued.died);
        return end(app, organisation, id, Came::Incident(why)).await;
    }
    // From here on it stops when it is deleted, cancelled or let go.
    let running = app.calculations.jobs.began(id);
    let mut batch = Batch::new(organisation);
    let key = records::subject_key(app, organisation, id, &mut batch).await?;
    job.state = State::Running;
    job.put(app, &mut batch, &key, Expect::Version(version))?;
    let begun = Queued { begun: queued.begun + 1, ..queued };
    let gone = Some(job.ends(app));
    records::put_plain(&mut batch, QUEUE, id, Expect::Version(at), &begun, gone)?;
    match app.store.commit(batch).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Ok(Attempt::Again),
        Err(error) => return Err(error.into()),
    }
    let came = compute(app, organisation, &job, &running.watch).await?;
    if running.watch.is_stopped() && !matches!(came, Came::Outcome(_)) {
        // Whoever stopped it wrote its end.
        return Ok(Attempt::Over);
    }
    match came {
        Came::Died => died(app, &place, job.ends(app)).await,
        came => end(app, organisation, id, came).await,
    }
}

async fn compute(app: &App, organisation: &str, job: &Job, watch: &Arc<Watch>) -> Result<Came, WebError> {
    let address = Address::new(INPUTS, organisation, &job.id);
    let Some((inputs, _)) = records::read_sealed::<Inputs>(app, &address, &job.id).await? else {
        return Ok(Came::Incident("its inputs are not there".into()));
    };
    let data = match &job.dataset {
        None => Data::default(),
        Some(dataset) => match data::load(app, organisation, dataset).await? {
            Some(data) => data,
            None => {
                return Ok(Came::Faults(vec![Fault::new(
                    "/dataset",
                    "missing",
                    &[("name", "dataset".into())],
                )]));
            }
        },
    };
    let (module, watch, with_data) = (job.module.clone(), Arc::clone(watch), job.dataset.is_some());
    let computed = tokio::task::spawn_blocking(move || {
        let mut request = inputs.parameters;
        if with_data {
            LINES.iter().for_each(|name| drop(request.remove(*name)));
        }
        request.extend(data.members);
        let request = Value::Object(request);
        let digest = aops_report::digest(&request, data.lines.as_deref());
        let answered = match data.lines {
            Some(lines) => {
                calculate_lines(&module, &request, lines, &watch).map(|outcome| (outcome, request))
            }
            None => {
                let request = aops_report::with_working(&request);
                calculate_watched(&module, &request, &watch).map(|outcome| (outcome, request))
            }
        };
        match answered {
            Ok((outcome, request)) => match forms::pack(&request, outcome.into_json(), &digest, &data.name) {
                Ok(packed) => Came::Outcome(packed),
                Err(why) => Came::Incident(why),
            },
            Err(faults) => Came::Faults(faults.0),
        }
    });
    Ok(computed.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a calculation took its thread down");
        Came::Died
    }))
}

/// Notes that a calculation took its thread down.
async fn died(app: &App, place: &Address, gone: Timestamp) -> Result<Attempt, WebError> {
    let Some((queued, at)) = records::read_plain::<Queued>(app, place).await? else {
        return Ok(Attempt::Over);
    };
    let mut batch = Batch::new(&place.partition);
    let noted = Queued { died: queued.died + 1, ..queued };
    records::put_plain(&mut batch, QUEUE, &place.key, Expect::Version(at), &noted, Some(gone))?;
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(Attempt::Again),
        Err(error) => Err(error.into()),
    }
}

/// Ends a calculation, once: nothing is written where it was ended or deleted meanwhile.
async fn end(app: &App, organisation: &str, id: &str, came: Came) -> Result<Attempt, WebError> {
    let Some((mut job, version)) = super::read(app, organisation, id).await? else {
        return Ok(Attempt::Over);
    };
    if job.state.is_final() {
        return Ok(Attempt::Over);
    }
    let mut batch = Batch::new(organisation).delete(QUEUE, id, Expect::Anything);
    let key = records::subject_key(app, organisation, id, &mut batch).await?;
    job.ended = Some(app.clock.now());
    job.state = State::Failed;
    match came {
        Came::Outcome(zstd) => {
            job.state = State::Done;
            let packed = super::records::Packed { zstd };
            let gone = Some(job.ends(app));
            records::put_sealed(&mut batch, &key, OUTCOMES, id, Expect::Anything, &packed, gone)?;
        }
        Came::Faults(faults) => job.faults = faults.iter().take(MOST_FAULTS).map(Kept::of).collect(),
        Came::Incident(why) => job.incident = Some(incident(id, &why)?),
        Came::Died => return Ok(Attempt::Again),
    }
    if job.state == State::Failed
        && let Some(counter) = &job.counter
    {
        checkout::uncount_in(app, organisation, counter, &mut batch).await?;
    }
    job.put(app, &mut batch, &key, Expect::Version(version))?;
    let done = job.state == State::Done;
    letter::write(app, &mut batch, &job).await?;
    let ended = Ended { calculation: id, module: &job.module, done, test: job.test };
    let recorded = webhooks::announce(app, &mut batch, ended).await?;
    match app.store.commit(batch).await {
        Ok(()) => {
            app.webhooks.recorded(recorded);
            if job.letter {
                app.outbox.wake();
            }
            let state = if done { "done" } else { "failed" };
            metrics::counter!("calculations_ended_total", "state" => state).increment(1);
            Ok(Attempt::Over)
        }
        Err(StoreError::Conflict(_)) => Ok(Attempt::Again),
        Err(StoreError::Full(why)) if done => {
            Box::pin(end(app, organisation, id, Came::Incident(format!("there is no room for it: {why}"))))
                .await
        }
        Err(error) => Err(error.into()),
    }
}

/// A name for what went wrong, told to the client and in the log.
fn incident(id: &str, why: &str) -> Result<String, WebError> {
    let incident = random::base62(12).map_err(|error| WebError::Internal(error.to_string()))?;
    tracing::error!(incident, calculation = id, why, "a calculation failed");
    Ok(incident)
}

/// Frees the place of one that is no more.
async fn forget(app: &App, waiting: &Waiting) -> Result<Attempt, WebError> {
    let batch = Batch::new(&waiting.organisation).delete(QUEUE, &waiting.id, Expect::Anything);
    app.store.commit(batch).await?;
    Ok(Attempt::Over)
}

/// For events: what is told of a calculation while it is under way.
pub(super) fn told(app: &App, job: &Job) -> Value {
    let progress = match job.state {
        State::Queued => 0.0,
        State::Running => app.calculations.jobs.progress(&job.id).unwrap_or(0.0),
        _ => 1.0,
    };
    json!({ "id": job.id, "state": job.state, "progress": progress })
}
