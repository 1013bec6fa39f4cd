//! Calls the webhooks: a few messages at once and fewer of one organisation, each when it is due. What fails waits longer
//! and longer, for about a day.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::watch;

use super::document::{
    self, Delivery, Fault, State, Try, WAITING, Waiting, Webhook, delivery, read, waiting,
};
use super::health::{self, Went};
use super::send::{self, Called};
use crate::app::{App, SharedApp};
use crate::outbox::Schedule;
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};

/// Messages on their way at once, …
const CONCURRENT: usize = 32;
/// … and of one organisation, whose server may be slow.
const OF_ONE: usize = 4;
/// How often the store is asked for messages that this process did not record.
const RESCAN: Duration = Duration::from_secs(60);
/// Between two looks at a store that does not answer.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a message belongs to the gateway that claimed it: longer than any call lasts.
const CLAIM: Duration = Duration::from_secs(60);
/// How long a call may go on once the process stops.
const LANDING: Duration = Duration::from_secs(3);
/// After so many seconds each is tried again: at once, and for about a day.
pub(super) const WAITS: [u64; 10] = [5, 60, 300, 1_800, 3_600, 7_200, 14_400, 21_600, 21_600, 14_400];

/// A message that was tried, and when it is due again.
type Landed = (Address, Option<Timestamp>);

/// Delivers until told to stop. What is under way then has a moment to land; what does not is sent again at the next start.
pub async fn follow(app: SharedApp, mut stop: watch::Receiver<bool>) {
    let mut schedule = Schedule::default();
    let mut flying = FuturesUnordered::new();
    let mut busy: HashMap<String, usize> = HashMap::new();
    let mut scanned: Option<Instant> = None;
    while !*stop.borrow() {
        if scanned.is_none_or(|at| at.elapsed() >= RESCAN) {
            match schedule.scan(&app, WAITING, |waiting: &Waiting| waiting.due).await {
                Ok(()) => scanned = Some(Instant::now()),
                Err(error) => tracing::warn!(%error, "the messages to webhooks cannot be read"),
            }
        }
        for (address, due) in app.webhooks.taken() {
            schedule.note(address, due);
        }
        while flying.len() < CONCURRENT {
            let free = |address: &Address| busy.get(&address.partition).is_none_or(|count| *count < OF_ONE);
            let Some(address) = schedule.take_where(app.clock.now(), free) else { break };
            *busy.entry(address.partition.clone()).or_default() += 1;
            flying.push(attempt(&app, address));
        }
        metrics::gauge!("webhook_messages_waiting").set(schedule.len() as f64);
        let most = if scanned.is_none() { PAUSE } else { RESCAN };
        // What is due and may not go yet goes when another lands.
        let pause = schedule.pause(app.clock.now()).filter(|wait| !wait.is_zero());
        let pause = pause.map_or(most, |wait| wait.clamp(Duration::from_millis(20), most));
        tokio::select! {
            Some((address, again)) = flying.next(), if !flying.is_empty() => {
                if let Some(count) = busy.get_mut(&address.partition) {
                    *count -= 1;
                    if *count == 0 { busy.remove(&address.partition); }
                }
                schedule.landed(address, again);
            }
            () = tokio::time::sleep(pause) => {}
            () = app.webhooks.wake.notified() => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    let landed = async { while flying.next().await.is_some() {} };
    let _ = tokio::time::timeout(LANDING, landed).await;
}

/// One try of one message.
pub(super) async fn attempt(app: &App, address: Address) -> Landed {
    let again = match tried(app, &address).await {
        Ok(again) => again,
        Err(error) => {
            tracing::warn!(%error, "a message to a webhook could not be noted; it is tried again");
            Some(later(app.clock.now(), PAUSE))
        }
    };
    (address, again)
}

async fn tried(app: &App, address: &Address) -> Result<Option<Timestamp>, RecordError> {
    let (organisation, name) = (&address.partition, &address.key);
    let Some((place, mut version)) = waiting(app, organisation, name).await? else { return Ok(None) };
    let now = app.clock.now();
    if place.due > now {
        // Another gateway has claimed or tried it since.
        return Ok(Some(place.due));
    }
    let Some((delivery, at)) = delivery(app, organisation, name).await? else {
        app.store.commit(Batch::new(organisation).delete(WAITING, name, Expect::Version(version))).await?;
        return Ok(None);
    };
    if app.webhooks.shared {
        match claim(app, address, version, place, now).await? {
            Some(claimed) => version = claimed,
            None => return Ok(Some(later(now, CLAIM))),
        }
    }
    let webhook = read(app, organisation, &delivery.webhook).await?.map(|(webhook, _)| webhook);
    let called = match webhook.filter(|webhook| webhook.off.is_none()) {
        Some(webhook) => call(app, &webhook, &delivery, now).await,
        None => {
            Called { one: Try { at: now, millis: 0, status: None, fault: Some(Fault::Off) }, after: None }
        }
    };
    let id = delivery.webhook.clone();
    let again = settle(app, address, (delivery, at), (place, version), &called).await?;
    match called.one.fault {
        Some(Fault::Off) => {}
        _ if called.taken() => health::note(app, organisation, &id, Went::Well).await?,
        _ if called.gone() => health::note(app, organisation, &id, Went::Gone).await?,
        _ => health::note(app, organisation, &id, Went::Badly).await?,
    }
    Ok(again)
}

async fn call(app: &App, webhook: &Webhook, delivery: &Delivery, now: Timestamp) -> Called {
    let called = send::call(&app.webhooks.client, &app.webhooks.gate, webhook, delivery, now).await;
    let outcome = if called.taken() { "taken" } else { "failed" };
    metrics::counter!("webhook_calls_total", "outcome" => outcome).increment(1);
    called
}

/// Makes a message ours for a while, where other gateways read the same store; the version of its place then.
async fn claim(
    app: &App,
    address: &Address,
    version: u64,
    place: Waiting,
    now: Timestamp,
) -> Result<Option<u64>, RecordError> {
    let mut batch = Batch::new(&address.partition);
    let ours = Waiting { due: later(now, CLAIM), ..place };
    records::put_plain(&mut batch, WAITING, &address.key, Expect::Version(version), &ours, None)?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(Some(version + 1)),
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Notes a try, and whether there is another, in one batch.
async fn settle(
    app: &App,
    address: &Address,
    (mut delivery, at): (Delivery, u64),
    (place, version): (Waiting, u64),
    called: &Called,
) -> Result<Option<Timestamp>, RecordError> {
    let (mut batch, expect) = (Batch::new(&address.partition), Expect::Version(version));
    delivery.tried(called.one.clone());
    let hopeless = called.gone() || called.one.fault == Some(Fault::Off);
    let wait = WAITS.get(usize::try_from(place.tries).unwrap_or(usize::MAX)).filter(|_| !hopeless);
    let due = match wait {
        _ if called.taken() => {
            delivery.state = State::Delivered;
            None
        }
        None => {
            delivery.state = State::Failed;
            None
        }
        Some(wait) => {
            let wait = spread(Duration::from_secs(*wait)).max(called.after.unwrap_or_default());
            Some(later(app.clock.now(), wait))
        }
    };
    match due {
        Some(due) => {
            let end = app.settings.retention.end(&document::DELIVERY, delivery.at);
            let again = Waiting { due, tries: place.tries.saturating_add(1) };
            records::put_plain(&mut batch, WAITING, &address.key, expect, &again, Some(end))?;
        }
        None => batch = batch.delete(WAITING, &address.key, expect),
    }
    let key = document::key(app, &mut batch).await?;
    delivery.put(app, &mut batch, &key, Expect::Version(at))?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(due),
        // It was asked for again by hand, or removed, meanwhile.
        Err(StoreError::Conflict(_)) => Ok(Some(app.clock.now())),
        Err(error) => Err(error.into()),
    }
}

/// Up to a tenth longer, by chance: what failed at once is not tried at once again.
fn spread(wait: Duration) -> Duration {
    // Without randomness the wait is merely regular.
    let chance = sealing::random::<2>().map_or(0, u16::from_be_bytes);
    wait + wait.mul_f64(f64::from(chance) / f64::from(u16::MAX) / 10.0)
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_for_about_a_day() {
        let hours = WAITS.iter().sum::<u64>() as f64 / 3_600.0;
        assert!((22.0..26.0).contains(&hours), "{hours}");
    }
}
