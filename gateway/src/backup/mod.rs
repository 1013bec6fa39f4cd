//! Backups: the whole store as it stood at one instant, in one file that the master key alone opens.
//!
//! Documents go as they stand, sealed ones sealed; the file is sealed again in frames under a key of its own, which
//! the master key wraps. Each frame is bound to its number and the last one says how many documents there were, so
//! that a file cut short, reordered or altered does not open.

mod contents;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::blobs::Objects;
use crate::config::Settings;
use crate::files;
use crate::records::{self, RecordError};
use crate::sealing::{self, MasterKey, SealError, Sealer, SubjectKey};
use crate::store::{Address, Copied, RedbStore, Store, StoreError, Stored, ValkeyStore};
use crate::valkey::Valkey;

const MAGIC: &[u8; 8] = b"AOPSBAK\x01";
/// What a frame holds before it is sealed, about.
const FRAME: usize = 256 * 1024;
/// No frame that we write is longer.
const LONGEST: usize = 64 * 1024 * 1024;
/// The subject under which the file's key is wrapped.
const SUBJECT: &str = "backup";
/// Documents that wait for the other side.
const WAITING: usize = 256;
/// Documents that a restore writes at once, with one sync of the disk.
const LOADED: usize = 4_096;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many documents.
    pub documents: u64,
    /// The file's length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Pieces of contents that it holds in place of the bucket's objects (of a backup that is made alone).
    pub contents: u64,
    /// Pieces whose object is lost or damaged: the file says of them what the store says (likewise).
    pub lost: u64,
    /// Keys of erased people that were left out (of a restore alone).
    pub erased: u64,
}

/// Why a backup was not written, or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no backup, or not whole.
    #[error("{path} is no whole backup: {why}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The bucket of contents.
    #[error("a backup holds the contents of the bucket, and one cannot be had: {0}; nothing was written")]
    Content(RecordError),
}

/// A document in a frame: one line of JSON.
#[derive(Serialize, Deserialize)]
struct Line {
    c: String,
    p: String,
    k: String,
    /// Nothing where it went while the backup was made.
    s: Option<(u64, Option<Timestamp>, String)>,
}

/// The last frame.
#[derive(Serialize, Deserialize)]
struct End {
    documents: u64,
}

/// Writes a backup beside whatever goes on; the file stands whole under its name, or not at all. Contents that are in a
/// bucket are taken into it, and stand in the store once it is restored.
///
/// # Errors
/// [`BackupError`]; a file that exists is not replaced.
pub async fn write(
    store: &dyn Store,
    objects: Option<&Objects>,
    sealer: &Sealer,
    path: &Path,
) -> Result<Summary, BackupError> {
    let part = path.with_added_extension("part");
    let fault = |source| BackupError::File { path: path.to_owned(), source };
    if path.exists() {
        return Err(fault(io::ErrorKind::AlreadyExists.into()));
    }
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let (key, wrapped) = sealer.new_subject_key(SUBJECT)?;
    let mut frames =
        Frames { out: BufWriter::new(file.map_err(fault)?), key, number: 0, digest: Sha256::new(), bytes: 0 };
    let (to, copying) = mpsc::channel(WAITING);
    let (on, from) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || frames.fill(&wrapped, from));
    let (copied, whole, written) =
        tokio::join!(store.copy(to), contents::taken(store, objects, copying, on), writing);
    let summary = written.map_err(|error| fault(io::Error::other(error)))?;
    let done = match (whole, copied, summary) {
        (Err(error), ..) => Err(BackupError::Content(error)),
        (Ok(taken), Ok(()), Ok(summary)) => {
            let summary = Summary { contents: taken.contents, lost: taken.lost, ..summary };
            files::rename(&part, path).map(|()| summary).map_err(fault)
        }
        (_, Err(error), _) => Err(error.into()),
        (.., Err(WriteError::Io(error))) => Err(fault(error)),
        (.., Err(WriteError::Seal(error))) => Err(error.into()),
    };
    if done.is_err() {
        // Half a backup is of no use; that it stays does no harm.
        let _ = fs::remove_file(&part);
    }
    done
}

/// Reads a backup through.
///
/// # Errors
/// [`BackupError`]: what is wrong with it.
pub fn verify(sealer: &Sealer, path: &Path) -> Result<Summary, BackupError> {
    read(sealer, path, |_| Ok(()))
}

/// Puts a backup into an empty store, without the keys of those who were erased since: `erased` names them by
/// [`Sealer::tombstone`]. What was sealed under such a key stays unreadable.
///
/// # Errors
/// [`BackupError`]; where it is damaged, nothing was written.
pub async fn restore(
    store: &dyn Store,
    mut sealer: Sealer,
    path: &Path,
    erased: &BTreeSet<String>,
) -> Result<Summary, BackupError> {
    // Whole first: half a backup must not become half a store.
    let mut root = None;
    read(&sealer, path, |copied| {
        if (copied.collection.as_str(), copied.key.as_str()) == (records::KEYS, sealing::ROOT)
            && copied.partition == sealing::PARTITION
        {
            root = copied.stored.map(|stored| stored.body);
        }
        Ok(())
    })?;
    // By its root alone are the erased known again.
    let rootless =
        || BackupError::Damaged { path: path.to_owned(), why: "it holds no root of look-ups".into() };
    sealer.follow(&root.ok_or_else(rootless)?)?;
    let mut left_out = 0;
    let mut waiting = Vec::new();
    let runtime = tokio::runtime::Handle::current();
    let load =
        |documents: Vec<Copied>| tokio::task::block_in_place(|| runtime.block_on(store.load(documents)));
    let mut summary = read(&sealer, path, |copied| {
        if gone(&sealer, &copied, erased) {
            left_out += 1;
            return Ok(());
        }
        waiting.push(copied);
        if waiting.len() == LOADED { load(std::mem::take(&mut waiting)) } else { Ok(()) }
    })?;
    load(waiting)?;
    summary.erased = left_out;
    Ok(summary)
}

/// Restores the store of a configuration, where none stands; half-way, none stands still.
///
/// # Errors
/// [`BackupError`].
pub async fn restore_place(
    settings: &Settings,
    path: &Path,
    erased: &BTreeSet<String>,
) -> Result<Summary, BackupError> {
    if let Some(server) =
        Valkey::of_store(settings).map_err(|error| StoreError::Away(format!("[store] {error}")))?
    {
        let replicas = settings.store.as_ref().map_or(0, |store| store.replicas);
        let store = ValkeyStore::restoring(&server, replicas, settings.clock).await?;
        let summary = restore(&store, Sealer::new(MasterKey::load(settings)?)?, path, erased).await?;
        store.restored(&settings.data).await?;
        return Ok(summary);
    }
    let place = settings.data.join("aops.redb");
    let fault = |source| BackupError::File { path: place.clone(), source };
    if place.exists() {
        return Err(fault(io::ErrorKind::AlreadyExists.into()));
    }
    let sealer = Sealer::new(MasterKey::load(settings)?)?;
    let part = place.with_added_extension("restoring");
    if part.exists() {
        fs::remove_file(&part).map_err(fault)?;
    }
    fs::create_dir_all(&settings.data).and_then(|()| files::sync_name(&settings.data)).map_err(fault)?;
    let store = RedbStore::open(&part, settings.clock)?;
    let restored = restore(&store, sealer, path, erased).await;
    drop(store);
    match restored {
        Ok(summary) => files::rename(&part, &place).map(|()| summary).map_err(fault),
        Err(error) => {
            // What is left of it is of no use, and is removed at the next try as well.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

/// Whether a document is the key of somebody who was erased since.
fn gone(sealer: &Sealer, copied: &Copied, erased: &BTreeSet<String>) -> bool {
    let wrapped = copied.stored.as_ref().filter(|_| copied.collection == records::KEYS);
    wrapped.is_some_and(|stored| {
        sealer.tombstone(&copied.key, &stored.body).is_ok_and(|stone| erased.contains(&stone))
    })
}

enum WriteError {
    Io(io::Error),
    Seal(SealError),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<SealError> for WriteError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

/// The file while it is written.
struct Frames {
    out: BufWriter<File>,
    key: SubjectKey,
    number: u64,
    digest: Sha256,
    bytes: u64,
}

impl Frames {
    fn fill(&mut self, wrapped: &[u8], mut from: mpsc::Receiver<Copied>) -> Result<Summary, WriteError> {
        self.put(MAGIC)?;
        self.put(&(wrapped.len() as u32).to_be_bytes())?;
        self.put(wrapped)?;
        let mut frame = Vec::with_capacity(FRAME);
        let mut documents = 0;
        while let Some(Copied { collection, partition, key, stored }) = from.blocking_recv() {
            documents += 1;
            let s = stored.map(|stored| (stored.version, stored.expires, STANDARD.encode(&stored.body)));
            let line = Line { c: collection, p: partition, k: key, s };
            serde_json::to_writer(&mut frame, &line).map_err(io::Error::from)?;
            frame.push(b'\n');
            if frame.len() >= FRAME {
                self.seal("documents", &frame)?;
                frame.clear();
            }
        }
        self.seal("documents", &frame)?;
        self.seal("end", &serde_json::to_vec(&End { documents }).map_err(io::Error::from)?)?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let sha256 = sealing::hex(&self.digest.clone().finalize());
        Ok(Summary { documents, bytes: self.bytes, sha256, contents: 0, lost: 0, erased: 0 })
    }

    fn seal(&mut self, kind: &'static str, plain: &[u8]) -> Result<(), WriteError> {
        let sealed = self.key.seal(&place(kind, self.number), plain)?;
        self.number += 1;
        self.put(&(sealed.len() as u32).to_be_bytes())?;
        Ok(self.put(&sealed)?)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// What a frame is bound to.
fn place(kind: &'static str, number: u64) -> Address {
    Address::new(kind, SUBJECT, number.to_string())
}

fn read(
    sealer: &Sealer,
    path: &Path,
    mut each: impl FnMut(Copied) -> Result<(), StoreError>,
) -> Result<Summary, BackupError> {
    let damaged = |why: &str| BackupError::Damaged { path: path.to_owned(), why: why.to_owned() };
    let fault = |source: io::Error| match source.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it was cut short"),
        _ => BackupError::File { path: path.to_owned(), source },
    };
    let mut input =
        Input { file: BufReader::new(File::open(path).map_err(fault)?), digest: Sha256::new(), bytes: 0 };
    if input.take(MAGIC.len()).map_err(fault)? != MAGIC {
        return Err(damaged("it does not begin as one"));
    }
    let wrapped = input.framed().map_err(fault)?;
    let key = sealer.unwrap(SUBJECT, &wrapped).map_err(|_| damaged("none of our master keys opens it"))?;
    let mut documents = 0;
    for number in 0.. {
        let frame = input.framed().map_err(fault)?;
        if let Ok(end) = key.open(&place("end", number), &frame) {
            let end: End = serde_json::from_slice(&end).map_err(|error| damaged(&error.to_string()))?;
            if end.documents != documents || !input.ended().map_err(fault)? {
                return Err(damaged("it does not end as it says"));
            }
            break;
        }
        let plain = key
            .open(&place("documents", number), &frame)
            .map_err(|_| damaged(&format!("frame {number} was altered")))?;
        for line in plain.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Line = serde_json::from_slice(line).map_err(|error| damaged(&error.to_string()))?;
            documents += 1;
            each(line.copied().ok_or_else(|| damaged("a document is no base64"))?)?;
        }
    }
    let sha256 = sealing::hex(&input.digest.finalize());
    Ok(Summary { documents, bytes: input.bytes, sha256, contents: 0, lost: 0, erased: 0 })
}

impl Line {
    fn copied(self) -> Option<Copied> {
        let stored = match self.s {
            Some((version, expires, body)) => {
                Some(Stored { version, expires, body: STANDARD.decode(body).ok()? })
            }
            None => None,
        };
        Some(Copied { collection: self.c, partition: self.p, key: self.k, stored })
    }
}

/// The file while it is read.
struct Input {
    file: BufReader<File>,
    digest: Sha256,
    bytes: u64,
}

impl Input {
    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes)?;
        self.digest.update(&bytes);
        self.bytes += length as u64;
        Ok(bytes)
    }

    fn framed(&mut self) -> io::Result<Vec<u8>> {
        let length = self.take(4)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length > LONGEST {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.take(length)
    }

    fn ended(&mut self) -> io::Result<bool> {
        Ok(self.file.read(&mut [0])? == 0)
    }
}
