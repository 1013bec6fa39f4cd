//! Changing one's address: the new one confirms, the old one is told, and takes the change back for a while. Sessions
//! stay as they are; whoever takes it back ends them all and chooses another password.

mod ask;
mod confirm;
mod take_back;
#[cfg(test)]
mod tests;

use aops_manifest::Language;
use axum::response::Response;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::accounts::{self, Account, Owner, reservation};
use crate::app::{App, SharedApp};
use crate::email::Email;
use crate::outbox::Mail;
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Batch, Expect, StoreError};
use crate::web::render;

/// How long the new address has to confirm.
const TO_CONFIRM: SignedDuration = SignedDuration::from_hours(24);
/// How long the old one may take the change back.
const TO_TAKE_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
const TEMPLATE: &str = "gateway/adresse_lien.html";

/// An address that is to become the login.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    email: Email,
    asked: Timestamp,
}

/// An address that was the login a short while ago.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    email: Email,
    until: Timestamp,
}

/// The routes of this folder.
pub(super) fn routes() -> axum::Router<SharedApp> {
    ask::routes().merge(confirm::routes()).merge(take_back::routes())
}

impl Account {
    /// Whether it signs in by an address.
    pub(super) fn answers_to(&self, email: &Email) -> bool {
        Email::parse(&self.email).is_ok_and(|own| own.folded() == email.folded())
    }

    /// Whether nobody else may have an address: it is its login, or was a short while ago.
    pub(super) fn holds(&self, email: &Email, now: Timestamp) -> bool {
        let left = |left: &Left| left.until > now && left.email.folded() == email.folded();
        self.answers_to(email) || self.left.iter().any(left)
    }
}

/// The addresses, beside its login, that an account has reserved.
pub(super) fn reserved(account: &Account) -> impl Iterator<Item = &Email> {
    account.left.iter().map(|left| &left.email)
}

/// Lets an address be somebody else's, at once or from an instant on.
async fn let_go(
    app: &App,
    account: &Account,
    email: &Email,
    from: Option<Timestamp>,
) -> Result<(), RecordError> {
    let address = reservation(app, email);
    let Some((owner, version)) = records::read_plain::<Owner>(app, &address).await? else { return Ok(()) };
    if owner.account != account.id {
        return Ok(());
    }
    let mut batch = Batch::new(&address.partition);
    let expect = Expect::Version(version);
    match from {
        Some(from) => {
            records::put_plain(&mut batch, address.collection, &address.key, expect, &owner, Some(from))?;
        }
        None => batch = batch.delete(address.collection, &address.key, expect),
    }
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Which change a link is about: once it is done or replaced, the link serves no more.
fn stamp(email: &Email, at: Timestamp) -> String {
    let digest = Sha256::digest(format!("{email}\n{at}"));
    sealing::hex(digest.first_chunk::<16>().unwrap_or(&[0; 16]))
}

/// The account that a link of a letter is about.
async fn meant(
    app: &App,
    purpose: &'static str,
    token: &str,
) -> Result<Option<(Account, u64, String)>, RecordError> {
    let Ok(signed) = app.tokens.verify(purpose, token, app.clock.now()) else { return Ok(None) };
    let mut parts = signed.split('/');
    let (Some(organisation), Some(id)) = (parts.next(), parts.next()) else { return Ok(None) };
    let found = accounts::versioned(app, organisation, id).await?;
    Ok(found.map(|(account, version)| (account, version, signed)))
}

/// A letter about an account's address to any address.
fn letter_to(account: &Account, to: &str, template: &str, language: Language, context: Value) -> Mail {
    Mail { to: to.to_owned(), ..accounts::letter(account, template, language, context) }
}

/// The page of a link: what it will do, has done, or why it does nothing.
fn told(
    app: &App,
    status: StatusCode,
    language: Language,
    state: &str,
    action: Option<(&str, &str)>,
) -> Response {
    let (action, token) = action.unzip();
    let context = json!({ "state": state, "action": action, "token": token });
    render(app, status, language, &format!("address.link.{state}.title"), TEMPLATE, context)
}
