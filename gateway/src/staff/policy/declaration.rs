//! `/equipe/violations/declaration`: reporting a breach in two steps: the form, beside the guide of severity; then what the
//! guide says, whom it concerns and what they will read, before anything is entered or written to anybody.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::breaches;
use super::page::Page;
use super::typed::{self, CIRCUMSTANCES, DATA, ENTRY, KNOWN, STEP};
use crate::accounts::{self, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::breach::{self, Act, BreachError, Report};
use crate::web::posted::{Posted, fault_title};
use crate::web::{negotiation, render, render_titled};
use crate::working_days;

const PAGE: Page = Page {
    path: "/equipe/violations/declaration",
    title: "declaration.title",
    template: "gateway/violation_declaration.html",
    done: &[],
};
const REVIEW: &str = "gateway/violation_relecture.html";
const REVIEW_TITLE: &str = "declaration.review";
/// Addresses that are shown of those concerned; the letters go to all.
const SHOWN: usize = 50;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE.path, get(page).post(sent))
}

/// `GET /equipe/violations/declaration`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let language = negotiation::language(&uri, &headers);
    let context = form(&BTreeMap::new(), &BTreeMap::new());
    Ok(render(&app, StatusCode::OK, language, PAGE.title, PAGE.template, context))
}

/// `POST /equipe/violations/declaration`: what was typed again, to be corrected; whom it concerns, to be read; or, by
/// whoever proved a moment ago who they are, the entry and its letters.
async fn sent(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE.path).await?;
    let step = posted.fields.get(STEP).map_or("", String::as_str);
    if step == "corriger" {
        let context = form(&posted.fields, &BTreeMap::new());
        return Ok(render(&app, StatusCode::OK, posted.language, PAGE.title, PAGE.template, context));
    }
    let report = match typed::report(&posted, app.clock.now()) {
        Ok(report) => report,
        Err(errors) => return Ok(refused(&app, &posted, &errors, "")),
    };
    let proved = accounts::recently_proved(&app, &session);
    if step == "declarer" && proved {
        return declared(&app, &headers, &posted, report).await;
    }
    let known = report.known;
    let assessed = PAGE.as_staff(&app, &headers, breach::act(&app, Act::Assess(report))).await?;
    match assessed {
        // Nothing that was typed is lost for want of a proof: it is given beside, and the same is sent again.
        Ok(assessed) if step == "declarer" => {
            Ok(review(&app, &posted, &assessed, known, (StatusCode::FORBIDDEN, proved)))
        }
        Ok(assessed) => Ok(review(&app, &posted, &assessed, known, (StatusCode::OK, proved))),
        Err(error) => at_fault(&app, &posted, error),
    }
}

async fn declared(
    app: &App,
    headers: &HeaderMap,
    posted: &Posted,
    report: Report,
) -> Result<Response, SignInNeeded> {
    let told = if report.rehearsal { "exercice" } else { "declaree" };
    match PAGE.as_staff(app, headers, breach::act(app, Act::Report(report))).await? {
        // Sent twice, it is entered once.
        Ok(_) | Err(BreachError::Entered(_)) => Ok(breaches::PAGE.did(posted, told)),
        Err(error) => at_fault(app, posted, error),
    }
}

/// What the register refuses, at the field that it is about.
fn at_fault(app: &App, posted: &Posted, error: BreachError) -> Result<Response, SignInNeeded> {
    let (field, code, name) = match error {
        BreachError::Record(error) => return Err(error.into()),
        BreachError::NoOrganisation(name) => ("organisations", "no_organisation", name),
        BreachError::Name(_) => (ENTRY, "invalid", String::new()),
        BreachError::Taken(_) => (ENTRY, "breach_entered", String::new()),
        _ => ("faits", "required", String::new()),
    };
    let errors = BTreeMap::from([(field.to_owned(), code.to_owned())]);
    Ok(refused(app, posted, &errors, &name))
}

/// 422: the form with what was typed and what is wrong with it; `unknown` is the organisation that is none.
fn refused(app: &App, posted: &Posted, errors: &BTreeMap<String, String>, unknown: &str) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return (status, axum::Json(json!({ "errors": errors }))).into_response();
    }
    let mut values = posted.fields.clone();
    if errors.contains_key(ENTRY) {
        // Sent again, it is an entry of its own.
        values.remove(ENTRY);
    }
    let mut context = form(&values, errors);
    context["unknown"] = json!(unknown);
    let title = fault_title(app, posted.language, PAGE.title);
    render_titled(app, status, posted.language, &title, PAGE.template, context)
}

fn form(values: &BTreeMap<String, String>, errors: &BTreeMap<String, String>) -> Value {
    let circumstances = CIRCUMSTANCES.map(|(name, word)| json!({ "name": name, "word": word }));
    json!({
        "form": { "values": values, "errors": errors, "action": PAGE.path },
        "data": DATA.map(|(name, data)| json!({ "name": name, "word": data })),
        "circumstances": circumstances,
        "guide": breach::guide(),
        "unknown": "",
    })
}

/// What is about to be done, with what was typed, to be sent again as it stands.
fn review(
    app: &App,
    posted: &Posted,
    assessed: &Value,
    known: Option<Timestamp>,
    (status, proved): (StatusCode, bool),
) -> Response {
    if posted.wants_json {
        return (status, axum::Json(assessed.clone())).into_response();
    }
    let mut values = posted.fields.clone();
    values.remove(STEP);
    // The 72 hours run from the moment of this page, not from that of the button below it.
    values.insert(KNOWN.to_owned(), working_days::clock(known.unwrap_or_else(|| app.clock.now())));
    values.insert(ENTRY.to_owned(), assessed["entry"].as_str().unwrap_or_default().to_owned());
    let deadline = assessed["deadline"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let people = |of: &str| {
        let all = assessed[of].as_array().map(Vec::as_slice).unwrap_or_default();
        let shown = all.get(..SHOWN).unwrap_or(all);
        json!({ "count": all.len(), "shown": shown, "more": all.len() - shown.len() })
    };
    let context = json!({
        "action": PAGE.path,
        "values": values,
        "assessed": assessed,
        "clients": people("clients"),
        "persons": people("persons"),
        "hours": deadline.map(|at| at.duration_since(app.clock.now()).as_hours()),
        "proved": proved,
    });
    render(app, status, posted.language, REVIEW_TITLE, REVIEW, context)
}
