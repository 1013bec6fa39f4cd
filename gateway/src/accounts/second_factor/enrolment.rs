//! `/espace-client/double-authentification`: adding a second factor, its codes of recovery, taking it away. Each asks
//! the password again (`p-relogin`), and a code.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use aops_manifest::Language;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use qrcode::QrCode;
use qrcode::render::svg;
use serde_json::{Value, json};

use super::{SecondFactor, draw, recovery_codes, step_of, totp};
use crate::accounts::{self, Account, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::edge::jails::Offence;
use crate::edge::prefix::ClientPrefix;
use crate::outbox;
use crate::store::{Batch, StoreError};
use crate::web::posted::{Posted, fault_title};
use crate::web::{Peer, WebError, negotiation, render, render_titled};

pub(in crate::accounts) const PAGE: &str = "/espace-client/double-authentification";
const CODES: &str = "/espace-client/double-authentification/codes";
const REMOVE: &str = "/espace-client/double-authentification/retrait";
const REMOVED: &str = "/espace-client/?fait=double-authentification-retiree";
const TEMPLATE: &str = "gateway/double_authentification.html";
const TITLE: &str = "second_factor.title";
/// What a secret is signed for until its first code is given.
const PURPOSE: &str = "authenticator";
const LIFETIME: SignedDuration = SignedDuration::from_mins(30);

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(add)).route(CODES, post(renew)).route(REMOVE, post(remove))
}

/// `GET /espace-client/double-authentification`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let language = negotiation::language(&uri, &headers);
    let context = shown(&app, &account, None, &BTreeMap::new())?;
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// `POST /espace-client/double-authentification`: the codes of recovery, shown this once.
async fn add(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, version) = accounts::require_account(&app, &headers, PAGE).await?;
    if account.has_second_factor() {
        return Ok(posted.accepted(PAGE));
    }
    let signed = app.tokens.verify(PURPOSE, typed(&posted, "jeton"), app.clock.now()).unwrap_or_default();
    let secret = signed.strip_prefix(&format!("{}/", account.id));
    let code: String = typed(&posted, "code").chars().filter(char::is_ascii_digit).collect();
    let step = secret.and_then(|secret| step_of(secret, &code, app.clock.now()));
    let errors = faults(&app, &account, &posted, peer, step.is_some()).await?;
    let (true, Some(step), Some(secret)) = (errors.is_empty(), step, secret) else {
        return Ok(refused(&app, &account, &posted, secret, &errors)?);
    };
    let (codes, recovery) = recovery_codes(&app, &account.id).map_err(WebError::from)?;
    let factor = SecondFactor { secret: secret.to_owned(), since: app.clock.now(), step, recovery };
    let account = Account { second_factor: Some(factor), ..account };
    match put(&app, &account, version, "added", posted.language).await? {
        true => Ok(told(&app, &posted, &codes)),
        false => Ok(posted.accepted(PAGE)),
    }
}

/// `POST …/codes`: new codes of recovery, shown this once; those from before serve no more.
async fn renew(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, version, factor) = match proved(&app, peer, &headers, &posted).await? {
        Ok(proved) => proved,
        Err(refused) => return Ok(refused),
    };
    let (codes, recovery) = recovery_codes(&app, &account.id).map_err(WebError::from)?;
    let account = Account { second_factor: Some(SecondFactor { recovery, ..factor }), ..account };
    match put(&app, &account, version, "renewed", posted.language).await? {
        true => Ok(told(&app, &posted, &codes)),
        false => Ok(posted.accepted(PAGE)),
    }
}

/// `POST …/retrait`: the password alone opens the account again.
async fn remove(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, version, _) = match proved(&app, peer, &headers, &posted).await? {
        Ok(proved) => proved,
        Err(refused) => return Ok(refused),
    };
    let account = Account { second_factor: None, ..account };
    put(&app, &account, version, "removed", posted.language).await?;
    Ok(posted.accepted(REMOVED))
}

/// The account, its version and what is left of its second factor, once the password and a code are right; or the page
/// that says what is wrong.
async fn proved(
    app: &App,
    peer: IpAddr,
    headers: &HeaderMap,
    posted: &Posted,
) -> Result<Result<(Account, u64, SecondFactor), Response>, SignInNeeded> {
    let (account, version) = accounts::require_account(app, headers, PAGE).await?;
    let Some(factor) = &account.second_factor else { return Ok(Err(posted.accepted(PAGE))) };
    let taken = factor.taking(app, &account.id, typed(posted, "code"));
    let errors = faults(app, &account, posted, peer, taken.is_some()).await?;
    match taken {
        Some((left, _)) if errors.is_empty() => Ok(Ok((account, version, left))),
        _ => Ok(Err(refused(app, &account, posted, None, &errors)?)),
    }
}

/// What is wrong with a form that asks the password and a code. One answer for a wrong password and one for a wrong
/// code; either is a failure.
async fn faults(
    app: &App,
    account: &Account,
    posted: &Posted,
    peer: IpAddr,
    code_is_right: bool,
) -> Result<BTreeMap<String, String>, WebError> {
    let mut checker = posted.check(&["jeton", "mot_de_passe_actuel", "code"]);
    let client = ClientPrefix::of(peer);
    if let Some(wait) = app.throttle.wait(&account.id, client, Instant::now()) {
        return Err(WebError::TooMany(wait));
    }
    let present = posted.fields.get("mot_de_passe_actuel").map_or("", String::as_str);
    let known = app.passwords.verify(accounts::sign_in::bounded(present), Some(&account.password)).await?;
    if !known {
        checker.fault("mot_de_passe_actuel", "password_wrong");
    }
    if !code_is_right {
        checker.fault("code", "code");
    }
    if known && code_is_right {
        app.throttle.succeeded(&account.id, client);
    } else {
        app.throttle.failed(&account.id, client, Instant::now());
        app.jails.saw(Offence::FailedSignIn, peer);
    }
    Ok(checker.finish().err().unwrap_or_default())
}

/// Writes the account, a line of the audit log and a letter to its holder; whether nobody else wrote it meanwhile.
async fn put(
    app: &App,
    account: &Account,
    version: u64,
    what: &str,
    language: Language,
) -> Result<bool, WebError> {
    let mut batch = Batch::new(&account.organisation);
    let key = accounts::put(app, &mut batch, account, version).await?;
    audit::note(&mut batch, &Event::of(app, account, &format!("second factor {what}"), &account.id))?;
    let mail = accounts::letter(account, "second_facteur", language, json!({ "what": what }));
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    match app.store.commit(batch).await {
        Ok(()) => {
            app.outbox.wake();
            Ok(true)
        }
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The page with new codes of recovery.
fn told(app: &App, posted: &Posted, codes: &[String]) -> Response {
    if posted.wants_json {
        return axum::Json(json!({ "recovery_codes": codes })).into_response();
    }
    let context = json!({ "state": "codes", "codes": codes });
    render(app, StatusCode::OK, posted.language, TITLE, TEMPLATE, context)
}

fn refused(
    app: &App,
    account: &Account,
    posted: &Posted,
    secret: Option<&str>,
    errors: &BTreeMap<String, String>,
) -> Result<Response, WebError> {
    if posted.wants_json {
        let body = json!({ "errors": errors });
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response());
    }
    let title = fault_title(app, posted.language, TITLE);
    let context = shown(app, account, secret, errors)?;
    Ok(render_titled(app, StatusCode::UNPROCESSABLE_ENTITY, posted.language, &title, TEMPLATE, context))
}

/// What the page shows: a secret to be scanned (the same as before, after a fault), or how many codes are left.
fn shown(
    app: &App,
    account: &Account,
    secret: Option<&str>,
    errors: &BTreeMap<String, String>,
) -> Result<Value, WebError> {
    let form = json!({ "values": {}, "errors": errors });
    if let Some(factor) = &account.second_factor {
        return Ok(json!({ "state": "on", "since": factor.since, "left": factor.left(), "form": form }));
    }
    let secret = secret.map_or_else(draw, |secret| Ok(secret.to_owned()))?;
    let until = app.clock.now().saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    let token = app.tokens.sign(PURPOSE, &format!("{}/{secret}", account.id), until);
    let internal = |error: &dyn std::fmt::Display| WebError::Internal(error.to_string());
    // A colon would end the issuer in the address that authenticators read.
    let uri = totp(&secret, &account.email.replace(':', "_"))
        .ok_or_else(|| internal(&"no generator of codes"))?
        .to_url()
        .map_err(|error| internal(&error))?;
    let code = QrCode::new(&uri).map_err(|error| internal(&error))?;
    let drawing = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    // Within a page an SVG has no declaration of its own.
    let drawing = drawing.find("<svg").map_or("", |at| &drawing[at..]);
    let groups: Vec<&str> =
        (0..secret.len()).step_by(4).filter_map(|at| secret.get(at..(at + 4).min(secret.len()))).collect();
    Ok(json!({
        "state": "off", "drawing": drawing, "uri": uri, "secret": groups.join(" "), "token": token, "form": form,
    }))
}

fn typed<'a>(posted: &'a Posted, name: &str) -> &'a str {
    posted.fields.get(name).map_or("", |value| value.trim())
}
