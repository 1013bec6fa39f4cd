//! How long a calculation is kept, and how it goes: its head, inputs, chunks, outcome, place in the queue and key
//! together.

use async_trait::async_trait;
use jiff::Timestamp;

use super::chunks;
use super::records::{HEADS, INPUTS, OUTCOMES, QUEUE};
use crate::app::App;
use crate::blobs;
use crate::records::{KEYS, RecordError};
use crate::retention::{Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Stored};

/// A calculation with its inputs and outcome (`p-delete-6-months`).
pub const CALCULATION: Retention = Retention {
    what: "calculation",
    term: Term::Months(6),
    from: "recording",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// Calculations, for the retention engine.
#[derive(Debug)]
pub struct Calculated;

#[async_trait]
impl Kept for Calculated {
    fn collection(&self) -> &'static str {
        HEADS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        _now: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        app.calculations.jobs.stop(&address.key);
        let mut batch = all_of(&address.partition, &address.key, Expect::Version(stored.version));
        chunks::remove_all(app, &mut batch, &address.key).await?;
        blobs::remove_all(app, &mut batch, &address.key).await?;
        Ok(Some(Ended { by: &CALCULATION, batch }))
    }
}

/// The removal of all that is kept of a calculation but its chunks and its contents.
pub(super) fn all_of(organisation: &str, id: &str, head: Expect) -> Batch {
    let batch = Batch::new(organisation).delete(HEADS, id, head);
    [INPUTS, OUTCOMES, QUEUE, KEYS]
        .into_iter()
        .fold(batch, |batch, collection| batch.delete(collection, id, Expect::Anything))
}
