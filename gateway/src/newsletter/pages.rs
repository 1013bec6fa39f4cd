//! The newsletter's routes: one form and what its letters link to.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use super::address;
use super::preferences;
use super::subscriber::{self, CONFIRM, Confirmed, LEAVE};
use crate::antispam::{self, Verdict};
use crate::app::{App, SharedApp};
use crate::email::Email;
use crate::tokens::TokenError;
use crate::web::posted::{self, Posted};
use crate::web::{WebError, negotiation, render};

const THANKS: &str = "/newsletter/merci";
/// The page of the form, where the browser does not tell it.
const PAGE: &str = "/newsletter";
/// What somebody answers to a suggestion: `corrigee` or `telle`.
const CHOICE: &str = "choix";

/// The routes of this feature.
pub fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/newsletter", post(ask))
        .route("/newsletter/merci", get(thanks))
        .route("/newsletter/confirmation", get(confirm))
        .route("/newsletter/desinscription", get(leave_page).post(leave))
        .merge(preferences::routes())
}

/// The query of a link in a letter.
#[derive(Default, Deserialize)]
struct Link {
    #[serde(default)]
    jeton: String,
    /// The issue that the letter was.
    #[serde(default)]
    lettre: Option<String>,
}

/// `POST /newsletter`.
async fn ask(app: State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    if antispam::trapped(&posted, "newsletter") {
        return Ok(posted.accepted(THANKS));
    }
    let mut checker = posted.check(&[&["email", CHOICE][..], &antispam::FIELDS].concat());
    let email = checker.email("email");
    let email = match (checker.finish(), email) {
        (Ok(()), Some(email)) => email,
        (Err(errors), _) => return Ok(posted.refused(&app, "newsletter", "/newsletter", &errors)),
        (Ok(()), None) => return Err(WebError::Internal("a wrong address passed".into())),
    };
    let email = match meant(&posted, email) {
        Ok(email) => email,
        Err((code, suggestion)) => {
            let errors = BTreeMap::from([("email".to_owned(), code.to_owned())]);
            return Ok(posted.refused_telling(&app, "newsletter", "/newsletter", &errors, &suggestion));
        }
    };
    if let Verdict::Ask(page) = antispam::judge(&app, &posted, "newsletter", "/newsletter").await? {
        return Ok(*page);
    }
    subscriber::ask(&app, &email, posted.language, posted.page.as_deref().unwrap_or(PAGE)).await?;
    Ok(posted.accepted(THANKS))
}

/// The address that is meant; or what is to be asked about its domain, and what was probably meant. A slip comes
/// first: some who lend addresses hold the mistyped names of others.
fn meant(posted: &Posted, email: Email) -> Result<Email, (&'static str, BTreeMap<&'static str, String>)> {
    let email = match (address::suggestion(&email), posted.fields.get(CHOICE).map(String::as_str)) {
        (None, _) | (Some(_), Some("telle")) => email,
        (Some(suggestion), Some("corrigee")) => Email::parse(&suggestion).unwrap_or(email),
        (Some(suggestion), _) => return Err(("mistyped", BTreeMap::from([("suggestion", suggestion)]))),
    };
    if address::disposable(&email) { Err(("disposable", BTreeMap::new())) } else { Ok(email) }
}

/// `GET /newsletter/merci`.
async fn thanks(app: State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    posted::thanks(&app, "newsletter", &uri, &headers)
}

/// `GET /newsletter/confirmation`: following the link twice does no harm.
async fn confirm(app: State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let (status, state) = match verified(&app, CONFIRM, &uri) {
        Ok(id) => match subscriber::confirm(&app, &id).await? {
            Confirmed::Yes => (StatusCode::OK, "confirmed"),
            Confirmed::Gone => (StatusCode::GONE, "expired"),
        },
        Err(TokenError::Expired) => (StatusCode::GONE, "expired"),
        Err(TokenError::Invalid) => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let language = negotiation::language(&uri, &headers);
    let title = format!("newsletter_confirmation.{state}.title");
    let context = json!({ "state": state });
    Ok(render(&app, status, language, &title, "gateway/newsletter_confirmation.html", context))
}

/// `GET /newsletter/desinscription`: asks, and changes nothing (mail filters follow links).
async fn leave_page(app: State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    match verified(&app, LEAVE, &uri) {
        Ok(_) => left_page(&app, StatusCode::OK, "ask", &uri, &headers),
        Err(error) => refused_page(&app, error, &uri, &headers),
    }
}

/// `POST /newsletter/desinscription`: from our page, or from a mail client in one click (RFC 8058), which has no
/// origin; the token is what allows it.
async fn leave(app: State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    match verified(&app, LEAVE, &uri) {
        Ok(id) => {
            subscriber::leave(&app, &id, link(&uri).lettre.as_deref()).await?;
            Ok(left_page(&app, StatusCode::OK, "done", &uri, &headers))
        }
        Err(error) => Ok(refused_page(&app, error, &uri, &headers)),
    }
}

pub(super) fn verified(app: &App, purpose: &'static str, uri: &Uri) -> Result<String, TokenError> {
    app.tokens.verify(purpose, &link(uri).jeton, app.clock.now())
}

/// The link's token; empty, which no signature fits, when there is none.
pub(super) fn token(uri: &Uri) -> String {
    link(uri).jeton
}

fn link(uri: &Uri) -> Link {
    Query::<Link>::try_from_uri(uri).map(|Query(link)| link).unwrap_or_default()
}

fn refused_page(app: &App, error: TokenError, uri: &Uri, headers: &HeaderMap) -> Response {
    match error {
        TokenError::Expired => left_page(app, StatusCode::GONE, "expired", uri, headers),
        TokenError::Invalid => left_page(app, StatusCode::BAD_REQUEST, "invalid", uri, headers),
    }
}

fn left_page(app: &App, status: StatusCode, state: &str, uri: &Uri, headers: &HeaderMap) -> Response {
    let language = negotiation::language(uri, headers);
    let title = format!("newsletter_desinscription.{state}.title");
    let Link { jeton, lettre } = if status == StatusCode::OK { link(uri) } else { Link::default() };
    // It goes into an address again: an issue's name and nothing else.
    let plain =
        |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let context = json!({ "state": state, "token": jeton, "issue": lettre.filter(plain) });
    render(app, status, language, &title, "gateway/newsletter_desinscription.html", context)
}
