//! Recording messages: of what happened, in the batch of what happened, so that neither is without the other; and by
//! hand, a test or one more try.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::document::{
    self, DELIVERIES, Delivery, HEALTH, Kind, State, WAITING, Waiting, Webhook, all, deliveries, delivery_of,
    health, read,
};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::WebError;

/// Between two messages by hand to one webhook.
const PACE: SignedDuration = SignedDuration::from_secs(5);
const TRIES: usize = 16;

/// A calculation that came to its end.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Its id.
    pub calculation: &'a str,
    /// What was computed.
    pub module: &'a str,
    /// Whether it has an outcome.
    pub done: bool,
    /// Whether it only tried the API out.
    pub test: bool,
}

/// Messages that a batch records, to be told to [`super::Webhooks::recorded`] once it is committed.
#[derive(Debug, Default)]
#[must_use]
pub struct Recorded(pub(super) Vec<(Address, Timestamp)>);

/// Puts into the batch that ends a calculation a message to each webhook of its organisation that wants to hear of it.
///
/// # Errors
/// [`RecordError`].
pub async fn announce(app: &App, batch: &mut Batch, ended: Ended<'_>) -> Result<Recorded, RecordError> {
    let kind = if ended.done { Kind::CalculationCompleted } else { Kind::CalculationFailed };
    let state = if ended.done { "done" } else { "failed" };
    let mut recorded = Recorded::default();
    for (webhook, _) in all(app, &batch.partition).await? {
        if webhook.wants(kind) {
            let mut data = json!({ "id": ended.calculation, "module": ended.module, "state": state });
            if ended.test {
                data["test"] = json!(true);
            }
            let address = record(app, batch, &webhook, kind, members(data)).await?.1;
            recorded.0.push(address);
        }
    }
    Ok(recorded)
}

/// Puts a new message into a batch.
async fn record(
    app: &App,
    batch: &mut Batch,
    webhook: &Webhook,
    kind: Kind,
    data: Map<String, Value>,
) -> Result<(Delivery, (Address, Timestamp)), RecordError> {
    let now = app.clock.now();
    let delivery = Delivery::new(&webhook.id, kind, now, data)?;
    let key = document::key(app, batch).await?;
    delivery.put(app, batch, &key, Expect::Absent)?;
    let address = wait(app, batch, &delivery, now, Expect::Absent)?;
    Ok((delivery, address))
}

fn wait(
    app: &App,
    batch: &mut Batch,
    delivery: &Delivery,
    now: Timestamp,
    expect: Expect,
) -> Result<(Address, Timestamp), RecordError> {
    let name = delivery.name();
    let end = app.settings.retention.end(&document::DELIVERY, delivery.at);
    records::put_plain(batch, WAITING, &name, expect, &Waiting { due: now, tries: 0 }, Some(end))?;
    Ok((Address::new(WAITING, &batch.partition, name), now))
}

/// Sends a message that says that it is a test; one that is switched off hears nothing.
///
/// # Errors
/// [`WebError`]; in particular when one was sent a moment ago.
pub(super) async fn test(app: &App, organisation: &str, id: &str) -> Result<Delivery, WebError> {
    for _ in 0..TRIES {
        let (webhook, _) = live(app, organisation, id).await?;
        let mut batch = Batch::new(organisation);
        keep_pace(app, &mut batch, id).await?;
        let data = members(json!({ "id": webhook.id }));
        let (delivery, address) = record(app, &mut batch, &webhook, Kind::Test, data).await?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.webhooks.recorded(Recorded(vec![address]));
                return Ok(delivery);
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// Tries a message once more, and goes on from the beginning if that fails. Its name stays: who has it already knows it.
///
/// # Errors
/// [`WebError`].
pub(super) async fn again(
    app: &App,
    organisation: &str,
    id: &str,
    message: &str,
) -> Result<Delivery, WebError> {
    for _ in 0..TRIES {
        live(app, organisation, id).await?;
        let found = delivery_of(app, organisation, id, message).await?;
        let (mut delivery, version) = found.ok_or(WebError::NotFound)?;
        let mut batch = Batch::new(organisation);
        keep_pace(app, &mut batch, id).await?;
        let key = document::key(app, &mut batch).await?;
        delivery.state = State::Waiting;
        delivery.put(app, &mut batch, &key, Expect::Version(version))?;
        let place = document::waiting(app, organisation, &delivery.name()).await?;
        let expect = place.map_or(Expect::Absent, |(_, version)| Expect::Version(version));
        let address = wait(app, &mut batch, &delivery, app.clock.now(), expect)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.webhooks.recorded(Recorded(vec![address]));
                return Ok(delivery);
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

async fn live(app: &App, organisation: &str, id: &str) -> Result<(Webhook, u64), WebError> {
    let (webhook, version) = read(app, organisation, id).await?.ok_or(WebError::NotFound)?;
    match webhook.off {
        None => Ok((webhook, version)),
        Some(_) => Err(WebError::Conflict("the webhook is switched off")),
    }
}

/// Lets a message by hand go to a webhook, and notes it: nobody makes us call others as often as they like.
async fn keep_pace(app: &App, batch: &mut Batch, id: &str) -> Result<(), WebError> {
    let (mut health, expect) = health(app, &batch.partition, id).await?;
    let now = app.clock.now();
    let pace = PACE / i32::try_from(app.settings.limits_factor).unwrap_or(i32::MAX);
    let next = health.asked.and_then(|asked| asked.checked_add(pace).ok()).filter(|next| *next > now);
    if let Some(next) = next {
        return Err(WebError::TooMany(Duration::try_from(next.duration_since(now)).unwrap_or_default()));
    }
    health.asked = Some(now);
    Ok(records::put_plain(batch, HEALTH, id, expect, &health, None)?)
}

fn busy() -> WebError {
    WebError::Unavailable("the webhook is written by too many at once".into())
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Puts into a batch what removes the messages of a webhook.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn forget(app: &App, batch: &mut Batch, webhook: &str) -> Result<(), RecordError> {
    let organisation = batch.partition.clone();
    let mut past = None;
    loop {
        let (page, next) = deliveries(app, &organisation, webhook, past.as_deref(), 500).await?;
        for delivery in page {
            let name = delivery.name();
            *batch = std::mem::replace(batch, Batch::new(&organisation))
                .delete(DELIVERIES, &name, Expect::Anything)
                .delete(WAITING, &name, Expect::Anything);
        }
        past = next;
        if past.is_none() {
            return Ok(());
        }
    }
}
