//! The client's pages about what they bought: subscriptions and seats, what was used, invoices, and the ways to change
//! or end it. Everything works without a script.

mod change;
mod documents;
mod end;
mod list;

use axum::Router;
use http::HeaderMap;

use super::subscription::Subscription;
use super::{SUBSCRIPTIONS, sync};
use crate::accounts::{self, Account, Session, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::records;
use crate::store::Address;
use crate::web::WebError;

/// Who is signed in, and for which organisation they buy.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) account: Account,
    /// Who owns what is bought. This is the one place that says so.
    pub(super) organisation: String,
}

/// The routes of this folder.
pub(super) fn routes() -> Router<SharedApp> {
    list::routes().merge(end::routes()).merge(change::routes()).merge(documents::routes())
}

/// Who is signed in; otherwise they are sent to sign in and then to `wanted`.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
pub(super) async fn of(app: &App, headers: &HeaderMap, wanted: &str) -> Result<Client, SignInNeeded> {
    of_session(app, accounts::require(app, headers, wanted).await?, wanted).await
}

/// As [`of`], of somebody who proved a moment ago who they are: what concerns payment asks for it.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
async fn proved(app: &App, headers: &HeaderMap, wanted: &str) -> Result<Client, SignInNeeded> {
    of_session(app, accounts::require_proof(app, headers, wanted).await?, wanted).await
}

async fn of_session(app: &App, session: Session, wanted: &str) -> Result<Client, SignInNeeded> {
    let account = accounts::read(app, &session.organisation, &session.account).await;
    match account.map_err(WebError::from)? {
        Some(account) => Ok(Client { organisation: account.organisation.clone(), account }),
        None => Err(SignInNeeded::To(accounts::LocalPath::parse(wanted))),
    }
}

impl Client {
    /// A subscription of theirs; there is none of anybody else's.
    ///
    /// # Errors
    /// [`WebError::NotFound`].
    async fn subscription(&self, app: &App, id: &str) -> Result<Subscription, WebError> {
        if id.is_empty() || id.len() > 255 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WebError::NotFound);
        }
        let address = Address::new(SUBSCRIPTIONS, &self.organisation, id);
        let found = records::read_plain::<Subscription>(app, &address).await?;
        found.map(|(subscription, _)| subscription).ok_or(WebError::NotFound)
    }

    /// Brings what the processor keeps up to date at once, for the page that comes next. What fails is tried again.
    async fn refreshed(&self, app: &App, customer: &str) {
        if let Err(error) = super::webhook::take_embedded(app).await {
            tracing::warn!(%error, "an event of the embedded side could not be taken; it is tried again");
        }
        if let Err(error) = sync::sync(app, &self.organisation, customer).await {
            tracing::warn!(%error, "a change of a subscription is not seen yet; it is fetched again");
            app.dues.note(&self.organisation, customer);
        }
    }
}
