//! The end of a subscription, in three clicks from the client area (Code de la consommation, art. L. 215-1-1): « Vos
//! abonnements », « Résilier », « Notifier la résiliation »; the way back from it; and going back on an order
//! (art. L. 221-18). The letters that confirm are written when the processor's word is read.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use super::Client;
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::checkout::ORDERS;
use crate::checkout::order::{Order, OrderState};
use crate::checkout::place::refusal;
use crate::checkout::subscription::Subscription;
use crate::payments::End;
use crate::records;
use crate::store::Address;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

const LIST: &str = "/espace-client/abonnements";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/espace-client/abonnements/{id}/resilier", get(ask).post(end))
        .route("/espace-client/abonnements/{id}/reprendre", post(resume))
        .route("/espace-client/abonnements/{id}/paiement", post(portal))
        .route("/espace-client/retractation/{order}", post(withdraw))
}

/// `GET …/resilier`: what ends, and when.
async fn ask(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let client = super::of(&app, &headers, uri.path()).await?;
    let held = client.subscription(&app, &id).await?;
    let context = json!({
        "id": held.id, "offer": held.offer, "day": held.period_end, "ends": held.cancel_at_period_end,
        "order": held.order, "alive": held.is_alive(),
        "email": client.account.email,
    });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "resiliation.title", "gateway/resiliation.html", context))
}

/// `POST …/resilier`: with the period that is paid; what is overdue ends now.
async fn end(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let when = |held: &Subscription| match held.cancel_at_period_end {
        true => None,
        false if held.unpaid => Some(End::Now),
        false => Some(End::WithPeriod),
    };
    turned(&app, &headers, &id, when, "subscription cancelled").await?;
    Ok(posted.accepted(&format!("{LIST}?fait=resilie")))
}

/// `POST …/reprendre`: it goes on after all.
async fn resume(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let when = |held: &Subscription| held.cancel_at_period_end.then_some(End::Never);
    turned(&app, &headers, &id, when, "subscription resumed").await?;
    Ok(posted.accepted(&format!("{LIST}?fait=repris")))
}

/// Has a subscription that lives end as `when` says of it; where it says nothing, that is done already.
async fn turned(
    app: &App,
    headers: &HeaderMap,
    id: &str,
    when: impl Fn(&Subscription) -> Option<End>,
    action: &str,
) -> Result<(), SignInNeeded> {
    let client = super::of(app, headers, LIST).await?;
    let held = client.subscription(app, id).await?;
    if let Some(end) = when(&held).filter(|_| held.is_alive()) {
        app.payments.end(&held.id, end).await.map_err(refusal)?;
        noted(app, &client, action, &held.id).await?;
        client.refreshed(app, &held.customer).await;
    }
    Ok(())
}

/// `POST …/paiement`: 303 to where the means of payment is changed.
async fn portal(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let client = super::proved(&app, &headers, LIST).await?;
    let held = client.subscription(&app, &id).await?;
    let back = format!("{}{LIST}", app.settings.platform_url);
    let url = app.payments.portal(&held.customer, &back).await.map_err(refusal)?;
    Ok(crate::checkout::place::onward(&url, posted.wants_json))
}

/// `POST /espace-client/retractation/{order}`: a consumer goes back on an order; it is given back whole.
async fn withdraw(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let client = super::of(&app, &headers, LIST).await?;
    let found = records::read_plain::<Order>(&app, &Address::new(ORDERS, &client.organisation, &id)).await?;
    let Some((order, _)) = found else { return Err(WebError::NotFound.into()) };
    let open = order.withdrawal().is_some_and(|until| app.clock.now() < until);
    if order.state != OrderState::Paid || !open {
        return Err(WebError::NotFound.into());
    }
    let Some(customer) = order.paid.customer.clone() else {
        return Err(WebError::Unavailable("the processor has not told who paid".into()).into());
    };
    noted(&app, &client, "order withdrawn", &order.id).await?;
    let books = app.payments.books(&customer).await.map_err(refusal)?;
    let of_order =
        |subscription: &Option<String>| subscription.is_some() && *subscription == order.paid.subscription;
    let invoices = books.invoices.iter().filter(|invoice| of_order(&invoice.subscription));
    let payments = invoices.filter_map(|invoice| invoice.payment.clone()).chain(order.paid.payment.clone());
    for payment in payments {
        app.payments
            .refund(&payment, &format!("withdrawal-{}-{payment}", order.id))
            .await
            .map_err(refusal)?;
    }
    // What the refund does not end ends here: nothing may have been paid.
    let lives = |id: &&String| books.subscriptions.iter().any(|one| one.id == **id && one.ended.is_none());
    if let Some(subscription) = order.paid.subscription.as_ref().filter(lives) {
        app.payments.end(subscription, End::Now).await.map_err(refusal)?;
    }
    client.refreshed(&app, &customer).await;
    Ok(posted.accepted(&format!("{LIST}?fait=retracte")))
}

async fn noted(app: &App, client: &Client, action: &str, object: &str) -> Result<(), WebError> {
    Ok(audit::record(app, &Event::of(app, &client.account, action, object)).await?)
}
