//! The workers: each takes the next calculation, or a chunk of one, has it computed in a process apart, and ends it by
//! one batch. What was under way when the gateway died is begun again; what takes its own process down three times, or
//! never ends, is set apart.

use std::sync::Arc;
use std::time::Duration;

use aops_engine::Fault;
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::apart::{Answer, Heard, Work, hear};
use super::chunks;
use super::data;
use super::leased;
use super::letter;
use super::packed::{self, Packed};
use super::queue::{Run, Takes, Waiting};
use super::records::{CHUNKS, Cut, INPUTS, Inputs, Job, OUTCOMES, QUEUE, Queued, State};
use crate::accounts::random;
use crate::app::{App, SharedApp};
use crate::blobs;
use crate::calculations::assumptions;
use crate::calculations::faults::Kept;
use crate::checkout;
use crate::records::{self, RecordError, sound};
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::web::WebError;
use crate::webhooks::{self, Ended};

/// After so many beginnings without an end, it is not begun again. A process is killed and started over for reasons that
/// are not the calculation's: there is room for a bad day.
pub(super) const MOST_BEGINNINGS: u32 = 12;
/// After it took so many processes down, which is its own doing, it is not begun again.
pub(super) const MOST_DEATHS: u32 = 3;
/// Faults that are kept; a file may have one in each cell.
const MOST_FAULTS: usize = 1_000;
/// Between two looks at a store that does not answer.
pub(super) const PAUSE: Duration = Duration::from_secs(5);
/// Tries to write the end of what was computed, with [`PAUSE`] between them, before it is computed again: a quarter of
/// an hour without the store or the bucket of contents costs no second computation.
const ENDINGS: u32 = 180;
const PAGE: usize = 500;

/// Takes up what waits and what was under way, and then every calculation in its turn.
pub async fn follow(app: SharedApp) {
    if let Some(shared) = &app.calculations.jobs.shared {
        return leased::follow(&app, shared).await;
    }
    while let Err(error) = restore(&app).await {
        tracing::warn!(%error, "the calculations that wait cannot be read yet");
        tokio::time::sleep(PAUSE).await;
    }
    join_all(places(&app).map(|takes| work(&app, takes))).await;
}

/// What each worker takes: one place is kept for what is small, unless it is the only one.
pub(super) fn places(app: &App) -> impl Iterator<Item = Takes> + use<> {
    let workers = app.settings.calculations.here();
    (0..workers).map(move |worker| if worker == 0 && workers > 1 { Takes::Small } else { Takes::All })
}

/// Puts everything that is to be done into the queue.
pub(super) async fn restore(app: &App) -> Result<(), RecordError> {
    for collection in [QUEUE, CHUNKS] {
        let mut after = None;
        loop {
            let scan = Scan { collection, partition: None, prefix: String::new(), after, limit: PAGE };
            let page = app.store.scan(scan).await?;
            for (address, stored) in page.documents {
                if let Some(queued) = sound(records::decode::<Queued>(&address, &stored.body))? {
                    let (organisation, id) = (address.partition, address.key);
                    app.calculations.jobs.queue(Waiting { organisation, id, size: queued.size }).await;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Its place in the queue, as it is kept.
fn place_of(waiting: &Waiting) -> Address {
    let line = if waiting.chunk().is_some() { CHUNKS } else { QUEUE };
    Address::new(line, &waiting.organisation, &waiting.id)
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
    /// An outcome, with what was asked; of a chunk, what it gives to the whole.
    Outcome(Packed),
    /// What is wrong with what was asked.
    Faults(Vec<Kept>),
    /// What went wrong here.
    Incident(String),
    /// It passed its bounds, or took its process down.
    Died,
    /// Its process ended for another's doing, or was stopped.
    Interrupted,
}

impl From<Answer> for Came {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Outcome(packed) => Self::Outcome(packed),
            Answer::Faults(faults) => Self::Faults(faults),
            Answer::Incident(why) => Self::Incident(why),
        }
    }
}

/// One beginning of a calculation or of a chunk, and its end where there is one.
///
/// # Errors
/// [`WebError`] when the store does not answer: it stays where it was.
pub(super) async fn attempt(app: &App, waiting: &Waiting) -> Result<Attempt, WebError> {
    let Waiting { organisation, id, .. } = waiting;
    let Some((mut job, version)) = super::read(app, organisation, waiting.calculation()).await? else {
        return forget(app, waiting).await;
    };
    if job.state.is_final() {
        return forget(app, waiting).await;
    }
    let place = place_of(waiting);
    let Some((queued, at)) = records::read_plain::<Queued>(app, &place).await? else {
        return Ok(Attempt::Over);
    };
    if queued.begun >= MOST_BEGINNINGS || queued.died >= MOST_DEATHS {
        let why = format!(
            "it was begun {} times, took {} processes down and never ended",
            queued.begun, queued.died
        );
        return end(app, waiting, &Came::Incident(why)).await;
    }
    // Before it is begun: while data cannot be had, no beginning is spent on them.
    let work = match asked(app, waiting, &job).await {
        Ok(work) => work,
        Err(WebError::Internal(why)) => Err(Came::Incident(why)),
        Err(error) => return Err(error),
    };
    // Where nothing can be computed, nothing is begun.
    app.calculations.alive().map_err(WebError::Unavailable)?;
    // From here on it stops when it is deleted, cancelled or let go.
    let running = app.calculations.jobs.began(id);
    let mut batch = Batch::new(organisation);
    // Whatever stops it or removes it takes its place in the queue.
    if job.state != State::Running {
        let key = records::subject_key(app, organisation, &job.id, &mut batch).await?;
        job.state = State::Running;
        job.put(app, &mut batch, &key, Expect::Version(version))?;
    }
    let begun = Queued { begun: queued.begun + 1, ..queued };
    let gone = Some(job.ends(app));
    records::put_plain(&mut batch, place.collection, id, Expect::Version(at), &begun, gone)?;
    match app.store.commit(batch).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Ok(Attempt::Again),
        Err(error) => return Err(error.into()),
    }
    let came = match work {
        Ok(work) => compute(app, &job, work, &running.run).await?,
        Err(came) => came,
    };
    if running.run.is_stopped() && !matches!(came, Came::Outcome(_)) {
        // Whoever stopped it wrote its end.
        return Ok(Attempt::Over);
    }
    match came {
        Came::Died => died(app, &place, job.ends(app)).await,
        Came::Interrupted => Ok(Attempt::Again),
        came => ended(app, waiting, &came).await,
    }
}

/// What is to be computed, or what came of it already.
///
/// # Errors
/// [`WebError`].
async fn asked(app: &App, waiting: &Waiting, job: &Job) -> Result<Result<Work, Came>, WebError> {
    let organisation = &waiting.organisation;
    let address = Address::new(INPUTS, organisation, &job.id);
    let Some((inputs, _)) = records::read_sealed::<Inputs>(app, &address, &job.id).await? else {
        return Ok(Err(Came::Incident("its inputs are not there".into())));
    };
    let work = Work::asked(job.module.clone(), inputs.parameters);
    let Some(dataset) = &job.dataset else { return Ok(Ok(work)) };
    let Some(data) = data::load(app, organisation, dataset).await? else {
        let gone = Fault::new("/dataset", "missing", &[("name", "dataset".into())]);
        return Ok(Err(Came::Faults(vec![Kept::of(&gone)])));
    };
    let work = work.with(data.members, data.lines, data.name);
    Ok(Ok(match (waiting.chunk(), job.cut) {
        (Some(number), Some(Cut { blocks, .. })) => {
            let cutting = move || work.chunk(number * blocks..(number + 1) * blocks);
            let cut = tokio::task::spawn_blocking(cutting).await;
            cut.map_err(|error| WebError::Internal(error.to_string()))?
        }
        (None, Some(cut)) => work.gathering(chunks::computed(app, organisation, job, cut).await?),
        (_, None) => work,
    }))
}

async fn compute(app: &App, job: &Job, work: Work, run: &Arc<Run>) -> Result<Came, WebError> {
    let Some(nursery) = &app.calculations.nursery else { return Ok(on_a_thread(work, run).await) };
    let longest = Duration::from_secs(app.settings.calculations.seconds);
    let heard = hear(nursery, work, longest, run).await.map_err(WebError::Unavailable)?;
    Ok(match heard {
        Heard::Answer(answer) => answer.into(),
        Heard::Died(why) => {
            tracing::error!(calculation = job.id, why, "a calculation took its process down");
            metrics::counter!("calculations_died_total").increment(1);
            Came::Died
        }
        Heard::Interrupted(why) => {
            tracing::info!(calculation = job.id, why, "a calculation was interrupted");
            Came::Interrupted
        }
    })
}

/// Where no process can be started for it: commands without a gateway, and tests.
async fn on_a_thread(work: Work, run: &Arc<Run>) -> Came {
    let run = Arc::clone(run);
    let computed = tokio::task::spawn_blocking(move || work.answer(&run.watch));
    computed.await.map_or_else(
        |error| {
            tracing::error!(%error, "a calculation took its thread down");
            Came::Died
        },
        Came::from,
    )
}

/// Notes that a calculation took its process down.
async fn died(app: &App, place: &Address, gone: Timestamp) -> Result<Attempt, WebError> {
    let Some((queued, at)) = records::read_plain::<Queued>(app, place).await? else {
        return Ok(Attempt::Over);
    };
    let mut batch = Batch::new(&place.partition);
    let noted = Queued { died: queued.died + 1, ..queued };
    records::put_plain(&mut batch, place.collection, &place.key, Expect::Version(at), &noted, Some(gone))?;
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(Attempt::Again),
        Err(error) => Err(error.into()),
    }
}

/// Ends a calculation, again and again while what it is written to is away.
async fn ended(app: &App, waiting: &Waiting, came: &Came) -> Result<Attempt, WebError> {
    let id = &waiting.id;
    let mut tries = 1;
    loop {
        match end(app, waiting, came).await {
            Err(WebError::Unavailable(why)) if tries < ENDINGS => {
                tracing::warn!(
                    calculation = id,
                    why,
                    "what was computed cannot be kept yet; it is tried again"
                );
                tokio::time::sleep(PAUSE).await;
                tries += 1;
            }
            ended => return ended,
        }
    }
}

/// Ends a calculation or a chunk, once: nothing is written where it was ended or deleted meanwhile.
async fn end(app: &App, waiting: &Waiting, came: &Came) -> Result<Attempt, WebError> {
    if waiting.chunk().is_some() {
        return end_chunk(app, waiting, came).await;
    }
    let Waiting { organisation, id, .. } = waiting;
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
        Came::Outcome(packed) => {
            job.state = State::Done;
            let gone = Some(job.ends(app));
            let outcome = packed::keep(app, &mut batch, &key, id, packed, gone).await?;
            records::put_sealed(&mut batch, &key, OUTCOMES, id, Expect::Anything, &outcome, gone)?;
            remembered(app, organisation, &job, &mut batch).await?;
        }
        Came::Faults(faults) => job.faults = faults.iter().take(MOST_FAULTS).cloned().collect(),
        Came::Incident(why) => job.incident = Some(incident(id, why)?),
        Came::Died | Came::Interrupted => return Ok(Attempt::Again),
    }
    if job.state == State::Failed
        && let Some(counter) = &job.counter
    {
        checkout::uncount_in(app, organisation, counter, &mut batch).await?;
    }
    if job.cut.is_some() {
        chunks::remove_all(app, &mut batch, id).await?;
    }
    job.put(app, &mut batch, &key, Expect::Version(version))?;
    let done = job.state == State::Done;
    letter::write(app, &mut batch, &job).await?;
    let ended = Ended { calculation: id, module: &job.module, done, test: job.test };
    let recorded = webhooks::announce(app, &mut batch, ended).await?;
    match blobs::commit(app, batch).await {
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
            Box::pin(end(app, waiting, &Came::Incident(format!("there is no room for it: {why}")))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// A chunk that computed nothing ends as well: the whole computes it, and tells what is wrong where something is.
async fn end_chunk(app: &App, waiting: &Waiting, came: &Came) -> Result<Attempt, WebError> {
    let computed = match came {
        Came::Outcome(part) => serde_json::from_str(&part.told).map_err(|error| error.to_string()),
        Came::Incident(why) => Err(why.clone()),
        Came::Faults(_) => Err("there are faults in it".into()),
        Came::Died | Came::Interrupted => return Ok(Attempt::Again),
    };
    if let Err(why) = &computed {
        tracing::warn!(chunk = waiting.id, why, "a chunk is left to the whole of its calculation");
    }
    chunks::end(app, waiting, computed.ok().as_ref()).await
}

/// What the next calculation of the module may begin with; trials begin nothing.
async fn remembered(app: &App, organisation: &str, job: &Job, batch: &mut Batch) -> Result<(), WebError> {
    if job.test {
        return Ok(());
    }
    if let Some(asked) = super::parameters(app, organisation, job).await? {
        assumptions::remember(app, batch, (&job.module, &job.account), &asked).await?;
    }
    Ok(())
}

/// A name for what went wrong, told to the client and in the log.
fn incident(id: &str, why: &str) -> Result<String, WebError> {
    let incident = random::base62(12).map_err(|error| WebError::Internal(error.to_string()))?;
    tracing::error!(incident, calculation = id, why, "a calculation failed");
    Ok(incident)
}

/// Frees the place of one that is no more.
async fn forget(app: &App, waiting: &Waiting) -> Result<Attempt, WebError> {
    let place = place_of(waiting);
    let batch = Batch::new(&place.partition).delete(place.collection, &place.key, Expect::Anything);
    app.store.commit(batch).await?;
    Ok(Attempt::Over)
}

/// For events: what is told of a calculation while it is under way.
pub(super) fn told(app: &App, job: &Job) -> Value {
    let progress = match job.state {
        State::Queued => 0.0,
        State::Running => progress(app, job),
        _ => 1.0,
    };
    json!({ "id": job.id, "state": job.state, "progress": progress })
}

/// The part done of one that runs: of one in chunks, those that have ended, and then the whole like one more.
pub(in crate::calculations) fn progress(app: &App, job: &Job) -> f64 {
    let whole = app.calculations.jobs.progress(&job.id).unwrap_or(0.0);
    match job.cut {
        None => whole,
        Some(Cut { of, done, .. }) => (f64::from(done) + whole) / (f64::from(of) + 1.0),
    }
}
