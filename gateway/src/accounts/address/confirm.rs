//! `/compte/adresse`: the link in the letter to the new address. Following it asks, and changes nothing: mail filters
//! follow links.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::json;

use super::{Left, TO_TAKE_BACK, let_go, letter_to, meant, stamp, take_back, told};
use crate::accounts::{self, Account, AccountError, password_reset, sign_up};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::email::Email;
use crate::outbox;
use crate::store::{Batch, StoreError};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation};

pub(super) const PAGE: &str = "/compte/adresse";
/// What the link is signed for.
pub(super) const PURPOSE: &str = "address change";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(confirm))
}

/// `GET /compte/adresse?jeton=`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let token = negotiation::query(&uri)?.remove("jeton").unwrap_or_default();
    let language = negotiation::language(&uri, &headers);
    Ok(match pending(&app, &token).await? {
        Some(_) => told(&app, StatusCode::OK, language, "confirm", Some((PAGE, &token))),
        None => told(&app, StatusCode::GONE, language, "over", None),
    })
}

/// `POST /compte/adresse`: the address is another.
async fn confirm(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    let language = posted.language;
    let known = posted.check(&["jeton"]).finish();
    let token = posted.fields.get("jeton").map_or("", String::as_str);
    let Some((account, version, email)) = pending(&app, token).await?.filter(|_| known.is_ok()) else {
        return Ok(told(&app, StatusCode::GONE, language, "over", None));
    };
    match accounts::reserve_for(&app, &account, &email).await {
        Ok(()) => {}
        Err(AccountError::Exists) => return Ok(told(&app, StatusCode::CONFLICT, language, "taken", None)),
        Err(AccountError::Record(error)) => return Err(error.into()),
        Err(error) => return Err(WebError::Internal(error.to_string())),
    }
    let now = app.clock.now();
    let until = now.saturating_add(TO_TAKE_BACK).unwrap_or(Timestamp::MAX);
    let before = account.email.clone();
    let mut account = Account { email: email.as_str().to_owned(), verified: true, moving: None, ..account };
    account.left.retain(|left| left.until > now && left.email != email);
    // Whoever changes it twice takes from nobody the right to take it back.
    account.left.extend(Email::parse(&before).ok().map(|email| Left { email, until }));
    let mut batch = Batch::new(&account.organisation);
    let key = accounts::put(&app, &mut batch, &account, version).await?;
    audit::note(&mut batch, &Event::of(&app, &account, "address changed", &account.id))?;
    for left in account.left.iter().filter(|left| left.email.as_str() == before) {
        let token = app.tokens.sign(take_back::PURPOSE, &take_back::taking_back(&account, left), left.until);
        let link = sign_up::link(&app, &format!("{}?jeton={token}", take_back::PAGE), account.language);
        let context = json!({ "link": link, "days": TO_TAKE_BACK.as_hours() / 24, "new": account.email });
        let letter = letter_to(&account, &before, "adresse_changee", account.language, context);
        outbox::enqueue(&app, &mut batch, &key, &letter)?;
    }
    match app.store.commit(batch).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Ok(told(&app, StatusCode::GONE, language, "over", None)),
        Err(error) => return Err(error.into()),
    }
    app.outbox.wake();
    if let Ok(before) = Email::parse(&before) {
        let_go(&app, &account, &before, Some(until)).await?;
    }
    Ok(told(&app, StatusCode::OK, language, "changed", None))
}

/// Whom a link that confirms is about, and by which password: once that is another, it serves no more.
pub(super) fn confirming(account: &Account, email: &Email, asked: Timestamp) -> String {
    format!("{}/{}", password_reset::subject(account), stamp(email, asked))
}

/// The account whose new address a link confirms.
async fn pending(app: &App, token: &str) -> Result<Option<(Account, u64, Email)>, WebError> {
    let found = meant(app, PURPOSE, token).await?;
    Ok(found.and_then(|(account, version, signed)| {
        let moving = account.moving.clone()?;
        let right = confirming(&account, &moving.email, moving.asked) == signed;
        right.then_some((account, version, moving.email))
    }))
}
