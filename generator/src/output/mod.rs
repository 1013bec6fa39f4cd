//! Writing the site: files and their compressed forms into a new folder, then put in the old one's place.

pub(crate) mod compress;
pub(crate) mod csp;
pub(crate) mod feeds;
mod swap;
pub(crate) mod well_known;

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
    let file = file_of(output.path);
    let digest = sha256(output.bytes);
    write(folder, &file, output.bytes)?;
    let variants = match compressor {
        Some(compressor) => compressor.variants(folder, &file, output.content_type, output.bytes, &digest)?,
        None => Default::default(),
    };
    let (language, csp) = match output.page {
        Some((language, csp)) => (Some(language), Some(csp)),
        None => (None, None),
    };
    let entry = Entry {
        file,
        content_type: output.content_type.to_owned(),
        length: output.bytes.len() as u64,
        etag: etag(&digest),
        cache: output.cache,
        ranges: csp.is_none(),
        csp,
        language,
        variants,
    };
    Ok((output.path.to_owned(), entry))
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
