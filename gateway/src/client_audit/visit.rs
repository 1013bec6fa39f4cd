//! `/audit`: what the auditor of a client reads, on the days of the audit and on no other. There is nothing to send:
//! what is shown are declarations, the state of the audit log, and the client's own part of it.

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::desk::name_of;
use super::request::{self, Request};
use crate::accounts;
use crate::app::{App, SharedApp};
use crate::audit::{self, Actor, Event};
use crate::inventory;
use crate::processors;
use crate::tokens::TokenError;
use crate::web::{WebError, negotiation, render};
use crate::working_days;

const PATH: &str = "/audit";
const PURPOSE: &str = "client audit";
const TEMPLATE: &str = "gateway/audit_acces.html";
const TITLE: &str = "audit_acces.title";
/// Digits of the name of an event.
const NAME: usize = 20;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(page))
}

/// The link of the auditor's letter: good until the audit is over, whatever happens.
pub(super) fn link(app: &App, organisation: &str, request: &Request, language: Language) -> String {
    let token = app.tokens.sign(PURPOSE, &format!("{organisation}/{}", request.id), request.closes());
    let lang = if language == Language::En { "&lang=en" } else { "" };
    format!("{}{PATH}?jeton={token}{lang}", app.settings.platform_url)
}

/// `GET /audit?jeton=`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let language = negotiation::language(&uri, &headers);
    let query = negotiation::query(&uri)?;
    let token = query.get("jeton").map(String::as_str).unwrap_or_default();
    let now = app.clock.now();
    let meant = app.tokens.verify(PURPOSE, token, now);
    let (organisation, id) = match meant.as_deref().map(|meant| meant.split_once('/')) {
        Ok(Some(meant)) => meant,
        Err(TokenError::Expired) => return Ok(closed(&app, StatusCode::GONE, "over", language)),
        Ok(None) | Err(TokenError::Invalid) => {
            return Ok(closed(&app, StatusCode::BAD_REQUEST, "invalid", language));
        }
    };
    let found = request::of(&app, organisation).await?.into_iter().find(|request| request.id == id);
    let Some(request) = found else { return Ok(closed(&app, StatusCode::GONE, "over", language)) };
    if !request.is_open(now) {
        return Ok(not_now(&app, &request, now, language));
    }
    let read = Event::new(&app, "client audit read", id).concerning(organisation);
    audit::record(&app, &Event { actor: Actor::auditor(id), ..read }).await?;
    let named = |name: &&String| name.len() == NAME && name.bytes().all(|byte| byte.is_ascii_digit());
    let older = query.get("avant").filter(named).map(String::as_str);
    let mut context = context(&app, organisation, &request, older).await?;
    context["token"] = json!(token);
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

async fn context(
    app: &App,
    organisation: &str,
    request: &Request,
    older: Option<&str>,
) -> Result<Value, WebError> {
    let verified = audit::verify(app, &[]).await?;
    let part = audit::part(app, organisation, older).await?;
    let event = |event: &Event| {
        json!({
            "at": event.at,
            "who": event.actor.kind(&request.by),
            "action": event.action.replace([' ', '-'], "_"),
            "object": event.object,
            "from": event.from,
        })
    };
    let today = working_days::today(app.clock.now());
    let terms = inventory::declared(&app.settings.retention);
    Ok(json!({
        "state": "open",
        "client": name_of(app, organisation).await?,
        "first": request.first,
        "last": request.last,
        "scope": request.scope,
        "processors": processors::in_force(app, today).await?,
        "terms": terms.map_err(|error| WebError::Internal(error.to_string()))?,
        "staff": accounts::review(app).await?,
        "log": { "entries": verified.entries, "last": verified.last, "digest": verified.digest, "damaged": verified.damaged.len() },
        "events": part.events.iter().map(event).collect::<Vec<_>>(),
        "older": part.older,
        "later": older.is_some(),
    }))
}

/// What is said before the first day, after the last one, and of an access that was ended.
fn not_now(app: &App, request: &Request, now: Timestamp, language: Language) -> Response {
    let early = request.state == request::State::Accepted && now < request.opens();
    if !early {
        return closed(app, StatusCode::GONE, "over", language);
    }
    let context = json!({ "state": "early", "first": request.first, "last": request.last });
    render(app, StatusCode::FORBIDDEN, language, TITLE, TEMPLATE, context)
}

fn closed(app: &App, status: StatusCode, state: &str, language: Language) -> Response {
    render(app, status, language, TITLE, TEMPLATE, json!({ "state": state }))
}

#[cfg(test)]
#[path = "visit_tests.rs"]
mod tests;
