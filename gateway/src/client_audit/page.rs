//! `/espace-client/audit`: a client asks for its audit, sees what became of it, and withdraws it.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::desk;
use super::limits::{self, Limit};
use super::request::{self, Auditor, Request, State as Standing, Wanted};
use crate::accounts::{self, Account, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::authorisation::Action;
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};
use crate::working_days;

pub(super) const PAGE: &str = "/espace-client/audit";
const TEMPLATE: &str = "gateway/audit.html";
const TITLE: &str = "audit.title";
const FIELDS: [&str; 7] =
    ["premier_jour", "jours", "auditeur_nom", "auditeur_societe", "auditeur_email", "perimetre", "frais"];
const SCOPE: usize = 2_000;
const NAME: usize = 200;
/// What the page may say that was done.
const DONE: [&str; 2] = ["demande", "retrait"];

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(ask)).route("/espace-client/audit/{id}/retrait", post(withdraw))
}

/// `GET /espace-client/audit`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let account = account(&app, &headers).await?;
    let query = negotiation::query(&uri)?;
    let done = query.get("fait").filter(|done| DONE.contains(&done.as_str()));
    let mut context = shown(&app, &account, &BTreeMap::new(), &BTreeMap::new()).await?;
    context["done"] = json!(done);
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// `POST /espace-client/audit`.
async fn ask(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let account = account(&app, &headers).await?;
    let (wanted, mut errors) = match wanted(&app, &account, &posted) {
        Ok(wanted) => (Some(wanted), BTreeMap::new()),
        Err(errors) => (None, errors),
    };
    if let Some(wanted) = wanted {
        match desk::ask(&app, &account, &wanted).await? {
            Ok(_) => return Ok(posted.accepted(&format!("{PAGE}?fait=demande"))),
            Err(limit) => {
                let field = if limit == Limit::Long { "jours" } else { "premier_jour" };
                errors.insert(field.into(), limit.code().into());
            }
        }
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return Ok((status, axum::Json(json!({ "errors": errors }))).into_response());
    }
    let context = shown(&app, &account, &posted.fields, &errors).await?;
    let title = fault_title(&app, posted.language, TITLE);
    Ok(render_titled(&app, status, posted.language, &title, TEMPLATE, context))
}

/// `POST /espace-client/audit/{id}/retrait`.
async fn withdraw(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let account = account(&app, &headers).await?;
    let now = app.clock.now();
    let change = |before: &Request| {
        let withdrawn =
            || Request { state: Standing::Withdrawn, decided: Some((now, String::new())), ..before.clone() };
        can_be_withdrawn(before, now).then(withdrawn)
    };
    let noted = Event::of(&app, &account, "client audit withdrawn", &id);
    let done =
        request::step(&app, &account.organisation, &id, change, |batch, _, _| audit::note(batch, &noted));
    match done.await? {
        Some(_) => Ok(posted.accepted(&format!("{PAGE}?fait=retrait"))),
        None => Err(WebError::NotFound.into()),
    }
}

/// Until its first day, nobody has come.
fn can_be_withdrawn(request: &Request, now: jiff::Timestamp) -> bool {
    matches!(request.state, Standing::Asked | Standing::Accepted) && now < request.opens()
}

fn wanted(app: &App, account: &Account, posted: &Posted) -> Result<Wanted, BTreeMap<String, String>> {
    let mut checker = posted.check(&FIELDS);
    let first = checker.text("premier_jour", 10..=10).parse::<Date>();
    let days = checker.text("jours", 1..=1).parse::<u32>();
    let name = checker.text("auditeur_nom", 1..=NAME);
    let firm = checker.text("auditeur_societe", 1..=NAME);
    let email = checker.email("auditeur_email");
    let scope = checker.long_text("perimetre", 1..=SCOPE);
    if first.is_err() {
        checker.fault("premier_jour", "date");
    }
    if days.is_err() {
        checker.fault("jours", "choice");
    }
    if posted.fields.get("frais").map(String::as_str) != Some("accepte") {
        checker.fault("frais", "audit_costs");
    }
    checker.finish()?;
    let wrong = || BTreeMap::from([("premier_jour".to_owned(), "date".to_owned())]);
    let (Ok(first), Ok(days), Some(email)) = (first, days, email) else { return Err(wrong()) };
    let auditor = Auditor { name, firm, email: email.as_str().to_owned() };
    Ok(Wanted { asked: app.clock.now(), by: account.id.clone(), first, days, auditor, scope })
}

async fn shown(
    app: &App,
    account: &Account,
    values: &BTreeMap<String, String>,
    errors: &BTreeMap<String, String>,
) -> Result<Value, WebError> {
    let now = app.clock.now();
    let line = |request: &Request| {
        json!({
            "id": request.id,
            "state": request.state,
            "asked": request.asked,
            "first": request.first,
            "last": request.last,
            "auditor": request.auditor.name,
            "firm": request.auditor.firm,
            "reason": request.decided.as_ref().map(|(_, why)| why.as_str()).unwrap_or_default(),
            "withdrawn": can_be_withdrawn(request, now),
        })
    };
    let requests: Vec<Value> = request::of(app, &account.organisation).await?.iter().map(line).collect();
    Ok(json!({
        "requests": requests,
        "earliest": limits::earliest(working_days::today(now)),
        "notice": limits::NOTICE,
        "longest": limits::LONGEST,
        "asks": account.role.actions().contains(&Action::AskAudit),
        "form": { "values": values, "errors": errors, "action": PAGE },
    }))
}

/// Whoever is signed in; what they may do was asked before.
async fn account(app: &App, headers: &HeaderMap) -> Result<Account, SignInNeeded> {
    let session = accounts::require(app, headers, PAGE).await?;
    let found = accounts::read(app, &session.organisation, &session.account).await?;
    found.ok_or(SignInNeeded::To(None))
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
