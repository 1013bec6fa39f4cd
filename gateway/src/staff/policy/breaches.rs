//! `/equipe/violations`: the register of breaches, the clock of each, and what to do next.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::page::{Page, fault, typed};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::breach::{self, Act, BreachError};
use crate::web::WebError;
use crate::web::posted::Posted;

pub(super) const PAGE: Page = Page {
    path: "/equipe/violations",
    title: "violations.title",
    template: "gateway/violations.html",
    done: &["declaree", "exercice", "notifiee", "reprise"],
};

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PAGE.path, get(page))
        .route("/equipe/violations/{id}/notification", post(filed))
        .route("/equipe/violations/{id}/reprise", post(resumed))
}

/// `GET /equipe/violations`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let context = shown(&app).await?;
    PAGE.answer(&app, &uri, &headers, context).await
}

/// `POST …/notification`: the CNIL was told, under the number that it gave.
async fn filed(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let Some(reference) = typed(&posted, "reference") else {
        return Ok(again(&app, &posted, "reference").await?);
    };
    let done = PAGE.as_staff(&app, &headers, breach::act(&app, Act::Filed { id, reference })).await?;
    Ok(answered(&app, &posted, done, "notifiee").await?)
}

/// `POST …/reprise`: letters that an interruption held up; each of those who are concerned gets one.
async fn resumed(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    if posted.check(&[]).finish().is_err() {
        return Ok(again(&app, &posted, "decided").await?);
    }
    let done = PAGE.as_staff(&app, &headers, breach::act(&app, Act::Resume { id })).await?;
    Ok(answered(&app, &posted, done, "reprise").await?)
}

async fn answered(
    app: &App,
    posted: &Posted,
    done: Result<Value, BreachError>,
    told: &str,
) -> Result<Response, WebError> {
    match done {
        Ok(_) => Ok(PAGE.did(posted, told)),
        Err(BreachError::None(_)) => Err(WebError::NotFound),
        Err(BreachError::Record(error)) => Err(error.into()),
        // Noted meanwhile.
        Err(_) => again(app, posted, "decided").await,
    }
}

async fn again(app: &App, posted: &Posted, why: &str) -> Result<Response, WebError> {
    Ok(PAGE.refused(app, posted, why, shown(app).await?))
}

/// The register, the newest first, each entry with what is to be done next.
async fn shown(app: &App) -> Result<Value, WebError> {
    let listed = breach::act(app, Act::List).await.map_err(fault)?;
    let now = app.clock.now();
    let mut breaches: Vec<Value> = listed.as_array().cloned().unwrap_or_default();
    for one in &mut breaches {
        let next = next(one);
        let left = one["deadline"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        one["hours"] = json!(left.map(|at| at.duration_since(now).as_hours()));
        one["next"] = json!(next);
        let mut form = Vec::new();
        fields("", &one["cnil"], &mut form);
        one["form"] = json!(form);
    }
    breaches.reverse();
    Ok(json!({ "breaches": breaches, "done": null, "fault": null }))
}

/// `letters`, `file` or nothing: in the order in which it is to be done.
fn next(one: &Value) -> Vec<&'static str> {
    let mut next = Vec::new();
    if one["done"] == false {
        next.push("letters");
    }
    if one["authority"] == true && one["filed"].is_null() {
        next.push("file");
    }
    next
}

/// The fields of the CNIL's form one after the other, each with the key of its label and how it is to be read; those that
/// say nothing are left out.
fn fields(within: &str, form: &Value, all: &mut Vec<Value>) {
    for (name, said) in form.as_object().into_iter().flatten() {
        let key = if within.is_empty() { name.clone() } else { format!("{within}_{name}") };
        match said {
            Value::Null => {}
            Value::Object(_) => fields(&key, said, all),
            Value::String(text) if text.is_empty() => {}
            Value::Bool(_) => all.push(json!({ "key": key, "kind": "flag", "said": said })),
            Value::Array(_) => all.push(json!({ "key": key, "kind": "data", "said": said })),
            Value::String(text) if text.parse::<Timestamp>().is_ok() => {
                all.push(json!({ "key": key, "kind": "moment", "said": said }));
            }
            _ if key == "gravite" => all.push(json!({ "key": key, "kind": "level", "said": said })),
            _ => all.push(json!({ "key": key, "kind": "text", "said": said })),
        }
    }
}
