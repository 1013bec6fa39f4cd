//! The one thread that writes: groups of batches, each group durable at once.

use std::collections::HashMap;

use jiff::Timestamp;
use redb::{Database, ReadableTable, Table, WriteTransaction};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::layout::{self, COUNTS, DOCUMENTS, ENDS};
use super::{OpenFile, fault};
use crate::clock::Clock;
use crate::store::watch::{Heard, Told};
use crate::store::{Address, Batch, Change, Copied, Expect, StoreError, Write};

/// The most batches that share one commit.
const GROUP: usize = 256;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something to write.
pub(super) enum Task {
    Commit(Batch, Answer<()>),
    Sweep(usize, Answer<usize>),
    Load(Vec<Copied>, Answer<()>),
}

/// A task that was carried out, to be told once it is on disk.
enum Done {
    Commit(Result<(), StoreError>, Answer<()>),
    Sweep(usize, Answer<usize>),
}

/// Writes until nobody can ask for anything any more.
pub(super) fn run(
    file: &OpenFile,
    clock: Clock,
    mut tasks: mpsc::Receiver<Task>,
    told: &broadcast::Sender<Heard>,
) {
    while let Some(first) = tasks.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match tasks.try_recv() {
                Ok(task) => group.push(task),
                Err(_) => break,
            }
        }
        write_group(file, clock.now(), group, told);
    }
}

/// Nobody who asks is told before the group is on disk; if it cannot be, everybody is told that.
fn write_group(file: &OpenFile, now: Timestamp, group: Vec<Task>, told: &broadcast::Sender<Heard>) {
    let mut waiting = group.into_iter();
    let mut done = Vec::new();
    let written = file.database().and_then(|database| {
        apply(&database, now, &mut waiting, &mut done).map_err(|error| fault::of(&error))
    });
    match written {
        Ok(changes) => {
            for change in changes {
                // Nobody may be watching.
                let _ = told.send(Heard::Told(change));
            }
            done.into_iter().for_each(Done::tell);
        }
        Err(error) => {
            tracing::error!(%error, "the store could not write");
            file.give_up();
            done.into_iter().for_each(|done| done.refuse(&error));
            waiting.for_each(|task| task.refuse(&error));
        }
    }
}

impl Task {
    fn refuse(self, error: &StoreError) {
        match self {
            // A caller that no longer waits needs no answer.
            Self::Commit(_, answer) | Self::Load(_, answer) => drop(answer.send(Err(error.clone()))),
            Self::Sweep(_, answer) => drop(answer.send(Err(error.clone()))),
        }
    }
}

impl Done {
    fn tell(self) {
        match self {
            Self::Commit(result, answer) => drop(answer.send(result)),
            Self::Sweep(count, answer) => drop(answer.send(Ok(count))),
        }
    }

    fn refuse(self, error: &StoreError) {
        match self {
            Self::Commit(_, answer) => drop(answer.send(Err(error.clone()))),
            Self::Sweep(_, answer) => drop(answer.send(Err(error.clone()))),
        }
    }
}

fn apply(
    database: &Database,
    now: Timestamp,
    tasks: &mut impl Iterator<Item = Task>,
    done: &mut Vec<Done>,
) -> Result<Vec<Told>, redb::Error> {
    let transaction = database.begin_write()?;
    let changes = {
        let mut tables = Tables::open(&transaction)?;
        for task in tasks {
            match task {
                Task::Commit(batch, answer) => {
                    // Whoever waits must have an answer, whatever fails from here on.
                    done.push(Done::Commit(Ok(()), answer));
                    let result = tables.commit(now, batch)?;
                    if let Some(Done::Commit(outcome, _)) = done.last_mut() {
                        *outcome = result;
                    }
                }
                Task::Sweep(limit, answer) => {
                    done.push(Done::Sweep(0, answer));
                    let swept = tables.sweep(now, limit)?;
                    if let Some(Done::Sweep(count, _)) = done.last_mut() {
                        *count = swept;
                    }
                }
                Task::Load(copied, answer) => {
                    done.push(Done::Commit(Ok(()), answer));
                    tables.load(copied)?;
                }
            }
        }
        tables.finish()?
    };
    transaction.commit()?;
    Ok(changes)
}

/// The tables of one transaction, and what it changed so far.
struct Tables<'t> {
    documents: Table<'t, &'static [u8], &'static [u8]>,
    ends: Table<'t, &'static [u8], ()>,
    counts: Table<'t, &'static [u8], u64>,
    /// By how much each count changes.
    grown: HashMap<Vec<u8>, i64>,
    told: Vec<Told>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            documents: transaction.open_table(DOCUMENTS)?,
            ends: transaction.open_table(ENDS)?,
            counts: transaction.open_table(COUNTS)?,
            grown: HashMap::new(),
            told: Vec::new(),
        })
    }

    /// One batch: all expectations first, then all changes.
    fn commit(&mut self, now: Timestamp, batch: Batch) -> Result<Result<(), StoreError>, redb::Error> {
        for write in &batch.writes {
            let name = layout::key(write.collection, &batch.partition, &write.key);
            let version = self
                .documents
                .get(name.as_slice())?
                .and_then(|value| layout::head(value.value()))
                .filter(|head| !head.expired(now))
                .map(|head| head.version);
            let met = match write.expect {
                Expect::Anything => true,
                Expect::Absent => version.is_none(),
                Expect::Version(expected) => version == Some(expected),
            };
            if !met {
                let address = Address::new(write.collection, batch.partition, write.key.clone());
                return Ok(Err(StoreError::Conflict(address)));
            }
        }
        for write in batch.writes {
            self.change(now, &batch.partition, write)?;
        }
        Ok(Ok(()))
    }

    fn change(&mut self, now: Timestamp, partition: &str, write: Write) -> Result<(), redb::Error> {
        let name = layout::key(write.collection, partition, &write.key);
        match write.change {
            Change::Check => Ok(()),
            Change::Delete => self.remove(&name),
            Change::Put { body, expires } => {
                let before = self.head(&name)?;
                // What had expired was gone: the document begins anew.
                let version =
                    before.as_ref().filter(|head| !head.expired(now)).map_or(0, |head| head.version) + 1;
                self.put(&name, before, version, expires, &body)
            }
        }
    }

    fn load(&mut self, copied: Vec<Copied>) -> Result<(), redb::Error> {
        for one in copied {
            let name = layout::key(&one.collection, &one.partition, &one.key);
            match one.stored {
                Some(stored) => {
                    let before = self.head(&name)?;
                    self.put(&name, before, stored.version, stored.expires, &stored.body)?;
                }
                None => self.remove(&name)?,
            }
        }
        Ok(())
    }

    /// Removes what ended by now, the oldest first.
    fn sweep(&mut self, now: Timestamp, limit: usize) -> Result<usize, redb::Error> {
        let second = jiff::SignedDuration::from_secs(1);
        let past = layout::end(now.saturating_add(second).unwrap_or(Timestamp::MAX), &[]);
        let due: Vec<Vec<u8>> = self
            .ends
            .range(..past.as_slice())?
            .take(limit)
            .map(|entry| Ok(entry?.0.value().to_vec()))
            .collect::<Result<_, redb::Error>>()?;
        for end in &due {
            self.remove(layout::ended(end))?;
            // Should it stand for nothing, it must go as well.
            self.ends.remove(end.as_slice())?;
        }
        Ok(due.len())
    }

    fn head(&self, name: &[u8]) -> Result<Option<layout::Head>, redb::Error> {
        Ok(self.documents.get(name)?.and_then(|value| layout::head(value.value())))
    }

    fn put(
        &mut self,
        name: &[u8],
        before: Option<layout::Head>,
        version: u64,
        expires: Option<Timestamp>,
        body: &[u8],
    ) -> Result<(), redb::Error> {
        match before {
            Some(before) => self.forget_end(before.expires, name)?,
            None => self.count(name, 1),
        }
        if let Some(expires) = expires {
            self.ends.insert(layout::end(expires, name).as_slice(), ())?;
        }
        self.documents.insert(name, layout::encode(version, expires, body).as_slice())?;
        self.tell(name, Some(version));
        Ok(())
    }

    fn remove(&mut self, name: &[u8]) -> Result<(), redb::Error> {
        let Some(before) = self.documents.remove(name)?.map(|value| layout::head(value.value())) else {
            return Ok(());
        };
        self.count(name, -1);
        self.tell(name, None);
        self.forget_end(before.and_then(|head| head.expires), name)
    }

    fn forget_end(&mut self, expires: Option<Timestamp>, name: &[u8]) -> Result<(), redb::Error> {
        if let Some(expires) = expires {
            self.ends.remove(layout::end(expires, name).as_slice())?;
        }
        Ok(())
    }

    fn count(&mut self, name: &[u8], by: i64) {
        *self.grown.entry(layout::counted(name).to_vec()).or_default() += by;
    }

    fn tell(&mut self, name: &[u8], version: Option<u64>) {
        if let Some((collection, partition, key)) = layout::parts(name) {
            self.told.push(Told { collection, partition, key, version });
        }
    }

    /// Writes the counts; answers what changed.
    fn finish(mut self) -> Result<Vec<Told>, redb::Error> {
        for (name, by) in self.grown {
            let before = self.counts.get(name.as_slice())?.map_or(0, |count| count.value());
            match before.saturating_add_signed(by) {
                0 => drop(self.counts.remove(name.as_slice())?),
                now => drop(self.counts.insert(name.as_slice(), now)?),
            }
        }
        Ok(self.told)
    }
}

/// Counts documents where a file was written before there were counts.
pub(super) fn count_anew(database: &Database) -> Result<(), redb::Error> {
    use redb::{ReadableDatabase, TableHandle};
    let tables: Vec<String> =
        database.begin_read()?.list_tables()?.map(|table| table.name().to_owned()).collect();
    let has = |name: &str| tables.iter().any(|table| table == name);
    if !has(DOCUMENTS.name()) || has(COUNTS.name()) {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    {
        let mut tables = Tables::open(&transaction)?;
        let mut grown = HashMap::new();
        for entry in tables.documents.iter()? {
            *grown.entry(layout::counted(entry?.0.value()).to_vec()).or_default() += 1;
        }
        tables.grown = grown;
        tables.finish()?;
    }
    Ok(transaction.commit()?)
}
