//! Writing the site: files and their compressed forms into a new folder, then put in the old one's place.

pub(crate) mod compress;
pub(crate) mod csp;
pub(crate) mod feeds;
mod swap;
pub(crate) mod well_known;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use aops_manifest::{Cache, Entry, Language};

use crate::diagnostics::Diagnostic;
use crate::digest::{hex, sha256};

pub(crate) use compress::Compressor;
pub(crate) use swap::Staging;

/// A file to publish.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    /// Decoded absolute URL path.
    pub(crate) path: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) cache: Cache,
    /// For HTML: its language and policy.
    pub(crate) page: Option<(Language, String)>,
}

/// Writes a file and its compressed forms, and tells how to serve it.
pub(crate) fn publish(
    folder: &Path,
    compressor: Option<&Compressor>,
    output: Output<'_>,
) -> Result<(String, Entry), Diagnostic> {
    let (bytes, content_type) = (output.bytes, output.content_type);
    let digest = sha256(bytes);
    let (path, mut entry) = entry_of(output, &digest);
    write(folder, &entry.file, bytes)?;
    if let Some(compressor) = compressor {
        entry.variants = compressor.variants(folder, &entry.file, content_type, bytes, &digest)?;
    }
    Ok((path, entry))
}

/// How to serve a file that is not written yet.
pub(crate) fn entry(output: Output<'_>) -> (String, Entry) {
    let digest = sha256(output.bytes);
    entry_of(output, &digest)
}

fn entry_of(output: Output<'_>, digest: &[u8; 32]) -> (String, Entry) {
    let (language, csp) = match output.page {
        Some((language, csp)) => (Some(language), Some(csp)),
        None => (None, None),
    };
    let entry = Entry {
        file: file_of(output.path),
        content_type: output.content_type.to_owned(),
        length: output.bytes.len() as u64,
        etag: etag(digest),
        cache: output.cache,
        ranges: csp.is_none(),
        csp,
        language,
        variants: BTreeMap::new(),
    };
    (output.path.to_owned(), entry)
}

/// Puts a file below a folder in one step: who reads it sees the old bytes or the new.
pub(crate) fn replace(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
    let beside = format!("{file}.{}", std::process::id());
    write(folder, &beside, bytes)?;
    let path = folder.join(file);
    fs::rename(folder.join(beside), &path).map_err(|error| failed(&path, &error))
}

/// Removes a file below a folder, and the folders that it leaves empty.
pub(crate) fn remove(folder: &Path, file: &str) {
    let path = folder.join(file);
    let _ = fs::remove_file(&path);
    for above in path.ancestors().skip(1).take_while(|above| *above != folder) {
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
}

/// The file of a URL path, relative to the output folder.
pub(crate) fn file_of(path: &str) -> String {
    let relative = path.trim_start_matches('/');
    if relative.is_empty() || relative.ends_with('/') {
        format!("{relative}index.html")
    } else {
        relative.to_owned()
    }
}

/// A strong entity tag from a digest.
pub(crate) fn etag(digest: &[u8; 32]) -> String {
    format!("\"{}\"", hex(&digest[..16]))
}

/// Writes a file below a folder, with the folders it needs.
pub(crate) fn write(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
    let path = folder.join(file);
    let written = match fs::write(&path, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes))
        }
        written => written,
    };
    written.map_err(|error| failed(&path, &error))
}

/// The fault of a path that cannot be written.
pub(crate) fn failed(path: &Path, error: &io::Error) -> Diagnostic {
    let path = path.display().to_string();
    Diagnostic::error("output-failed", &[("path", &path), ("reason", &error.to_string())])
}
