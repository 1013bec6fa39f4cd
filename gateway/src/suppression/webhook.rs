//! SendGrid's events: believed when they are signed, recorded one by one, and harmless when they come twice or in
//! another order than they happened.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;

use super::event::Event;
use super::{Reason, id, partition, put};
use crate::app::{App, SharedApp};
use crate::edge::jails::Offence;
use crate::edge::prefix::ClientPrefix;
use crate::edge::route_class::RouteClass;
use crate::email::Email;
use crate::newsletter::{self, Happened};
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::posted::read_body;
use crate::web::{Peer, WebError};

/// The largest call that is read, in bytes; SendGrid sends at most 768 KiB.
const BODY_LIMIT: usize = 1 << 20;
/// What a call without a good signature costs, beside the one unit of every request.
const FORGERY: u32 = 3;
/// Names of events that were carried out.
pub(super) const EVENTS: &str = "mail_events";
/// SendGrid repeats an event for a day at most; its name is kept well past that.
const EVENTS_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Events carried out at once.
const CONCURRENT: usize = 32;
const TRIES: usize = 16;
const UNSIGNED: &str = "the webhook's signature is not good";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/webhooks/sendgrid", post(sendgrid))
}

/// `POST /webhooks/sendgrid`: 200 once every event is on disk.
async fn sendgrid(
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

/// Verifies the signature over the raw bytes and carries out every event.
///
/// # Errors
/// [`WebError::BadRequest`] when it is not signed by SendGrid or is no list; what the store says, after which
/// SendGrid sends all of it again.
pub(super) async fn receive(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<(), WebError> {
    app.webhook_keys.verify(headers, body, app.clock.now()).map_err(|error| {
        tracing::warn!(%error, "a call of the mail webhook was refused");
        WebError::BadRequest(UNSIGNED)
    })?;
    let events: Vec<serde_json::Value> = serde_json::from_slice(body).map_err(|_| {
        tracing::error!("a signed call of the mail webhook is no list of events");
        WebError::BadRequest("the webhook's body is no list of events")
    })?;
    let key = app.sealer.derive("mail events");
    let read = events.into_iter().filter_map(|event| serde_json::from_value::<Event>(event).ok());
    let read: Vec<Event> = read.collect();
    count(app, &read, &key).await?;
    let outcomes: Vec<Result<(), RecordError>> = futures::stream::iter(read)
        .map(|event| {
            let name = event.name(&key);
            async move { carry_out(app, &event, &name).await }
        })
        .buffer_unordered(CONCURRENT)
        .collect()
        .await;
    outcomes.into_iter().collect::<Result<(), _>>().map_err(Into::into)
}

/// Adds events to the figures of the issues that their letters were, each once.
async fn count(app: &App, events: &[Event], key: &[u8; 32]) -> Result<(), RecordError> {
    let mut by_issue: BTreeMap<&str, Vec<(String, Happened)>> = BTreeMap::new();
    for event in events {
        if let (Some(issue), Some(happened)) = (event.issue.as_deref(), event.happened()) {
            by_issue.entry(issue).or_default().push((event.name(key), happened));
        }
    }
    let until = app.clock.now().saturating_add(EVENTS_KEPT).ok();
    for (issue, events) in by_issue {
        newsletter::count_all(app, issue, &events, EVENTS, until).await?;
    }
    Ok(())
}

/// What an event asks, once.
async fn carry_out(app: &App, event: &Event, name: &str) -> Result<(), RecordError> {
    let (Some(reason), Ok(email)) = (event.reason(), Email::parse(&event.email)) else {
        return Ok(());
    };
    let id = id(app, &email);
    let partition = partition(&id);
    let place = Address::new(EVENTS, partition.clone(), name);
    let mut tries = 0;
    loop {
        if app.store.read(&place).await?.is_some() {
            return Ok(());
        }
        let mut batch = Batch::new(&partition);
        let until = app.clock.now().saturating_add(EVENTS_KEPT).ok();
        records::put_plain(&mut batch, EVENTS, name, Expect::Absent, &(), until)?;
        // Ending the subscription again does no harm, so it comes before the event counts as carried out.
        if !stale(app, reason, &email, event).await? {
            put(app, &mut batch, &id, &email, reason, event.at()).await?;
        }
        match app.store.commit(batch).await {
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            other => {
                metrics::counter!("mail_events_total", "reason" => reason.name()).increment(1);
                return Ok(other?);
            }
        }
    }
}

/// Ends the subscription where the event asks for it; whether the reader has confirmed another one since.
async fn stale(app: &App, reason: Reason, email: &Email, event: &Event) -> Result<bool, RecordError> {
    match reason {
        Reason::Unsubscribe => newsletter::withdraw(app, email, event.at()).await,
        Reason::SpamReport => newsletter::withdraw(app, email, event.at()).await.map(|_| false),
        Reason::Bounce | Reason::Drop | Reason::Staff | Reason::Restriction => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::signature::tests::{pair, signed};
    use super::super::{WebhookKeys, blocks, list};
    use super::*;
    use crate::outbox::Purpose;

    /// An application, and a way to call its webhook.
    async fn called(calls: &[Value]) -> (tempfile::TempDir, App) {
        let folder = tempfile::tempdir().unwrap();
        let (pair, public) = pair();
        let mut app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
        app.webhook_keys = WebhookKeys::new(&[public]).unwrap();
        for body in calls {
            let body = serde_json::to_vec(body).unwrap();
            let headers = signed(&pair, &body, app.clock.now().as_second());
            receive(&app, &headers, &body).await.unwrap();
        }
        (folder, app)
    }

    fn event(kind: &str, email: &str, id: &str, at: Timestamp) -> Value {
        json!({ "event": kind, "email": email, "sg_event_id": id, "timestamp": at.as_second() })
    }

    #[tokio::test]
    async fn p_marketing_optout_events_feed_the_list_whatever_their_order_and_repetition() {
        let now = Timestamp::now();
        let later = now + SignedDuration::from_secs(60);
        let events = [
            event("bounce", "a@example.org", "1", later),
            event("bounce", "A@Example.org", "2", now),
            event("spamreport", "b@example.org", "3", now),
            event("delivered", "c@example.org", "4", now),
            event("dropped", "pas une adresse", "5", now),
            json!({ "event": 7 }),
        ];
        let reversed: Vec<&Value> = events.iter().rev().collect();
        let (_folder, app) = called(&[json!(events), json!(reversed), json!([])]).await;
        let listed = list(&app).await.unwrap();
        let told: Vec<_> = listed.iter().map(|line| (line.email.as_deref(), line.reasons.clone())).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.contains(&(Some("b@example.org"), vec![Reason::SpamReport])));
        let email = Email::parse("a@example.org").unwrap();
        assert_eq!(blocks(&app, &email, Purpose::Newsletter).await.unwrap(), Some(Reason::Bounce));
        assert_eq!(blocks(&app, &email, Purpose::Security).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_not_signed_or_no_list_changes_nothing() {
        let (_folder, app) = called(&[]).await;
        let body =
            serde_json::to_vec(&json!([event("bounce", "a@example.org", "1", Timestamp::now())])).unwrap();
        let stranger = signed(&pair().0, &body, app.clock.now().as_second());
        for headers in [HeaderMap::new(), stranger] {
            let refused = receive(&app, &headers, &body).await;
            assert!(matches!(refused, Err(WebError::BadRequest(UNSIGNED))));
        }
        assert_eq!(list(&app).await.unwrap(), []);
        let (pair, public) = pair();
        let app = App { webhook_keys: WebhookKeys::new(&[public]).unwrap(), ..app };
        let headers = signed(&pair, b"{}", app.clock.now().as_second());
        assert!(matches!(receive(&app, &headers, b"{}").await, Err(WebError::BadRequest(_))));
    }
}
