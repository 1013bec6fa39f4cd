//! `GET {search page}?q=…`: what the script of the search page does, for who has none, and for programs.

use aops_manifest::Language;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::app::App;
use crate::web::{Site, negotiation, render};

/// Letters of a question that are read.
const LONGEST: usize = 200;
/// Pages told, at most.
const TOLD: usize = 20;

/// Whether a search page is asked a question.
pub(super) fn is_asked(site: &Site, path: &str, uri: &Uri) -> bool {
    let has_question = || {
        let query = uri.query().unwrap_or_default();
        query.split('&').any(|part| part == "q" || part.starts_with("q="))
    };
    site.manifest.search.values().any(|search| search.page == path) && has_question()
}

/// The pages that hold what was asked, the nearest first.
pub(super) fn answer(app: &App, site: &Site, uri: &Uri, headers: &HeaderMap) -> Response {
    let path = uri.path();
    let language = Language::of_path(path);
    let question = match negotiation::query(uri) {
        Ok(typed) => typed.get("q").map(|q| q.chars().take(LONGEST).collect::<String>()).unwrap_or_default(),
        Err(error) => return error.into_response(),
    };
    let hits = site.search(language).map(|index| index.query(&question, TOLD)).unwrap_or_default();
    let results: Vec<Value> = hits
        .iter()
        .map(|hit| json!({ "path": hit.path, "title": hit.title, "summary": hit.summary }))
        .collect();
    let mut response = if negotiation::wants_json(headers) {
        axum::Json(json!({ "query": question, "results": results })).into_response()
    } else {
        let context = json!({ "query": question, "results": results, "action": path });
        render(app, StatusCode::OK, language, "search.title", "gateway/recherche.html", context)
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
