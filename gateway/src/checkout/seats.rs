//! Who sits in the seats that an order has paid for. There are never more people than seats, whoever comes at once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::order::Plan;
use super::{PLANS, plans};
use crate::app::App;
use crate::audit::{self, Event};
use crate::records::{self, Document, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};

/// The people of an order, by the order's name.
pub(super) const SEATS: &str = "seats";
/// Others who sit down at once, before one is asked to come again.
const TRIES: usize = 32;

/// Who sits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) accounts: BTreeSet<String>,
}

impl Document for Held {}

/// Why somebody does not sit.
#[derive(Debug, thiserror::Error)]
pub(super) enum SeatError {
    /// Every seat is taken.
    #[error("every seat is taken")]
    Full,
    /// No plan with seats of this name.
    #[error("no seats of this name")]
    Unknown,
    /// Too many come and go at once.
    #[error("too many come and go at once")]
    Busy,
    /// The store.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Who sits in the seats of an order.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn holders(
    app: &App,
    organisation: &str,
    order: &str,
) -> Result<BTreeSet<String>, RecordError> {
    let found = records::read_plain::<Held>(app, &Address::new(SEATS, organisation, order)).await?;
    Ok(found.map(|(held, _)| held.accounts).unwrap_or_default())
}

/// Gives somebody a seat; a second time it changes nothing.
///
/// # Errors
/// [`SeatError`].
pub(super) async fn take(app: &App, organisation: &str, order: &str, account: &str) -> Result<(), SeatError> {
    change(app, organisation, order, "seat given", |plan, accounts| {
        let seats = usize::try_from(plan.seats.ok_or(SeatError::Unknown)?).unwrap_or(usize::MAX);
        if accounts.insert(account.to_owned()) && accounts.len() > seats {
            return Err(SeatError::Full);
        }
        Ok(())
    })
    .await
}

/// Frees somebody's seat.
///
/// # Errors
/// [`SeatError`].
pub(super) async fn leave(
    app: &App,
    organisation: &str,
    order: &str,
    account: &str,
) -> Result<(), SeatError> {
    change(app, organisation, order, "seat freed", |_, accounts| {
        accounts.remove(account);
        Ok(())
    })
    .await
}

/// A batch that frees, with the rest, every seat that somebody has in its organisation.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn free_all(app: &App, mut batch: Batch, account: &str) -> Result<Batch, RecordError> {
    let organisation = batch.partition.clone();
    for (order, _) in plans::named(app, &organisation).await? {
        let found = records::read_plain::<Held>(app, &Address::new(SEATS, &organisation, &order)).await?;
        let Some((mut held, version)) = found else { continue };
        if held.accounts.remove(account) {
            records::put_plain(&mut batch, SEATS, &order, Expect::Version(version), &held, None)?;
            audit::note(&mut batch, &Event::new(app, "seat freed", &order).concerning(&organisation))?;
        }
    }
    Ok(batch)
}

async fn change(
    app: &App,
    organisation: &str,
    order: &str,
    action: &str,
    act: impl Fn(&Plan, &mut BTreeSet<String>) -> Result<(), SeatError>,
) -> Result<(), SeatError> {
    for _ in 0..TRIES {
        let plan = records::read_plain::<Plan>(app, &Address::new(PLANS, organisation, order)).await?;
        let Some((plan, plan_version)) = plan else { return Err(SeatError::Unknown) };
        let found = records::read_plain::<Held>(app, &Address::new(SEATS, organisation, order)).await?;
        let (before, expect) = match found {
            Some((held, version)) => (held, Expect::Version(version)),
            None => (Held::default(), Expect::Absent),
        };
        let mut held = before.clone();
        act(&plan, &mut held.accounts)?;
        if held == before {
            return Ok(());
        }
        let mut batch = Batch::new(organisation);
        records::put_plain(&mut batch, SEATS, order, expect, &held, None)?;
        // The number of seats must still be the one that was counted with.
        records::put_plain(&mut batch, PLANS, order, Expect::Version(plan_version), &plan, None)?;
        audit::note(&mut batch, &Event::new(app, action, order).concerning(organisation))?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(RecordError::from(error).into()),
        }
    }
    Err(SeatError::Busy)
}

/// The plans with seats, by order, and who sits in them.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn all(
    app: &App,
    organisation: &str,
) -> Result<Vec<(String, Plan, BTreeSet<String>)>, RecordError> {
    let mut found = Vec::new();
    for (name, plan) in plans::named(app, organisation).await? {
        if plan.seats.is_some() {
            let held = holders(app, organisation, &name).await?;
            found.push((name, plan, held));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::order::PlanSource;
    use super::*;
    use crate::config::Period;
    use crate::testing;

    async fn with_seats(app: &App, seats: u32) {
        let mut plan = Plan::of("ifc", "ifc", Period::Year, app.clock.now(), PlanSource::Order);
        plan.seats = Some(seats);
        let mut batch = Batch::new("org_1");
        records::put_plain(&mut batch, PLANS, "ord_1", Expect::Anything, &plan, None).unwrap();
        app.store.commit(batch).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_twelve_who_want_the_last_seat_at_once_one_sits() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        with_seats(&app, 3).await;
        for account in ["acc_a", "acc_b"] {
            take(&app, "org_1", "ord_1", account).await.unwrap();
        }
        let tries = (0..12).map(|n| {
            let app = Arc::clone(&app);
            tokio::spawn(async move { take(&app, "org_1", "ord_1", &format!("acc_{n}")).await })
        });
        let mut seated = 0;
        for tried in tries.collect::<Vec<_>>() {
            match tried.await.unwrap() {
                Ok(()) => seated += 1,
                Err(SeatError::Full) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!((seated, holders(&app, "org_1", "ord_1").await.unwrap().len()), (1, 3));
        leave(&app, "org_1", "ord_1", "acc_a").await.unwrap();
        take(&app, "org_1", "ord_1", "acc_late").await.unwrap();
    }

    #[tokio::test]
    async fn a_seat_opens_the_plan_to_its_holder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        with_seats(&app, 1).await;
        take(&app, "org_1", "ord_1", "acc_a").await.unwrap();
        take(&app, "org_1", "ord_1", "acc_a").await.unwrap();
        assert_eq!(super::super::plans_for(&app, "org_1", "acc_a").await.unwrap().len(), 1);
        assert_eq!(super::super::plans_for(&app, "org_1", "acc_b").await.unwrap().len(), 0);
        let away = take(&app, "org_2", "ord_1", "acc_c").await;
        assert!(matches!(away, Err(SeatError::Unknown)), "of another organisation");
    }
}
