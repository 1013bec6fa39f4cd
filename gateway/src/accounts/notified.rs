//! Letters that anybody can have us send by typing an address: so many an hour to each, and the same writes to the
//! store whether or not an account has the address, so that neither answer nor time tells it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::accounts::reservation;
use crate::app::App;
use crate::email::Email;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};

pub(super) const NOTIFIED: &str = "account_letters";
/// Letters an hour to one address.
const LETTERS: u32 = 5;
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const TRIES: usize = 5;

/// The letters that were asked for to an address, within an hour of the first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Notified {
    since: Timestamp,
    letters: u32,
}

impl records::Document for Notified {}

/// Whether one more letter may go to an address; it is counted.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn may_write(app: &App, email: &Email) -> Result<bool, RecordError> {
    let address = Address { collection: NOTIFIED, ..reservation(app, email) };
    let now = app.clock.now();
    for _ in 0..TRIES {
        let before = records::read_plain::<Notified>(app, &address).await?;
        let (Notified { since, letters }, expect) = match before {
            Some((notified, version)) => (notified, Expect::Version(version)),
            None => (Notified { since: now, letters: 0 }, Expect::Absent),
        };
        let notified = Notified { since, letters: letters.saturating_add(1) };
        let mut batch = Batch::new(&address.partition);
        let end = since.saturating_add(HOUR).unwrap_or(Timestamp::MAX);
        records::put_plain(&mut batch, NOTIFIED, &address.key, expect, &notified, Some(end))?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(letters < LETTERS),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // So many at once are no person's.
    Ok(false)
}

/// A write as dear as a letter's, of nothing.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn write_nothing(app: &App, email: &Email) -> Result<(), RecordError> {
    let address = reservation(app, email);
    let end = app.clock.now().saturating_add(HOUR).unwrap_or(Timestamp::MAX);
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, "account_silence", &address.key, Expect::Anything, &(), Some(end))?;
    Ok(app.store.commit(batch).await?)
}
