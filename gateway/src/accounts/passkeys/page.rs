//! `/espace-client/cles-acces`: the passkeys of an account: adding, naming, removing. Each asks that its holder proved a
//! moment ago who they are (`p-relogin`).

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::ceremony;
use super::{AT_MOST, Passkey, release, reserve};
use crate::accounts::{self, Account, SignInNeeded, random};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::outbox;
use crate::store::{Batch, StoreError};
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

const PAGE: &str = "/espace-client/cles-acces";
const NAME: &str = "/espace-client/cles-acces/nom";
const REMOVE: &str = "/espace-client/cles-acces/retrait";
const TEMPLATE: &str = "gateway/cles_acces.html";
const TITLE: &str = "passkeys.title";
/// Writes of one account at the same moment.
const TRIES: usize = 5;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(add)).route(NAME, post(name)).route(REMOVE, post(remove))
}

/// `GET /espace-client/cles-acces`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    let query = negotiation::query(&uri)?;
    let language = negotiation::language(&uri, &headers);
    let context = shown(&app, &account, query.get("fait").map(String::as_str), &BTreeMap::new())?;
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// `POST /espace-client/cles-acces`: what a browser has made.
async fn add(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    let mut checker = posted.check(&["jeton", "reponse", "nom_cle"]);
    let named = checker.optional_text("nom_cle", 1..=60);
    if account.passkeys.len() >= AT_MOST {
        checker.fault("passkey", "passkey_many");
    }
    if let Err(errors) = checker.finish() {
        return Ok(refused(&app, &account, &posted, &errors)?);
    }
    let wrong = |code: &str| BTreeMap::from([("passkey".to_owned(), code.to_owned())]);
    let credential = match ceremony::registered(&app, &account, &posted).await? {
        Ok(credential) => credential,
        Err(code) => return Ok(refused(&app, &account, &posted, &wrong(code))?),
    };
    if !reserve(&app, &account, credential.cred_id()).await? {
        return Ok(refused(&app, &account, &posted, &wrong("passkey_known"))?);
    }
    let passkey = Passkey {
        id: random::base62(12).map_err(WebError::from)?,
        name: named.unwrap_or_else(|| unnamed(&app, posted.language)),
        added: app.clock.now(),
        used: None,
        credential,
    };
    let added = |account: &mut Account| {
        account.passkeys.push(passkey.clone());
        true
    };
    match change(&app, &account, "added", posted.language, added).await {
        Ok(_) => Ok(posted.accepted(&format!("{PAGE}?fait=ajoutee"))),
        Err(error) => {
            release(&app, std::slice::from_ref(&passkey)).await?;
            Err(error.into())
        }
    }
}

/// `POST …/nom`.
async fn name(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    let mut checker = posted.check(&["cle", "nom_cle"]);
    let named = checker.text("nom_cle", 1..=60);
    if let Err(errors) = checker.finish() {
        return Ok(refused(&app, &account, &posted, &errors)?);
    }
    let renamed = |account: &mut Account| {
        let found = account.passkeys.iter_mut().find(|passkey| meant(passkey, &posted));
        found.map(|passkey| passkey.name.clone_from(&named)).is_some()
    };
    match change(&app, &account, "renamed", posted.language, renamed).await? {
        true => Ok(posted.accepted(&format!("{PAGE}?fait=nommee"))),
        false => Err(WebError::NotFound.into()),
    }
}

/// `POST …/retrait`.
async fn remove(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    if let Err(errors) = posted.check(&["cle"]).finish() {
        return Ok(refused(&app, &account, &posted, &errors)?);
    }
    let gone: Vec<Passkey> =
        account.passkeys.iter().filter(|passkey| meant(passkey, &posted)).cloned().collect();
    let removed = |account: &mut Account| {
        let before = account.passkeys.len();
        account.passkeys.retain(|passkey| !meant(passkey, &posted));
        account.passkeys.len() < before
    };
    match change(&app, &account, "removed", posted.language, removed).await? {
        true => {
            release(&app, &gone).await?;
            Ok(posted.accepted(&format!("{PAGE}?fait=retiree")))
        }
        false => Err(WebError::NotFound.into()),
    }
}

/// Changes the passkeys of an account, with a line of the audit log and, but for a name, a letter to its holder; false
/// when there was nothing to change.
async fn change(
    app: &App,
    account: &Account,
    what: &str,
    language: Language,
    change: impl Fn(&mut Account) -> bool,
) -> Result<bool, WebError> {
    for _ in 0..TRIES {
        let found = accounts::versioned(app, &account.organisation, &account.id).await?;
        let Some((mut account, version)) = found else { return Ok(false) };
        if !change(&mut account) {
            return Ok(false);
        }
        let mut batch = Batch::new(&account.organisation);
        let key = accounts::put(app, &mut batch, &account, version).await?;
        audit::note(&mut batch, &Event::of(app, &account, &format!("passkey {what}"), &account.id))?;
        if what != "renamed" {
            let letter = accounts::letter(&account, "cle_acces", language, json!({ "what": what }));
            outbox::enqueue(app, &mut batch, &key, &letter)?;
        }
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return Ok(true);
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the account was written by others at the same moment".into()))
}

fn meant(passkey: &Passkey, posted: &Posted) -> bool {
    posted.fields.get("cle") == Some(&passkey.id)
}

fn unnamed(app: &App, language: Language) -> String {
    app.site.load().texts.text(language, "passkeys.unnamed", &[])
}

fn refused(
    app: &App,
    account: &Account,
    posted: &Posted,
    errors: &BTreeMap<String, String>,
) -> Result<Response, WebError> {
    if posted.wants_json {
        let body = json!({ "errors": errors });
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response());
    }
    let title = fault_title(app, posted.language, TITLE);
    let context = shown(app, account, None, errors)?;
    Ok(render_titled(app, StatusCode::UNPROCESSABLE_ENTITY, posted.language, &title, TEMPLATE, context))
}

fn shown(
    app: &App,
    account: &Account,
    done: Option<&str>,
    errors: &BTreeMap<String, String>,
) -> Result<Value, WebError> {
    let row = |passkey: &Passkey| json!({ "id": passkey.id, "name": passkey.name, "added": passkey.added, "used": passkey.used });
    let passkeys: Vec<Value> = account.passkeys.iter().map(row).collect();
    Ok(json!({
        "passkeys": passkeys,
        "more": account.passkeys.len() < AT_MOST,
        "passkey": ceremony::asked_to_register(app, account)?,
        "done": done,
        "form": { "values": {}, "errors": errors, "action": PAGE },
    }))
}
