//! `/equipe/violations`, `/equipe/audits`, `/equipe/prestataires`: what the officer keeps for clients and the CNIL, to be
//! read, and what is safe to do from a page, by the same functions as the commands of `aops admin`. What writes to many
//! people at once, a breach that is reported or a list of processors that is announced, is a command's alone.

mod audits;
mod breaches;
mod processors;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::accounts::{self, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::audit::{self, Actor};
use crate::web::posted::Posted;
use crate::web::{WebError, render};

/// The longest reason or reference that is typed, in characters.
const TYPED: usize = 1_000;

pub(super) fn routes() -> Router<SharedApp> {
    breaches::routes().merge(audits::routes()).merge(processors::routes())
}

/// Does something as whoever is signed in: the audit log has their account.
async fn as_staff<T>(
    app: &App,
    headers: &HeaderMap,
    page: &str,
    work: impl Future<Output = T>,
) -> Result<T, SignInNeeded> {
    let session = accounts::require(app, headers, page).await?;
    Ok(audit::acting(Actor::account(&session.account), work).await)
}

/// A page again, with why nothing was done: a code that the theme has words for.
fn refused(
    app: &App,
    posted: &Posted,
    (title, template): (&str, &str),
    fault: &str,
    context: Value,
) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return (status, axum::Json(json!({ "errors": { "form": fault } }))).into_response();
    }
    let mut context = context;
    context["fault"] = json!(fault);
    render(app, status, posted.language, title, template, context)
}

/// What was typed in the one field of a form; none where it is empty or too long.
fn typed(posted: &Posted, field: &str) -> Option<String> {
    let mut checker = posted.check(&[field]);
    let text = checker.long_text(field, 1..=TYPED);
    checker.finish().ok().map(|()| text)
}

/// A fault of a feature that is none of whoever asked.
fn fault(error: impl std::fmt::Display) -> WebError {
    WebError::Internal(error.to_string())
}
