//! Passkeys (Web Authentication, level 3): signing in without a password, a second factor, and a proof of who is signed
//! in. The keys never leave their holder's devices; the account keeps their public halves.

mod ceremony;
mod page;
mod sign_in;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::{Passkey as Credential, Uuid};

use crate::accounts::{Account, Owner};
use crate::app::{App, SharedApp};
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};

pub(super) use self::ceremony::{ANSWERS, Occasion, asked_of, take};
pub(super) use self::sign_in::offered;

/// Whose a passkey is, by a keyed hash of its id.
pub(super) const OWNERS: &str = "passkey_owners";
/// Passkeys of an account.
const AT_MOST: usize = 20;

/// A passkey of an account, sealed with it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Passkey {
    /// Its name in forms.
    id: String,
    /// What its holder calls it.
    name: String,
    /// When it was added.
    added: Timestamp,
    /// When it last served.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    used: Option<Timestamp>,
    /// Its id, public key and counter.
    credential: Credential,
}

impl Eq for Passkey {}

/// The routes of this folder.
pub(super) fn routes() -> axum::Router<SharedApp> {
    page::routes().merge(sign_in::routes())
}

/// The name under which authenticators keep an account: of no meaning to anybody else.
fn handle(app: &App, account: &str) -> Uuid {
    let hash = app.sealer.lookup("passkey-holder", account);
    Uuid::try_parse(hash.get(..32).unwrap_or_default()).unwrap_or_default()
}

/// Where it is told whose a passkey is.
fn place(app: &App, credential: &[u8]) -> Address {
    let hash = app.sealer.lookup("passkey", &sealing::hex(credential));
    // Spread over 256 partitions, so that no single one holds every passkey.
    Address::new(OWNERS, format!("passkeys-{}", hash.get(..2).unwrap_or_default()), hash)
}

/// Notes whose a new passkey is; false when it is somebody's.
async fn reserve(app: &App, account: &Account, credential: &[u8]) -> Result<bool, RecordError> {
    let address = place(app, credential);
    let (organisation, account) = (account.organisation.clone(), account.id.clone());
    let owner = Owner { organisation, account, reserved: app.clock.now() };
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, OWNERS, &address.key, Expect::Absent, &owner, None)?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Forgets whose these passkeys are.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn release(app: &App, passkeys: &[Passkey]) -> Result<(), RecordError> {
    for passkey in passkeys {
        let address = place(app, passkey.credential.cred_id());
        let batch = Batch::new(&address.partition).delete(OWNERS, &address.key, Expect::Anything);
        app.store.commit(batch).await?;
    }
    Ok(())
}
