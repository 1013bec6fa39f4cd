//! Buying: orders, the payment page, and the access that a paid order gives. It moves no money and computes
//! nothing.

mod order;
mod place;
mod retained;
mod test_page;
mod webhook;

use jiff::Timestamp;
use serde::Serialize;

use crate::accounts::{Account, random};
use crate::app::{App, SharedApp};
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, Scan};
use crate::web::WebError;

pub use self::order::{CGV_VERSION, Order, OrderState, Plan, PlanSource};
pub use self::retained::{ARCHIVED, Archive, ORDER, Orders, UNPAID, archive, has_bought, is_client};

/// The plan that opens every module, by staff's decision.
pub const UNLIMITED: &str = "illimite";

const ORDERS: &str = "orders";
const PLANS: &str = "plans";
/// Payment page → order.
const SESSIONS: &str = "checkout_sessions";
/// Events of the payment processor, as far as we keep them.
const EVENTS: &str = "payment_events";
/// Documents read at once in a listing.
const PAGE: usize = 500;

/// The routes: order, what follows payment, the webhook, the test payment page.
pub fn routes() -> axum::Router<SharedApp> {
    place::routes().merge(webhook::routes()).merge(test_page::routes())
}

/// Whether an organisation may use a module now.
///
/// # Errors
/// [`RecordError`] when the store cannot tell.
pub async fn may(app: &App, organisation: &str, module: &str) -> Result<bool, RecordError> {
    let now = app.clock.now();
    Ok(plans(app, organisation).await?.iter().any(|plan| plan.opens(module, now)))
}

/// The plans of an organisation.
///
/// # Errors
/// [`RecordError`].
pub async fn plans(app: &App, organisation: &str) -> Result<Vec<Plan>, RecordError> {
    documents(app, PLANS, Some(organisation)).await
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
    app.store.commit(batch).await.map_err(RecordError::from)?;
    Ok(())
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

async fn documents<T: serde::de::DeserializeOwned>(
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

fn opening_address(session: &str) -> Address {
    // Spread by the end of the id, which is random where its beginning is a prefix.
    let shard: String = session.chars().rev().take(2).filter(char::is_ascii_alphanumeric).collect();
    Address::new(SESSIONS, format!("checkout-sessions-{shard}"), session)
}

/// The order of a payment page, with its version; none when the page is not ours.
async fn order_of_session(app: &App, session: &str) -> Result<Option<(Order, u64)>, WebError> {
    let Some((opening, _)) = records::read_plain::<Opening>(app, &opening_address(session)).await? else {
        return Ok(None);
    };
    let address = Address::new(ORDERS, opening.organisation, opening.order);
    Ok(records::read_plain::<Order>(app, &address).await?)
}
