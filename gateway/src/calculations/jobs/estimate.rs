//! `POST /api/v1/calculations/estimate`: what a calculation would use and cost, for the request that would ask for it.
//! Nothing is computed, counted or kept.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::json;

use super::api::asked;
use super::submit::{self, Who};
use crate::accounts::api_keys::{ApiClient, Mode};
use crate::app::{App, SharedApp};
use crate::calculations::compute::{BODY_LIMIT, is_json};
use crate::calculations::paying::Paying;
use crate::calculations::quoted;
use crate::checkout::{self, Charge, Plan, Quote};
use crate::web::WebError;
use crate::web::posted::read_body;

/// The routes of this file.
pub(in crate::calculations) fn routes() -> Router<SharedApp> {
    Router::new().route("/api/v1/calculations/estimate", post(estimate))
}

async fn estimate(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    client: ApiClient,
    body: Body,
) -> Result<Response, WebError> {
    let (mut paid, plans) = Paying::enter(&app, client).await?;
    let answer = match paid.spend(1) {
        Ok(()) => estimated(&app, &plans, &uri, &headers, body, &paid).await,
        Err(refused) => Err(refused),
    };
    Ok(paid.told(answer))
}

async fn estimated(
    app: &App,
    plans: &[Plan],
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
    paid: &Paying<'_>,
) -> Result<Response, WebError> {
    let client = &paid.client;
    if !is_json(headers) {
        return Err(WebError::Unsupported);
    }
    let body = read_body(body, BODY_LIMIT).await?;
    let who = Who { organisation: &client.organisation, account: &client.account };
    let (asked, _) = asked(app, client, uri, headers, &body).await?;
    let module = asked.module.clone();
    let (sound, quote) = match client.mode {
        Mode::Test => {
            let nothing = Quote { offer: None, holding: None, charge: Charge::Uncounted };
            (submit::sample(app, asked), nothing)
        }
        Mode::Live => {
            let sound = submit::sound(app, who, plans, asked).await;
            (sound, checkout::quote(app, who.organisation, plans, &module).await?)
        }
    };
    let sound = sound.map_err(|refused| super::api::told(app, uri, headers, refused))?;
    let mut told = quoted::told(&quote);
    told["module"] = json!(module);
    told["units"] = json!(paid.later(sound.cost));
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(told)).into_response())
}
