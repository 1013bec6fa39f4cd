//! Data files beside a page, given to shortcodes: CSV, JSON, TOML.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::diagnostics::Diagnostic;
use crate::messages::nearest;

/// The value of a data file, and its path. CSV becomes a list of rows, the header first, of texts.
pub(crate) fn load(folder: &Path, name: &str) -> Result<(Value, PathBuf), Diagnostic> {
    let relative = Path::new(name);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(Diagnostic::error("data-outside", &[("path", name)]));
    }
    let path = folder.join(relative);
    if !path.is_file() {
        return Err(missing(folder, name));
    }
    let invalid = |reason: String| Diagnostic::error("data-invalid", &[("path", name), ("reason", &reason)]);
    let text = fs::read_to_string(&path).map_err(|error| invalid(error.to_string()))?;
    let value = match path.extension().and_then(|e| e.to_str()) {
        Some("json") => serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?,
        Some("toml") => toml::from_str(&text).map_err(|error| invalid(error.message().to_owned()))?,
        Some("csv") => csv_rows(&text).map_err(|error| invalid(error.to_string()))?,
        _ => return Err(Diagnostic::error("data-format", &[("path", name)])),
    };
    Ok((value, path))
}

fn csv_rows(text: &str) -> Result<Value, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(Value::Array(record?.iter().map(Value::from).collect()));
    }
    Ok(Value::Array(rows))
}

fn missing(folder: &Path, name: &str) -> Diagnostic {
    let there: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.ends_with(".md"))
        .collect();
    match nearest(name, there.iter().map(String::as_str)) {
        Some(nearest) => Diagnostic::error("data-missing", &[("path", name), ("nearest", nearest)]),
        None => Diagnostic::error("data-missing-alone", &[("path", name)]),
    }
}
