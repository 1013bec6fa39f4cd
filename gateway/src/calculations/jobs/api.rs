//! `/api/v1/calculations`: asking for calculations, following them, fetching their reports, deleting them, for programs.

use aops_engine::{BLOCK, Fault};
use aops_manifest::Language;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::idempotency::Key;
use super::records::Job;
use super::submit::{self, Asked, Refused, Who};
use super::{Form, State as JobState, computed, events, forms, worker};
use crate::accounts;
use crate::accounts::api_keys::{ApiClient, Mode};
use crate::app::{App, SharedApp};
use crate::calculations::assumptions;
use crate::calculations::compute::{BODY_LIMIT, is_json};
use crate::calculations::faults;
use crate::calculations::paying::Paying;
use crate::checkout::Plan;
use crate::web::conditional::{self, IfMatch};
use crate::web::posted::read_body;
use crate::web::{WebError, negotiation};

const ALL: &str = "/api/v1/calculations";
/// Calculations in one page of the list.
const PAGE: usize = 50;
/// The longest name that a client may give.
const LONGEST_NAME: usize = 120;
/// Lines of a list that are told with the state; reports have all.
const MOST_LINES: usize = 1_000;
const _: () = assert!(MOST_LINES <= BLOCK);

/// The routes of this file.
pub(in crate::calculations) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/api/v1/calculations/{id}", get(show).delete(remove))
        .route("/api/v1/calculations/{id}/events", get(follow))
        .route("/api/v1/calculations/{id}/{report}", get(report))
}

/// What a program asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    module: String,
    #[serde(default)]
    dataset: Option<String>,
    /// What the parameters come over.
    #[serde(default)]
    assumptions: Option<String>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    notify: Option<Notify>,
}

/// How whoever asks hears of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Notify {
    /// By a letter to the holder of the key.
    Mail,
}

/// `POST`: 202 and where to look.
async fn create(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let (mut paid, plans) = Paying::enter(&app, client).await?;
    let answer = match paid.spend(1) {
        Ok(()) => created(&app, &plans, &uri, &headers, body, &mut paid).await,
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

async fn created(
    app: &App,
    plans: &[Plan],
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
    paid: &mut Paying<'_>,
) -> Result<Response, WebError> {
    if !is_json(headers) {
        return Err(WebError::Unsupported);
    }
    let body = read_body(body, BODY_LIMIT).await?;
    let client = paid.client.clone();
    let who = Who { organisation: &client.organisation, account: &client.account };
    let once = Key::of(app, headers, &body)?;
    if let Some(once) = &once
        && let Some(job) = submit::earlier(app, who.organisation, once).await?
    {
        return Ok(accepted(&job));
    }
    let (asked, begun) = asked(app, &client, uri, headers, &body).await?;
    let sound = match client.mode {
        Mode::Test => submit::sample(app, asked),
        Mode::Live => submit::sound(app, who, plans, asked).await,
    };
    let sound = sound.map_err(|refused| told(app, uri, headers, refused))?;
    paid.spend(paid.later(sound.cost).saturating_sub(1))?;
    let job = submit::submit(app, who, plans, sound, once.as_ref()).await?;
    if let Some(id) = begun {
        assumptions::used(app, who.organisation, &id).await?;
    }
    Ok(accepted(&job))
}

/// A refusal in the language of whoever asks.
pub(super) fn told(app: &App, uri: &Uri, headers: &HeaderMap, refused: Refused) -> WebError {
    match refused {
        Refused::Web(error) => error,
        Refused::Faults(found) => {
            let language = negotiation::language(uri, headers);
            WebError::Unprocessable(faults::told(&app.site.load().texts, language, &found))
        }
    }
}

/// What a body asks, its parameters over the assumptions that it names; and which these are.
pub(super) async fn asked(
    app: &App,
    client: &ApiClient,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Asked, Option<String>), WebError> {
    let Request { module, dataset, assumptions, mut parameters, name, notify } = read(body)?;
    // A key for trying out asks the sample of its module, whatever came with it.
    let begun = assumptions.filter(|_| client.mode == Mode::Live);
    if let Some(id) = &begun {
        let language = negotiation::language(uri, headers);
        let found = assumptions::find(app, &client.organisation, id, language).await?;
        let found = found.ok_or(WebError::NotFound)?;
        if found.module != module {
            let known = [("found", found.module), ("known", module)];
            let fault = Refused::Faults(vec![Fault::new("/assumptions", "unknown_value", &known)]);
            return Err(told(app, uri, headers, fault));
        }
        let over = std::mem::replace(&mut parameters, found.values);
        assumptions::merge(&mut parameters, over);
    }
    let name = name.map(|name| name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect());
    Ok((Asked { module, dataset, parameters, name, letter: notify == Some(Notify::Mail) }, begun))
}

fn read(body: &[u8]) -> Result<Request, WebError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|_| WebError::BadRequest("the body is not JSON"))?;
    let unknown = |error: serde_json::Error| {
        let told = json!([{ "pointer": "", "code": "wrong_type", "message": error.to_string() }]);
        WebError::Unprocessable(Map::from_iter([("faults".to_owned(), told)]))
    };
    serde_json::from_value(value).map_err(unknown)
}

fn accepted(job: &Job) -> Response {
    let told = Json(json!({ "id": job.id, "state": job.state }));
    let mut response = (StatusCode::ACCEPTED, told).into_response();
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::from_str(&format!("{ALL}/{}", job.id)) {
        headers.insert(header::LOCATION, place);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET` of all: `{calculations, next}`, the newest first; `next` is the `cursor` of the page that follows.
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
    let limit = match query.get("limit").map(|limit| limit.parse::<usize>()) {
        None => PAGE,
        Some(Ok(limit)) if (1..=PAGE).contains(&limit) => limit,
        Some(_) => return Err(WebError::BadRequest("the limit is from 1 to 50")),
    };
    let cursor = query.get("cursor").map(String::as_str);
    if cursor.is_some_and(|cursor| cursor.contains('\0')) {
        return Err(WebError::BadRequest("the cursor is none of ours"));
    }
    let (mut jobs, next) = super::list(app, &client.organisation, cursor, limit).await?;
    jobs.retain(|job| job.test == (client.mode == Mode::Test));
    let language = negotiation::language(uri, headers);
    let told: Vec<Value> = jobs.iter().map(|job| head(app, job, language)).collect();
    Ok(private(json!({ "calculations": told, "next": next })))
}

/// `GET` of one.
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
    let organisation = &client.organisation;
    let (job, version) = seen_by(app, client, id).await?;
    let mut told = head(app, &job, negotiation::language(uri, headers));
    if job.state == JobState::Done
        && let Some(computed) = computed(app, organisation, &job).await?
    {
        let mut result = computed.outcome;
        if let Some(members) = result.as_object_mut() {
            let short = |value: &Value| value.as_array().is_none_or(|list| list.len() <= MOST_LINES);
            members.retain(|_, value| short(value));
            if let Some(apart) = &computed.apart {
                members.remove(&apart.member);
            }
        }
        told["result"] = result;
    }
    conditional::answer(headers, version, &told)
}

/// A calculation that a key sees: one for trying out sees trials alone, and any other none.
async fn seen_by(app: &App, client: &ApiClient, id: &str) -> Result<(Job, u64), WebError> {
    let found = super::read(app, &client.organisation, id).await?;
    let found = found.filter(|(job, _)| job.test == (client.mode == Mode::Test));
    found.ok_or(WebError::NotFound)
}

/// What is told of a calculation without its outcome.
fn head(app: &App, job: &Job, language: Language) -> Value {
    let mut told = worker::told(app, job);
    told["module"] = json!(job.module);
    told["created"] = json!(job.created);
    told["ends"] = json!(job.ends(app));
    for (name, value) in [("name", &job.name), ("dataset", &job.dataset), ("incident", &job.incident)] {
        if let Some(value) = value {
            told[name] = json!(value);
        }
    }
    if job.letter {
        told["notify"] = json!("mail");
    }
    if job.test {
        told["test"] = json!(true);
    }
    if let Some(ended) = job.ended {
        told["ended"] = json!(ended);
    }
    if !job.faults.is_empty() {
        let site = app.site.load();
        told["faults"] = job.faults.iter().map(|fault| fault.told(&site.texts, language)).collect();
    }
    told
}

/// `GET …/events`.
async fn follow(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    client: ApiClient,
) -> Result<Response, WebError> {
    let (mut paid, _) = Paying::enter(&app, client).await?;
    let organisation = paid.client.organisation.clone();
    let answer = match paid.spend(1) {
        Ok(()) => match seen_by(&app, &paid.client, &id).await {
            Ok(_) => Ok(events::stream(SharedApp::clone(&app), organisation, id)),
            Err(error) => Err(error),
        },
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

/// `GET …/report.{json,xlsx,pdf}`.
async fn report(
    State(app): State<SharedApp>,
    Path((id, name)): Path<(String, String)>,
    client: ApiClient,
) -> Result<Response, WebError> {
    let (mut paid, _) = Paying::enter(&app, client).await?;
    let organisation = paid.client.organisation.clone();
    let answer = match paid.spend(1) {
        Ok(()) => match name.strip_prefix("report.").and_then(Form::of) {
            Some(form) => match seen_by(&app, &paid.client, &id).await {
                Ok(_) => download(&app, &organisation, &id, form).await,
                Err(error) => Err(error),
            },
            None => Err(WebError::NotFound),
        },
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

/// A report as a file to be saved, of a calculation of one's own that is done (`p-report-recipient`).
///
/// # Errors
/// [`WebError::NotFound`] also while there is no outcome.
pub(in crate::calculations) async fn download(
    app: &App,
    organisation: &str,
    id: &str,
    form: Form,
) -> Result<Response, WebError> {
    let (job, _) = super::read(app, organisation, id).await?.ok_or(WebError::NotFound)?;
    let computed = computed(app, organisation, &job).await?.ok_or(WebError::NotFound)?;
    let owner = accounts::organisation(app, organisation).await?;
    let owner = owner.map(|organisation| organisation.raison_sociale);
    let bytes = forms::report(app, organisation, &job, computed, owner, form).await?;
    let day = job.ended.unwrap_or(job.created).strftime("%Y-%m-%d").to_string();
    let saved = format!("attachment; filename=\"{}-{day}.{}\"", job.module, form.ending());
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(saved) = HeaderValue::from_str(&saved) {
        headers.insert(header::CONTENT_DISPOSITION, saved);
    }
    Ok(response)
}

/// `DELETE`: stops it and removes it at once.
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
        Ok(()) => match seen_by(&app, &client, &id).await {
            Ok(_) => match super::remove(&app, who, &id, &seen).await {
                Ok(true) => Ok(StatusCode::NO_CONTENT.into_response()),
                Ok(false) => Err(WebError::NotFound),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

fn private(value: Value) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(value)).into_response()
}
