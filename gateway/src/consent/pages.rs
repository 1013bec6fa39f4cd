//! `/consentement`: what holds, told to the page's script; the same by a plain form; and the objection to the
//! site's own measurement.

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::app::{App, SharedApp};
use crate::consent::choice::{self, Choice, KEPT, OPPOSITION};
use crate::consent::proof;
use crate::web::posted::{self, Posted};
use crate::web::{WebError, cookies, negotiation, render};

const PATH: &str = "/consentement";
/// The longest version of a question that is recorded, in bytes.
const VERSION_LIMIT: usize = 64;
/// The most a posted choice may weigh, in bytes.
const BODY_LIMIT: usize = 4 * 1024;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(current).post(choose)).route("/consentement/opposition", post(oppose))
}

/// `GET /consentement`: the state for the page's script, or a page with the same forms.
async fn current(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let query = negotiation::query(&uri)?;
    let state = choice::state(&app, &headers, query.contains_key("signal"));
    if negotiation::wants_json(&headers) {
        return Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(state)).into_response());
    }
    let done = query.get("fait").map(String::as_str).filter(|what| ["choix", "opposition"].contains(what));
    let context = json!({
        "done": done,
        "chosen": Choice::of(&app, &headers).is_some(),
        "signal": choice::signalled(&headers),
        "services": state.services,
        "opposed": opposed(&headers),
    });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "consent.page.title", "gateway/consentement.html", context))
}

/// A choice as the page's script posts it. Without `services`, all of a kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    version: Value,
    audience: bool,
    social: bool,
    #[serde(default)]
    services: Option<Vec<String>>,
}

/// `POST /consentement`: 204 for the script, 303 for the form; in both cases the proof is on disk before.
async fn choose(State(app): State<SharedApp>, request: Request) -> Result<Response, WebError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let json = kind.is_some_and(|kind| kind.trim_start().starts_with("application/json"));
    let headers = request.headers().clone();
    let (services, version, mut response) = if json {
        posted::same_site(&headers, &app)?;
        let (services, version) = told(&app, request.into_body()).await?;
        (services, version, StatusCode::NO_CONTENT.into_response())
    } else {
        let posted = Posted::from_request(request, &app).await?;
        let version = app.settings.consent.config.banner.clone();
        (typed(&app, &posted)?, version, posted.accepted("/consentement?fait=choix"))
    };
    let withdrawn = choice::withdrawals(&app, &headers, &services);
    let choice = proof::keep(&app, services, version, choice::signalled(&headers)).await?;
    for line in withdrawn.into_iter().chain([choice.set_cookie(&app, app.clock.now())?]) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn told(app: &App, body: Body) -> Result<(Vec<String>, String), WebError> {
    let bytes = posted::read_body(body, BODY_LIMIT).await?;
    let told: Told = serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => shape(&error.to_string()),
        _ => WebError::BadRequest("the choice is not JSON"),
    })?;
    let version = match told.version {
        Value::String(text) if text.len() <= VERSION_LIMIT => text,
        Value::Number(number) => number.to_string(),
        _ => return Err(shape("`version` is a text of at most 64 bytes, or a number")),
    };
    // Both end up in the signed cookie, whose parts these marks separate.
    if version.contains('|') || version.chars().any(char::is_control) {
        return Err(shape("`version` holds a forbidden character"));
    }
    let services =
        choice::accepted(&app.settings.consent, told.audience, told.social, told.services.as_deref());
    Ok((services, version))
}

fn shape(why: &str) -> WebError {
    let wanted = r#"{"version": "…", "audience": true|false, "social": true|false, "services"?: ["…"]}"#;
    WebError::Unprocessable(Map::from_iter([
        ("fault".to_owned(), json!(why)),
        ("expected".to_owned(), json!(wanted)),
    ]))
}

/// The services accepted by the plain form: all, none, or those that were ticked, by kind or one by one.
fn typed(app: &App, posted: &Posted) -> Result<Vec<String>, WebError> {
    let registry = &app.settings.consent;
    let ticked = |name: &str| posted.fields.contains_key(name);
    match posted.fields.get("choix").map(String::as_str) {
        Some("tout") => Ok(choice::accepted(registry, true, true, None)),
        Some("rien") => Ok(Vec::new()),
        Some("selection") => {
            let mut services = choice::accepted(registry, ticked("audience"), ticked("social"), None);
            let single = registry.optional().map(|service| &service.id);
            let single = single.filter(|id| ticked(&format!("service_{id}")) && !services.contains(id));
            services.extend(single.cloned().collect::<Vec<_>>());
            Ok(services)
        }
        _ => Err(WebError::BadRequest("`choix` is tout, rien or selection")),
    }
}

/// `POST /consentement/opposition`: not to be counted, or to be counted again (GDPR art. 21).
async fn oppose(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    let now = app.clock.now();
    let set = match posted.fields.get("mesure").map(String::as_str) {
        Some("refuser") => choice::cookie(OPPOSITION, "1", now, KEPT.end(now))?,
        Some("accepter") => choice::cookie(OPPOSITION, "", now, now)?,
        _ => return Err(WebError::BadRequest("`mesure` is refuser or accepter")),
    };
    let mut response = posted.accepted("/consentement?fait=opposition");
    response.headers_mut().append(header::SET_COOKIE, set);
    Ok(response)
}

fn opposed(headers: &HeaderMap) -> bool {
    cookies::sole(headers, OPPOSITION).is_some()
}
