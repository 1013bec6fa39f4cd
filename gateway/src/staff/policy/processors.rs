//! `/equipe/prestataires`: the processors in force, those to come, and whether the declared list was announced.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use crate::app::SharedApp;
use crate::processors;
use crate::web::{WebError, negotiation, render};
use crate::working_days;

const PAGE: &str = "/equipe/prestataires";

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page))
}

/// `GET /equipe/prestataires`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let today = working_days::today(app.clock.now());
    let mut history = processors::history(&app, today).await?;
    let last = history.last().map(|last| last.processors.clone()).unwrap_or_default();
    let change = processors::Change::between(&last, &app.settings.processors);
    history.reverse();
    let context = json!({
        "lists": history,
        "in_force": history.iter().find(|one| one.in_force),
        "unannounced": (!change.is_none()).then_some(&change),
    });
    let language = negotiation::language(&uri, &headers);
    let template = "gateway/prestataires_equipe.html";
    Ok(render(&app, StatusCode::OK, language, "prestataires_equipe.title", template, context))
}
