//! How long an account is kept, and how it goes.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use super::{
    ACCOUNTS, Account, Owner, address, devices, duties, letter, passkeys, people, reservation, sessions,
    sign_up, strays,
};
use crate::app::App;
use crate::email::Email;
use crate::outbox;
use crate::records::{self, KEYS, RESTRICTIONS, RecordError};
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
            let_go(app, &account).await?;
        }
        Ok(Some(Ended { by: &LAPSED, batch: ending(app, address, stored).await? }))
    }

    async fn strays(&self, app: &App) -> Result<Option<(&'static str, u64)>, RecordError> {
        Ok(Some(("orphaned_reservation", strays::remove(app).await?)))
    }

    /// Its holder is told a month before: to sign in is to stay.
    async fn warn(
        &self,
        app: &App,
        address: &Address,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<bool, RecordError> {
        if !app.settings.retention.warn(&LAPSED) {
            return Ok(false);
        }
        let found = records::read_sealed::<Account>(app, address, &address.key).await?;
        let Some((account, _)) = found else { return Ok(false) };
        if account.warned.is_some() || !account.verified {
            return Ok(false);
        }
        let account = Account { warned: Some(now), ..account };
        let mut batch = Batch::new(&address.partition);
        let key = records::subject_key(app, &address.partition, &account.id, &mut batch).await?;
        let (expect, expires) = (Expect::Version(stored.version), expiry(app, &account));
        records::put_sealed(&mut batch, &key, ACCOUNTS, &account.id, expect, &account, expires)?;
        let link = sign_up::link(app, "/compte/connexion", account.language);
        let context = json!({ "link": link, "until": ends(app, &account).to_string() });
        let letter = letter(&account, "compte_echeance", account.language, context);
        outbox::enqueue(app, &mut batch, &key, &letter)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                Ok(true)
            }
            // They signed in meanwhile.
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What ends an account in its partition. Where others write it at the same moment it ends nothing, so that its
/// addresses and passkeys are [let go](let_go) after it.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn ending(app: &App, address: &Address, stored: &Stored) -> Result<Batch, RecordError> {
    let id = &address.key;
    let batch = Batch::new(&address.partition)
        .delete(ACCOUNTS, id, Expect::Version(stored.version))
        .delete(KEYS, id, Expect::Anything)
        .delete(RESTRICTIONS, id, Expect::Anything)
        .delete(devices::DEVICES, id, Expect::Anything)
        .delete(duties::DUTIES, id, Expect::Anything)
        .delete(sessions::GENERATIONS, id, Expect::Anything);
    people::forget(app, batch, id).await
}

/// Lets other accounts have its addresses and its passkeys.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn let_go(app: &App, account: &Account) -> Result<(), RecordError> {
    release(app, account).await?;
    passkeys::release(app, &account.passkeys).await
}

/// Lets other accounts have its addresses.
async fn release(app: &App, account: &Account) -> Result<(), RecordError> {
    for email in Email::parse(&account.email).iter().chain(address::reserved(account)) {
        release_one(app, account, email).await?;
    }
    Ok(())
}

async fn release_one(app: &App, account: &Account, email: &Email) -> Result<(), RecordError> {
    let address = reservation(app, email);
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

    const FORM: &str = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL";

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
        let answer = testing::post(&app, "/compte/connexion", &http::HeaderMap::new(), FORM).await;
        assert_eq!(answer.status(), 303, "signing in is a contact");
        let now = app.clock.now();
        assert_eq!(run(&app, &kept, now + days(5 * 365 - 32)).await.unwrap(), []);
        assert!(accounts::find(&app, &email).await.unwrap().is_some());
        let done = run(&app, &kept, now + days(5 * 365 + 3)).await.unwrap();
        assert_eq!((done[0].what.as_str(), done[0].count), ("account", 1));
        assert!(accounts::find(&app, &email).await.unwrap().is_none());
        assert_eq!(app.store.read(&reservation(&app, &email)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn p_retention_a_holder_is_told_once_before_the_account_goes_and_signing_in_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let kept: [&dyn Kept; 1] = [&Accounts];
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "a@example.com").await;
        let (made, soon) = (app.clock.now(), days(5 * 365 - 10));
        for warned in [1, 0] {
            let done = run(&app, &kept, made + soon).await.unwrap();
            assert_eq!(done.iter().map(|done| done.count).sum::<u64>(), warned, "{done:?}");
        }
        let letters = testing::letters(&app).await;
        let told: Vec<_> = letters.iter().filter(|mail| mail.template == "compte_echeance").collect();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].to.as_str(), told[0].unsubscribe.as_deref()), ("a@example.com", None));
        assert!(told[0].context["link"].as_str().unwrap().ends_with("/compte/connexion"));
        drop(app);
        let app = std::sync::Arc::new(testing::app(folder.path(), soon).await);
        let answer = testing::post(&app, "/compte/connexion", &http::HeaderMap::new(), FORM).await;
        assert_eq!(answer.status(), 303, "who was warned can still sign in");
        assert_eq!(run(&app, &kept, made + days(5 * 365 + 3)).await.unwrap(), [], "that began the term anew");
    }
}
