//! Reading source files: UTF-8, without a byte order mark, with faults that name the file.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::diagnostics::Diagnostic;

/// A text file below the root folder.
pub(crate) fn read_text(root: &Path, relative: &str) -> Result<String, Diagnostic> {
    let bytes = read(root, relative)?;
    let text = String::from_utf8(bytes).map_err(|_| Diagnostic::new("not_utf8", relative, &[]))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(without_mark) => without_mark.to_owned(),
        None => text,
    })
}

/// A file below the root folder.
pub(crate) fn read(root: &Path, relative: &str) -> Result<Vec<u8>, Diagnostic> {
    fs::read(root.join(relative))
        .map_err(|error| Diagnostic::new("read", relative, &[("why", &error.to_string())]))
}

/// Every file under a folder, relative to `root` with `/` between names, in order. Hidden files are left out.
pub(crate) fn under(root: &Path, folder: &Path) -> Vec<String> {
    let hidden = |entry: &walkdir::DirEntry| {
        entry.depth() > 0 && entry.file_name().to_str().is_some_and(|name| name.starts_with('.'))
    };
    WalkDir::new(folder)
        .sort_by_file_name()
        .follow_links(true)
        .into_iter()
        .filter_entry(|entry| !hidden(entry))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| relative(root, entry.path()))
        .collect()
}

/// A path relative to the root folder, with `/` between names.
pub(crate) fn relative(root: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        path.strip_prefix(root).ok()?.components().map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

/// The folder part of a relative path, empty for none.
pub(crate) fn folder_of(relative: &str) -> &str {
    relative.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The media type of a file by its name.
pub(crate) fn media_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "xml" => "application/xml",
        "txt" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "toml" => "application/toml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "pdf" => "application/pdf",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

/// A path that does not exist yet, beside another one.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
