//! Reservations of addresses and passkeys whose account is no more: a kill between the end of an account and what lets
//! go of them leaves some, and a keyed hash of an address is still a datum about its holder.

use jiff::SignedDuration;

use super::{ACCOUNTS, ADDRESSES, Owner, PAGE, passkeys};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

/// How long a reservation may wait for its account to be written.
const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// Removes them; how many there were.
///
/// # Errors
/// [`RecordError`]; what was removed until then is gone.
pub(super) async fn remove(app: &App) -> Result<u64, RecordError> {
    let mut removed = 0;
    for collection in [ADDRESSES, passkeys::OWNERS] {
        let mut after = None;
        loop {
            let scan = Scan { collection, partition: None, prefix: String::new(), after, limit: PAGE };
            let page = app.store.scan(scan).await?;
            for (address, stored) in page.documents {
                let owner = records::sound(records::decode::<Owner>(&address, &stored.body))?;
                if let Some(owner) = owner
                    && is_stray(app, &owner).await?
                {
                    removed += u64::from(let_go(app, &address, stored.version).await?);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(removed)
}

async fn is_stray(app: &App, owner: &Owner) -> Result<bool, RecordError> {
    if app.clock.now().duration_since(owner.reserved) < GRACE {
        return Ok(false);
    }
    let account = Address::new(ACCOUNTS, &owner.organisation, &owner.account);
    Ok(app.store.read(&account).await?.is_none())
}

/// Whether it was removed: somebody may take it over at the same moment.
async fn let_go(app: &App, address: &Address, version: u64) -> Result<bool, RecordError> {
    let batch =
        Batch::new(&address.partition).delete(address.collection, &address.key, Expect::Version(version));
    match app.store.commit(batch).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{Accounts, reservation};
    use crate::email::Email;
    use crate::retention::{Kept, run};
    use crate::testing;

    #[tokio::test]
    async fn p_rights_what_a_kill_left_of_a_closed_account_goes_and_what_is_held_stays() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::account(&app, "reste@example.com").await;
        let gone = testing::account(&app, "parti@example.com").await;
        let batch = Batch::new(&gone.organisation).delete(ACCOUNTS, &gone.id, Expect::Anything);
        app.store.commit(batch).await.unwrap();
        let kept: [&dyn Kept; 1] = [&Accounts];
        let [held, left] = ["reste@example.com", "parti@example.com"]
            .map(|email| reservation(&app, &Email::parse(email).unwrap()));
        assert_eq!(run(&app, &kept, app.clock.now()).await.unwrap(), [], "its account may be on its way");
        drop(app);
        let app = testing::app(folder.path(), SignedDuration::from_hours(25)).await;
        let done = run(&app, &kept, app.clock.now()).await.unwrap();
        assert_eq!((done[0].what.as_str(), done[0].count, done.len()), ("orphaned_reservation", 1, 1));
        assert!(app.store.read(&left).await.unwrap().is_none());
        assert!(app.store.read(&held).await.unwrap().is_some());
        assert_eq!(run(&app, &kept, app.clock.now()).await.unwrap(), []);
    }
}
