//! How long data sets are kept, and how they go: six calendar months (`p-delete-6-months`), whole and with their key.

use async_trait::async_trait;
use jiff::Timestamp;

use super::document::{DATASETS, Dataset};
use super::keep::gone;
use crate::app::App;
use crate::blobs;
use crate::records::{self, RecordError};
use crate::retention::{Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Stored};

/// Data loaded for calculations.
pub const KEPT: Retention = Retention {
    what: "calculation data",
    term: Term::Months(6),
    from: "recording",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// Data sets, for the retention engine.
#[derive(Debug)]
pub struct Datasets;

#[async_trait]
impl Kept for Datasets {
    fn collection(&self) -> &'static str {
        DATASETS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let id = &address.key;
        let read = records::read_sealed::<Dataset>(app, address, id).await;
        let dataset = records::sound(read)?.flatten().map(|(dataset, _)| dataset);
        if dataset.as_ref().is_some_and(|dataset| dataset.ends(&app.settings.retention) > now) {
            return Ok(None);
        }
        let mut batch = Batch::new(&address.partition);
        gone(app, &mut batch, id, Expect::Version(stored.version)).await?;
        // Those of a head that does not open as well.
        blobs::remove_all(app, &mut batch, id).await?;
        Ok(Some(Ended { by: &KEPT, batch }))
    }
}
