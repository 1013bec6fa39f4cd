//! Signing in and out: the page, the posted form, and nothing that tells a known address from an unknown one.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::json;

use crate::accounts::{self, LocalPath, sessions};
use crate::app::{App, SharedApp};
use crate::edge::prefix::ClientPrefix;
use crate::email::Email;
use crate::web::posted::Posted;
use crate::web::{Peer, WebError, negotiation, render};

/// Where one lands without a `suite`.
const AREA: &str = "/espace-client/";
const PAGE: &str = "/compte/connexion";
const FIELDS: [&str; 3] = ["email", "mot_de_passe", "suite"];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(sign_in)).route("/compte/deconnexion", post(sign_out))
}

/// `GET /compte/connexion?suite=`: the form; who is signed in already goes on.
async fn page(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, WebError> {
    let wanted = query.get("suite").and_then(|suite| LocalPath::parse(suite));
    if sessions::current(&app, &headers).await?.is_some() {
        return Ok(Redirect::to(wanted.as_ref().map_or(AREA, LocalPath::as_str)).into_response());
    }
    let values = BTreeMap::from_iter(wanted.map(|path| ("suite".to_owned(), path.as_str().to_owned())));
    let language = negotiation::language(&uri, &headers);
    Ok(form(&app, StatusCode::OK, language, &values, &BTreeMap::new()))
}

/// `POST /compte/connexion`: 303 with a new session, or 401 with the form.
async fn sign_in(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    let mut checker = posted.check(&FIELDS);
    let email = checker.email("email");
    let password = posted.fields.get("mot_de_passe").map_or("", String::as_str);
    if password.is_empty() {
        checker.fault("mot_de_passe", "required");
    }
    let (Ok(()), Some(email)) = (checker.finish(), email) else {
        return Ok(refused(&app, &posted));
    };
    let client = ClientPrefix::of(peer);
    let counted = accounts::lookup(&app, &email);
    if let Some(wait) = app.throttle.wait(&counted, client, app.clock.now()) {
        return Err(WebError::TooMany(wait));
    }
    let account = accounts::find(&app, &email).await?;
    let known = account.as_ref().map(|account| account.password.as_str());
    let matches = app.passwords.verify(bounded(password), known).await?;
    let (true, Some(account)) = (matches, account) else {
        app.throttle.failed(&counted, client, app.clock.now());
        return Ok(refused(&app, &posted));
    };
    app.throttle.succeeded(&counted, client);
    let cookie = sessions::begin(&app, &headers, &account).await?;
    let wanted = posted.fields.get("suite").and_then(|suite| LocalPath::parse(suite));
    let mut response = match posted.wants_json {
        true => axum::Json(json!({})).into_response(),
        false => Redirect::to(wanted.as_ref().map_or(AREA, LocalPath::as_str)).into_response(),
    };
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `POST /compte/deconnexion`: the session ends, whether or not there was one.
async fn sign_out(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    let cookie = sessions::end_current(&app, &headers).await?;
    let mut response = match posted.wants_json {
        true => axum::Json(json!({})).into_response(),
        false => Redirect::to(posted.language.root()).into_response(),
    };
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// A password past the policy's length cannot be right; it is cut so that hashing it costs nothing more.
fn bounded(password: &str) -> &str {
    let end = password.floor_char_boundary(super::password_policy::MAX_BYTES + 1);
    &password[..end]
}

/// One answer for a wrong password, an unknown address and what is no address: 401 with what was typed.
fn refused(app: &App, posted: &Posted) -> Response {
    let errors = BTreeMap::from([("email".to_owned(), "credentials".to_owned())]);
    if posted.wants_json {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "errors": errors }))).into_response();
    }
    let mut values = posted.fields.clone();
    values.retain(|name, value| match name.as_str() {
        "email" => true,
        "suite" => LocalPath::parse(value).is_some(),
        _ => false,
    });
    form(app, StatusCode::UNAUTHORIZED, posted.language, &values, &errors)
}

fn form(
    app: &App,
    status: StatusCode,
    language: Language,
    values: &BTreeMap<String, String>,
    errors: &BTreeMap<String, String>,
) -> Response {
    let context = json!({
        "form": { "values": values, "errors": errors, "action": PAGE },
        "suite": values.get("suite"),
    });
    render(app, status, language, "connexion.title", "gateway/connexion.html", context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_password_is_cut_on_a_character_before_it_is_hashed() {
        assert_eq!(bounded("court"), "court");
        let huge = "é".repeat(100_000);
        assert!(bounded(&huge).len() <= super::super::password_policy::MAX_BYTES + 1);
        assert!(bounded(&huge).len() >= super::super::password_policy::MAX_BYTES);
    }
}
