//! The payment page of the embedded payments side: marked as a test, refused where money is real. Paying
//! there sends the same signed event, through the same door, as Stripe would.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::json;

use crate::app::{App, SharedApp};
use crate::checkout::{Order, OrderState, order_of_session, webhook};
use crate::config::Environment;
use crate::payments::{SIGNATURE_HEADER, completed_event};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/paiement-test/{session}", get(page).post(pay))
}

/// `GET /paiement-test/{session}`.
async fn page(
    State(app): State<SharedApp>,
    Path(session): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let order = order(&app, &session).await?;
    let language = negotiation::language(&uri, &headers);
    let context = json!({ "session": {
        "id": session,
        "offer": order.offer,
        "amount_cents": order.amount_cents,
        "currency": order.currency,
        "state": order.state,
    } });
    Ok(render(&app, StatusCode::OK, language, "paiement_test.title", "gateway/paiement_test.html", context))
}

/// `POST /paiement-test/{session}`: pays, unless `issue` says `annuler`.
async fn pay(
    State(app): State<SharedApp>,
    Path(session): Path<String>,
    posted: Posted,
) -> Result<Response, WebError> {
    let order = order(&app, &session).await?;
    if posted.fields.get("issue").is_some_and(|issue| issue == "annuler") {
        return Ok(Redirect::to("/commande/annulee").into_response());
    }
    if order.state == OrderState::Pending {
        let now = app.clock.now();
        let body = completed_event(&session, &order.id, order.amount_cents, &order.currency, now)?;
        let signature =
            app.payments.secrets().sign(&body, now).and_then(|text| HeaderValue::from_str(&text).ok());
        let signature =
            signature.ok_or_else(|| WebError::Internal("the test event cannot be signed".into()))?;
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(SIGNATURE_HEADER), signature)]);
        webhook::receive(&app, &headers, body.as_bytes()).await?;
    }
    Ok(posted.accepted("/commande/merci"))
}

/// The order that a test page is open for; nothing is found where payments are real.
async fn order(app: &App, session: &str) -> Result<Order, WebError> {
    let played = app.payments.is_test() && app.settings.environment == Environment::Development;
    if !played {
        return Err(WebError::NotFound);
    }
    order_of_session(app, session).await?.map(|(order, _)| order).ok_or(WebError::NotFound)
}
