//! What an organisation reads of the log: its own part, the newest first, in its own partition.

use super::{Event, kept};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::retention;
use crate::store::{Address, Batch, Expect, Scan, StoreError};

pub(super) const TRAIL: &str = "audit_trail";
/// Events told at once.
const PAGE: usize = 50;

/// A piece of an organisation's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The events, the newest first.
    pub events: Vec<Event>,
    /// Where the older ones begin, if there are any.
    pub older: Option<String>,
}

/// Leaves an organisation an entry of the chain; a second time it changes nothing.
pub(super) async fn leave(
    app: &App,
    organisation: &str,
    number: u64,
    event: &Event,
) -> Result<(), RecordError> {
    // Scans go upwards: the newest has the least name.
    let name = format!("{:020}", u64::MAX - number);
    let mut batch = Batch::new(organisation);
    let expires = kept::expiry(app, event.at).map(retention::end_of);
    records::put_plain(&mut batch, TRAIL, &name, Expect::Absent, event, expires)?;
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// An organisation's part, behind `older` as an earlier piece told it.
///
/// # Errors
/// [`RecordError`].
pub async fn part(app: &App, organisation: &str, older: Option<&str>) -> Result<Part, RecordError> {
    let scan = Scan {
        collection: TRAIL,
        partition: Some(organisation.to_owned()),
        prefix: String::new(),
        after: older.map(|name| Address::new(TRAIL, organisation, name)),
        limit: PAGE,
    };
    let page = app.store.scan(scan).await?;
    let older = page.next.map(|address| address.key);
    let decoded = page.documents.into_iter().map(|(address, stored)| records::decode(&address, &stored.body));
    Ok(Part { events: decoded.collect::<Result<_, _>>()?, older })
}
