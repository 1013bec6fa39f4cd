//! Reading the tree: relative names, texts that are UTF-8, sorted walks. It decides nothing about content.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::diagnostics::{Diagnostic, Diagnostics, Source};

/// A path as it is shown and compared: relative to a folder, `/`-separated.
pub(crate) fn relative(folder: &Path, path: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// Every regular file below a folder, in the order of names; none when there is no folder.
///
/// A symbolic link that leads out of the root is a fault, so nothing outside the tree is read; names that
/// begin with a dot are passed over.
pub(crate) fn walk(root: &Path, folder: &Path, faults: &mut Diagnostics) -> Vec<PathBuf> {
    if !folder.exists() {
        return Vec::new();
    }
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().as_encoded_bytes()[0] == b'.';
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(|entry| !hidden(entry)) {
        match entry {
            Ok(entry) if entry.path_is_symlink() && entry.depth() > 0 => match linked(root, entry.path()) {
                Ok(true) => found.push(entry.into_path()),
                Ok(false) => {}
                Err(fault) => faults.push(fault),
            },
            Ok(entry) if entry.file_type().is_file() => found.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => {
                let path = error.path().map(|path| relative(root, path)).unwrap_or_default();
                faults.push(unreadable(&path, &io::Error::from(error)));
            }
        }
    }
    found
}

/// Whether a symbolic link leads to a file of the site; folders are not followed.
fn linked(root: &Path, path: &Path) -> Result<bool, Diagnostic> {
    let file = relative(root, path);
    let target = path.canonicalize().map_err(|error| unreadable(&file, &error))?;
    let root = root.canonicalize().map_err(|error| unreadable(&file, &error))?;
    if !target.starts_with(root) {
        return Err(Diagnostic::error("symlink-outside", &[("path", &file)]).in_file(&file));
    }
    Ok(target.is_file())
}

/// A text file of the site, without a byte order mark and with `\n` ends of lines.
pub(crate) fn text(root: &Path, path: &Path) -> Result<Source, Diagnostic> {
    let file = relative(root, path);
    let bytes = fs::read(path).map_err(|error| unreadable(&file, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(error.as_bytes()).into_owned();
        Diagnostic::error("not-utf8", &[("offset", &offset.to_string())])
            .at(&Source::new(file.as_str(), valid), offset..offset + 1)
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    if text.contains('\r') {
        return Ok(Source::new(file, text.replace("\r\n", "\n").replace('\r', "\n")));
    }
    Ok(Source::new(file, text))
}

/// The fault of a file that cannot be read.
pub(crate) fn unreadable(file: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error("input-unreadable", &[("path", file), ("reason", &error.to_string())]).in_file(file)
}
