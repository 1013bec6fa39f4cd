//! `/api/v1/uploads`: sending a large file in parts (tus 1.0.0), and hearing how far it has come.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::api::asked;
use super::super::guard::{self, Who};
use super::super::{receive, told};
use super::append::append;
use super::document::{Finished, UPLOAD, Upload, finished, read};
use super::finish::{Came, finish};
use super::keep::{self, Refused};
use super::protocol;
use crate::accounts::api_keys::ApiClient;
use crate::app::{App, SharedApp};
use crate::authorisation;
use crate::web::{WebError, negotiation};

const ALL: &str = "/api/v1/uploads";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(ALL, get(list).post(begin).options(offer))
        .route("/api/v1/uploads/{id}", get(show).patch(send).delete(give_up))
}

/// `GET` of all: those that are under way, the newest first.
async fn list(State(app): State<SharedApp>, client: ApiClient) -> Result<Response, WebError> {
    let organisation = &client.organisation;
    let mut told = Vec::new();
    for id in keep::names(&app, organisation).await? {
        if let Some((upload, _)) = crate::records::sound(read(&app, organisation, &id).await)?.flatten() {
            told.push(of(&app, &id, &upload));
        }
    }
    Ok(protocol::spoken(Json(json!({ "uploads": told })).into_response()))
}

/// `OPTIONS`: which versions and extensions are spoken, and how large a file may be. It looks at no version of its own.
async fn offer() -> Response {
    protocol::offered(&authorisation::methods(ALL).join(", "))
}

/// `POST`, with what a file that comes at once is sent with: 201 with the place of the upload.
async fn begin(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    if let Some(refused) = protocol::refused(&headers) {
        return Ok(refused);
    }
    let who = Who::from(client);
    let mut asked = asked(&app, &uri, &headers)?;
    let length = protocol::length(&headers)?;
    let query = negotiation::query(&uri)?;
    if !query.contains_key("name")
        && let Some(name) = protocol::file_name(&headers).and_then(|name| receive::name(&name))
    {
        asked.name = name;
    }
    let (id, upload) = match keep::begin(&app, &who, &asked, length).await {
        Ok(begun) => begun,
        Err(Refused::Web(error)) => return Err(error),
        Err(Refused::Many) => {
            let language = negotiation::language(&uri, &headers);
            let sentence = app.site.load().texts.text(language, "dataset_asked.uploads", &[]);
            let errors = json!({ "uploads": sentence });
            return Err(WebError::Unprocessable(Map::from_iter([("errors".to_owned(), errors)])));
        }
    };
    let answer = (StatusCode::CREATED, Json(of(&app, &id, &upload))).into_response();
    let mut answer = protocol::stands(answer, 0, length, upload.ends(&app));
    if let Ok(place) = HeaderValue::from_str(&format!("{ALL}/{id}")) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    Ok(answer)
}

/// `GET`, and `HEAD` for who only wants to know where to go on.
async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    if method == Method::HEAD
        && let Some(refused) = protocol::refused(&headers)
    {
        return Ok(refused);
    }
    match place(&app, &client.organisation, &id).await? {
        Place::Open(upload, _) => {
            let answer = Json(of(&app, &id, &upload)).into_response();
            Ok(protocol::stands(answer, upload.offset, upload.length, upload.ends(&app)))
        }
        Place::Finished(done) => Ok(is_kept(&app, StatusCode::OK, &id, &done)),
    }
}

/// Where an upload stands.
enum Place {
    Open(Box<Upload>, u64),
    Finished(Finished),
}

async fn place(app: &App, organisation: &str, id: &str) -> Result<Place, WebError> {
    if let Some((upload, version)) = read(app, organisation, id).await? {
        return Ok(Place::Open(Box::new(upload), version));
    }
    let done = finished(app, organisation, id).await?.ok_or(WebError::NotFound)?;
    Ok(Place::Finished(done.0))
}

/// `PATCH`: a part behind what is here; 204 with where it stands now. With the last part the file is read: 204 with the
/// place of the data set, or 422 with every fault, as for one that comes at once. An empty part where all is here reads it
/// again. A key that ended while the last part came makes no data set of it.
async fn send(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    if let Some(refused) = protocol::refused(&headers) {
        return Ok(refused);
    }
    let who = Who::from(client);
    let found = place(&app, &who.organisation, &id).await?;
    let offset = protocol::offset(&headers)?;
    let (upload, version) = match found {
        Place::Open(upload, version) => (*upload, version),
        // The answer to the last part may have been lost.
        Place::Finished(done) if offset == done.length => {
            return Ok(is_kept(&app, StatusCode::NO_CONTENT, &id, &done));
        }
        Place::Finished(_) => return Err(WebError::Conflict("the upload is a data set already")),
    };
    let (length, ends) = (upload.length, upload.ends(&app));
    if offset != upload.offset {
        let refused = WebError::Conflict("Upload-Offset is not where the upload stands");
        return Ok(protocol::stands(refused.into_response(), upload.offset, length, ends));
    }
    // Parts that come at once are held in memory, a little each.
    let turn = app.datasets.receive().await?;
    let ((upload, _), broken) = append(&app, &who, &id, (upload, version), body).await;
    if let Some(error) = broken {
        return Ok(protocol::stands(error.into_response(), upload.offset, length, ends));
    }
    drop(turn);
    if !upload.is_whole() {
        let answer = StatusCode::NO_CONTENT.into_response();
        return Ok(protocol::stands(answer, upload.offset, length, ends));
    }
    if let Err(refused) = guard::program_still(&app, &headers).await {
        return Ok(protocol::stands(refused.into_response(), length, length, ends));
    }
    match finish(&app, &who, &id).await? {
        Came::Kept(done) => Ok(is_kept(&app, StatusCode::NO_CONTENT, &id, &done)),
        Came::Faulty(faults) => {
            let site = app.site.load();
            let language = negotiation::language(&uri, &headers);
            let refused = WebError::Unprocessable(told::faults(&site.texts, language, &faults));
            Ok(protocol::stands(refused.into_response(), length, length, ends))
        }
    }
}

/// `DELETE`: what came is gone at once.
async fn give_up(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    if let Some(refused) = protocol::refused(&headers) {
        return Ok(refused);
    }
    match keep::give_up(&app, &Who::from(client), &id).await? {
        true => Ok(protocol::spoken(StatusCode::NO_CONTENT.into_response())),
        false => Err(WebError::NotFound),
    }
}

fn of(app: &App, id: &str, upload: &Upload) -> Value {
    let state = if upload.is_whole() { "received" } else { "receiving" };
    json!({
        "id": id, "state": state, "module": upload.module, "name": upload.name, "offset": upload.offset,
        "length": upload.length, "created": upload.created, "ends": upload.ends(app),
    })
}

fn is_kept(app: &App, status: StatusCode, id: &str, done: &Finished) -> Response {
    let ends: Timestamp = app.settings.retention.end(&UPLOAD, done.created);
    let told = json!({
        "id": id, "state": "kept", "dataset": done.dataset, "offset": done.length, "length": done.length,
        "created": done.created, "ends": ends,
    });
    let answer = match status {
        StatusCode::NO_CONTENT => status.into_response(),
        _ => (status, Json(told)).into_response(),
    };
    let mut answer = protocol::stands(answer, done.length, done.length, ends);
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/datasets/{}", done.dataset)) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    answer
}
