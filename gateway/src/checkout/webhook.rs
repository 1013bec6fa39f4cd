//! The payment processor's webhook: verified, recorded, and carried out exactly once, whatever the order,
//! the repetition or the concurrency of what is sent.
//!
//! One batch in the organisation's partition holds the event's name (created if absent), the order's new state (put
//! if its version still stands), the plan and the mail, and that the client is to be fetched anew ([`super::sync`]). It
//! is applied whole or not at all, so an event counts once or will be sent again.

use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::order::{Order, OrderState, Paid, Plan, PlanSource};
use super::{EVENTS, ORDERS, PLANS, customers, letters, order_of_session, seats, sync};
use crate::app::{App, SharedApp};
use crate::edge::jails::Offence;
use crate::edge::prefix::ClientPrefix;
use crate::edge::route_class::RouteClass;
use crate::payments::{Event, PaidObject, SIGNATURE_HEADER};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::posted::read_body;
use crate::web::{Peer, WebError};
use crate::{audit, records};

/// The largest event that is read, in bytes.
const BODY_LIMIT: usize = 256 * 1024;
/// What a call without a good signature costs, beside the one unit of every request.
const FORGERY: u32 = 3;
/// Other writers of the same order whom one event waits for, before the processor is asked to send it again.
const TRIES: usize = 16;
/// What is told of a call that the processor did not sign.
const UNSIGNED: &str = "the webhook's signature is not good";
/// The partition of events about nobody of ours.
const UNMATCHED: &str = "payments-unmatched";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/webhooks/stripe", post(stripe))
}

/// `POST /webhooks/stripe`: 200 once the event is on disk.
async fn stripe(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, WebError> {
    let body = read_body(body, BODY_LIMIT).await?;
    let received = receive(&app, &headers, &body).await;
    let client = ClientPrefix::of(peer);
    match &received {
        // Forging costs; what is signed is not counted, however much comes.
        Err(WebError::BadRequest(UNSIGNED)) => {
            app.limits.charge(RouteClass::Webhooks, client, FORGERY);
            app.jails.saw(Offence::BadSignature, peer);
        }
        _ => app.limits.give_back(RouteClass::Webhooks, client),
    }
    received?;
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
        WebError::BadRequest(UNSIGNED)
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
        let organisation = match (&found, &event.object.customer) {
            (Some((order, _)), _) => Some(order.organisation.clone()),
            (None, Some(customer)) => customers::owner(app, customer).await?,
            (None, None) => None,
        };
        let partition = organisation.as_deref().unwrap_or(UNMATCHED);
        if records::read_plain::<Event>(app, &Address::new(EVENTS, partition, &event.id)).await?.is_some() {
            return Ok(());
        }
        let mut batch = Batch::new(partition);
        records::put_plain(&mut batch, EVENTS, &event.id, Expect::Absent, &event, None)?;
        let mut paid = None;
        if let Some((order, version)) = found
            && let Some(state) = order.after(&event)
        {
            paid = carry_out(app, &mut batch, order, version, state, &event.object).await?;
        }
        // Whoever is known is fetched, whatever was told of them.
        let customer = event.object.customer.as_deref().filter(|_| organisation.is_some());
        if let Some(customer) = customer {
            sync::mark(&mut batch, customer)?;
        }
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                if let Some(order) = paid {
                    sit(app, &order).await;
                }
                if let (Some(organisation), Some(customer)) = (&organisation, customer) {
                    app.dues.note(organisation, customer);
                }
                return Ok(());
            }
            // The same event or another one of this order came first: look again.
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable(format!("the order of event {} is written by too many at once", event.id)))
}

/// Takes the events of the embedded side by the door through which Stripe's come.
///
/// # Errors
/// [`WebError`]; what was not taken is told again.
pub(super) async fn take_embedded(app: &App) -> Result<(), WebError> {
    let Some(embedded) = app.payments.embedded() else { return Ok(()) };
    let failed = |error: crate::payments::PaymentsError| WebError::Unavailable(error.to_string());
    for told in embedded.due().map_err(failed)? {
        let signed = app.payments.secrets().sign(&told.body, app.clock.now());
        let Some(field) = signed.and_then(|text| HeaderValue::from_str(&text).ok()) else {
            return Ok(());
        };
        let headers = HeaderMap::from_iter([(HeaderName::from_static(SIGNATURE_HEADER), field)]);
        receive(app, &headers, told.body.as_bytes()).await?;
        embedded.taken(&told.id).map_err(failed)?;
    }
    Ok(())
}

/// What a payment page changes in its order: the state, and what a paid one gives. Answers the order if it is paid.
///
/// # Errors
/// [`WebError`].
pub(super) async fn carry_out(
    app: &App,
    batch: &mut Batch,
    order: Order,
    version: u64,
    state: OrderState,
    page: &PaidObject,
) -> Result<Option<Order>, WebError> {
    let now = app.clock.now();
    let mut order = Order { state, updated: now, ..order };
    if let (OrderState::Paid, Some(customer)) = (state, &page.customer)
        && !customers::claim(app, customer, &order.organisation).await?
    {
        tracing::error!(order = %order.id, "it was paid by a customer who is another organisation's");
        order.state = OrderState::Mismatch;
    }
    if order.state == OrderState::Paid {
        order.paid = Paid {
            at: Some(now),
            customer: page.customer.clone(),
            payment: page.payment_intent.clone(),
            subscription: page.subscription.clone(),
        };
    }
    let until = super::retained::expiry(app, &order);
    records::put_plain(batch, ORDERS, &order.id, Expect::Version(version), &order, until)?;
    match order.state {
        OrderState::Paid => {
            let closed = sync::is_closed(app, &order.organisation).await?;
            if !closed {
                open(app, batch, &order, now).await?;
            }
            let context = json!({
                "amount_cents": order.amount_cents,
                "cgv_version": order.cgv_version,
                "withdrawal": order.withdrawal().map(|until| until.to_string()),
                "link": format!("{}/espace-client/", app.settings.platform_url),
            });
            letters::write(app, batch, &order, "commande_confirmee", context).await?;
            let paid = audit::Event::new(app, "order paid", &order.id).concerning(&order.organisation);
            audit::note(batch, &paid)?;
            return Ok((!closed).then_some(order));
        }
        OrderState::Mismatch => {
            tracing::error!(order = %order.id, "what was paid is not what was asked");
        }
        OrderState::Pending | OrderState::Failed | OrderState::Expired | OrderState::Refunded => {}
    }
    Ok(None)
}

/// The access that a paid order gives at once; a subscription's is told exactly when its client is fetched.
async fn open(app: &App, batch: &mut Batch, order: &Order, now: Timestamp) -> Result<(), WebError> {
    let address = Address::new(PLANS, &order.organisation, &order.id);
    if records::read_plain::<Plan>(app, &address).await?.is_some() {
        return Ok(());
    }
    let mut plan = Plan::of(&order.offer, &order.module, order.period, now, PlanSource::Order);
    let offer = app.settings.offers.iter().find(|offer| offer.id == order.offer);
    plan.seats = offer.and_then(|offer| offer.seats).map(|_| order.quantity);
    Ok(records::put_plain(batch, PLANS, &order.id, Expect::Absent, &plan, None)?)
}

/// Whoever ordered seats has the first one. Should it fail, they take it themselves.
async fn sit(app: &App, order: &Order) {
    match seats::take(app, &order.organisation, &order.id, &order.account).await {
        Ok(()) | Err(seats::SeatError::Unknown | seats::SeatError::Full) => {}
        Err(error) => tracing::warn!(%error, order = %order.id, "whoever ordered has no seat yet"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;
    use serde_json::Value;

    use super::*;
    use crate::accounts::{Account, NewAccount, Role};
    use crate::checkout::{self, Opening, SESSIONS, opening_address};
    use crate::email::Email;
    use crate::store::Scan;
    use crate::testing;

    const SESSION: &str = "cs_test_1";

    /// An application with one pending order whose payment page is open.
    async fn waiting(folder: &std::path::Path) -> (Arc<App>, Account, Order) {
        let app = testing::app(folder, SignedDuration::ZERO).await;
        let new = NewAccount {
            email: Email::parse("acheteuse@example.com").unwrap(),
            password: String::from("Vr7!kd0#QzpL").into(),
            role: Role::Owner,
            verified: true,
        };
        let account = crate::accounts::create(&app, new).await.unwrap();
        let order = Order {
            organisation: account.organisation.clone(),
            account: account.id.clone(),
            session: Some(SESSION.into()),
            ..super::super::order::tests::order()
        };
        let mut batch = Batch::new(&account.organisation);
        records::put_plain(&mut batch, ORDERS, &order.id, Expect::Absent, &order, None).unwrap();
        app.store.commit(batch).await.unwrap();
        let opening = Opening { organisation: account.organisation.clone(), order: order.id.clone() };
        let address = opening_address(SESSION);
        let mut batch = Batch::new(&address.partition);
        records::put_plain(&mut batch, SESSIONS, &address.key, Expect::Absent, &opening, None).unwrap();
        app.store.commit(batch).await.unwrap();
        (Arc::new(app), account, order)
    }

    /// What Stripe tells of a paid page, without the members that we do not read.
    fn paid(app: &App, order: &Order) -> String {
        let event = json!({
            "id": format!("evt_{}", crate::accounts::random::base62(24).unwrap()),
            "object": "event",
            "created": app.clock.now().as_second(),
            "type": "checkout.session.completed",
            "data": { "object": {
                "id": SESSION, "object": "checkout.session", "client_reference_id": order.id,
                "amount_total": order.amount_cents, "currency": order.currency.to_ascii_lowercase(),
                "payment_status": "paid",
            } },
        });
        event.to_string()
    }

    fn altered(body: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut event: Value = serde_json::from_str(body).unwrap();
        change(&mut event);
        event.to_string()
    }

    fn field(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            HeaderName::from_static(SIGNATURE_HEADER),
            HeaderValue::from_str(text).unwrap(),
        )])
    }

    async fn deliver(app: &App, body: &str) -> Result<(), WebError> {
        let signature = app.payments.secrets().sign(body, app.clock.now()).unwrap();
        receive(app, &field(&signature), body.as_bytes()).await
    }

    async fn count(app: &App, collection: &'static str) -> usize {
        let scan = Scan { collection, partition: None, prefix: String::new(), after: None, limit: 1_000 };
        app.store.scan(scan).await.unwrap().documents.len()
    }

    async fn state(app: &App) -> OrderState {
        checkout::orders(app).await.unwrap()[0].state
    }

    #[tokio::test]
    async fn a_paid_order_opens_its_module_and_is_confirmed_by_mail() {
        let folder = tempfile::tempdir().unwrap();
        let (app, account, order) = waiting(folder.path()).await;
        assert!(!checkout::may(&app, &account.organisation, "rente").await.unwrap());
        deliver(&app, &paid(&app, &order)).await.unwrap();
        assert_eq!(state(&app).await, OrderState::Paid);
        assert!(checkout::may(&app, &account.organisation, "rente").await.unwrap());
        assert!(!checkout::may(&app, &account.organisation, "ifc").await.unwrap());
        assert_eq!(count(&app, "outbox").await, 1);
    }

    #[tokio::test]
    async fn p_stripe_cookie_a_forged_altered_or_late_webhook_grants_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (app, account, order) = waiting(folder.path()).await;
        let body = paid(&app, &order);
        let now = app.clock.now();
        let good = app.payments.secrets().sign(&body, now).unwrap();
        let late = app.payments.secrets().sign(&body, now - SignedDuration::from_secs(301)).unwrap();
        let other = crate::payments::WebhookSecrets::new(&["whsec_other".into()]).sign(&body, now).unwrap();
        let changed = body.replace("49000", "1");
        let cases = [
            (HeaderMap::new(), body.as_str()),
            (field("t=1,v1=00"), body.as_str()),
            (field(&late), body.as_str()),
            (field(&other), body.as_str()),
            (field(&good), changed.as_str()),
        ];
        for (headers, body) in cases {
            let refused = receive(&app, &headers, body.as_bytes()).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{headers:?}");
        }
        assert_eq!(state(&app).await, OrderState::Pending);
        assert_eq!(count(&app, EVENTS).await, 0);
        assert!(!checkout::may(&app, &account.organisation, "rente").await.unwrap());
    }

    #[tokio::test]
    async fn an_event_repeated_and_a_second_event_of_the_same_payment_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let (app, _, order) = waiting(folder.path()).await;
        let first = paid(&app, &order);
        for _ in 0..3 {
            deliver(&app, &first).await.unwrap();
        }
        deliver(&app, &paid(&app, &order)).await.unwrap();
        assert_eq!((count(&app, PLANS).await, count(&app, "outbox").await), (1, 1));
        assert_eq!(count(&app, EVENTS).await, 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn events_sent_all_at_once_grant_once() {
        let folder = tempfile::tempdir().unwrap();
        let (app, _, order) = waiting(folder.path()).await;
        let same = paid(&app, &order);
        let sent = (0..12).map(|n| {
            let app = Arc::clone(&app);
            let body = if n % 2 == 0 { same.clone() } else { paid(&app, &order) };
            tokio::spawn(async move { deliver(&app, &body).await })
        });
        for delivered in sent.collect::<Vec<_>>() {
            delivered.await.unwrap().unwrap();
        }
        assert_eq!(state(&app).await, OrderState::Paid);
        assert_eq!((count(&app, PLANS).await, count(&app, "outbox").await), (1, 1));
        assert_eq!(count(&app, EVENTS).await, 7);
    }

    #[tokio::test]
    async fn events_in_the_wrong_order_leave_a_paid_order_paid() {
        let folder = tempfile::tempdir().unwrap();
        let (app, _, order) = waiting(folder.path()).await;
        let body = paid(&app, &order);
        let expired = altered(&body, |event| {
            event["id"] = json!("evt_expired");
            event["type"] = json!("checkout.session.expired");
            event["data"]["object"]["payment_status"] = json!("unpaid");
        });
        deliver(&app, &expired).await.unwrap();
        assert_eq!(state(&app).await, OrderState::Expired);
        deliver(&app, &body).await.unwrap();
        deliver(&app, &expired.replace("evt_expired", "evt_expired_2")).await.unwrap();
        assert_eq!(state(&app).await, OrderState::Paid);
    }

    #[tokio::test]
    async fn another_amount_or_currency_grants_nothing_and_is_kept() {
        for (member, value) in [("amount_total", json!(1)), ("currency", json!("usd"))] {
            let folder = tempfile::tempdir().unwrap();
            let (app, account, order) = waiting(folder.path()).await;
            let body = altered(&paid(&app, &order), |event| event["data"]["object"][member] = value);
            deliver(&app, &body).await.unwrap();
            assert_eq!(state(&app).await, OrderState::Mismatch);
            assert_eq!(
                (count(&app, EVENTS).await, count(&app, PLANS).await, count(&app, "outbox").await),
                (1, 0, 0)
            );
            assert!(!checkout::may(&app, &account.organisation, "rente").await.unwrap());
        }
    }

    #[tokio::test]
    async fn an_event_of_an_unknown_kind_or_page_is_kept_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (app, _, order) = waiting(folder.path()).await;
        let body = paid(&app, &order);
        let foreign = altered(&body, |event| event["data"]["object"]["id"] = json!("cs_test_foreign"));
        let unknown = altered(&body, |event| {
            event["id"] = json!("evt_unknown");
            event["type"] = json!("invoice.paid");
            event["data"]["object"] = json!({ "id": "in_1", "customer_email": "a@example.com" });
        });
        for body in [foreign.as_str(), unknown.as_str(), unknown.as_str()] {
            deliver(&app, body).await.unwrap();
        }
        assert_eq!(state(&app).await, OrderState::Pending);
        assert_eq!((count(&app, EVENTS).await, count(&app, PLANS).await), (2, 0));
        let signed_nonsense = deliver(&app, "not json").await.unwrap_err();
        assert_eq!(signed_nonsense.status(), StatusCode::BAD_REQUEST);
    }
}
