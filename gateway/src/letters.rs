//! The letters of the development folder, as pages: what would have been sent, without a mail reader. Where real
//! visitors come it does not exist.

use std::fs;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_parser::{Message, MessageParser};
use serde_json::{Value, json};

use crate::app::{App, SharedApp};
use crate::config::{Environment, Settings};
use crate::web::{WebError, negotiation, render};

const PATH: &str = "/developpement/courrier";
/// Letters listed at most, the newest first.
const SHOWN: usize = 200;
/// A letter asks nothing of any server, and does nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

/// The routes, in development while letters go into a folder.
pub fn routes(settings: &Settings) -> Router<SharedApp> {
    let folder = settings.secrets.sendgrid_key.is_none() && settings.mail.smtp.is_none();
    if settings.environment == Environment::Production || !folder {
        return Router::new();
    }
    Router::new()
        .route(PATH, get(index))
        .route(&format!("{PATH}/{{id}}"), get(letter))
        .route(&format!("{PATH}/{{id}}/html"), get(html))
}

/// `GET /developpement/courrier`.
async fn index(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let folder = app.settings.data.join("mail");
    let listed = tokio::task::spawn_blocking(move || list(&folder)).await.unwrap_or_default();
    let context = json!({ "letters": listed });
    shown(&app, &uri, &headers, context)
}

/// `GET /developpement/courrier/{id}`: its head and its text.
async fn letter(
    State(app): State<SharedApp>,
    Segment(id): Segment<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let bytes = read(&app, &id).await?;
    let message = MessageParser::default().parse(&bytes).ok_or(WebError::NotFound)?;
    let context = json!({ "letter": told(&id, &message, None), "text": message.body_text(0) });
    Ok(shown(&app, &uri, &headers, context))
}

/// `GET /developpement/courrier/{id}/html`: as a mail reader shows it.
async fn html(State(app): State<SharedApp>, Segment(id): Segment<String>) -> Result<Response, WebError> {
    let bytes = read(&app, &id).await?;
    let message = MessageParser::default().parse(&bytes).ok_or(WebError::NotFound)?;
    let body = message.body_html(0).ok_or(WebError::NotFound)?.into_owned();
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((fields, body).into_response())
}

fn shown(app: &App, uri: &Uri, headers: &HeaderMap, context: Value) -> Response {
    let language = negotiation::language(uri, headers);
    render(app, StatusCode::OK, language, "letters.title", "gateway/courrier.html", context)
}

/// The newest letters.
fn list(folder: &Path) -> Vec<Value> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let dated = |path: PathBuf| Some((fs::metadata(&path).ok()?.modified().ok()?, path));
    let mut files: Vec<_> = entries.flatten().filter_map(|entry| dated(entry.path())).collect();
    files.sort();
    let newest = files.into_iter().rev().filter_map(|(written, path)| {
        let id = path.file_name()?.to_str()?.strip_suffix(".eml")?.to_owned();
        let bytes = fs::read(&path).ok()?;
        let message = MessageParser::default().parse(&bytes)?;
        Some(told(&id, &message, Timestamp::try_from(written).ok()))
    });
    newest.take(SHOWN).collect()
}

fn told(id: &str, message: &Message<'_>, written: Option<Timestamp>) -> Value {
    let address = |list: Option<&mail_parser::Address<'_>>| {
        list.and_then(|list| list.first()).and_then(|one| one.address()).map(str::to_owned)
    };
    let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let at = written.map(|at| at.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S").to_string());
    json!({
        "id": id,
        "to": address(message.to()),
        "from": address(message.from()),
        "reply_to": address(message.reply_to()),
        "subject": message.subject(),
        "at": at,
        "unsubscribe": message.header_raw("List-Unsubscribe").map(str::trim),
    })
}

/// A letter's bytes; its name is that of a file of the folder and nothing else.
async fn read(app: &App, id: &str) -> Result<Vec<u8>, WebError> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(WebError::NotFound);
    }
    let path = app.settings.data.join("mail").join(format!("{id}.eml"));
    tokio::fs::read(path).await.map_err(|_| WebError::NotFound)
}
