//! Putting a built site in place: whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::files::beside;
use crate::output::Written;

/// The site could not be written; the one that stood there still stands.
#[derive(Debug)]
pub(crate) struct PublishError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// Writes all files into a new folder, then puts it where `output` stands.
///
/// # Errors
/// The path that could not be written, and why.
pub(crate) fn publish(output: &Path, files: &[Written]) -> Result<(), PublishError> {
    let process = std::process::id();
    let fresh = beside(output, &format!(".new-{process}"));
    let old = beside(output, &format!(".old-{process}"));
    let result = write_all(&fresh, files).and_then(|()| exchange(&fresh, output, &old));
    // Left-overs are of no use to anybody, and there is nothing to do about one that stays.
    let _ = fs::remove_dir_all(&fresh);
    let _ = fs::remove_dir_all(&old);
    result
}

fn write_all(folder: &Path, files: &[Written]) -> Result<(), PublishError> {
    let fault = |path: &Path, source| PublishError { path: path.to_owned(), source };
    let mut folders: Vec<PathBuf> =
        files.iter().filter_map(|file| folder.join(&file.path).parent().map(Path::to_owned)).collect();
    folders.push(folder.to_owned());
    folders.sort();
    folders.dedup();
    for folder in &folders {
        fs::create_dir_all(folder).map_err(|source| fault(folder, source))?;
    }
    files.par_iter().try_for_each(|file| {
        let path = folder.join(&file.path);
        fs::write(&path, &file.bytes).map_err(|source| fault(&path, source))
    })
}

fn exchange(fresh: &Path, output: &Path, old: &Path) -> Result<(), PublishError> {
    let fault = |path: &Path, source| PublishError { path: path.to_owned(), source };
    if output.exists() {
        fs::rename(output, old).map_err(|source| fault(output, source))?;
    }
    fs::rename(fresh, output).map_err(|source| {
        // What stood there comes back; the first error is the one to tell.
        let _ = fs::rename(old, output);
        fault(output, source)
    })
}
