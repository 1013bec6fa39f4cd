//! The second step of signing in: a code, within ten minutes of the password.

use std::collections::BTreeMap;
use std::time::Instant;

use aops_manifest::Language;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Proof;
use crate::accounts::passkeys::{self, Occasion};
use crate::accounts::{self, Account, LocalPath, password_reset, sessions};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::edge::jails::Offence;
use crate::edge::prefix::ClientPrefix;
use crate::outbox;
use crate::store::{Batch, StoreError};
use crate::web::posted::{Posted, fault_title};
use crate::web::{Peer, WebError, cookies, negotiation, render, render_titled};

const PAGE: &str = "/compte/double-authentification";
const TEMPLATE: &str = "gateway/seconde_etape.html";
const TITLE: &str = "form.double_authentification.title";
/// Says that the password was right; bound to the host and kept from scripts as the session is.
const COOKIE: &str = "__Host-etape";
/// What the cookie is signed for.
const PURPOSE: &str = "second factor";
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// A code is taken by one of so many writes at once.
const TRIES: usize = 3;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(finish))
}

/// Sends on whoever gave the right password to give a code as well.
///
/// # Errors
/// [`WebError::Internal`].
pub(in crate::accounts) fn ask(app: &App, account: &Account, posted: &Posted) -> Result<Response, WebError> {
    let until = app.clock.now().saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    let token = app.tokens.sign(PURPOSE, &password_reset::subject(account), until);
    let wanted = posted.fields.get("suite").and_then(|suite| LocalPath::parse(suite));
    let mut to = wanted.map_or(PAGE.to_owned(), |path| format!("{PAGE}?suite={}", path.encoded()));
    if posted.language == Language::En {
        to.push_str(if to.contains('?') { "&lang=en" } else { "?lang=en" });
    }
    let mut response = match posted.wants_json {
        true => axum::Json(json!({ "next": PAGE })).into_response(),
        false => Redirect::to(&to).into_response(),
    };
    response.headers_mut().insert(header::SET_COOKIE, cookie(&token, LIFETIME.as_secs())?);
    Ok(response)
}

/// `GET /compte/double-authentification?suite=`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let Some((account, _)) = meant(&app, &headers).await? else {
        return Ok(Redirect::to("/compte/connexion").into_response());
    };
    let query = negotiation::query(&uri)?;
    let wanted = query.get("suite").and_then(|suite| LocalPath::parse(suite));
    let language = negotiation::language(&uri, &headers);
    form(&app, &account, language, wanted.as_ref(), &BTreeMap::new())
}

/// `POST /compte/double-authentification`: 303 with a new session.
async fn finish(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    let mut checker = posted.check(&["code", "jeton", "reponse", "suite"]);
    let Some((account, _)) = meant(&app, &headers).await? else {
        return Ok(Redirect::to("/compte/connexion").into_response());
    };
    let by_passkey = posted.fields.contains_key("reponse");
    let code = if by_passkey { String::new() } else { checker.text("code", 1..=40) };
    let client = ClientPrefix::of(peer);
    if let Some(wait) = app.throttle.wait(&account.id, client, Instant::now()) {
        return Err(WebError::TooMany(wait));
    }
    let wanted = posted.fields.get("suite").and_then(|suite| LocalPath::parse(suite));
    let refused = |errors: &BTreeMap<String, String>| {
        if posted.wants_json {
            let body = json!({ "errors": errors });
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response());
        }
        form(&app, &account, posted.language, wanted.as_ref(), errors)
    };
    if let Err(errors) = checker.finish() {
        return refused(&errors);
    }
    let taken = match by_passkey {
        true => passkeys::take(&app, Some(&account), &posted, Occasion::SignIn).await?,
        false => take(&app, &account, &code, posted.language).await?.ok_or("code"),
    };
    let account = match taken {
        Ok(account) => account,
        Err(code) => {
            app.refused_sign_ins.saw(&app, &account, peer);
            app.throttle.failed(&account.id, client, Instant::now());
            app.jails.saw(Offence::FailedSignIn, peer);
            let field = if by_passkey { "passkey" } else { "code" };
            return refused(&BTreeMap::from([(field.to_owned(), code.to_owned())]));
        }
    };
    app.throttle.succeeded(&account.id, client);
    let cookies = sessions::begin(&app, &headers, &account).await?;
    let to = wanted.as_ref().map_or(accounts::sign_in::AREA, LocalPath::as_str);
    let mut response = match posted.wants_json {
        true => axum::Json(json!({})).into_response(),
        false => Redirect::to(to).into_response(),
    };
    cookies.onto(&mut response);
    response.headers_mut().append(header::SET_COOKIE, cookie("", 0)?);
    Ok(response)
}

fn form(
    app: &App,
    account: &Account,
    language: Language,
    wanted: Option<&LocalPath>,
    errors: &BTreeMap<String, String>,
) -> Result<Response, WebError> {
    let values = BTreeMap::from_iter(wanted.map(|path| ("suite", path.as_str())));
    let context = json!({
        "form": { "values": values, "errors": errors, "action": PAGE },
        "suite": wanted.map(LocalPath::as_str),
        "passkey": passkeys::asked_of(app, account)?,
    });
    if errors.is_empty() {
        return Ok(render(app, StatusCode::OK, language, TITLE, TEMPLATE, context));
    }
    let title = fault_title(app, language, TITLE);
    Ok(render_titled(app, StatusCode::UNPROCESSABLE_ENTITY, language, &title, TEMPLATE, context))
}

/// The account as it is once a code was taken: it has signed in. None when the code is wrong or was taken before.
async fn take(
    app: &App,
    account: &Account,
    code: &str,
    language: Language,
) -> Result<Option<Account>, WebError> {
    for _ in 0..TRIES {
        let found = accounts::versioned(app, &account.organisation, &account.id).await?;
        let Some((account, version)) = found else { return Ok(None) };
        let Some(factor) = &account.second_factor else { return Ok(None) };
        let Some((left, proof)) = factor.taking(app, &account.id, code) else { return Ok(None) };
        let seen = Some(app.clock.now());
        let account = Account { seen, language, warned: None, second_factor: Some(left), ..account };
        let mut batch = Batch::new(&account.organisation);
        let key = accounts::put(app, &mut batch, &account, version).await?;
        audit::note(&mut batch, &Event::of(app, &account, "signed in", &account.id))?;
        if proof == Proof::Recovery {
            audit::note(&mut batch, &Event::of(app, &account, "recovery code used", &account.id))?;
            let context = json!({ "what": "recovery" });
            outbox::enqueue(
                app,
                &mut batch,
                &key,
                &accounts::letter(&account, "second_facteur", language, context),
            )?;
        }
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return Ok(Some(account));
            }
            // The same code at the same moment: what it left is looked at again.
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// The account whose password was given.
async fn meant(app: &App, headers: &HeaderMap) -> Result<Option<(Account, u64)>, WebError> {
    match cookies::sole(headers, COOKIE) {
        Some(token) => password_reset::meant(app, PURPOSE, token).await,
        None => Ok(None),
    }
}

fn cookie(token: &str, max_age_seconds: i64) -> Result<HeaderValue, WebError> {
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={max_age_seconds}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).map_err(|error| WebError::Internal(error.to_string()))
}
