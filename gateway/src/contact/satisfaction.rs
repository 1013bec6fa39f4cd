//! The question after closing: how satisfied, from 1 to 5, and why in a few words. Asked once, by a link.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use super::thread::{self, Thread};
use crate::app::{App, SharedApp};
use crate::records;
use crate::store::{Batch, Expect};
use crate::tokens::TokenError;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

/// What its links are signed for.
pub(super) const SURVEY: &str = "contact satisfaction";
const PATH: &str = "/contact/satisfaction";

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(page).post(note))
}

#[derive(Default, Deserialize)]
struct Link {
    #[serde(default)]
    jeton: String,
}

/// `GET /contact/satisfaction`.
async fn page(app: State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let language = negotiation::language(&uri, &headers);
    let state = standing(&app, &uri).await?;
    Ok(shown(&app, state, language, &uri, None))
}

/// `POST /contact/satisfaction`: `note` from 1 to 5, `commentaire` if any.
async fn note(State(app): State<SharedApp>, uri: Uri, posted: Posted) -> Result<Response, WebError> {
    let state = standing(&app, &uri).await?;
    let Ok((partition, thread, version)) = state else {
        return Ok(shown(&app, state, posted.language, &uri, None));
    };
    let mut checker = posted.check(&["note", "commentaire"]);
    let note = checker.text("note", 1..=1).parse::<u8>().ok().filter(|note| (1..=5).contains(note));
    if note.is_none() {
        checker.fault("note", "choice");
    }
    let comment = match posted.fields.get("commentaire").map(|typed| typed.trim()) {
        None | Some("") => String::new(),
        Some(_) => checker.long_text("commentaire", 1..=2_000),
    };
    let note = match (checker.finish(), note) {
        (Ok(()), Some(note)) => note,
        (errors, _) => {
            let errors = errors.err().unwrap_or_default();
            return Ok(shown(&app, Ok((partition, thread, version)), posted.language, &uri, Some(&errors)));
        }
    };
    let contact = app.clock.now();
    let thread = Thread { satisfaction: Some((note, comment)), contact, warned: None, ..thread };
    let mut batch = Batch::new(&partition);
    let key = records::subject_key(&app, &partition, &partition, &mut batch).await?;
    thread::put(&app, &mut batch, &key, &thread, Expect::Version(version))?;
    app.store.commit(batch).await?;
    Ok(shown(&app, Err("done"), posted.language, &uri, None))
}

/// The thread whose link this is, while the question is open; otherwise what is the matter.
async fn standing(app: &App, uri: &Uri) -> Result<Result<(String, Thread, u64), &'static str>, WebError> {
    let partition = match app.tokens.verify(SURVEY, &token(uri), app.clock.now()) {
        Ok(partition) => partition,
        Err(TokenError::Expired) => return Ok(Err("expired")),
        Err(TokenError::Invalid) => return Ok(Err("invalid")),
    };
    Ok(match thread::read(app, &partition).await? {
        Some((thread, _)) if thread.satisfaction.is_some() => Err("done"),
        Some((thread, version)) => Ok((partition, thread, version)),
        None => Err("expired"),
    })
}

fn token(uri: &Uri) -> String {
    Query::<Link>::try_from_uri(uri).map(|Query(link)| link.jeton).unwrap_or_default()
}

fn shown(
    app: &App,
    state: Result<(String, Thread, u64), &'static str>,
    language: Language,
    uri: &Uri,
    errors: Option<&BTreeMap<String, String>>,
) -> Response {
    let (status, state) = match (&state, errors) {
        (Ok(_), Some(_)) => (StatusCode::UNPROCESSABLE_ENTITY, "ask"),
        (Ok(_), None) => (StatusCode::OK, "ask"),
        (Err("done"), _) => (StatusCode::OK, "done"),
        (Err("expired"), _) => (StatusCode::GONE, "expired"),
        (Err(_), _) => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let token = if state == "ask" { token(uri) } else { String::new() };
    let context = json!({ "state": state, "token": token, "fault": errors.is_some() });
    let title = format!("satisfaction.{state}.title");
    render(app, status, language, &title, "gateway/satisfaction.html", context)
}
