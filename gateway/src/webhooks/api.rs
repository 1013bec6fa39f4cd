//! `/api/v1/webhooks`: registering, changing, trying and removing webhooks, and what became of their messages, for programs.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::announce::{again, test};
use super::document::{Webhook, all, deliveries, read};
use super::keep::{self, Refused, Wanted, Who};
use super::told;
use crate::accounts::api_keys::ApiClient;
use crate::app::{App, SharedApp};
use crate::web::conditional::{self, IfMatch};
use crate::web::{WebError, json_body, negotiation};

const ALL: &str = "/api/v1/webhooks";
/// Messages of a page, at most.
const PAGE: usize = 50;
const BODY_LIMIT: usize = 16 * 1024;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/api/v1/webhooks/{id}", get(show).patch(change).delete(remove))
        .route("/api/v1/webhooks/{id}/secret", post(renew))
        .route("/api/v1/webhooks/{id}/test", post(try_it))
        .route("/api/v1/webhooks/{id}/deliveries", get(list_deliveries))
        .route("/api/v1/webhooks/{id}/deliveries/{delivery}/retry", post(retry))
}

impl From<ApiClient> for Who {
    fn from(client: ApiClient) -> Self {
        Self { organisation: client.organisation, account: client.account }
    }
}

/// What a program registers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    url: String,
    #[serde(default)]
    events: Option<Vec<String>>,
}

/// What a program changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default)]
    active: Option<bool>,
}

/// A refusal with its sentence in the language of whoever asks.
fn refused(app: &App, uri: &Uri, headers: &HeaderMap, refused: Refused) -> WebError {
    match refused {
        Refused::Web(error) => error,
        Refused::Field(field, code) => {
            let language = negotiation::language(uri, headers);
            let sentence = app.site.load().texts.text(language, &format!("error.{code}"), &[]);
            let errors = BTreeMap::from([(field, sentence)]);
            WebError::Unprocessable(Map::from_iter([("errors".to_owned(), json!(errors))]))
        }
    }
}

async fn list(State(app): State<SharedApp>, client: ApiClient) -> Result<Response, WebError> {
    let mut told = Vec::new();
    for (webhook, _) in all(&app, &client.organisation).await? {
        told.push(told::webhook(&app, &client.organisation, &webhook).await?);
    }
    Ok(private(json!({ "webhooks": told })))
}

/// `POST`: 201 with the secret, this once.
async fn create(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let New { url, events } = json_body::read(&headers, body, BODY_LIMIT).await?;
    let who = Who::from(client);
    let wanted = Wanted { url: Some(url), events, active: None };
    let made = keep::add(&app, &who, &wanted).await;
    let webhook = made.map_err(|why| refused(&app, &uri, &headers, why))?;
    let mut answer = with_secret(&app, &who, StatusCode::CREATED, &webhook, 1).await?;
    if let Ok(place) = HeaderValue::from_str(&format!("{ALL}/{}", webhook.id)) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    Ok(answer)
}

async fn with_secret(
    app: &App,
    who: &Who,
    status: StatusCode,
    webhook: &Webhook,
    version: u64,
) -> Result<Response, WebError> {
    let told = told::webhook(app, &who.organisation, webhook).await?;
    let mut shown = told.clone();
    shown["secret"] = json!(webhook.secrets.current().shown());
    Ok(conditional::tagged(status, version, &told, &shown))
}

async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    let (webhook, version) = read(&app, &client.organisation, &id).await?.ok_or(WebError::NotFound)?;
    let told = told::webhook(&app, &client.organisation, &webhook).await?;
    conditional::answer(&headers, version, &told)
}

/// `PATCH` (RFC 7396): what is named is otherwise from now on.
async fn change(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let Changed { url, events, active } = json_body::read(&headers, body, BODY_LIMIT).await?;
    let (who, seen) = (Who::from(client), IfMatch::of(&headers)?);
    let wanted = Wanted { url, events, active };
    let changed = keep::change(&app, &who, &id, &seen, &wanted).await;
    let (webhook, version) = changed.map_err(|why| refused(&app, &uri, &headers, why))?;
    let told = told::webhook(&app, &who.organisation, &webhook).await?;
    Ok(conditional::tagged(StatusCode::OK, version, &told, &told))
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    keep::remove(&app, &Who::from(client), &id, &IfMatch::of(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST …/secret`: another secret, shown this once; the one before signs a day longer.
async fn renew(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    let who = Who::from(client);
    let (webhook, version) = keep::renew(&app, &who, &id, &IfMatch::of(&headers)?).await?;
    with_secret(&app, &who, StatusCode::OK, &webhook, version).await
}

/// `POST …/test`: 202 with the message.
async fn try_it(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    client: ApiClient,
) -> Result<Response, WebError> {
    let delivery = test(&app, &client.organisation, &id).await?;
    let told = told::delivery(&app, &client.organisation, &delivery).await?;
    Ok(accepted(told))
}

async fn list_deliveries(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    client: ApiClient,
) -> Result<Response, WebError> {
    let organisation = &client.organisation;
    read(&app, organisation, &id).await?.ok_or(WebError::NotFound)?;
    let query = negotiation::query(&uri)?;
    let limit = match query.get("limit").map(|limit| limit.parse::<usize>()) {
        None => PAGE,
        Some(Ok(limit)) if (1..=PAGE).contains(&limit) => limit,
        Some(_) => return Err(WebError::BadRequest("the limit is from 1 to 50")),
    };
    let past = query.get("cursor").map(String::as_str);
    let (found, next) = deliveries(&app, organisation, &id, past, limit).await?;
    let mut told = Vec::new();
    for delivery in &found {
        told.push(told::delivery(&app, organisation, delivery).await?);
    }
    Ok(private(json!({ "deliveries": told, "next": next })))
}

/// `POST …/retry`: 202, and it is tried once more.
async fn retry(
    State(app): State<SharedApp>,
    Path((id, message)): Path<(String, String)>,
    client: ApiClient,
) -> Result<Response, WebError> {
    let delivery = again(&app, &client.organisation, &id, &message).await?;
    let told = told::delivery(&app, &client.organisation, &delivery).await?;
    Ok(accepted(told))
}

fn accepted(told: Value) -> Response {
    let mut response = private(told);
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn private(value: Value) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(value)).into_response()
}
