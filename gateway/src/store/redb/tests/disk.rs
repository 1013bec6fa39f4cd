//! A disk in memory under redb: it can be full, read-only, late or broken, and it forgets at a power cut what was
//! not synced.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

/// How a call fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    Full,
    ReadOnly,
    Late,
    Broken,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

/// The disk as one opening of the file sees it: once the power was cut, it writes nothing more.
#[derive(Debug)]
pub(super) struct Opened {
    disk: Disk,
    boot: u64,
}

#[derive(Debug, Default)]
struct State {
    /// What programs read.
    bytes: Vec<u8>,
    /// What a power cut leaves.
    synced: Vec<u8>,
    /// What was written since: where, and what.
    unsynced: Vec<Change>,
    failing: Option<Failure>,
    /// One call fails, so many calls from now.
    fuse: Option<u64>,
    /// The power goes, so many calls from now.
    cut: Option<u64>,
    off: bool,
    boot: u64,
    failures: u64,
    lost: u64,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Disk {
    pub(super) fn opened(&self) -> Opened {
        Opened { disk: self.clone(), boot: self.state().boot }
    }

    /// Every call that changes something fails so from now on, or none does.
    pub(super) fn fail_writes(&self, failure: Option<Failure>) {
        let mut state = self.state();
        (state.failing, state.fuse) = (failure, None);
    }

    /// One call that changes something fails, after so many that do not.
    pub(super) fn fail_once_after(&self, calls: u64) {
        self.state().fuse = Some(calls);
    }

    /// The power goes after so many calls that change something.
    pub(super) fn cut_after(&self, calls: u64) {
        self.state().cut = Some(calls);
    }

    /// The power is back. Of what was not synced, each write is there, half there, or not, as the seed says.
    pub(super) fn restart(&self, seed: u64) -> u64 {
        let mut state = self.state();
        let mut seed = seed;
        let mut bytes = std::mem::take(&mut state.synced);
        for change in std::mem::take(&mut state.unsynced) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match change {
                Change::Length(length) => bytes.resize(length, 0),
                Change::Write(at, written) => {
                    let kept = match seed >> 61 {
                        0..4 => 0,
                        4 => written.len() / 2,
                        _ => written.len(),
                    };
                    state.lost += u64::from(kept < written.len());
                    if let Some(place) = bytes.get_mut(at..at + kept) {
                        place.copy_from_slice(&written[..kept]);
                    }
                }
            }
        }
        state.bytes.clone_from(&bytes);
        state.synced = bytes;
        (state.off, state.cut) = (false, None);
        state.boot += 1;
        seed
    }

    pub(super) fn failures(&self) -> u64 {
        self.state().failures
    }

    pub(super) fn lost(&self) -> u64 {
        self.state().lost
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn change(&mut self, boot: u64) -> Result<(), io::Error> {
        if self.off || boot != self.boot {
            return Err(io::Error::other("the power is off"));
        }
        if let Some(left) = &mut self.cut {
            if *left == 0 {
                self.off = true;
                return Err(io::Error::other("the power is off"));
            }
            *left -= 1;
        }
        if let Some(left) = &mut self.fuse {
            if *left == 0 {
                self.fuse = None;
                self.failures += 1;
                return Err(io::Error::other("a bad sector"));
            }
            *left -= 1;
        }
        match self.failing {
            None => Ok(()),
            Some(Failure::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Failure::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Some(Failure::Late) => Err(io::ErrorKind::TimedOut.into()),
            Some(Failure::Broken) => Err(io::Error::other("a bad sector")),
        }
    }
}

impl StorageBackend for Opened {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.disk.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let state = self.disk.state();
        let offset = offset as usize;
        let found = state.bytes.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut state = self.disk.state();
        state.change(self.boot)?;
        state.bytes.resize(len as usize, 0);
        state.unsynced.push(Change::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut state = self.disk.state();
        state.change(self.boot)?;
        state.synced = state.bytes.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut state = self.disk.state();
        state.change(self.boot)?;
        let offset = offset as usize;
        state.bytes[offset..offset + data.len()].copy_from_slice(data);
        state.unsynced.push(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}
