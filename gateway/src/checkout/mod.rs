//! Buying: orders, the payment page, and the access that a paid order gives. It moves no money and computes
//! nothing.

mod basket;
mod billing;
mod client;
mod customers;
mod invoices;
mod letters;
#[cfg(test)]
mod localstripe;
mod order;
mod place;
mod plans;
mod quote;
mod reconcile;
mod retained;
mod seats;
mod subscription;
mod sync;
mod test_page;
mod usage;
mod webhook;

use jiff::Timestamp;
use serde::Serialize;

use crate::accounts::{Account, random};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::payments;
use crate::records::{self, Document, RecordError, Shape};
use crate::store::{Address, Batch, Expect, Scan};
use crate::web::WebError;

pub use self::invoices::{FILED, Filed, Invoices};
pub use self::order::{CGV_VERSION, Counted, Order, OrderState, Plan, PlanSource};
pub use self::plans::{may, plans, plans_for};
pub use self::quote::{Charge, Holding, Price, Quote, quote};
pub use self::reconcile::{Difference, reconcile};
pub use self::retained::{ARCHIVED, Archive, ORDER, Orders, UNPAID, archive, has_bought, is_client};
pub use self::subscription::Subscription;
pub use self::sync::{Dues, follow};
pub use self::usage::{Meter, count_in, meter, uncount_in, used};

/// The plan that opens every module, by staff's decision.
pub const UNLIMITED: &str = "illimite";

const ORDERS: &str = "orders";
const PLANS: &str = "plans";
const SUBSCRIPTIONS: &str = "subscriptions";
/// Payment page → order.
const SESSIONS: &str = "checkout_sessions";
/// Events of the payment processor, as far as we keep them.
const EVENTS: &str = "payment_events";
/// Documents read at once in a listing.
const PAGE: usize = 500;

/// What is kept of buying.
pub const SHAPES: &[Shape] = &[
    Shape::plain::<Order>(ORDERS),
    Shape::plain::<Order>(retained::ARCHIVE),
    Shape::plain::<Plan>(PLANS),
    Shape::plain::<Opening>(SESSIONS),
    Shape::plain::<payments::Event>(EVENTS),
    Shape::plain::<Subscription>(SUBSCRIPTIONS),
    Shape::plain::<sync::Due>(sync::DUES),
    Shape::plain::<customers::Owner>(customers::CUSTOMERS),
    Shape::plain::<usage::Counter>(usage::USAGE),
    Shape::plain::<seats::Held>(seats::SEATS),
    Shape::sealed::<billing::Billing>(billing::BILLING),
    Shape::sealed::<Filed>(invoices::INVOICES),
];

/// The routes: order, what follows payment, subscriptions and invoices, the webhook, the test payment page.
pub fn routes() -> axum::Router<SharedApp> {
    place::routes().merge(client::routes()).merge(webhook::routes()).merge(test_page::routes())
}

/// The orders of an organisation, newest first.
///
/// # Errors
/// [`RecordError`].
pub async fn orders_of(app: &App, organisation: &str) -> Result<Vec<Order>, RecordError> {
    let mut orders: Vec<Order> = documents(app, ORDERS, Some(organisation)).await?;
    orders.sort_by_key(|order| std::cmp::Reverse(order.created));
    Ok(orders)
}

/// The subscriptions of an organisation, those that go on first, the newest first.
///
/// # Errors
/// [`RecordError`].
pub async fn subscriptions_of(app: &App, organisation: &str) -> Result<Vec<Subscription>, RecordError> {
    let mut all: Vec<Subscription> = documents(app, SUBSCRIPTIONS, Some(organisation)).await?;
    all.sort_by_key(|one| (!one.is_alive(), std::cmp::Reverse(one.period_start)));
    Ok(all)
}

/// Every order, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn orders(app: &App) -> Result<Vec<Order>, RecordError> {
    let mut orders: Vec<Order> = documents(app, ORDERS, None).await?;
    orders.sort_by_key(|order| order.created);
    Ok(orders)
}

/// Why staff's plan was not given.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// No such plan.
    #[error("no plan `{0}`: give `{UNLIMITED}` or the id of an offer in site.toml")]
    Unknown(String),
    /// The store or the system.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No name can be drawn.
    #[error(transparent)]
    Random(#[from] random::NoRandomness),
}

/// What staff may give: a known plan by its name.
///
/// # Errors
/// [`GrantError::Unknown`].
pub fn staff_plan(app: &App, name: &str, from: Timestamp) -> Result<Plan, GrantError> {
    if name == UNLIMITED {
        return Ok(Plan {
            offer: name.into(),
            module: "*".into(),
            from,
            until: None,
            source: PlanSource::Staff,
            seats: None,
            counted: None,
        });
    }
    let offer = app.settings.offers.iter().find(|offer| offer.id == name);
    let offer = offer.ok_or_else(|| GrantError::Unknown(name.to_owned()))?;
    Ok(Plan::of(&offer.id, &offer.module, offer.period, from, PlanSource::Staff))
}

/// Gives an account's organisation a plan without payment.
///
/// # Errors
/// [`GrantError`].
pub async fn grant(app: &App, account: &Account, plan: &Plan) -> Result<(), GrantError> {
    let mut batch = Batch::new(&account.organisation);
    let name = format!("staff_{}", random::base62(20)?);
    records::put_plain(&mut batch, PLANS, &name, Expect::Absent, plan, plan.until)?;
    audit::note(&mut batch, &Event::of(app, account, "plan given", &name))?;
    app.store.commit(batch).await.map_err(RecordError::from)?;
    Ok(())
}

/// A batch that ends, with the rest, every plan of its organisation, which is no more. Nobody is charged for it again:
/// what goes on at the processor is ended there, soon after.
///
/// # Errors
/// [`RecordError`].
pub async fn end_plans(app: &App, mut batch: Batch) -> Result<Batch, RecordError> {
    let partition = Some(batch.partition.clone());
    let scan = Scan { collection: PLANS, partition, prefix: String::new(), after: None, limit: PAGE };
    for (address, _) in app.store.scan(scan).await?.documents {
        batch = batch.delete(PLANS, &address.key, Expect::Anything);
    }
    sync::close(app, &mut batch).await?;
    Ok(batch)
}

/// A batch that frees, with the rest, the seats of somebody who is no longer of its organisation.
///
/// # Errors
/// [`RecordError`].
pub async fn free_seats(app: &App, batch: Batch, account: &str) -> Result<Batch, RecordError> {
    seats::free_all(app, batch, account).await
}

/// An order as `aops admin orders list` tells it.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The order.
    pub id: String,
    /// The buyer's address; the account's id once the account is gone.
    pub account: String,
    /// The offer's id.
    pub offer: String,
    /// Where it stands.
    pub state: OrderState,
    /// In hundredths of the currency.
    pub amount_cents: u32,
    /// ISO 4217.
    pub currency: String,
    /// When it was made.
    pub created: Timestamp,
}

/// Every order with its buyer's address, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn lines(app: &App) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    for order in orders(app).await? {
        let account = crate::accounts::read(app, &order.organisation, &order.account).await?;
        lines.push(Line {
            id: order.id,
            account: account.map_or(order.account, |account| account.email),
            offer: order.offer,
            state: order.state,
            amount_cents: order.amount_cents,
            currency: order.currency,
            created: order.created,
        });
    }
    Ok(lines)
}

async fn documents<T: Document>(
    app: &App,
    collection: &'static str,
    partition: Option<&str>,
) -> Result<Vec<T>, RecordError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let partition = partition.map(str::to_owned);
        let scan = Scan { collection, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            found.extend(records::sound(records::decode(&address, &stored.body))?);
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// The order that a payment page was opened for.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Opening {
    organisation: String,
    order: String,
}

impl Document for Opening {}
impl Document for Order {}
impl Document for Plan {}
impl Document for Subscription {}
impl Document for payments::Event {}

fn opening_address(session: &str) -> Address {
    Address::new(SESSIONS, format!("checkout-sessions-{}", shard(session)), session)
}

/// Names spread by their end, which is random where their beginning is a prefix.
fn shard(name: &str) -> String {
    name.chars().rev().take(2).filter(char::is_ascii_alphanumeric).collect()
}

/// The order of a payment page, with its version; none when the page is not ours.
async fn order_of_session(app: &App, session: &str) -> Result<Option<(Order, u64)>, WebError> {
    let Some((opening, _)) = records::read_plain::<Opening>(app, &opening_address(session)).await? else {
        return Ok(None);
    };
    let address = Address::new(ORDERS, opening.organisation, opening.order);
    Ok(records::read_plain::<Order>(app, &address).await?)
}
