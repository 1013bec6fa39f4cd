//! How long the log is kept: its oldest entries go, and the head tells where it begins since.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PARTITION;
use super::chain::{self, ENTRIES, Entry, Head};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::retention::{self, Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Stored};

/// An entry of the audit log, and the part of it that an organisation reads. CNIL, délibération 2021-122: from six
/// months to a year.
pub const KEPT: Retention = Retention {
    what: "audit entry",
    term: Term::Years(1),
    from: "event",
    ground: Ground::LegalObligation,
    then: Then::Delete,
};

/// When the entry of an event must be gone, as the engine finds it.
pub(super) fn expiry(app: &App, at: Timestamp) -> Option<Timestamp> {
    retention::expiry(app.settings.retention.end(&KEPT, at))
}

/// Entries of the chain, for the retention engine.
#[derive(Debug)]
pub struct Entries;

#[async_trait]
impl Kept for Entries {
    fn collection(&self) -> &'static str {
        ENTRIES
    }

    fn at_once(&self) -> usize {
        1
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        _: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let (head, expect) = chain::head(app).await?;
        // From the beginning alone: a gap would look like an entry taken out. And never the last, on which the next
        // one builds.
        let number = address.key.parse::<u64>().unwrap_or_default();
        if number != head.removed + 1 || number == head.last {
            return Ok(None);
        }
        let entry: Entry = records::decode(address, &stored.body)?;
        let mut batch = Batch::new(PARTITION).delete(ENTRIES, &address.key, Expect::Version(stored.version));
        let head = Head { removed: number, removed_digest: entry.digest, ..head };
        chain::put_head(app, &mut batch, head, expect)?;
        Ok(Some(Ended { by: &KEPT, batch }))
    }
}
