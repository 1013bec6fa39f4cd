//! The one thread that writes: groups of batches, each group durable at once.

use std::sync::Arc;

use jiff::Timestamp;
use redb::{Database, ReadableTable, Table};
use tokio::sync::{mpsc, oneshot};

use super::layout::{self, DOCUMENTS, ENDS};
use super::{OpenFile, unavailable};
use crate::clock::Clock;
use crate::store::{Address, Batch, Change, Expect, StoreError, Write};

/// The most batches that share one commit.
const GROUP: usize = 256;

/// Something to write.
pub(super) enum Task {
    Commit(Batch, oneshot::Sender<Result<(), StoreError>>),
    Sweep(usize, oneshot::Sender<Result<usize, StoreError>>),
}

type Documents<'t> = Table<'t, &'static [u8], &'static [u8]>;
type Ends<'t> = Table<'t, &'static [u8], ()>;

/// Writes until nobody can ask for anything any more.
pub(super) fn run(file: &OpenFile, clock: Clock, mut tasks: mpsc::Receiver<Task>) {
    while let Some(first) = tasks.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match tasks.try_recv() {
                Ok(task) => group.push(task),
                Err(_) => break,
            }
        }
        write_group(file, clock.now(), group);
    }
}

/// Nobody who asks is told before the group is on disk; if it cannot be, everybody is told that.
fn write_group(file: &OpenFile, now: Timestamp, group: Vec<Task>) {
    let mut answers: Vec<Box<dyn FnOnce(Option<StoreError>)>> = Vec::with_capacity(group.len());
    let written = file
        .database()
        .and_then(|database| apply(&database, now, group, &mut answers).map_err(|error| unavailable(&error)));
    let failure = written.err();
    if let Some(error) = &failure {
        tracing::error!(%error, "the store could not write");
        file.give_up();
    }
    for answer in answers {
        answer(failure.clone());
    }
}

fn apply(
    database: &Arc<Database>,
    now: Timestamp,
    group: Vec<Task>,
    answers: &mut Vec<Box<dyn FnOnce(Option<StoreError>)>>,
) -> Result<(), redb::Error> {
    // Answers are gathered for every task before anything can fail, so that none is left without one.
    let mut work = Vec::with_capacity(group.len());
    for task in group {
        match task {
            Task::Commit(batch, reply) => {
                let result = Arc::new(std::sync::Mutex::new(Ok(())));
                let told = Arc::clone(&result);
                answers.push(Box::new(move |failure| {
                    let own = std::mem::replace(&mut *lock(&told), Ok(()));
                    // A caller that no longer waits needs no answer.
                    let _ = reply.send(failure.map_or(own, Err));
                }));
                work.push(Work::Commit(batch, result));
            }
            Task::Sweep(limit, reply) => {
                let removed = Arc::new(std::sync::Mutex::new(0));
                let told = Arc::clone(&removed);
                answers.push(Box::new(move |failure| {
                    let _ = reply.send(failure.map_or(Ok(*lock(&told)), Err));
                }));
                work.push(Work::Sweep(limit, removed));
            }
        }
    }
    let transaction = database.begin_write()?;
    {
        let mut documents = transaction.open_table(DOCUMENTS)?;
        let mut ends = transaction.open_table(ENDS)?;
        for work in work {
            match work {
                Work::Commit(batch, result) => {
                    *lock(&result) = commit(&mut documents, &mut ends, now, batch)?
                }
                Work::Sweep(limit, removed) => {
                    *lock(&removed) = sweep(&mut documents, &mut ends, now, limit)?
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

enum Work {
    Commit(Batch, Arc<std::sync::Mutex<Result<(), StoreError>>>),
    Sweep(usize, Arc<std::sync::Mutex<usize>>),
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One batch: all expectations first, then all changes.
fn commit(
    documents: &mut Documents<'_>,
    ends: &mut Ends<'_>,
    now: Timestamp,
    batch: Batch,
) -> Result<Result<(), StoreError>, redb::Error> {
    for write in &batch.writes {
        let name = layout::key(write.collection, &batch.partition, &write.key);
        let version = documents
            .get(name.as_slice())?
            .and_then(|value| layout::decode(value.value()))
            .filter(|stored| !layout::expired(stored, now))
            .map(|stored| stored.version);
        let met = match write.expect {
            Expect::Anything => true,
            Expect::Absent => version.is_none(),
            Expect::Version(expected) => version == Some(expected),
        };
        if !met {
            return Ok(Err(StoreError::Conflict(Address::new(
                write.collection,
                batch.partition,
                write.key.clone(),
            ))));
        }
    }
    for write in batch.writes {
        change(documents, ends, now, &batch.partition, write)?;
    }
    Ok(Ok(()))
}

fn change(
    documents: &mut Documents<'_>,
    ends: &mut Ends<'_>,
    now: Timestamp,
    partition: &str,
    write: Write,
) -> Result<(), redb::Error> {
    let name = layout::key(write.collection, partition, &write.key);
    let before = documents.get(name.as_slice())?.and_then(|value| layout::decode(value.value()));
    let (body, expires) = match write.change {
        Change::Check => return Ok(()),
        Change::Delete => {
            documents.remove(name.as_slice())?;
            return forget_end(ends, before.and_then(|stored| stored.expires), &name);
        }
        Change::Put { body, expires } => (body, expires),
    };
    // What had expired was gone: the document begins anew.
    let version =
        before.as_ref().filter(|stored| !layout::expired(stored, now)).map_or(0, |stored| stored.version) + 1;
    forget_end(ends, before.and_then(|stored| stored.expires), &name)?;
    if let Some(expires) = expires {
        ends.insert(layout::end(expires, &name).as_slice(), ())?;
    }
    documents.insert(name.as_slice(), layout::encode(version, expires, &body).as_slice())?;
    Ok(())
}

fn forget_end(ends: &mut Ends<'_>, expires: Option<Timestamp>, name: &[u8]) -> Result<(), redb::Error> {
    if let Some(expires) = expires {
        ends.remove(layout::end(expires, name).as_slice())?;
    }
    Ok(())
}

/// Removes what ended by now, the oldest first.
fn sweep(
    documents: &mut Documents<'_>,
    ends: &mut Ends<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<usize, redb::Error> {
    let past =
        layout::end(now.saturating_add(jiff::SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX), &[]);
    let due: Vec<Vec<u8>> = ends
        .range(..past.as_slice())?
        .take(limit)
        .map(|entry| Ok(entry?.0.value().to_vec()))
        .collect::<Result<_, redb::Error>>()?;
    for name in &due {
        documents.remove(layout::ended(name))?;
        ends.remove(name.as_slice())?;
    }
    Ok(due.len())
}
