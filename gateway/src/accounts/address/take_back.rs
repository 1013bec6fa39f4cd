//! `/compte/adresse/retour`: the link in the letter to the old address. It is that of somebody whose account may have
//! been stolen: every session ends, and another password is chosen at once.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};

use super::{Left, let_go, meant, stamp, told};
use crate::accounts::{self, Account, AccountError, password_reset, sessions};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::email::Email;
use crate::store::{Batch, StoreError};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation};

pub(super) const PAGE: &str = "/compte/adresse/retour";
/// What the link is signed for.
pub(super) const PURPOSE: &str = "address return";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(take_back))
}

/// `GET /compte/adresse/retour?jeton=`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let token = negotiation::query(&uri)?.remove("jeton").unwrap_or_default();
    let language = negotiation::language(&uri, &headers);
    Ok(match changed(&app, &token).await? {
        Some(_) => told(&app, StatusCode::OK, language, "take_back", Some((PAGE, &token))),
        None => told(&app, StatusCode::GONE, language, "over", None),
    })
}

/// `POST /compte/adresse/retour`: 303 to the choice of another password.
async fn take_back(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    let known = posted.check(&["jeton"]).finish();
    let token = posted.fields.get("jeton").map_or("", String::as_str);
    let Some((account, version, left)) = changed(&app, token).await?.filter(|_| known.is_ok()) else {
        return Ok(told(&app, StatusCode::GONE, posted.language, "over", None));
    };
    // It is held for whoever takes it back; without an end again.
    match accounts::reserve_for(&app, &account, &left.email).await {
        Ok(()) => {}
        Err(AccountError::Exists) => {
            return Ok(told(&app, StatusCode::CONFLICT, posted.language, "taken", None));
        }
        Err(AccountError::Record(error)) => return Err(error.into()),
        Err(error) => return Err(WebError::Internal(error.to_string())),
    }
    let dropped: Vec<Email> = account
        .left
        .iter()
        .map(|left| left.email.clone())
        .chain(Email::parse(&account.email))
        .filter(|email| *email != left.email)
        .collect();
    let email = left.email.as_str().to_owned();
    let account = Account { email, verified: true, moving: None, left: Vec::new(), ..account };
    let mut batch = Batch::new(&account.organisation);
    accounts::put(&app, &mut batch, &account, version).await?;
    sessions::end_all(&app, &mut batch, &account.id).await?;
    audit::note(&mut batch, &Event::of(&app, &account, "address change undone", &account.id))?;
    match app.store.commit(batch).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => {
            return Ok(told(&app, StatusCode::GONE, posted.language, "over", None));
        }
        Err(error) => return Err(error.into()),
    }
    for email in dropped {
        let_go(&app, &account, &email, None).await?;
    }
    let to = password_reset::choice(&app, &account, posted.language);
    Ok(Redirect::to(&to).into_response())
}

/// Whom a link that takes a change back is about. A password that was changed since does not end it: whoever stole the
/// account may have changed that too.
pub(super) fn taking_back(account: &Account, left: &Left) -> String {
    format!("{}/{}/{}", account.organisation, account.id, stamp(&left.email, left.until))
}

/// The account whose change a link takes back, and to which address.
async fn changed(app: &App, token: &str) -> Result<Option<(Account, u64, Left)>, WebError> {
    let found = meant(app, PURPOSE, token).await?;
    Ok(found.and_then(|(account, version, signed)| {
        let left = account.left.iter().find(|left| taking_back(&account, left) == signed)?.clone();
        Some((account, version, left))
    }))
}
