//! The entries of some days to the letter, for whoever computes the chain again elsewhere.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::chain::{self, ENTRIES, PAGE, digest, name, read};
use super::{Anchor, Event, PARTITION};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::Address;

/// An entry's number, its event's JSON, and its digest.
pub type Letter = (u64, String, String);

/// The digest before the first entry of some days, and all entries from it to the last one of them: a chain has no gaps,
/// whatever the clocks of those who noted.
///
/// # Errors
/// [`RecordError`].
pub async fn extract(app: &App, from: Date, to: Date) -> Result<(String, Vec<Letter>), RecordError> {
    chain::settle(app).await?;
    let (head, _) = chain::head(app).await?;
    let (mut behind, mut before) = (head.removed, head.removed_digest);
    let mut found: Vec<Letter> = Vec::new();
    let mut last = 0;
    loop {
        let entries = read(app, behind, PAGE).await?;
        let Some((end, _)) = entries.last() else { break };
        behind = *end;
        for (number, entry) in entries {
            let address = Address::new(ENTRIES, PARTITION, name(number));
            let event: Event = records::decode(&address, entry.event.as_bytes())?;
            let day = event.at.to_zoned_datetime(TimeZone::UTC).date();
            let within = from <= day && day <= to;
            if found.is_empty() && !within {
                before = entry.digest;
                continue;
            }
            found.push((number, entry.event, entry.digest));
            if within {
                last = found.len();
            }
        }
    }
    found.truncate(last);
    Ok((before, found))
}

/// Whether an entry follows from the digest of the one before.
pub fn follows(before: &str, entry: &Anchor, event: &str) -> bool {
    digest(before, entry.number, event) == entry.digest
}
