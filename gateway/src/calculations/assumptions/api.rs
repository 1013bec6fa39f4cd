//! `/api/v1/assumptions`: what calculations may begin with, for programs.

use std::collections::BTreeMap;

use aops_engine::MODULES;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::keep::{self, Kept, Refused};
use super::{Found, choices, find, members, stored};
use crate::accounts::api_keys::ApiClient;
use crate::app::{App, SharedApp};
use crate::calculations::compute::BODY_LIMIT;
use crate::calculations::jobs::Who;
use crate::calculations::paying::Paying;
use crate::web::conditional::{self, IfMatch};
use crate::web::{WebError, json_body, negotiation};

const ALL: &str = "/api/v1/assumptions";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/api/v1/assumptions/{id}", get(show).patch(change).delete(remove))
}

/// What a program saves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    module: String,
    name: String,
    #[serde(default)]
    source: Option<String>,
    values: Map<String, Value>,
}

/// What a program changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    values: Option<Map<String, Value>>,
}

/// `GET`, of one module where it is named: without values, which each has by itself.
async fn list(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    let (mut paid, _) = Paying::enter(&app, client).await?;
    let answer = match paid.spend(1) {
        Ok(()) => listed(&app, &uri, &headers, &paid.client).await,
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

async fn listed(app: &App, uri: &Uri, headers: &HeaderMap, client: &ApiClient) -> Result<Response, WebError> {
    let query = negotiation::query(uri)?;
    let module = query.get("module").map(String::as_str);
    if module.is_some_and(|module| !MODULES.contains(&module)) {
        return Err(WebError::BadRequest("the module is not known"));
    }
    let language = negotiation::language(uri, headers);
    let found = choices(app, &client.organisation, module, language).await?;
    let told: Vec<Value> = found.iter().map(head).collect();
    let private = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((private, Json(json!({ "assumptions": told }))).into_response())
}

async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    let (mut paid, _) = Paying::enter(&app, client).await?;
    let answer = match paid.spend(1) {
        Ok(()) => shown(&app, &paid.client, &id, &uri, &headers).await,
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

async fn shown(
    app: &App,
    client: &ApiClient,
    id: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, WebError> {
    let language = negotiation::language(uri, headers);
    let (found, version) = match stored::read(app, &client.organisation, id).await? {
        Some((stored, version)) => (stored.into(), version),
        // A preset has one version.
        None => (find(app, &client.organisation, id, language).await?.ok_or(WebError::NotFound)?, 0),
    };
    conditional::answer(headers, version, &whole(&found))
}

/// `POST`: 201; a name that another set of the module has is refused.
async fn create(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let (mut paid, _) = Paying::enter(&app, client).await?;
    let answer = match paid.spend(1) {
        Ok(()) => created(&app, &paid.client, &uri, &headers, body).await,
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

async fn created(
    app: &App,
    client: &ApiClient,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let New { module, name, source, values } = json_body::read(headers, body, BODY_LIMIT).await?;
    let say = |refused| refused_as(app, uri, headers, refused);
    let module = MODULES.iter().copied().find(|known| *known == module);
    let module = module.ok_or_else(|| say(Refused::Field("module", "assumptions_module")))?;
    known(app, uri, headers, module, &values)?;
    let who = Who { organisation: &client.organisation, account: &client.account };
    let kept = Kept { name: Some(name), source, values: Some(values) };
    let (id, version) = keep::save(app, who, module, &kept, None).await.map_err(say)?;
    let (stored, _) = stored::read(app, &client.organisation, &id).await?.ok_or(WebError::NotFound)?;
    let told = whole(&stored.into());
    let mut answer = conditional::tagged(StatusCode::CREATED, version, &told, &told);
    if let Ok(place) = HeaderValue::from_str(&format!("{ALL}/{id}")) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    Ok(answer)
}

/// `PATCH` (RFC 7396), of what was saved under a name.
async fn change(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let (mut paid, _) = Paying::enter(&app, client).await?;
    let answer = match paid.spend(1) {
        Ok(()) => changed(&app, &paid.client, &id, &uri, &headers, body).await,
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

async fn changed(
    app: &App,
    client: &ApiClient,
    id: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    // Whether it is there comes first: what is wrong with a change is told of what is one's own alone.
    let (before, _) = stored::read(app, &client.organisation, id).await?.ok_or(WebError::NotFound)?;
    let Changed { name, source, values } = json_body::read(headers, body, BODY_LIMIT).await?;
    let seen = IfMatch::of(headers)?;
    if let Some(values) = &values {
        known(app, uri, headers, &before.module, values)?;
    }
    let who = Who { organisation: &client.organisation, account: &client.account };
    let wanted = Kept { name, source, values: None };
    let changed = keep::change(app, who, id, &seen, &wanted, values.as_ref()).await;
    let (stored, version) = changed.map_err(|refused| refused_as(app, uri, headers, refused))?;
    let told = whole(&stored.into());
    Ok(conditional::tagged(StatusCode::OK, version, &told, &told))
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    client: ApiClient,
) -> Result<Response, WebError> {
    let seen = IfMatch::of(&headers)?;
    let (mut paid, _) = Paying::enter(&app, client).await?;
    let client = paid.client.clone();
    let who = Who { organisation: &client.organisation, account: &client.account };
    let answer = match paid.spend(1) {
        Ok(()) => keep::remove(&app, who, &id, &seen).await.map(|()| StatusCode::NO_CONTENT.into_response()),
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

/// Refuses what is no assumption of the module: a line of data, a day, a name that its schema lacks.
fn known(
    app: &App,
    uri: &Uri,
    headers: &HeaderMap,
    module: &str,
    values: &Map<String, Value>,
) -> Result<(), WebError> {
    let others: Vec<&str> =
        members::others(module, values).into_iter().filter(|name| !values[*name].is_null()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let language = negotiation::language(uri, headers);
    let names = [("names", others.join(", "))];
    let names: Vec<(&str, &str)> = names.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sentence = app.site.load().texts.text(language, "error.assumptions_other", &names);
    Err(field("values", &sentence))
}

fn refused_as(app: &App, uri: &Uri, headers: &HeaderMap, refused: Refused) -> WebError {
    match refused {
        Refused::Web(error) => error,
        Refused::Field(name, code) => {
            let language = negotiation::language(uri, headers);
            field(name, &app.site.load().texts.text(language, &format!("error.{code}"), &[]))
        }
    }
}

fn field(name: &str, sentence: &str) -> WebError {
    let errors = BTreeMap::from([(name, sentence)]);
    WebError::Unprocessable(Map::from_iter([("errors".to_owned(), json!(errors))]))
}

fn head(found: &Found) -> Value {
    let mut told = json!({ "id": found.id, "origin": found.origin, "module": found.module });
    let about = match found.origin {
        super::Origin::Preset => "about",
        _ => "source",
    };
    for (name, value) in [("name", &found.name), (about, &found.about)] {
        if let Some(value) = value {
            told[name] = json!(value);
        }
    }
    if let Some(changed) = found.changed {
        told["changed"] = json!(changed);
    }
    told
}

fn whole(found: &Found) -> Value {
    let mut told = head(found);
    told["values"] = Value::Object(found.values.clone());
    if !found.notes.is_empty() {
        told["notes"] = json!(found.notes);
    }
    told
}
