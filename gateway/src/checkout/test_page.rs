//! The pages of the embedded payments side: marked as a test, refused where money is real. What is done there sends
//! the same signed events, through the same door, as Stripe would.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use super::place::refusal;
use super::{customers, sync, webhook};
use crate::app::{App, SharedApp};
use crate::config::Environment;
use crate::payments::{Card, Embedded, Outcome, Unsettled};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/paiement-test/{session}", get(page).post(pay))
        .route("/paiement-test/clients/{customer}", get(customer).post(act))
}

/// `GET /paiement-test/{session}`.
async fn page(
    State(app): State<SharedApp>,
    Path(session): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let (basket, open) = embedded(&app)?.page(&session).ok_or(WebError::NotFound)?;
    let context = json!({ "session": {
        "id": session,
        "offer": basket.offer,
        "amount_cents": basket.total_cents(),
        "currency": basket.currency,
        "recurs": basket.period.recurs(),
        "open": open,
    } });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "paiement_test.title", "gateway/paiement_test.html", context))
}

/// `POST /paiement-test/{session}`: pays, unless `issue` says `annuler` or `refuser`.
async fn pay(
    State(app): State<SharedApp>,
    Path(session): Path<String>,
    posted: Posted,
) -> Result<Response, WebError> {
    let embedded = embedded(&app)?;
    let outcome = match posted.fields.get("issue").map(String::as_str) {
        Some("annuler") => {
            embedded.page(&session).ok_or(WebError::NotFound)?;
            return Ok(Redirect::to("/commande/annulee").into_response());
        }
        Some("refuser") => Outcome::Fail,
        Some("payer-puis-refus") => Outcome::Pay(Card::Refuses),
        _ => Outcome::Pay(Card::Pays),
    };
    let settled = embedded.settle(&session, outcome).map_err(refusal)?;
    match settled {
        Ok(_) => sync::round(&app).await,
        Err(Unsettled::Unknown) => return Err(WebError::NotFound),
        // As with Stripe, a page that was paid before leads on.
        Err(Unsettled::Closed) => {}
        Err(Unsettled::CodeUsed) => return Ok(Redirect::to("/commande/annulee?code=epuise").into_response()),
    }
    match outcome {
        Outcome::Fail => Ok(Redirect::to("/commande/annulee").into_response()),
        Outcome::Pay(_) => Ok(posted.accepted("/commande/merci")),
    }
}

/// `GET /paiement-test/clients/{customer}`: the customer's means of payment and their payments.
async fn customer(
    State(app): State<SharedApp>,
    Path(customer): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    if !embedded(&app)?.knows(&customer) {
        return Err(WebError::NotFound);
    }
    let books = app.payments.books(&customer).await.map_err(refusal)?;
    let paid = books.payments.iter().map(|payment| {
        json!({
            "id": payment.id,
            "amount_cents": payment.amount_cents,
            "created": payment.created,
            "refunded": payment.refunded_cents > 0,
        })
    });
    let context = json!({ "customer": customer, "payments": paid.collect::<Vec<_>>() });
    let language = negotiation::language(&uri, &headers);
    let (title, template) = ("paiement_test.customer_title", "gateway/paiement_test_client.html");
    Ok(render(&app, StatusCode::OK, language, title, template, context))
}

/// `POST /paiement-test/clients/{customer}`: another card, or a payment given back as staff would at Stripe.
async fn act(
    State(app): State<SharedApp>,
    Path(customer): Path<String>,
    posted: Posted,
) -> Result<Response, WebError> {
    let embedded = embedded(&app)?;
    if !embedded.knows(&customer) {
        return Err(WebError::NotFound);
    }
    match posted.fields.get("issue").map(String::as_str) {
        Some("carte-valide") => embedded.use_card(&customer, Card::Pays).map_err(refusal)?,
        Some("carte-refusee") => embedded.use_card(&customer, Card::Refuses).map_err(refusal)?,
        Some("rembourser") => {
            let payment = posted.fields.get("paiement").map_or("", String::as_str);
            let books = app.payments.books(&customer).await.map_err(refusal)?;
            if !books.payments.iter().any(|one| one.id == payment) {
                return Err(WebError::NotFound);
            }
            app.payments.refund(payment, &format!("refund-{payment}")).await.map_err(refusal)?;
        }
        _ => return Err(WebError::BadRequest("`issue` is missing")),
    }
    sync::round(&app).await;
    if let Some(organisation) = customers::owner(&app, &customer).await? {
        sync::sync(&app, &organisation, &customer).await?;
    }
    webhook::take_embedded(&app).await?;
    Ok(posted.accepted(&format!("/paiement-test/clients/{customer}")))
}

/// The embedded side; nothing is found where payments are real.
fn embedded(app: &App) -> Result<&Embedded, WebError> {
    let played = app.settings.environment == Environment::Development;
    app.payments.embedded().filter(|_| played).ok_or(WebError::NotFound)
}
