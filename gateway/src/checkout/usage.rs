//! Calculations that are counted, by subscription and period: before they are done, so that none is done past what
//! may be.

use serde::{Deserialize, Serialize};

use super::order::{Counted, Plan};
use crate::app::App;
use crate::records::{self, Document, RecordError, sound};
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::web::WebError;

/// Counters, in their organisation's partition.
pub(super) const USAGE: &str = "usage";
/// Others who count at once, before one is asked to come again.
const TRIES: usize = 64;

/// How many were done, and whether what is past the price was billed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counter {
    pub(super) count: u32,
    #[serde(default)]
    pub(super) billed: bool,
}

impl Document for Counter {}

/// A calculation that was counted.
#[derive(Debug)]
#[must_use = "what does not come about is taken back"]
pub struct Meter(Option<(String, String)>);

/// Counts a calculation, unless a plan opens the module without counting.
///
/// # Errors
/// [`WebError::PaymentRequired`] when everything that may be had was had.
pub async fn meter(app: &App, organisation: &str, plans: &[Plan], module: &str) -> Result<Meter, WebError> {
    let now = app.clock.now();
    let mut open = plans.iter().filter(|plan| plan.opens(module, now));
    if open.clone().any(|plan| plan.counted.is_none()) {
        return Ok(Meter(None));
    }
    // What is included anywhere comes before what is billed.
    for beyond in [false, true] {
        for counted in open.clone().filter_map(|plan| plan.counted.as_ref()) {
            if beyond && !counted.beyond {
                continue;
            }
            if add(app, organisation, counted, beyond).await? {
                return Ok(Meter(Some((organisation.to_owned(), counted.counter.clone()))));
            }
        }
    }
    match open.next() {
        Some(_) => Err(WebError::PaymentRequired),
        // Nothing opens it, which is told elsewhere.
        None => Ok(Meter(None)),
    }
}

impl Meter {
    /// Takes it back: the calculation was refused.
    ///
    /// # Errors
    /// [`WebError`].
    pub async fn take_back(self, app: &App) -> Result<(), WebError> {
        let Some((organisation, counter)) = self.0 else { return Ok(()) };
        change(app, &organisation, &counter, |count| Some(count.saturating_sub(1))).await.map(drop)
    }
}

/// Counts a calculation in the batch that records it, unless a plan opens the module without counting; the counter.
/// On a conflict the whole is to be done again.
///
/// # Errors
/// [`WebError::PaymentRequired`] when everything that may be had was had.
pub async fn count_in(
    app: &App,
    organisation: &str,
    plans: &[Plan],
    module: &str,
    batch: &mut Batch,
) -> Result<Option<String>, WebError> {
    let now = app.clock.now();
    let open: Vec<&Plan> = plans.iter().filter(|plan| plan.opens(module, now)).collect();
    if open.is_empty() || open.iter().any(|plan| plan.counted.is_none()) {
        return if open.is_empty() { Err(WebError::PaymentRequired) } else { Ok(None) };
    }
    for beyond in [false, true] {
        for counted in open.iter().filter_map(|plan| plan.counted.as_ref()) {
            if beyond && !counted.beyond {
                continue;
            }
            let next = |count: u32| (beyond || count < counted.included).then(|| count.saturating_add(1));
            if put_next(app, organisation, &counted.counter, next, batch).await? {
                return Ok(Some(counted.counter.clone()));
            }
        }
    }
    Err(WebError::PaymentRequired)
}

/// Takes a counted calculation back, in the batch that ends it without a result.
///
/// # Errors
/// [`WebError`].
pub async fn uncount_in(
    app: &App,
    organisation: &str,
    counter: &str,
    batch: &mut Batch,
) -> Result<(), WebError> {
    put_next(app, organisation, counter, |count| Some(count.saturating_sub(1)), batch).await.map(drop)
}

/// How many were done in a period.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn of(
    app: &App,
    organisation: &str,
    counter: &str,
) -> Result<Option<(Counter, u64)>, RecordError> {
    records::read_plain(app, &Address::new(USAGE, organisation, counter)).await
}

/// How many of the calculations that a plan counts were done in its period.
///
/// # Errors
/// [`RecordError`].
pub async fn used(app: &App, organisation: &str, counted: &Counted) -> Result<u32, RecordError> {
    Ok(of(app, organisation, &counted.counter).await?.map_or(0, |(counter, _)| counter.count))
}

/// The counters of a subscription, one for each period.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn all(
    app: &App,
    organisation: &str,
    subscription: &str,
) -> Result<Vec<(String, Counter)>, RecordError> {
    let (partition, prefix) = (Some(organisation.to_owned()), format!("{subscription}-"));
    let scan = Scan { collection: USAGE, partition, prefix, after: None, limit: super::PAGE };
    let page = app.store.scan(scan).await?;
    let decoded = page.documents.into_iter().map(|(address, stored)| {
        let counter = sound(records::decode(&address, &stored.body))?;
        Ok(counter.map(|counter| (address.key, counter)))
    });
    decoded.filter_map(Result::transpose).collect()
}

/// Notes that what is past the price was billed.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn billed(app: &App, organisation: &str, counter: &str) -> Result<(), RecordError> {
    let Some((counted, _)) = of(app, organisation, counter).await? else { return Ok(()) };
    let mut batch = Batch::new(organisation);
    let billed = Counter { billed: true, ..counted };
    let gone = Some(app.settings.retention.end(&super::ORDER, app.clock.now()));
    records::put_plain(&mut batch, USAGE, counter, Expect::Anything, &billed, gone)?;
    Ok(app.store.commit(batch).await?)
}

async fn add(app: &App, organisation: &str, counted: &Counted, beyond: bool) -> Result<bool, WebError> {
    change(app, organisation, &counted.counter, |count| {
        (beyond || count < counted.included).then(|| count.saturating_add(1))
    })
    .await
}

async fn change(
    app: &App,
    organisation: &str,
    counter: &str,
    next: impl Fn(u32) -> Option<u32>,
) -> Result<bool, WebError> {
    for _ in 0..TRIES {
        let mut batch = Batch::new(organisation);
        if !put_next(app, organisation, counter, &next, &mut batch).await? {
            return Ok(false);
        }
        match app.store.commit(batch).await {
            Ok(()) => return Ok(true),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable(format!("the counter {counter} is written by too many at once")))
}

/// Puts the next count of a counter into a batch, if there is one.
async fn put_next(
    app: &App,
    organisation: &str,
    counter: &str,
    next: impl Fn(u32) -> Option<u32>,
    batch: &mut Batch,
) -> Result<bool, WebError> {
    let (before, expect) = match of(app, organisation, counter).await? {
        Some((counter, version)) => (counter, Expect::Version(version)),
        None => (Counter::default(), Expect::Absent),
    };
    let Some(count) = next(before.count) else { return Ok(false) };
    let gone = Some(app.settings.retention.end(&super::ORDER, app.clock.now()));
    records::put_plain(batch, USAGE, counter, expect, &Counter { count, ..before }, gone)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::order::PlanSource;
    use super::*;
    use crate::config::Period;
    use crate::testing;

    fn counted(included: u32, beyond: bool) -> Plan {
        let from = jiff::Timestamp::UNIX_EPOCH;
        let mut plan = Plan::of("a", "ifc", Period::Once, from, PlanSource::Order);
        plan.counted = Some(Counted { counter: "sub_1-0".into(), included, beyond });
        plan
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_twenty_calculations_at_once_those_that_are_paid_for_are_done() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let asked = (0..20).map(|_| {
            let app = Arc::clone(&app);
            tokio::spawn(async move { meter(&app, "org_1", &[counted(7, false)], "ifc").await.map(drop) })
        });
        let mut done = 0;
        for asked in asked.collect::<Vec<_>>() {
            match asked.await.unwrap() {
                Ok(()) => done += 1,
                Err(WebError::PaymentRequired) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(done, 7);
        assert_eq!(of(&app, "org_1", "sub_1-0").await.unwrap().unwrap().0.count, 7);
    }

    #[tokio::test]
    async fn past_the_price_it_goes_on_where_more_is_billed_and_what_is_refused_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let plans = [counted(1, true)];
        for _ in 0..2 {
            let _counted = meter(&app, "org_1", &plans, "ifc").await.unwrap();
        }
        meter(&app, "org_1", &plans, "ifc").await.unwrap().take_back(&app).await.unwrap();
        assert_eq!(of(&app, "org_1", "sub_1-0").await.unwrap().unwrap().0.count, 2);
        let free = Plan { counted: None, ..counted(0, false) };
        let _uncounted = meter(&app, "org_1", &[counted(1, true), free], "ifc").await.unwrap();
        assert_eq!(of(&app, "org_1", "sub_1-0").await.unwrap().unwrap().0.count, 2);
    }
}
