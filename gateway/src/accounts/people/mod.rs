//! The people of an organisation: who they are, who is invited, what each is, and how they come and go. What their
//! roles allow is [`crate::authorisation`]'s.
//!
//! Every change of people writes the roster at the version that it was decided on, with the accounts that it concerns,
//! in one batch: of two changes at once, the second is decided again.

mod change;
mod invitation;
mod invite;
mod moving;
mod page;
mod roster;
mod taking;
#[cfg(test)]
mod tests;

use axum::Router;
use serde_json::json;

use crate::accounts::{self, Account, Role};
use crate::app::{App, SharedApp};
use crate::records::RecordError;

pub use self::invitation::INVITED;
pub(super) use self::invitation::{INVITATIONS, Invitation};
pub(super) use self::roster::{ROSTERS, Roster, answers_without, empties, forget, of};

pub(super) const PAGE: &str = "/espace-client/personnes";

/// The routes of this folder.
pub(super) fn routes() -> Router<SharedApp> {
    page::routes()
        .merge(invite::routes())
        .merge(change::routes())
        .merge(taking::routes())
        .merge(moving::routes())
}

/// The addresses of the people of an organisation, in their order.
///
/// # Errors
/// [`RecordError`].
pub async fn people_of(app: &App, organisation: &str) -> Result<Vec<String>, RecordError> {
    let (roster, _) = roster::of(app, organisation).await?;
    let mut addresses = Vec::new();
    for id in roster.people.keys() {
        addresses.extend(accounts::read(app, organisation, id).await?.map(|account| account.email));
    }
    addresses.sort();
    Ok(addresses)
}

/// Those who answer for an organisation.
///
/// # Errors
/// [`RecordError`].
pub async fn owners_of(app: &App, organisation: &str) -> Result<Vec<Account>, RecordError> {
    let (roster, _) = roster::of(app, organisation).await?;
    let mut owners = Vec::new();
    for id in roster.with(Role::Owner) {
        owners.extend(accounts::read(app, organisation, id).await?);
    }
    Ok(owners)
}

/// The name of an organisation for those who are written to; its id where staff made it and it has none.
async fn name_of(app: &App, organisation: &str) -> Result<String, RecordError> {
    let found = accounts::organisation(app, organisation).await?;
    Ok(found.map_or_else(|| organisation.to_owned(), |found| found.raison_sociale))
}

/// What letters about a role say.
async fn told(app: &App, account: &Account) -> Result<serde_json::Value, RecordError> {
    let link = accounts::sign_up::link(app, PAGE, account.language);
    let organisation = name_of(app, &account.organisation).await?;
    Ok(json!({ "organisation": organisation, "role": account.role, "link": link }))
}
