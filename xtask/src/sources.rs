//! The digest of the sources that a program is built from: the build script puts it into the program, and
//! `cargo xtask promises --report` into the results of the tests, so that the two can be told to belong together.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What is compiled: the crates, what they include, and what the dependencies are.
const PARTS: [&str; 14] = [
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "dataset",
    "engine",
    "gateway",
    "generator",
    "manifest",
    "pictures",
    "report",
    "search",
    "src",
    "themes/aops/reports",
    "typeset",
];

/// The parts of a tree of sources, for whoever waits for them to change.
pub(crate) fn parts(root: &Path) -> impl Iterator<Item = PathBuf> {
    PARTS.iter().map(|part| root.join(part))
}

/// SHA-256 over every file, each with its path and its length, in the order of paths; in hexadecimal.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn digest(root: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for part in parts(root) {
        gather(&part, &mut files)?;
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        let bytes = fs::read(&file)?;
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(&bytes);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // What programs leave behind is no source.
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') || name == "target" {
            continue;
        }
        gather(&entry.path(), files)?;
    }
    Ok(())
}
