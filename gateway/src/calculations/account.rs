//! `GET /api/v1/account`: what a key opens.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, header};
use serde_json::json;

use crate::accounts::api_keys::ApiClient;
use crate::app::SharedApp;
use crate::calculations::{MODULES, cost};
use crate::checkout;
use crate::web::WebError;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/api/v1/account", get(account))
}

async fn account(State(app): State<SharedApp>, client: ApiClient) -> Result<Response, WebError> {
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
