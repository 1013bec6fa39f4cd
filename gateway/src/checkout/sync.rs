//! What the payment processor keeps of a client, brought here: fetched whole whenever something is told of them, so
//! that neither the order of events nor their number matters.
//!
//! That a customer is to be fetched is recorded with the event, before the event is acknowledged. What was fetched is
//! written in one batch that stands only while nothing more was told meanwhile: the document of what is due grows a
//! version with each event, and is never removed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use super::order::{Order, OrderState, Plan};
use super::subscription::Subscription;
use super::{
    ORDERS, PLANS, SUBSCRIPTIONS, documents, invoices, letters, orders_of, retained, usage, webhook,
};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::payments::{Books, End, PaymentsError, Standing, Usage};
use crate::records::{self, Document, RecordError, sound};
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::tax::Tax;
use crate::web::WebError;

/// Customers to be fetched, in their organisation's partition.
pub(super) const DUES: &str = "payment_dues";
/// Events that may come while one fetches, before it is left for later.
const TRIES: usize = 16;
/// What stands among them once the organisation is no more.
const CLOSED: &str = "organisation";
/// After a closing, its batch is committed by now.
const SOON: SignedDuration = SignedDuration::from_secs(2);
/// How long between two looks at what may be due by time alone.
const REST: Duration = Duration::from_secs(30);
const REST_OF_TESTS: Duration = Duration::from_secs(1);
/// How long between two looks through everything, for what another process or an earlier one left.
const WHOLE: SignedDuration = SignedDuration::from_mins(10);
/// The longest wait after a failure.
const LONGEST: i64 = 3_600;

/// Whether a customer is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Due {
    pub(super) pending: bool,
}

impl Document for Due {}

/// Who is to be fetched next, in this process.
#[derive(Debug, Default)]
pub struct Dues {
    wake: Notify,
    noted: Mutex<VecDeque<Noted>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Noted {
    organisation: String,
    customer: String,
    tries: u32,
    not_before: Timestamp,
}

impl Dues {
    /// Tells that a batch which [`mark`]ed a customer was committed.
    pub(super) fn note(&self, organisation: &str, customer: &str) {
        let noted = Noted {
            organisation: organisation.to_owned(),
            customer: customer.to_owned(),
            tries: 0,
            not_before: Timestamp::MIN,
        };
        self.push(noted);
        self.wake.notify_one();
    }

    fn push(&self, noted: Noted) {
        let mut all = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        // One who is noted for later only may be due now.
        let sooner = |other: &Noted| {
            other.customer == noted.customer
                && other.tries <= noted.tries
                && other.not_before <= noted.not_before
        };
        if !all.iter().any(sooner) {
            all.push_back(noted);
        }
    }

    fn ripe(&self, now: Timestamp) -> Vec<Noted> {
        let mut all = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let (ripe, rest): (Vec<_>, Vec<_>) = all.drain(..).partition(|noted| noted.not_before <= now);
        all.extend(rest);
        ripe
    }
}

/// Why a customer could not be brought up to date; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The processor.
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    /// The store.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Too much is told at once.
    #[error("more was told of {0} than could be fetched")]
    Busy(String),
}

impl From<SyncError> for WebError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Record(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// Puts into a batch that a customer of its organisation is to be fetched.
pub(super) fn mark(batch: &mut Batch, customer: &str) -> Result<(), RecordError> {
    records::put_plain(batch, DUES, customer, Expect::Anything, &Due { pending: true }, None)
}

/// Puts into a batch that its organisation is no more: whatever it pays for is ended at the processor.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn close(app: &App, batch: &mut Batch) -> Result<(), RecordError> {
    let organisation = batch.partition.clone();
    records::put_plain(batch, DUES, CLOSED, Expect::Anything, &Due { pending: false }, None)?;
    let not_before = app.clock.now().saturating_add(SOON).unwrap_or(Timestamp::MAX);
    for held in super::subscriptions_of(app, &organisation).await?.into_iter().filter(Subscription::is_alive)
    {
        mark(batch, &held.customer)?;
        let (organisation, customer) = (organisation.clone(), held.customer);
        app.dues.push(Noted { organisation, customer, tries: 0, not_before });
    }
    Ok(())
}

/// Whether an organisation is no more: what is paid for it late opens nothing.
pub(super) async fn is_closed(app: &App, organisation: &str) -> Result<bool, RecordError> {
    Ok(app.store.read(&Address::new(DUES, organisation, CLOSED)).await?.is_some())
}

/// Runs until the process ends.
pub async fn follow(app: SharedApp) {
    let rest = if app.payments.embedded().is_some() { REST_OF_TESTS } else { REST };
    let mut looked: Option<Timestamp> = None;
    loop {
        let now = app.clock.now();
        if looked.is_none_or(|looked| now.duration_since(looked) >= WHOLE) {
            match look(&app).await {
                Ok(()) => looked = Some(now),
                Err(error) => {
                    tracing::warn!(%error, "what is due of payments cannot be read; it is tried again")
                }
            }
        }
        round(&app).await;
        tokio::select! {
            () = app.dues.wake.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Takes what the embedded side tells, and fetches whoever is noted.
pub(super) async fn round(app: &App) {
    if let Err(error) = webhook::take_embedded(app).await {
        tracing::warn!(%error, "an event of the embedded side could not be taken; it is tried again");
    }
    let now = app.clock.now();
    for noted in app.dues.ripe(now) {
        let Err(error) = sync(app, &noted.organisation, &noted.customer).await else { continue };
        tracing::warn!(%error, customer = %noted.customer, "a client's payments cannot be fetched; it is tried again");
        let wait = 1_i64.checked_shl(noted.tries.min(12)).unwrap_or(LONGEST).min(LONGEST);
        let not_before = now.saturating_add(SignedDuration::from_secs(wait)).unwrap_or(Timestamp::MAX);
        app.dues.push(Noted { tries: noted.tries + 1, not_before, ..noted });
    }
}

/// Notes everybody who is due, and writes the letters that time alone brings.
async fn look(app: &App) -> Result<(), RecordError> {
    let mut after = None;
    loop {
        let scan =
            Scan { collection: DUES, partition: None, prefix: String::new(), after, limit: super::PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let due: Option<Due> = sound(records::decode(&address, &stored.body))?;
            if due.is_some_and(|due| due.pending) {
                app.dues.note(&address.partition, &address.key);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let now = app.clock.now();
    for subscription in documents::<Subscription>(app, SUBSCRIPTIONS, None).await? {
        // A renewal that we were not told of is asked for.
        let missed = subscription.standing == Standing::Active && subscription.period_end <= now;
        if (missed || !subscription.letters(now).is_empty())
            && let Some(organisation) = super::customers::owner(app, &subscription.customer).await?
        {
            app.dues.note(&organisation, &subscription.customer);
        }
    }
    Ok(())
}

/// Brings a client up to date.
///
/// # Errors
/// [`SyncError`]; nothing was written then.
pub(super) async fn sync(app: &App, organisation: &str, customer: &str) -> Result<(), SyncError> {
    for _ in 0..TRIES {
        let due = records::read_plain::<Due>(app, &Address::new(DUES, organisation, customer)).await?;
        let expect = due.map_or(Expect::Absent, |(_, version)| Expect::Version(version));
        let books = app.payments.books(customer).await?;
        let mut batch = Batch::new(organisation);
        records::put_plain(&mut batch, DUES, customer, expect, &Due { pending: false }, None)?;
        let after = write(app, &mut batch, &books).await?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return carry_on(app, organisation, after).await;
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(RecordError::from(error).into()),
        }
    }
    Err(SyncError::Busy(customer.to_owned()))
}

/// What is still to be asked of the processor once the batch stands: each has a key, or changes nothing twice.
#[derive(Debug, Default)]
struct After {
    end: Vec<String>,
    bill: Vec<(String, Usage)>,
}

/// Everything that the books of a client change.
async fn write(app: &App, batch: &mut Batch, books: &Books) -> Result<After, RecordError> {
    let organisation = batch.partition.clone();
    let now = app.clock.now();
    let mut after = After::default();
    let closed = is_closed(app, &organisation).await?;
    let before = orders_of(app, &organisation).await?;
    let mut orders = before.clone();
    for object in &books.subscriptions {
        let order = object.order.as_ref().and_then(|id| orders.iter_mut().find(|order| order.id == *id));
        let Some(order) = order else {
            tracing::warn!(subscription = %object.id, "a subscription belongs to no order of its client");
            continue;
        };
        // Until the payment page is known to agree with the order, nothing is granted.
        if !matches!(order.state, OrderState::Paid | OrderState::Refunded) {
            continue;
        }
        order.paid.subscription = Some(object.id.clone());
        let address = Address::new(SUBSCRIPTIONS, &organisation, &object.id);
        let before = records::read_plain::<Subscription>(app, &address).await?;
        let (before, expect) = match before {
            Some((before, version)) => (Some(before), Expect::Version(version)),
            None => (None, Expect::Absent),
        };
        let offers = &app.settings.offers;
        let mut held = Subscription::rebuilt(object, books, order, offers, before.as_ref(), now);
        tell(app, batch, &mut held, order, now).await?;
        if before.as_ref().is_some_and(|before| before.standing != held.standing) {
            let event = Event::new(app, "subscription changed", &held.id).concerning(&organisation);
            audit::note(batch, &event)?;
        }
        if closed {
            after.end.extend(held.is_alive().then(|| held.id.clone()));
        } else if held.refunded.is_some() {
            order.state = OrderState::Refunded;
            after.end.extend(held.is_alive().then(|| held.id.clone()));
        }
        let tax = order.sum.as_ref().map(|sum| sum.tax).unwrap_or_default();
        after.bill.extend(unbilled(app, &organisation, &held, tax).await?);
        let offer = offers.iter().find(|offer| offer.id == held.offer);
        let from = order.paid.at.unwrap_or(order.created);
        if !closed {
            records::put_plain(batch, PLANS, &order.id, Expect::Anything, &held.plan(from, offer), None)?;
        }
        let gone = held.ended.map(|ended| app.settings.retention.end(&retained::ORDER, ended));
        records::put_plain(batch, SUBSCRIPTIONS, &held.id, expect, &held, gone)?;
    }
    for order in &mut orders {
        give_back(app, batch, books, order, now).await?;
    }
    for (before, order) in before.iter().zip(&orders).filter(|(before, order)| before != order) {
        keep(app, batch, before, order, now).await?;
    }
    for filed in invoices::file(app, batch, books, &orders).await? {
        let of = filed.order.as_ref().and_then(|id| orders.iter().find(|order| order.id == *id));
        if let Some(order) = of {
            let context = json!({
                "number": filed.number,
                "amount_cents": filed.total_cents,
                "link": format!("{}/espace-client/factures", app.settings.platform_url),
            });
            letters::write(app, batch, order, "facture", context).await?;
        }
    }
    Ok(after)
}

/// Writes the letters that are due about a subscription.
async fn tell(
    app: &App,
    batch: &mut Batch,
    held: &mut Subscription,
    order: &Order,
    now: Timestamp,
) -> Result<(), RecordError> {
    let due = held.letters(now);
    for letter in &due {
        let context = json!({
            "offer": held.offer,
            "day": day(letter.day),
            "amount_cents": held.unit_cents * i64::from(held.quantity),
        });
        letters::write(app, batch, order, letter.template, context).await?;
    }
    held.wrote(&due);
    Ok(())
}

/// An order whose payment was given back whole opens nothing any more.
async fn give_back(
    app: &App,
    batch: &mut Batch,
    books: &Books,
    order: &mut Order,
    now: Timestamp,
) -> Result<(), RecordError> {
    let paid = books.payments.iter().find(|payment| order.paid.payment.as_ref() == Some(&payment.id));
    let given_back =
        paid.is_some_and(|paid| paid.amount_cents > 0 && paid.refunded_cents >= paid.amount_cents);
    if given_back && order.state == OrderState::Paid {
        order.state = OrderState::Refunded;
        let address = Address::new(PLANS, &order.organisation, &order.id);
        if let Some((plan, version)) = records::read_plain::<Plan>(app, &address).await? {
            let until = Some(plan.until.map_or(now, |until| until.min(now)));
            let ended = Plan { until, ..plan };
            records::put_plain(batch, PLANS, &order.id, Expect::Version(version), &ended, None)?;
        }
        let context = json!({ "day": day(now), "amount_cents": order.amount_cents });
        letters::write(app, batch, order, "commande_remboursee", context).await?;
        let event = Event::new(app, "order refunded", &order.id).concerning(&order.organisation);
        audit::note(batch, &event)?;
    }
    Ok(())
}

/// Writes an order that was changed, unless somebody else has changed it meanwhile: they have noted the client, who is
/// fetched again.
async fn keep(
    app: &App,
    batch: &mut Batch,
    before: &Order,
    order: &Order,
    now: Timestamp,
) -> Result<(), RecordError> {
    let address = Address::new(ORDERS, &order.organisation, &order.id);
    if let Some((stored, version)) = records::read_plain::<Order>(app, &address).await?
        && stored == *before
    {
        let order = Order { updated: now, ..order.clone() };
        let until = retained::expiry(app, &order);
        records::put_plain(batch, ORDERS, &order.id, Expect::Version(version), &order, until)?;
    }
    Ok(())
}

/// What was used past the price in the periods that are over, and is not billed.
async fn unbilled(
    app: &App,
    organisation: &str,
    held: &Subscription,
    tax: Tax,
) -> Result<Vec<(String, Usage)>, RecordError> {
    let offer = app.settings.offers.iter().find(|offer| offer.id == held.offer);
    let Some((offer, metered)) = offer.and_then(|offer| Some((offer, offer.metered?))) else {
        return Ok(Vec::new());
    };
    let Some(unit_cents) = metered.price_cents else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (counter, counted) in usage::all(app, organisation, &held.id).await? {
        let over = counter != held.counter() || held.standing == Standing::Canceled;
        let beyond = counted.count.saturating_sub(metered.included.saturating_mul(held.quantity));
        if over && !counted.billed && beyond > 0 {
            let bill = Usage {
                customer: held.customer.clone(),
                subscription: held.id.clone(),
                over: held.standing == Standing::Canceled,
                tax,
                text: offer.name_in("fr").to_owned(),
                quantity: beyond,
                unit_cents,
                currency: held.currency.clone(),
            };
            found.push((counter, bill));
        }
    }
    Ok(found)
}

async fn carry_on(app: &App, organisation: &str, after: After) -> Result<(), SyncError> {
    for (counter, bill) in after.bill {
        app.payments.bill(&bill, &format!("usage-{counter}")).await?;
        usage::billed(app, organisation, &counter).await?;
    }
    for subscription in after.end {
        app.payments.end(&subscription, End::Now).await?;
    }
    Ok(())
}

/// A day as letters tell it.
fn day(at: Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date().to_string()
}

#[cfg(test)]
mod tests;
