//! How long an account is kept, and how it goes.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{ACCOUNTS, Account, Owner, reservation, sessions};
use crate::app::App;
use crate::email::Email;
use crate::records::{self, KEYS, RecordError};
use crate::retention::{self, Ended, Ground, Kept, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, StoreError, Stored};

/// An account that nobody signed in to.
pub const LAPSED: Retention = Retention {
    what: "account",
    term: Term::Years(5),
    from: "last contact",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// When an account must be gone.
fn ends(app: &App, account: &Account) -> Timestamp {
    app.settings.retention.end(&LAPSED, account.seen.unwrap_or(account.created))
}

/// Whether it should be gone already.
pub(super) fn has_lapsed(app: &App, account: &Account) -> bool {
    ends(app, account) <= app.clock.now()
}

pub(super) fn expiry(app: &App, account: &Account) -> Option<Timestamp> {
    retention::expiry(ends(app, account))
}

/// Accounts, for the retention engine.
#[derive(Debug)]
pub struct Accounts;

#[async_trait]
impl Kept for Accounts {
    fn collection(&self) -> &'static str {
        ACCOUNTS
    }

    async fn end(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        _: Timestamp,
    ) -> Result<Option<Ended>, RecordError> {
        let id = &address.key;
        if let Some((account, _)) = records::read_sealed::<Account>(app, address, id).await? {
            release(app, &account).await?;
        }
        let batch = Batch::new(&address.partition)
            .delete(ACCOUNTS, id, Expect::Version(stored.version))
            .delete(KEYS, id, Expect::Anything)
            .delete(sessions::GENERATIONS, id, Expect::Anything);
        Ok(Some(Ended { by: &LAPSED, batch }))
    }
}

/// Lets another account have the address.
async fn release(app: &App, account: &Account) -> Result<(), RecordError> {
    let Ok(email) = Email::parse(&account.email) else { return Ok(()) };
    let address = reservation(app, &email);
    let Some((owner, version)) = records::read_plain::<Owner>(app, &address).await? else { return Ok(()) };
    if owner.account != account.id {
        return Ok(());
    }
    let batch =
        Batch::new(&address.partition).delete(address.collection, &address.key, Expect::Version(version));
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::accounts;
    use crate::retention::run;
    use crate::testing;

    #[tokio::test]
    async fn p_retention_an_account_goes_five_years_after_its_last_sign_in_and_frees_its_address() {
        let folder = tempfile::tempdir().unwrap();
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let kept: [&dyn Kept; 1] = [&Accounts];
        let email = Email::parse("a@example.com").unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "a@example.com").await;
        drop(app);
        let app = std::sync::Arc::new(testing::app(folder.path(), days(4 * 365)).await);
        let form = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL";
        let answer = testing::post(&app, "/compte/connexion", &http::HeaderMap::new(), form).await;
        assert_eq!(answer.status(), 303, "signing in is a contact");
        let now = app.clock.now();
        assert_eq!(run(&app, &kept, now + days(5 * 365 - 2)).await.unwrap(), []);
        assert!(accounts::find(&app, &email).await.unwrap().is_some());
        let done = run(&app, &kept, now + days(5 * 365 + 3)).await.unwrap();
        assert_eq!((done[0].what.as_str(), done[0].count), ("account", 1));
        assert!(accounts::find(&app, &email).await.unwrap().is_none());
        assert_eq!(app.store.read(&reservation(&app, &email)).await.unwrap(), None);
    }
}
