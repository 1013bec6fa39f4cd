//! `/invitation/changement`: taking an invitation with an address that has an account. An account belongs to one
//! organisation: its holder, signed in, leaves the one and is of the other, under the same password and the same second
//! factor. What only they answered for goes with what they leave, and the page says so before.

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::invitation::{self, Invitation};
use super::taking::{self, AREA, Joined, TEMPLATE, told};
use super::{name_of, roster};
use crate::accounts::{
    self, Account, LocalPath, SecondFactor, SignInNeeded, closing, letter, sessions, sign_in,
};
use crate::app::{App, SharedApp};
use crate::checkout;
use crate::email::Email;
use crate::outbox;
use crate::records;
use crate::store::Batch;
use crate::web::posted::Posted;
use crate::web::{WebError, render};

const PAGE: &str = "/invitation/changement";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, post(change))
}

/// What somebody sees whose address has an account: its holder, what changing would take; anybody else, that signing in
/// comes first.
///
/// # Errors
/// [`WebError`].
pub(super) async fn shown(
    app: &App,
    headers: &HeaderMap,
    language: Language,
    invitation: &Invitation,
    token: &str,
    account: &Account,
) -> Result<Response, WebError> {
    let session = sessions::current(app, headers).await?;
    if session.is_none_or(|session| session.account != account.id) {
        let back = LocalPath::parse(&format!("{}?jeton={token}", taking::PAGE));
        let sign_in = back.map(|back| format!("{}?suite={}", sign_in::PAGE, back.encoded()));
        let context = json!({ "state": "known", "sign_in": sign_in });
        return Ok(render(app, StatusCode::OK, language, "invitation.known.title", TEMPLATE, context));
    }
    let (title, context) = asked(app, invitation, token, account, false).await?;
    Ok(render(app, StatusCode::OK, language, title, TEMPLATE, context))
}

/// `POST /invitation/changement`: `jeton`, `depart` = `accepte`; 303 to the client area of the other organisation.
async fn change(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let token = posted.fields.get("jeton").map_or("", String::as_str);
    let wanted = format!("{}?jeton={token}", taking::PAGE);
    let (account, _) = accounts::require_proved_account(&app, &headers, &wanted).await?;
    let over = || told(&app, StatusCode::GONE, posted.language, "over");
    let Some((invitation, version)) = invitation::named(&app, token).await? else { return Ok(over()) };
    let asks = Email::parse(&invitation.email).is_ok_and(|email| account.answers_to(&email));
    if !asks || account.organisation == invitation.organisation || !open(&app, &invitation).await? {
        return Ok(over());
    }
    let mut checker = posted.check(&["jeton", "depart"]);
    if posted.fields.get("depart").map(String::as_str) != Some("accepte") {
        checker.fault("depart", "leaving");
    }
    let agreed = checker.finish().is_ok();
    if !agreed || !closing::leave(&app, &account).await? {
        let (title, context) = asked(&app, &invitation, token, &account, !agreed).await?;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(render(&app, status, posted.language, title, TEMPLATE, context));
    }
    let account = of_theirs(&app, &invitation, account);
    if taking::join(&app, &invitation, version, &account).await? != Joined::Yes {
        return Ok(over());
    }
    tell(&app, &account).await?;
    let cookies = sessions::begin(&app, &headers, &account).await?;
    let mut response = posted.accepted(AREA);
    cookies.onto(&mut response);
    Ok(response)
}

/// Whether whoever invited still may, and there is room: asked before anything is left.
async fn open(app: &App, invitation: &Invitation) -> Result<bool, WebError> {
    let (roster, _) = roster::of(app, &invitation.organisation).await?;
    let may = roster.role(&invitation.by).is_some_and(|by| by.gives(invitation.role));
    Ok(may && roster.people.len() < roster::MOST)
}

/// The same person in the other organisation: passkeys and codes of recovery are of one account, and made anew.
fn of_theirs(app: &App, invitation: &Invitation, account: Account) -> Account {
    Account {
        id: invitation.account.clone(),
        organisation: invitation.organisation.clone(),
        email: invitation.email.clone(),
        role: invitation.role,
        verified: true,
        created: app.clock.now(),
        warned: None,
        second_factor: account.second_factor.map(SecondFactor::without_recovery),
        passkeys: Vec::new(),
        moving: None,
        left: Vec::new(),
        ..account
    }
}

/// A letter to the address, whoever asked.
async fn tell(app: &App, account: &Account) -> Result<(), records::RecordError> {
    let mut batch = Batch::new(&account.organisation);
    let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
    let context = super::told(app, account).await?;
    outbox::enqueue(app, &mut batch, &key, &letter(account, "personne_role", account.language, context))?;
    app.store.commit(batch).await?;
    app.outbox.wake();
    Ok(())
}

/// The title and the words of the question; that nobody else would answer for others is told instead of it.
async fn asked(
    app: &App,
    invitation: &Invitation,
    token: &str,
    account: &Account,
    fault: bool,
) -> Result<(&'static str, serde_json::Value), WebError> {
    if closing::last_owner_of_others(app, account).await? {
        return Ok(("invitation.bound.title", json!({ "state": "bound" })));
    }
    let (roster, _) = roster::of(app, &account.organisation).await?;
    let context = json!({
        "state": "move",
        "token": token,
        "action": PAGE,
        "email": invitation.email,
        "role": invitation.role,
        "organisation": name_of(app, &invitation.organisation).await?,
        "left": name_of(app, &account.organisation).await?,
        "alone": roster.is_alone(),
        "plans": checkout::plans(app, &account.organisation).await?.len(),
        "second_factor": account.second_factor.is_some(),
        "fault": fault,
    });
    Ok(("invitation.move.title", context))
}
