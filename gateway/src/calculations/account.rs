//! `GET /api/v1/account`: what a key opens.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;

use crate::accounts::api_keys;
use crate::app::SharedApp;
use crate::calculations::{MODULES, cost};
use crate::checkout;
use crate::web::WebError;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/api/v1/account", get(account))
}

async fn account(State(app): State<SharedApp>, headers: HeaderMap) -> Result<Response, WebError> {
    let client = api_keys::authenticate(&app, &headers).await?;
    let now = app.clock.now();
    let mut plans = checkout::plans_for(&app, &client.organisation, &client.account).await?;
    let modules: Vec<&str> =
        MODULES.iter().copied().filter(|module| plans.iter().any(|plan| plan.opens(module, now))).collect();
    plans.retain(|plan| MODULES.iter().any(|module| plan.opens(module, now)));
    let told = json!({
        "organisation": client.organisation,
        "account": client.account,
        "key": client.key,
        "modules": modules,
        "plans": plans,
        "tariff": cost::tariff(),
    });
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(told)).into_response())
}
