//! The payment processor's webhook: verified, recorded, and carried out exactly once, whatever the order,
//! the repetition or the concurrency of what is sent.
//!
//! One batch in the order's partition holds the event's name (created if absent), the order's new state (put
//! if its version still stands), the plan and the mail. It is applied whole or not at all, so an event counts
//! once or will be sent again.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::accounts;
use crate::app::{App, SharedApp};
use crate::checkout::{EVENTS, ORDERS, Order, OrderState, PLANS, Plan, PlanSource, order_of_session};
use crate::outbox::{self, Mail, Purpose};
use crate::payments::Event;
use crate::records;
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::WebError;
use crate::web::posted::read_body;

/// The largest event that is read, in bytes.
const BODY_LIMIT: usize = 256 * 1024;
/// Other writers of the same order whom one event waits for, before the processor is asked to send it again.
const TRIES: usize = 16;
/// The partition of events about no order of ours.
const UNMATCHED: &str = "payments-unmatched";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/webhooks/stripe", post(stripe))
}

/// `POST /webhooks/stripe`: 200 once the event is on disk.
async fn stripe(State(app): State<SharedApp>, headers: HeaderMap, body: Body) -> Result<StatusCode, WebError> {
    let body = read_body(body, BODY_LIMIT).await?;
    receive(&app, &headers, &body).await?;
    Ok(StatusCode::OK)
}

/// Verifies an event's signature over its raw bytes, records it, and does what it asks, once.
///
/// # Errors
/// [`WebError::BadRequest`] when it is not signed by the processor or is no event; [`WebError::Unavailable`]
/// when it could not be recorded, and must be sent again.
pub(super) async fn receive(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<(), WebError> {
    let verified = app.payments.secrets().verify(headers, body, app.clock.now());
    let text = verified.map_err(|error| {
        tracing::warn!(%error, "a webhook was refused");
        WebError::BadRequest("the webhook's signature is not good")
    })?;
    let event = Event::parse(text).map_err(|error| {
        tracing::error!(%error, "a signed webhook cannot be read");
        WebError::BadRequest("the webhook's body is no event")
    })?;
    for _ in 0..TRIES {
        let found = match event.object.id.as_deref().filter(|_| event.kind.starts_with("checkout.session.")) {
            Some(session) => order_of_session(app, session).await?,
            None => None,
        };
        let partition = found.as_ref().map_or(UNMATCHED, |(order, _)| order.organisation.as_str());
        if records::read_plain::<Event>(app, &Address::new(EVENTS, partition, &event.id)).await?.is_some() {
            return Ok(());
        }
        let batch = carry_out(app, &event, found).await?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox_wake.notify_one();
                return Ok(());
            }
            // The same event or another one of this order came first: look again.
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable(format!("the order of event {} is written by too many at once", event.id)))
}

/// Everything that an event changes, as one batch.
async fn carry_out(app: &App, event: &Event, found: Option<(Order, u64)>) -> Result<Batch, WebError> {
    let Some((order, version)) = found else {
        let mut batch = Batch::new(UNMATCHED);
        records::put_plain(&mut batch, EVENTS, &event.id, Expect::Absent, event, None)?;
        return Ok(batch);
    };
    let mut batch = Batch::new(&order.organisation);
    records::put_plain(&mut batch, EVENTS, &event.id, Expect::Absent, event, None)?;
    let Some(state) = order.after(event) else {
        return Ok(batch);
    };
    let now = app.clock.now();
    let order = Order { state, updated: now, ..order };
    records::put_plain(&mut batch, ORDERS, &order.id, Expect::Version(version), &order, None)?;
    match state {
        OrderState::Paid => {
            let plan = Plan::of(&order.offer, &order.module, order.period, now, PlanSource::Order);
            records::put_plain(&mut batch, PLANS, &order.id, Expect::Absent, &plan, None)?;
            confirm(app, &order, &mut batch).await?;
        }
        OrderState::Mismatch => {
            tracing::error!(order = %order.id, event = %event.id, "what was paid is not what was asked");
        }
        OrderState::Pending | OrderState::Failed | OrderState::Expired => {}
    }
    Ok(batch)
}

/// The mail that confirms a paid order; an account that is gone gets none.
async fn confirm(app: &App, order: &Order, batch: &mut Batch) -> Result<(), WebError> {
    let Some(account) = accounts::read(app, &order.organisation, &order.account).await? else {
        return Ok(());
    };
    let key = records::subject_key(app, &order.organisation, &account.id, batch).await?;
    let offer = app.settings.offers.iter().find(|offer| offer.id == order.offer);
    let name = offer.and_then(|offer| offer.name.get(order.language.tag())).unwrap_or(&order.offer);
    let mail = Mail {
        to: account.email.clone(),
        template: "commande_confirmee".into(),
        language: order.language,
        purpose: Purpose::Contract,
        context: json!({
            "offer": name,
            "order": order.id,
            "amount_cents": order.amount_cents,
            "currency": order.currency,
            "cgv_version": order.cgv_version,
            "link": format!("{}/espace-client/", app.settings.base_url),
        }),
        unsubscribe: None,
        subject: account.id,
    };
    Ok(outbox::enqueue(batch, &key, app.clock.now(), &mail)?)
}
