//! A copy of everything that is kept about somebody, as they get it (GDPR art. 15 and 20): one ZIP with a page that
//! says what is in it, one JSON file with all of it, and a table in CSV for each kind of record.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};

use aops_manifest::Language;
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::app::App;
use crate::web::WebError;

/// What the token of a link to a copy is for.
pub(super) const PURPOSE: &str = "rights copy";
const INDEX: &str = "gateway/droits_index.html";
const NAME: &str = "attachment; filename=\"aops-donnees.zip\"";

/// The answer that carries a copy.
///
/// # Errors
/// [`WebError::Internal`], when it cannot be written.
pub(super) fn answer(app: &App, language: Language, about: &Value) -> Result<Response, WebError> {
    let bytes = bytes(app, language, about).map_err(WebError::Internal)?;
    let fields = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, NAME),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((fields, bytes).into_response())
}

/// A copy as a file.
///
/// # Errors
/// Why it cannot be written.
pub(super) fn bytes(app: &App, language: Language, about: &Value) -> Result<Vec<u8>, String> {
    packed(app, language, about).map_err(|error| error.to_string())
}

fn packed(app: &App, language: Language, about: &Value) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let none = serde_json::Map::new();
    let records = about["records"].as_object().unwrap_or(&none);
    let tables: Vec<(String, &Vec<Value>)> =
        records.iter().filter_map(|(kind, rows)| Some((format!("{kind}.csv"), rows.as_array()?))).collect();
    let texts = &app.site.load().texts;
    let kinds: Vec<Value> = tables
        .iter()
        .map(|(file, rows)| json!({ "file": file, "kind": file.trim_end_matches(".csv"), "count": rows.len() }))
        .collect();
    let context = json!({
        "lang": language.tag(),
        "address": about["address"],
        "made": about["made"],
        "kinds": kinds,
        "terms": about["terms"],
    });
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Small texts that are made anew for each: what packing saves is not worth its bombs.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("index.html", options)?;
    zip.write_all(texts.render(INDEX, &context)?.as_bytes())?;
    zip.start_file("donnees.json", options)?;
    zip.write_all(&serde_json::to_vec_pretty(about)?)?;
    for (file, rows) in tables {
        zip.start_file(file, options)?;
        zip.write_all(&table(rows)?)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Records as CSV (RFC 4180): a column for each of their fields; what is no text or number stands as JSON.
fn table(rows: &[Value]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let columns: BTreeSet<&str> =
        rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys().map(String::as_str)).collect();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(columns.iter().map(|column| harmless(column)))?;
    for row in rows {
        csv.write_record(columns.iter().map(|column| cell(&row[*column])))?;
    }
    Ok(csv.into_inner()?)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        other => other.to_string(),
    }
}

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection).
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_column_for_each_field_and_no_formula() {
        let rows = [json!({ "b": "=1+1", "a": 2 }), json!({ "b": "é,\"", "c": ["x"] })];
        let csv = String::from_utf8(table(&rows).unwrap()).unwrap();
        assert_eq!(csv, "a,b,c\n2,'=1+1,\n,\"é,\"\"\",\"[\"\"x\"\"]\"\n");
    }
}
