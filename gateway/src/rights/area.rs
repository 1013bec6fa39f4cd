//! `/espace-client/droits`: one's rights from the client area. Whoever is signed in and has just proved it needs no
//! letter; what can be done at once is.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::carried_out::{self, Way};
use super::copy;
use super::desk::Line;
use super::form::SAID;
use super::request::{self, Channel, Request, Right};
use crate::accounts::{self, Account, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::email::Email;
use crate::inventory;
use crate::records::RecordError;
use crate::store::Address;
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

const PAGE: &str = "/espace-client/droits";
const COPY: &str = "/espace-client/droits/copie.zip";
const TEMPLATE: &str = "gateway/droits.html";
const TITLE: &str = "droits.title";
/// Requests that may stand open for one address; the first are answered first.
const MOST_OPEN: usize = 20;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(ask)).route(COPY, get(copied))
}

/// `GET /espace-client/droits`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let account = accounts::require_holder(&app, &headers, PAGE).await?;
    let language = negotiation::language(&uri, &headers);
    let context = shown(&app, &account, &BTreeMap::new(), &BTreeMap::new()).await?;
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// `POST /espace-client/droits`.
async fn ask(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let account = accounts::require_holder(&app, &headers, PAGE).await?;
    let mut checker = posted.check(&["droit", "demande"]);
    let right = Right::of_word(posted.fields.get("droit").map_or("", String::as_str));
    if right.is_none() {
        checker.fault("droit", "choice");
    }
    let said = posted.fields.get("demande").is_some_and(|said| !said.trim().is_empty());
    let said = if said { checker.long_text("demande", 1..=SAID) } else { String::new() };
    let email = email(&account)?;
    let open = request::all(&app, Some(&email)).await?;
    if open.iter().filter(|found| found.request.is_open()).count() >= MOST_OPEN {
        checker.fault("droit", "rights_many");
    }
    let right = match (checker.finish(), right) {
        (Ok(()), Some(right)) => right,
        (Err(errors), _) => return refused(&app, &account, &posted, &errors).await,
        (Ok(()), None) => return Err(WebError::Internal("a wrong right passed".into()).into()),
    };
    let request = Request::new(right, &email, posted.language, Channel::Account, app.clock.now());
    let id = request::new_id()?;
    let noted = Event::of(&app, &account, "rights request received", &id);
    request::keep(&app, &id, &Request { said, ..request }, |batch, _| audit::note(batch, &noted)).await?;
    let address = Address::new(request::REQUESTS, request::partition(&app, &email), &id);
    carried_out::proved(&app, &address, Way::Session).await?;
    Ok(posted.accepted(PAGE))
}

/// `GET /espace-client/droits/copie.zip`.
async fn copied(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let account = accounts::require_holder(&app, &headers, COPY).await?;
    let about = inventory::about(&app, &account).await?;
    audit::record(&app, &Event::of(&app, &account, "copy of data made", &account.id)).await?;
    Ok(copy::answer(&app, negotiation::language(&uri, &headers), &about)?)
}

async fn refused(
    app: &App,
    account: &Account,
    posted: &Posted,
    errors: &BTreeMap<String, String>,
) -> Result<Response, SignInNeeded> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return Ok((status, axum::Json(json!({ "errors": errors }))).into_response());
    }
    let context = shown(app, account, &posted.fields, errors).await?;
    let title = fault_title(app, posted.language, TITLE);
    Ok(render_titled(app, status, posted.language, &title, TEMPLATE, context))
}

async fn shown(
    app: &App,
    account: &Account,
    values: &BTreeMap<String, String>,
    errors: &BTreeMap<String, String>,
) -> Result<Value, WebError> {
    let found = request::all(app, Some(&email(account)?)).await?;
    let requests: Vec<Line> = found.iter().rev().map(|found| Line::of(app, found)).collect();
    let rights: Vec<&str> = Right::WORDS.iter().map(|(word, _)| *word).collect();
    Ok(json!({
        "requests": requests,
        "rights": rights,
        "form": { "values": values, "errors": errors, "action": PAGE },
    }))
}

fn email(account: &Account) -> Result<Email, RecordError> {
    Email::parse(&account.email)
        .map_err(|error| RecordError::Shape { at: account.id.clone(), why: error.to_string() })
}

#[cfg(test)]
#[path = "area_tests.rs"]
mod tests;
