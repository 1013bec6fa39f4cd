//! Staff takes away the second factor of whoever lost telephone and codes, once they have made sure who asks: with a
//! reason that the audit log keeps, a letter to the holder, and the end of every session.

use serde_json::json;

use crate::accounts::{self, Account, sessions};
use crate::app::App;
use crate::audit::{self, Event};
use crate::email::Email;
use crate::outbox;
use crate::records::RecordError;
use crate::store::{Batch, StoreError};

/// The longest reason, in characters.
const REASON: usize = 200;
const TRIES: usize = 5;

/// Why no second factor was taken away.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Nobody has the address.
    #[error("no account has this address; see `aops admin account list`")]
    NoAccount,
    /// There is none.
    #[error("this account has no second factor")]
    None,
    /// No reason, or too long a one.
    #[error("a reason has from 1 to {REASON} characters on one line; name the request, not what it says")]
    Reason,
    /// The store.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The account is written by others all the time.
    #[error("the account was written by others at the same moment; try again")]
    Busy,
}

/// Takes away the second factor of an account; answers the account's id.
///
/// # Errors
/// [`NotTaken`]; nothing was written.
pub async fn take_away(app: &App, email: &Email, reason: &str) -> Result<String, NotTaken> {
    let reason = reason.trim();
    if !(1..=REASON).contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
        return Err(NotTaken::Reason);
    }
    for _ in 0..TRIES {
        let found = accounts::find(app, email).await?.ok_or(NotTaken::NoAccount)?;
        let found = accounts::versioned(app, &found.organisation, &found.id).await?;
        let (account, version) = found.ok_or(NotTaken::NoAccount)?;
        if !account.has_second_factor() {
            return Err(NotTaken::None);
        }
        let account = Account { second_factor: None, ..account };
        let mut batch = Batch::new(&account.organisation);
        let key = accounts::put(app, &mut batch, &account, version).await?;
        sessions::end_all(app, &mut batch, &account.id).await?;
        let taken = Event::of(app, &account, "second factor removed", &account.id);
        audit::note(&mut batch, &Event { reason: Some(reason.to_owned()), ..taken })?;
        let context = json!({ "what": "taken_away" });
        let letter = accounts::letter(&account, "second_facteur", account.language, context);
        outbox::enqueue(app, &mut batch, &key, &letter)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return Ok(account.id);
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(RecordError::from(error).into()),
        }
    }
    Err(NotTaken::Busy)
}
