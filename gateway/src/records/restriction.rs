//! Records whose holder asked that they be kept and not used (GDPR art. 18): a mark beside their key, and what each piece
//! of work reads for. Work that does not say so reads for our own ends, and what is restricted does not open to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Document, Place, RecordError, Shape, put_plain, read_plain};
use crate::app::App;
use crate::store::{Address, Batch, Change, Expect, Scan, StoreError, Write};

/// The collection of marks, each in the partition and under the name of the subject whose records it closes.
pub const RESTRICTIONS: &str = "restrictions";
const PAGE: usize = 500;
const TRIES: usize = 8;

/// What is kept of restrictions.
pub const SHAPES: &[Shape] = &[Shape::plain::<Restricted>(RESTRICTIONS)];

/// What records are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// For our own ends: what staff read and write, what is sent to readers, what is counted.
    OurEnds,
    /// For whoever they are about, who asks by signing in, by a key of theirs, by a link of a letter or in a form; and for
    /// those of their organisation in its area: what they do themselves is done with their consent (art. 18.2).
    TheirWish,
    /// To keep them: terms, copies, keys, damage (art. 18.2: storage).
    Storage,
    /// To answer what they asked about their data (art. 15 to 22).
    Rights,
    /// Because the law has us do it: invoices and payments, letters about a breach, the list of processors, proofs of how
    /// the policy is kept.
    Law,
}

/// That a subject's records are not used, by which requests and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Restricted {
    requests: BTreeMap<String, Timestamp>,
}

impl Document for Restricted {}

tokio::task_local! {
    static READING_FOR: Use;
}

/// Does some work, which reads records for this.
pub async fn reading_for<T>(ends: Use, work: impl Future<Output = T>) -> T {
    READING_FOR.scope(ends, work).await
}

/// Refuses to open what is restricted to work for our own ends.
///
/// # Errors
/// [`RecordError::Restricted`]; [`RecordError::Store`].
pub async fn check(app: &App, address: &Address, subject: &str) -> Result<(), RecordError> {
    let ends = READING_FOR.try_with(|ends| *ends).unwrap_or(Use::OurEnds);
    if ends != Use::OurEnds {
        return Ok(());
    }
    match app.store.read(&mark(&address.partition, subject)).await? {
        None => Ok(()),
        Some(_) => {
            metrics::counter!("records_restricted_total", "collection" => address.collection).increment(1);
            tracing::info!(record = %address, "a restricted record was asked for our own ends, and did not open");
            Err(RecordError::Restricted(address.to_string()))
        }
    }
}

/// Closes the records of a place to our own ends, for a request; a second time changes nothing.
///
/// # Errors
/// [`RecordError`].
pub async fn restrict(app: &App, place: &Place, request: &str, at: Timestamp) -> Result<(), RecordError> {
    for subject in &place.subjects {
        change(app, &mark(&place.partition, subject), |mark| {
            mark.requests.entry(request.to_owned()).or_insert(at);
        })
        .await?;
    }
    Ok(())
}

/// Opens again what a request had closed, unless another one still does.
///
/// # Errors
/// [`RecordError`].
pub async fn lift(app: &App, request: &str) -> Result<(), RecordError> {
    let mut after = None;
    loop {
        let scan =
            Scan { collection: RESTRICTIONS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            change(app, &address, |mark| {
                mark.requests.remove(request);
            })
            .await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Takes the mark of a subject that is erased into the batch.
pub(super) async fn forget(app: &App, batch: &mut Batch, subject: &str) -> Result<(), RecordError> {
    let mark = mark(&batch.partition, subject);
    if let Some(stored) = app.store.read(&mark).await? {
        let (key, expect) = (mark.key, Expect::Version(stored.version));
        batch.writes.push(Write { collection: RESTRICTIONS, key, expect, change: Change::Delete });
    }
    Ok(())
}

async fn change(app: &App, address: &Address, change: impl Fn(&mut Restricted)) -> Result<(), RecordError> {
    let mut tries = 0;
    loop {
        let found = read_plain::<Restricted>(app, address).await?;
        let (before, expect) = found.map_or((Restricted::default(), Expect::Absent), |(mark, version)| {
            (mark, Expect::Version(version))
        });
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let mut batch = Batch::new(&address.partition);
        if after.requests.is_empty() {
            batch = batch.delete(RESTRICTIONS, &address.key, expect);
        } else {
            put_plain(&mut batch, RESTRICTIONS, &address.key, expect, &after, None)?;
        }
        match app.store.commit(batch).await {
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            other => return Ok(other?),
        }
    }
}

fn mark(partition: &str, subject: &str) -> Address {
    Address::new(RESTRICTIONS, partition, subject)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::records::{Place, put_sealed, read_sealed, sound, subject_key};
    use crate::testing;

    async fn kept(app: &App) -> (Address, Place) {
        let address = Address::new("subscribers", "newsletter-aa", "aab");
        let mut batch = Batch::new("newsletter-aa");
        let key = subject_key(app, "newsletter-aa", "aab", &mut batch).await.unwrap();
        put_sealed(&mut batch, &key, "subscribers", "aab", Expect::Absent, &7_u32, None).unwrap();
        app.store.commit(batch).await.unwrap();
        (address, Place::of("newsletter-aa".into(), "aab".into()))
    }

    #[tokio::test]
    async fn p_rights_what_is_restricted_opens_to_whoever_says_what_the_law_leaves_and_to_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let (address, place) = kept(&app).await;
        let read = || read_sealed::<u32>(&app, &address, "aab");
        assert_eq!(read().await.unwrap().unwrap().0, 7);
        restrict(&app, &place, "dem_1", app.clock.now()).await.unwrap();
        // Nothing said, or for our own ends within something else: it stays closed.
        for refused in [
            read().await,
            reading_for(Use::OurEnds, read()).await,
            reading_for(Use::Law, reading_for(Use::OurEnds, read())).await,
        ] {
            assert!(
                matches!(&refused, Err(RecordError::Restricted(at)) if at.contains("aab")),
                "{refused:?}"
            );
            assert!(sound(refused).unwrap().is_none(), "a list goes on without it");
        }
        for ends in [Use::TheirWish, Use::Storage, Use::Rights, Use::Law] {
            assert_eq!(reading_for(ends, read()).await.unwrap().unwrap().0, 7, "{ends:?}");
        }
    }

    #[tokio::test]
    async fn a_restriction_holds_until_the_last_request_for_it_is_lifted() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let (address, place) = kept(&app).await;
        for request in ["dem_1", "dem_2", "dem_1"] {
            restrict(&app, &place, request, app.clock.now()).await.unwrap();
        }
        let opens = async || read_sealed::<u32>(&app, &address, "aab").await.is_ok();
        for (request, open) in [("dem_1", false), ("dem_3", false), ("dem_2", true), ("dem_2", true)] {
            lift(&app, request).await.unwrap();
            assert_eq!(opens().await, open, "{request}");
        }
        assert!(app.store.read(&mark("newsletter-aa", "aab")).await.unwrap().is_none());
    }
}
