//! How long orders stay in the live base, and the legal archive that paid ones join: it is read by its own command
//! alone, and nothing that writes to people looks into it (`p-legal-archive`).

use async_trait::async_trait;
use jiff::Timestamp;

use super::{ORDERS, Order, OrderState, documents, orders_of};
use crate::accounts;
use crate::app::App;
use crate::email::Email;
use crate::records::{self, RecordError};
use crate::retention::{self, Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, StoreError, Stored};

/// Orders of the legal archive.
pub(super) const ARCHIVE: &str = "orders_archived";

/// An order that was paid.
pub const ORDER: Retention = Retention {
    what: "order",
    term: Term::Years(5),
    from: "last contact",
    ground: Ground::Contract,
    then: Then::Archive,
};
/// An order that was not.
pub const UNPAID: Retention = Retention {
    what: "unpaid order",
    term: Term::Years(5),
    from: "last contact",
    ground: Ground::Contract,
    then: Then::Delete,
};
/// A paid order in the archive: ten years for what an invoice rests on (Code de commerce, art. L. 123-22).
pub const ARCHIVED: Retention = Retention {
    what: "archived order",
    term: Term::Years(10),
    from: "order",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};

/// When an order leaves the live base, as far as it alone tells.
pub(super) fn expiry(app: &App, order: &Order) -> Option<Timestamp> {
    retention::expiry(app.settings.retention.end(&ORDER, order.updated))
}

/// Whether an organisation has bought, or was given a plan.
///
/// # Errors
/// [`RecordError`].
pub async fn has_bought(app: &App, organisation: &str) -> Result<bool, RecordError> {
    let paid = |order: &Order| matches!(order.state, OrderState::Paid | OrderState::Refunded);
    let paid = orders_of(app, organisation).await?.iter().any(paid);
    Ok(paid || !super::plans(app, organisation).await?.is_empty())
}

/// Whether somebody of this address has bought.
///
/// # Errors
/// [`RecordError`].
pub async fn is_client(app: &App, email: &str) -> Result<bool, RecordError> {
    let Ok(email) = Email::parse(email) else { return Ok(false) };
    match accounts::find(app, &email).await? {
        Some(account) => has_bought(app, &account.organisation).await,
        None => Ok(false),
    }
}

/// The legal archive, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn archive(app: &App) -> Result<Vec<Order>, RecordError> {
    let mut orders: Vec<Order> = documents(app, ARCHIVE, None).await?;
    orders.sort_by_key(|order| order.created);
    Ok(orders)
}

/// Orders, for the retention engine.
#[derive(Debug)]
pub struct Orders;

#[async_trait]
impl Kept for Orders {
    fn collection(&self) -> &'static str {
        ORDERS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let order: Order = records::decode(address, &stored.body)?;
        let all = orders_of(app, &address.partition).await?;
        let contact = all.iter().map(|order| order.updated).max().unwrap_or(order.updated);
        let end = app.settings.retention.end(&ORDER, contact);
        let mut batch = Batch::new(&address.partition);
        let expect = Expect::Version(stored.version);
        if end > now {
            records::put_plain(&mut batch, ORDERS, &address.key, expect, &order, retention::expiry(end))?;
            return match app.store.commit(batch).await {
                Ok(()) | Err(StoreError::Conflict(_)) => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
        batch = batch.delete(ORDERS, &address.key, expect);
        // What was paid, even wrongly, is in the accounts.
        if !matches!(order.state, OrderState::Paid | OrderState::Mismatch | OrderState::Refunded) {
            return Ok(Some(Ended { by: &UNPAID, batch }));
        }
        let until = retention::expiry(app.settings.retention.end(&ARCHIVED, order.created));
        records::put_plain(&mut batch, ARCHIVE, &address.key, Expect::Anything, &order, until)?;
        Ok(Some(Ended { by: &ORDER, batch }))
    }
}

/// Archived orders, for the retention engine.
#[derive(Debug)]
pub struct Archive;

#[async_trait]
impl Kept for Archive {
    fn collection(&self) -> &'static str {
        ARCHIVE
    }

    async fn end(
        &self,
        _: &App,
        address: &Address,
        stored: &Stored,
        _: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let gone =
            Batch::new(&address.partition).delete(ARCHIVE, &address.key, Expect::Version(stored.version));
        Ok(Some(Ended { by: &ARCHIVED, batch: gone }))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan};

    use super::super::order::tests::order;
    use super::*;
    use crate::retention::run;
    use crate::testing;

    #[tokio::test]
    async fn p_legal_archive_a_paid_order_leaves_the_live_base_for_the_archive_and_then_goes() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let now = app.clock.now();
        for (id, state, age) in [("ord_a", OrderState::Paid, 0), ("ord_b", OrderState::Failed, 400)] {
            let made = now - SignedDuration::from_hours(24 * age);
            let order = Order { id: id.into(), state, created: made, updated: made, ..order() };
            let mut batch = Batch::new(&order.organisation);
            records::put_plain(&mut batch, ORDERS, id, Expect::Absent, &order, expiry(&app, &order)).unwrap();
            app.store.commit(batch).await.unwrap();
        }
        let kept: [&dyn Kept; 2] = [&Orders, &Archive];
        let told = async |years: i8| {
            let later = now.to_zoned_datetime(jiff::tz::TimeZone::UTC).checked_add(years.years().days(2));
            let done = run(&app, &kept, later.unwrap().timestamp()).await.unwrap();
            done.into_iter()
                .map(|done| format!("{} {} {}", done.what, done.then, done.count))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(4).await, Vec::<String>::new(), "the later order is a contact of the same client");
        assert_eq!(told(5).await, ["order archive 1", "unpaid_order delete 1"]);
        assert_eq!(super::super::orders(&app).await.unwrap(), []);
        assert_eq!(archive(&app).await.unwrap().len(), 1);
        assert_eq!(told(5).await, Vec::<String>::new());
        assert_eq!(told(10).await, ["archived_order delete 1"]);
        assert_eq!(archive(&app).await.unwrap(), []);
    }
}
