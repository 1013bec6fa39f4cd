//! What was made once, kept by the digest of what it was made from; a folder an entry. It knows no picture.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// The digest that names an entry.
///
/// Each part is preceded by its length, so that no two lists of parts run into one.
pub(crate) fn key(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of an entry; `None` if it was never kept or cannot be read.
pub(crate) fn read(cache: &Path, key: &str, name: &str) -> Option<Vec<u8>> {
    fs::read(folder(cache, key).join(name)).ok()
}

/// Keeps an entry whole: written beside, then renamed. One that cannot be kept is made again next time, no more.
pub(crate) fn keep(cache: &Path, key: &str, files: &[(String, &[u8])]) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let beside = cache.join(format!("{key}.{}.{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    if write(&beside, &folder(cache, key), files).is_err() {
        fs::remove_dir_all(&beside).ok();
    }
}

fn write(beside: &Path, entry: &Path, files: &[(String, &[u8])]) -> io::Result<()> {
    fs::create_dir_all(beside)?;
    for (name, bytes) in files {
        fs::write(beside.join(name), bytes)?;
    }
    if entry.exists() {
        fs::remove_dir_all(entry)?;
    }
    fs::rename(beside, entry)
}

fn folder(cache: &Path, key: &str) -> PathBuf {
    cache.join(key)
}
