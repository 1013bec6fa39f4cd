//! `/invitation`: the link of the letter. Whoever has it has the address; they say who they are, choose a password, and
//! are of the organisation. It serves once.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::invitation::{self, Invitation};
use super::name_of;
use super::roster::{self, Person};
use crate::accounts::{self, ACCOUNTS, Account, AccountError, holder, password_policy, retained, sessions};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::email::Email;
use crate::records;
use crate::store::{Batch, Expect, StoreError};
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

pub(super) const PAGE: &str = "/invitation";
pub(super) const TEMPLATE: &str = "gateway/invitation.html";
pub(super) const AREA: &str = "/espace-client/";
const TRIES: usize = 32;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(take))
}

/// `GET /invitation?jeton=`: looking changes nothing, whoever follows links in letters.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let token = negotiation::query(&uri)?.remove("jeton").unwrap_or_default();
    let language = negotiation::language(&uri, &headers);
    let Some((invitation, _)) = invitation::named(&app, &token).await? else {
        return Ok(told(&app, StatusCode::GONE, language, "over"));
    };
    if let Some(account) = taken(&app, &invitation).await? {
        return super::moving::shown(&app, &headers, language, &invitation, &token, &account).await;
    }
    let context = asked(&app, &invitation, &token, &BTreeMap::new(), &BTreeMap::new()).await?;
    Ok(render(&app, StatusCode::OK, language, "invitation.form.title", TEMPLATE, context))
}

/// `POST /invitation`: 303 to the client area, signed in.
async fn take(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    let token = posted.fields.get("jeton").map_or("", String::as_str);
    let Some((invitation, version)) = invitation::named(&app, token).await? else {
        return Ok(told(&app, StatusCode::GONE, posted.language, "over"));
    };
    let now = app.clock.now();
    let mut checker = posted.check(&[&holder::PERSON[..], &["jeton", "mot_de_passe", "cgu"]].concat());
    let person = holder::person(&mut checker, now);
    let password = posted.fields.get("mot_de_passe").map_or("", String::as_str);
    let known = [&person.nom, &person.prenom, &invitation.email].map(String::as_str);
    if let Some(code) = password_policy::fault(password, known.into_iter()) {
        checker.fault("mot_de_passe", code);
    }
    if posted.fields.get("cgu").map(String::as_str) != Some("accepte") {
        checker.fault("cgu", "cgu");
    }
    if let Err(errors) = checker.finish() {
        return refused(&app, &invitation, token, &posted, &errors).await;
    }
    if taken(&app, &invitation).await?.is_some() {
        return Ok(told(&app, StatusCode::CONFLICT, posted.language, "known"));
    }
    let account = Account {
        holder: Some(person),
        accepted: holder::accepted(now),
        ..blank(&app, &invitation, app.passwords.hash(password).await?, posted.language)
    };
    match join(&app, &invitation, version, &account).await? {
        Joined::Yes => {
            let cookies = sessions::begin(&app, &headers, &account).await?;
            let mut response = posted.accepted(AREA);
            cookies.onto(&mut response);
            Ok(response)
        }
        Joined::Taken => Ok(told(&app, StatusCode::CONFLICT, posted.language, "known")),
        Joined::Over => Ok(told(&app, StatusCode::GONE, posted.language, "over")),
    }
}

/// The account that an invitation makes.
fn blank(app: &App, invitation: &Invitation, password: String, language: Language) -> Account {
    Account {
        id: invitation.account.clone(),
        organisation: invitation.organisation.clone(),
        email: invitation.email.clone(),
        password,
        role: invitation.role,
        // The link came by letter.
        verified: true,
        created: app.clock.now(),
        holder: None,
        accepted: Vec::new(),
        seen: None,
        language,
        warned: None,
        second_factor: None,
        passkeys: Vec::new(),
        moving: None,
        left: Vec::new(),
    }
}

/// What taking an invitation did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// They are of the organisation.
    Yes,
    /// Their address has an account.
    Taken,
    /// It was taken or withdrawn, whoever invited may no longer, or there is no room.
    Over,
}

/// Makes an account of an organisation, and the invitation no more, in one batch: of two takings, one does.
///
/// # Errors
/// [`WebError`].
pub(super) async fn join(
    app: &App,
    invitation: &Invitation,
    version: u64,
    account: &Account,
) -> Result<Joined, WebError> {
    match accounts::reserve(app, account).await {
        Ok(()) => {}
        Err(AccountError::Exists) => return Ok(Joined::Taken),
        Err(AccountError::Record(error)) => return Err(error.into()),
        Err(error) => return Err(WebError::Internal(error.to_string())),
    }
    for _ in 0..TRIES {
        if invitation::read(app, &invitation.organisation, &invitation.id).await?.is_none() {
            return Ok(Joined::Over);
        }
        let (mut roster, expect) = roster::of(app, &invitation.organisation).await?;
        // Whoever invited must still be there, and still may.
        let may = roster.role(&invitation.by).is_some_and(|by| by.gives(invitation.role));
        if !may || roster.people.len() >= roster::MOST {
            return Ok(Joined::Over);
        }
        let person = Person { role: account.role, since: app.clock.now() };
        roster.people.insert(account.id.clone(), person);
        let mut batch = invitation::without(Batch::new(&invitation.organisation), invitation, version);
        let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
        let expires: Option<Timestamp> = retained::expiry(app, account);
        records::put_sealed(&mut batch, &key, ACCOUNTS, &account.id, Expect::Absent, account, expires)?;
        roster::put(app, &mut batch, &roster, expect)?;
        audit::note(&mut batch, &Event::of(app, account, "person joined", &account.id))?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(Joined::Yes),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("too many join at once".into()))
}

/// The account that the invited address has already.
pub(super) async fn taken(app: &App, invitation: &Invitation) -> Result<Option<Account>, WebError> {
    match Email::parse(&invitation.email) {
        Ok(email) => Ok(accounts::find(app, &email).await?),
        Err(_) => Ok(None),
    }
}

async fn refused(
    app: &App,
    invitation: &Invitation,
    token: &str,
    posted: &Posted,
    errors: &BTreeMap<String, String>,
) -> Result<Response, WebError> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return Ok((status, axum::Json(json!({ "errors": errors }))).into_response());
    }
    let mut values = posted.fields.clone();
    values.retain(|name, _| name != "mot_de_passe");
    let context = asked(app, invitation, token, &values, errors).await?;
    let title = fault_title(app, posted.language, "invitation.form.title");
    Ok(render_titled(app, status, posted.language, &title, TEMPLATE, context))
}

async fn asked(
    app: &App,
    invitation: &Invitation,
    token: &str,
    values: &BTreeMap<String, String>,
    errors: &BTreeMap<String, String>,
) -> Result<Value, WebError> {
    Ok(json!({
        "state": "form",
        "token": token,
        "email": invitation.email,
        "role": invitation.role,
        "organisation": name_of(app, &invitation.organisation).await?,
        "form": { "values": values, "errors": errors, "action": PAGE },
    }))
}

pub(super) fn told(app: &App, status: StatusCode, language: Language, state: &str) -> Response {
    let title = format!("invitation.{state}.title");
    render(app, status, language, &title, TEMPLATE, json!({ "state": state }))
}
