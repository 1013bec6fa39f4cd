//! `/espace-client/confidentialite`: the processors in force, those to come, and every list before.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use super::sheet;
use crate::accounts::{self, SignInNeeded};
use crate::app::SharedApp;
use crate::authorisation::Action;
use crate::processors;
use crate::web::{WebError, negotiation, render};
use crate::working_days;

pub(super) const PAGE: &str = "/espace-client/confidentialite";
const TEMPLATE: &str = "gateway/confidentialite.html";
const TITLE: &str = "confidentialite.title";

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page))
}

async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    let account = accounts::read(&app, &session.organisation, &session.account).await?;
    let account = account.ok_or(SignInNeeded::To(None))?;
    let today = working_days::today(app.clock.now());
    let mut history = processors::history(&app, today).await.map_err(WebError::from)?;
    history.reverse();
    let context = json!({
        "lists": history,
        "in_force": history.iter().find(|one| one.in_force),
        "tools": sheet::tools(),
        "audits": account.role.actions().contains(&Action::ReadJournal),
    });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
