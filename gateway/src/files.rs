//! Files that only we may read, written whole or not at all, and names that last: a name is on the disk once its folder
//! is (fsync(2)), so that a power cut brings no file back under another one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file that only this user may read (mode 0600): beside, then renamed over, so that a reader never
/// finds half of it and a kill or a full disk leaves what was there before.
///
/// # Errors
/// What the system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let written = write_synced(beside, bytes).and_then(|()| rename(beside, path));
    if written.is_err() {
        // The first error is the one to tell; a left-over is overwritten by the next try.
        let _ = fs::remove_file(beside);
    }
    written
}

/// Gives a file that is on the disk another name, for good.
///
/// # Errors
/// What the system says; it has the one name or the other.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_name(to)
}

/// Brings the name of a file that was made or renamed to the disk.
///
/// # Errors
/// What the system says.
pub fn sync_name(path: &Path) -> io::Result<()> {
    // A name alone stands in the folder where we are.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    #[cfg(test)]
    synced::NAMES.with_borrow_mut(|names| names.push(path.to_owned()));
    Ok(())
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What a test learns of names that were brought to the disk by its own thread.
#[cfg(test)]
pub(crate) mod synced {
    use std::cell::RefCell;
    use std::path::PathBuf;

    thread_local! {
        pub(super) static NAMES: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    /// The names since the last call.
    pub(crate) fn take() -> Vec<PathBuf> {
        NAMES.take()
    }
}
