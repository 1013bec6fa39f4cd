//! The client's pages about their data: what is loaded, sending a file, mending it, what is in it. Everything works
//! without a script and by the keyboard alone.

mod charts;
mod files;
mod list;
mod mend;
mod sent;
mod show;
#[cfg(test)]
mod tests;

use aops_manifest::Language;
use axum::Router;
use axum::response::Response;
use http::{HeaderValue, header};

use crate::app::SharedApp;

/// The page of all data sets.
const PATH: &str = "/espace-client/donnees";

/// The routes of this folder.
pub(super) fn routes() -> Router<SharedApp> {
    list::routes().merge(show::routes()).merge(mend::routes()).merge(files::routes())
}

/// A page of ours in the language of the one that leads there.
fn there(path: &str, language: Language) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    match language {
        Language::En => format!("{path}{mark}lang=en"),
        Language::Fr => path.to_owned(),
    }
}

/// A file to be kept, never shown: of this kind, under this name.
fn attached(content: Vec<u8>, kind: &'static str, name: &str) -> Response {
    let mut answer = Response::new(content.into());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Nothing but letters that any program takes (RFC 6266 § 4.3).
    let safe = |one: char| if one.is_ascii_alphanumeric() || "-_.".contains(one) { one } else { '-' };
    let name: String = name.chars().map(safe).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    answer
}

const CSV: &str = "text/csv; charset=utf-8";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
