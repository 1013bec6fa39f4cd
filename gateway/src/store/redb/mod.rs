//! The embedded side of the store: one `redb` file, every acknowledged write on disk.
//!
//! One thread writes. It takes all batches that wait, judges each against what the ones before it wrote, and
//! makes the whole group durable with one commit, so that many requests share one `fsync`. After an input or
//! output error redb refuses everything until it is opened again: that is done at the next use, so that the
//! store recovers by itself when the disk does.

mod fault;
mod layout;
#[cfg(test)]
mod tests;
mod writer;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableError};
use tokio::sync::{broadcast, mpsc, oneshot};

use self::layout::{COUNTS, DOCUMENTS, key, prefix};
use self::writer::Task;
use crate::clock::Clock;
use crate::files;
use crate::store::watch::{Heard, WAITING};
use crate::store::{Address, Batch, Copied, Page, Scan, Store, StoreError, Stored, Watch};

/// Memory for pages of the file.
const CACHE_BYTES: usize = 64 << 20;

/// Documents of a page that whoever asks for it reads without a thread of its own.
const AT_ONCE: usize = 32;

/// How many batches may wait for the writer.
const QUEUE: usize = 4_096;

/// The longest that a write may wait for the disk before its caller is told that it is slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the database; called again after a failure.
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// The embedded store.
pub struct RedbStore {
    file: Arc<OpenFile>,
    clock: Clock,
    /// Both are there until the store is dropped.
    tasks: Option<mpsc::Sender<Task>>,
    writer: Option<std::thread::JoinHandle<()>>,
    told: broadcast::Sender<Heard>,
}

/// The database while it is usable.
struct OpenFile {
    opener: Opener,
    database: RwLock<Option<Arc<Database>>>,
}

impl RedbStore {
    /// Opens or makes the store of a path; the file can be read by this user alone.
    ///
    /// # Errors
    /// [`StoreError`] when others may read the file, another process holds it, or it cannot be opened.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        make_private(path)?;
        let path = path.to_owned();
        Self::with(Box::new(move || redb::Builder::new().set_cache_size(CACHE_BYTES).create(&path)), clock)
    }

    fn with(opener: Opener, clock: Clock) -> Result<Self, StoreError> {
        let file = Arc::new(OpenFile { opener, database: RwLock::new(None) });
        file.database()?;
        let (tasks, waiting) = mpsc::channel(QUEUE);
        let written = Arc::clone(&file);
        let told = broadcast::Sender::new(WAITING);
        let telling = told.clone();
        let writer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer::run(&written, clock, waiting, &telling))
            .map_err(|error| fault::of_io(&error))?;
        Ok(Self { file, clock, tasks: Some(tasks), writer: Some(writer), told })
    }

    async fn ask<T>(
        &self,
        task: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Task,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Away("the store is stopping".into());
        let (reply, answer) = oneshot::channel();
        let tasks = self.tasks.as_ref().ok_or_else(gone)?;
        let asked = async {
            tasks.send(task(reply)).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        };
        let late = |_| StoreError::Slow(format!("the disk did not answer within {PATIENCE:?}"));
        tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
    }
}

impl Drop for RedbStore {
    /// Ends the writer, so that the file is free once the store is gone.
    fn drop(&mut self) {
        self.tasks.take();
        // A writer that panicked has told so itself.
        let _ = self.writer.take().map(std::thread::JoinHandle::join);
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn read(&self, address: &Address) -> Result<Option<Stored>, StoreError> {
        let now = self.clock.now();
        let name = key(address.collection, &address.partition, &address.key);
        let found = self
            .file
            .reading(|table| Ok(table.get(name.as_slice())?.map(|value| layout::decode(value.value()))))?;
        let Some(decoded) = found else { return Ok(None) };
        let too_short = || StoreError::Damaged { address: address.clone(), why: "it is too short".into() };
        Ok(Some(decoded.ok_or_else(too_short)?).filter(|stored| !layout::expired(stored, now)))
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.ask(|reply| Task::Commit(batch, reply)).await
    }

    async fn scan(&self, scan: Scan) -> Result<Page, StoreError> {
        let now = self.clock.now();
        // What is short in one partition is read at once, as a document is: a thread would take longer to wake.
        if scan.partition.is_some() {
            let page = self.file.page(&scan, scan.limit.min(AT_ONCE), now)?;
            if page.next.is_none() || scan.limit <= AT_ONCE {
                return Ok(page);
            }
        }
        let file = Arc::clone(&self.file);
        blocking(move || file.page(&scan, scan.limit, now)).await
    }

    async fn count(&self, collection: &'static str, partition: Option<&str>) -> Result<u64, StoreError> {
        let name = [collection.as_bytes(), b"\0", partition.unwrap_or_default().as_bytes()].concat();
        let one = partition.is_some();
        self.file.transaction(|read| {
            let counts = match read.open_table(COUNTS) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(0),
                opened => opened?,
            };
            if one {
                return Ok(counts.get(name.as_slice())?.map_or(0, |count| count.value()));
            }
            let mut sum = 0;
            for entry in counts.range(name.as_slice()..)? {
                let (found, count) = entry?;
                if !found.value().starts_with(&name) {
                    break;
                }
                sum += count.value();
            }
            Ok(sum)
        })
    }

    async fn watch(&self, collection: &'static str) -> Result<Watch, StoreError> {
        Ok(Watch::new(collection, self.told.subscribe()))
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.ask(|reply| Task::Sweep(limit, reply)).await
    }

    async fn copy(&self, to: mpsc::Sender<Copied>) -> Result<(), StoreError> {
        let file = Arc::clone(&self.file);
        // One reading transaction: the file as it stood when it began.
        let walk = move || {
            file.reading(|table| {
                for entry in table.iter()? {
                    let (name, value) = entry?;
                    let (parts, stored) = (layout::parts(name.value()), layout::decode(value.value()));
                    let (Some((collection, partition, key)), Some(stored)) = (parts, stored) else {
                        return Err(redb::Error::Corrupted("the name of a document".into()));
                    };
                    let copied = Copied { collection, partition, key, stored: Some(stored) };
                    if to.blocking_send(copied).is_err() {
                        // Nobody listens any more: they know why.
                        break;
                    }
                }
                Ok(())
            })
        };
        blocking(walk).await
    }

    async fn load(&self, copied: Vec<Copied>) -> Result<(), StoreError> {
        self.ask(|reply| Task::Load(copied, reply)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.file.database().map(drop)
    }
}

impl OpenFile {
    /// The database, opened again if it was given up.
    fn database(&self) -> Result<Arc<Database>, StoreError> {
        if let Some(database) = &*self.database.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(database));
        }
        let mut slot = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*slot {
            return Ok(Arc::clone(database));
        }
        let database = Arc::new((self.opener)().map_err(fault::of_opening)?);
        writer::count_anew(&database).map_err(|error| fault::of(&error))?;
        *slot = Some(Arc::clone(&database));
        Ok(database)
    }

    /// Gives the database up after a failure, so that the next use opens it again.
    fn give_up(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Reads documents; nothing stands where nothing was ever written.
    fn reading<T: Default>(
        &self,
        act: impl FnOnce(&redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.transaction(|read| match read.open_table(DOCUMENTS) {
            Ok(table) => act(&table),
            Err(TableError::TableDoesNotExist(_)) => Ok(T::default()),
            Err(error) => Err(error.into()),
        })
    }

    /// So many documents of a scan.
    fn page(&self, scan: &Scan, limit: usize, now: Timestamp) -> Result<Page, StoreError> {
        self.reading(|table| {
            let begin = prefix(scan);
            let after = scan.after.as_ref().map(|a| key(a.collection, &a.partition, &a.key));
            let from = after.as_ref().unwrap_or(&begin).as_slice();
            let mut page = Page { documents: Vec::new(), next: None };
            for entry in table.range(from..)? {
                let (name, value) = entry?;
                let name = name.value();
                if !name.starts_with(&begin) {
                    break;
                }
                let wanted = layout::address(scan.collection, name)
                    .filter(|found| found.key.starts_with(&scan.prefix) && Some(name) != after.as_deref());
                let (Some(address), Some(stored)) = (wanted, layout::decode(value.value())) else {
                    continue;
                };
                if layout::expired(&stored, now) {
                    continue;
                }
                if page.documents.len() == limit {
                    page.next = page.documents.last().map(|(address, _)| address.clone());
                    break;
                }
                page.documents.push((address, stored));
            }
            Ok(page)
        })
    }

    fn transaction<T>(
        &self,
        act: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let database = self.database()?;
        let read = || act(&database.begin_read()?);
        read().map_err(|error| {
            self.give_up();
            fault::of(&error)
        })
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(act).await.map_err(|error| StoreError::Away(error.to_string()))?
}

/// Makes the file with mode 0600, or refuses one that others may read.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let fault = |path: &Path, error: io::Error| match fault::of_io(&error) {
        StoreError::Full(why) => StoreError::Full(format!("{}: {why}", path.display())),
        StoreError::ReadOnly(why) => StoreError::ReadOnly(format!("{}: {why}", path.display())),
        _ => StoreError::Away(format!("{}: {error}", path.display())),
    };
    match fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                let path: PathBuf = path.to_owned();
                return Err(StoreError::Away(format!(
                    "{}: others may read it (mode {mode:o}); run `chmod 600` on it",
                    path.display()
                )));
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            use std::os::unix::fs::OpenOptionsExt;
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            made.and_then(|_| files::sync_name(path)).map_err(|error| fault(path, error))
        }
        Err(error) => Err(fault(path, error)),
    }
}
