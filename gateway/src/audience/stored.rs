//! Totals in the store: one document a day, gone 25 months later (CNIL, exemption of audience measurement).

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Measure;
use super::visits::{Counts, MOST_HOSTS, OTHERS};
use crate::app::App;
use crate::records::{self, RecordError, Shape};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

const AUDIENCE: &str = "audience";
const PAGE: usize = 500;
/// Another gateway may have added to the day meanwhile; so often it is tried again.
const TRIES: usize = 5;

/// Totals of visits.
const KEPT: Retention = Retention {
    what: "audience figures",
    term: Term::Months(25),
    from: "the day counted",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};

/// A day's totals by measure and value.
type Day = BTreeMap<Measure, BTreeMap<String, u64>>;

impl records::Document for Day {}

/// What is kept of visits.
pub const SHAPES: &[Shape] = &[Shape::plain::<Day>(AUDIENCE)];

/// One total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The day in Paris.
    pub day: Date,
    /// What was counted.
    pub measure: Measure,
    /// Of which kind; empty where there is one kind.
    pub value: String,
    /// How many.
    pub count: u64,
}

/// Adds totals to those stored.
///
/// # Errors
/// What was not added, and why.
pub(super) async fn add(app: &App, mut counts: Counts) -> Result<(), (Counts, RecordError)> {
    while let Some((day, totals)) = counts.pop_first() {
        if let Err(error) = add_day(app, day, &totals).await {
            counts.insert(day, totals);
            return Err((counts, error));
        }
    }
    Ok(())
}

async fn add_day(app: &App, day: Date, totals: &Day) -> Result<(), RecordError> {
    let address = address(day);
    let ends =
        day.to_zoned_datetime(TimeZone::UTC).map_or(jiff::Timestamp::MAX, |day| KEPT.end(day.timestamp()));
    let mut tries = 0;
    loop {
        let (mut stored, expect) = match records::read_plain::<Day>(app, &address).await? {
            Some((stored, version)) => (stored, Expect::Version(version)),
            None => (Day::new(), Expect::Absent),
        };
        for (measure, values) in totals {
            let own = stored.entry(*measure).or_default();
            for (value, count) in values {
                let full = *measure == Measure::Referrer && own.len() >= MOST_HOSTS;
                let value = if full && !own.contains_key(value) { OTHERS } else { value };
                *own.entry(value.to_owned()).or_default() += count;
            }
        }
        let mut batch = Batch::new(&address.partition);
        records::put_plain(&mut batch, AUDIENCE, &address.key, expect, &stored, Some(ends))?;
        tries += 1;
        match app.store.commit(batch).await {
            Err(StoreError::Conflict(_)) if tries < TRIES => {}
            other => return Ok(other?),
        }
    }
}

/// Every total of the days from `from` to `to`, both included, in order.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App, from: Option<Date>, to: Option<Date>) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { collection: AUDIENCE, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let Ok(day) = address.key.parse::<Date>() else { continue };
            if from.is_some_and(|from| day < from) || to.is_some_and(|to| day > to) {
                continue;
            }
            for (measure, values) in records::decode::<Day>(&address, &stored.body)? {
                let line = |(value, count)| Line { day, measure, value, count };
                lines.extend(values.into_iter().map(line));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    lines.sort_by(|a, b| (a.day, a.measure, &a.value).cmp(&(b.day, b.measure, &b.value)));
    Ok(lines)
}

fn address(day: Date) -> Address {
    Address::new(AUDIENCE, AUDIENCE, day.to_string())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::testing;

    fn counts(day: &str, path: &str, count: u64) -> Counts {
        let values = BTreeMap::from([(path.to_owned(), count)]);
        Counts::from([(day.parse().unwrap(), Day::from([(Measure::Page, values)]))])
    }

    #[tokio::test]
    async fn the_hosts_of_a_day_are_bounded_however_often_they_are_stored() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let day = app.clock.now().to_zoned_datetime(TimeZone::UTC).date();
        for part in 0..3 {
            let hosts = (0..MOST_HOSTS / 2).map(|n| (format!("h{part}-{n}.example"), 1)).collect();
            let counts = Counts::from([(day, Day::from([(Measure::Referrer, hosts)]))]);
            assert!(add(&app, counts).await.is_ok());
        }
        let lines = list(&app, None, None).await.unwrap();
        assert_eq!(lines.len(), MOST_HOSTS + 1);
        assert_eq!(lines.iter().find(|line| line.value == OTHERS).unwrap().count, MOST_HOSTS as u64 / 2);
    }

    #[tokio::test]
    async fn totals_add_up_and_are_gone_after_25_months() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let today = app.clock.now().to_zoned_datetime(TimeZone::UTC).date().to_string();
        for _ in 0..2 {
            assert!(add(&app, counts(&today, "/", 3)).await.is_ok());
        }
        let lines = list(&app, None, None).await.unwrap();
        assert_eq!((lines.len(), lines[0].count, lines[0].measure), (1, 6, Measure::Page));
        let tomorrow = today.parse::<Date>().unwrap().tomorrow().unwrap();
        assert!(list(&app, Some(tomorrow), None).await.unwrap().is_empty());
        drop(app);
        let kept = testing::app(folder.path(), SignedDuration::from_hours(24 * 30 * 24)).await;
        assert_eq!(list(&kept, None, None).await.unwrap().len(), 1);
        drop(kept);
        let later = testing::app(folder.path(), SignedDuration::from_hours(24 * 31 * 26)).await;
        assert!(list(&later, None, None).await.unwrap().is_empty());
    }
}
