//! A portfolio in chunks: one of more lines than `[calculations] chunk_lines` is cut when it is asked for, each chunk has
//! a place in the queue like a calculation, and the last one to end puts the whole there, which takes from them what they
//! computed. It knows no formula: the engine says what is worth cutting, and computes in the whole whatever no chunk gave,
//! so that a chunk can fail nothing.

use aops_engine::{BLOCK, Partial, is_cut};
use serde_json::{Map, Value};

use super::queue::Waiting;
use super::records::{CHUNKS, Cut, Job, PARTIALS, QUEUE, Queued};
use super::worker::Attempt;
use crate::app::App;
use crate::calculations::cost;
use crate::records::{self, Document, RecordError, sound};
use crate::store::{Address, Batch, Change, Expect, Scan, StoreError, Write};
use crate::web::WebError;

const PAGE: usize = 500;
/// Other chunks that may end at once.
const TRIES: usize = 64;

impl Document for Partial {}

/// How a calculation of so many lines is cut; not at all where that spares nothing.
pub(super) fn cut(app: &App, module: &str, parameters: &Map<String, Value>, rows: usize) -> Option<Cut> {
    let blocks = app.settings.calculations.chunk_blocks()?;
    let of = u32::try_from(rows.div_ceil(BLOCK).div_ceil(blocks)).ok()?;
    let request = || Value::Object(parameters.clone());
    (of > 1 && is_cut(module, &request())).then_some(Cut { blocks, of, done: 0 })
}

/// The places in the queue that make a calculation: its own, or those of its chunks.
pub(super) fn places(organisation: &str, job: &Job) -> Vec<Waiting> {
    let waiting = |id: String, size| Waiting { organisation: organisation.to_owned(), id, size };
    match job.cut {
        None => vec![waiting(job.id.clone(), job.size)],
        Some(cut) => {
            let size = cost::of_lines(cut.blocks * BLOCK);
            (0..cut.of).map(|number| waiting(name(&job.id, number), size)).collect()
        }
    }
}

/// The name of a chunk.
fn name(id: &str, number: u32) -> String {
    format!("{id}/{number:05}")
}

/// What the chunks of a calculation computed, of all that are there.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn computed(
    app: &App,
    organisation: &str,
    job: &Job,
    cut: Cut,
) -> Result<Vec<Partial>, RecordError> {
    let mut parts = Vec::new();
    for number in 0..cut.of {
        let address = Address::new(PARTIALS, organisation, name(&job.id, number));
        let found = sound(records::read_sealed::<Partial>(app, &address, &job.id).await)?.flatten();
        parts.extend(found.map(|(part, _)| part));
    }
    Ok(parts)
}

/// Ends a chunk, once, with what it computed, where it did; the last one puts the whole into the queue.
///
/// # Errors
/// [`WebError`] when the store does not answer.
pub(super) async fn end(
    app: &App,
    waiting: &Waiting,
    computed: Option<&Partial>,
) -> Result<Attempt, WebError> {
    let Waiting { organisation, id, .. } = waiting;
    let place = Address::new(CHUNKS, organisation, id);
    for _ in 0..TRIES {
        let Some((mut job, version)) = super::read(app, organisation, waiting.calculation()).await? else {
            return Ok(Attempt::Over);
        };
        let queued = records::read_plain::<Queued>(app, &place).await?;
        // It was ended by another, or all of it was.
        let (Some((_, at)), Some(cut)) = (queued, &mut job.cut) else { return Ok(Attempt::Over) };
        cut.done += 1;
        let last = cut.done >= cut.of;
        let mut batch = Batch::new(organisation).delete(CHUNKS, id, Expect::Version(at));
        let key = records::subject_key(app, organisation, &job.id, &mut batch).await?;
        let gone = Some(job.ends(app));
        if let Some(part) = computed {
            records::put_sealed(&mut batch, &key, PARTIALS, id, Expect::Anything, part, gone)?;
        }
        if last {
            let queued = Queued { size: job.size, begun: 0, died: 0 };
            records::put_plain(&mut batch, QUEUE, &job.id, Expect::Absent, &queued, gone)?;
        }
        job.put(app, &mut batch, &key, Expect::Version(version))?;
        match app.store.commit(batch).await {
            Ok(()) => {
                if last {
                    let (organisation, id, size) = (organisation.clone(), job.id, job.size);
                    app.calculations.jobs.queue(Waiting { organisation, id, size }).await;
                }
                return Ok(Attempt::Over);
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the calculation is written by too many at once".into()))
}

/// Removes all that is kept of the chunks of a calculation, by the batch that ends it.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn remove_all(app: &App, batch: &mut Batch, id: &str) -> Result<(), RecordError> {
    for collection in [CHUNKS, PARTIALS] {
        let mut after = None;
        loop {
            let (partition, prefix) = (Some(batch.partition.clone()), format!("{id}/"));
            let page = app.store.scan(Scan { collection, partition, prefix, after, limit: PAGE }).await?;
            for (address, _) in page.documents {
                let (expect, change) = (Expect::Anything, Change::Delete);
                batch.writes.push(Write { collection, key: address.key, expect, change });
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}
