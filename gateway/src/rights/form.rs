//! `/donnees-personnelles`: the form for those who have no account, and the links of its letters. Whoever has the
//! address, the answer is the same: a letter goes there, and what it leads to tells the rest.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::carried_out::{self, Way};
use super::copy;
use super::letters;
use super::request::{self, Channel, Request, Right};
use crate::antispam::{self, Verdict};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::email::Email;
use crate::outbox;
use crate::records::RecordError;
use crate::store::Address;
use crate::tokens::TokenError;
use crate::web::posted::{self, Posted, same_site};
use crate::web::{WebError, negotiation, render};

const PATH: &str = "/donnees-personnelles";
const FORM: &str = "donnees_personnelles";
const THANKS: &str = "/donnees-personnelles/merci";
pub(super) const FIELDS: [&str; 4] = ["droit", "email", "client", "demande"];
pub(super) const SAID: usize = 5_000;
const PROOF: &str = "rights confirmation";
const TEMPLATE: &str = "gateway/droits_lien.html";
/// How long the link of a letter proves an address.
const LINK: SignedDuration = SignedDuration::from_hours(24);
/// Requests of an address within an hour; more are the work of somebody who wants its holder to get letters.
const HOURLY: usize = 5;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PATH, post(ask))
        .route(THANKS, get(thanks))
        .route("/donnees-personnelles/confirmation", get(confirmation).post(confirm))
        .route("/donnees-personnelles/copie", get(copy_page).post(copy_posted))
}

/// `POST /donnees-personnelles`.
async fn ask(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    if antispam::trapped(&posted, FORM) {
        return Ok(posted.accepted(THANKS));
    }
    let mut checker = posted.check(&[&FIELDS[..], &antispam::FIELDS].concat());
    let right = Right::of_word(posted.fields.get("droit").map_or("", String::as_str));
    if right.is_none() {
        checker.fault("droit", "choice");
    }
    let email = checker.email("email");
    let client = checker.optional_text("client", 1..=200);
    let said = posted.fields.get("demande").is_some_and(|said| !said.trim().is_empty());
    let said = if said { checker.long_text("demande", 1..=SAID) } else { String::new() };
    let (right, email) = match (checker.finish(), right, email) {
        (Ok(()), Some(right), Some(email)) => (right, email),
        (Err(errors), ..) => return Ok(posted.refused(&app, FORM, PATH, &errors)),
        (Ok(()), ..) => return Err(WebError::Internal("a wrong address or right passed".into())),
    };
    if let Verdict::Ask(page) = antispam::judge(&app, &posted, FORM, PATH).await? {
        return Ok(*page);
    }
    let request = Request::new(right, &email, posted.language, Channel::Form, app.clock.now());
    receive(&app, &email, Request { said, client, ..request }).await?;
    Ok(posted.accepted(THANKS))
}

/// Keeps a request; it is proved by a link, or goes to the client that it names.
pub(super) async fn receive(app: &App, email: &Email, request: Request) -> Result<Option<String>, RecordError> {
    let now = app.clock.now();
    let lately = |at: Timestamp| now.duration_since(at) < SignedDuration::from_hours(1);
    let before = request::all(app, Some(email)).await?;
    if before.iter().filter(|found| lately(found.request.created)).count() >= HOURLY {
        return Ok(None);
    }
    let id = request::new_id()?;
    if carried_out::forwarded_at_once(app, &id, &request).await? {
        return Ok(Some(id));
    }
    let link = confirmation_link(app, &request, &id)?;
    request::keep(app, &id, &request, |batch, key| {
        audit::note(batch, &Event::new(app, "rights request received", &id))?;
        outbox::enqueue(app, batch, key, &letters::confirmation(&id, &request, &link))
    })
    .await?;
    Ok(Some(id))
}

/// `GET /donnees-personnelles/merci`.
async fn thanks(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    posted::thanks(&app, FORM, &uri, &headers)
}

/// `GET /donnees-personnelles/confirmation`: asks, and changes nothing (mail filters follow links).
async fn confirmation(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    page_of(&app, PROOF, "confirm", &uri, &headers)
}

/// `POST /donnees-personnelles/confirmation`: once.
async fn confirm(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    same_site(&headers, &app)?;
    let (token, meant) = meant(&app, PROOF, &uri);
    let address = match meant {
        Ok(address) => address,
        Err(error) => return Ok(over(&app, error, &uri, &headers)),
    };
    let proved = carried_out::proved(&app, &address, Way::Link).await?;
    let Some(request) = proved else { return Ok(over(&app, TokenError::Expired, &uri, &headers)) };
    let context = json!({ "state": "confirmed", "token": token, "right": request.right.word(), "done": !request.is_open() });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "droits_lien.confirmed.title", TEMPLATE, context))
}

/// `GET /donnees-personnelles/copie`: a button, so that no filter takes the copy.
async fn copy_page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    page_of(&app, copy::PURPOSE, "copy", &uri, &headers)
}

/// `POST /donnees-personnelles/copie`: the copy itself.
async fn copy_posted(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    same_site(&headers, &app)?;
    let address = match meant(&app, copy::PURPOSE, &uri).1 {
        Ok(address) => address,
        Err(error) => return Ok(over(&app, error, &uri, &headers)),
    };
    let Some(found) = request::read(&app, &address).await? else {
        return Ok(over(&app, TokenError::Expired, &uri, &headers));
    };
    audit::record(&app, &Event::new(&app, "copy of data made", &address.key)).await?;
    let about = crate::inventory::about_address(&app, &found.request.email()?).await?;
    copy::answer(&app, negotiation::language(&uri, &headers), &about)
}

/// The link that proves whose an address is.
pub(super) fn confirmation_link(app: &App, request: &Request, id: &str) -> Result<String, RecordError> {
    link(app, "confirmation", PROOF, request, id, LINK)
}

/// A link of a letter about a request.
pub(super) fn link(
    app: &App,
    page: &str,
    purpose: &'static str,
    request: &Request,
    id: &str,
    lasts: SignedDuration,
) -> Result<String, RecordError> {
    let until = app.clock.now().saturating_add(lasts).unwrap_or(Timestamp::MAX);
    let subject = format!("{}/{id}", request::partition(app, &request.email()?));
    let token = app.tokens.sign(purpose, &subject, until);
    let lang = if request.language == aops_manifest::Language::En { "&lang=en" } else { "" };
    Ok(format!("{}{PATH}/{page}?jeton={token}{lang}", app.settings.base_url))
}

/// The token of a link, and the request that it is about.
fn meant(app: &App, purpose: &'static str, uri: &Uri) -> (String, Result<Address, TokenError>) {
    let token = negotiation::query(uri).ok().and_then(|mut query| query.remove("jeton")).unwrap_or_default();
    let subject = app.tokens.verify(purpose, &token, app.clock.now());
    let address = subject.and_then(|subject| {
        let (partition, id) = subject.split_once('/').ok_or(TokenError::Invalid)?;
        Ok(Address::new(request::REQUESTS, partition, id))
    });
    (token, address)
}

fn page_of(
    app: &App,
    purpose: &'static str,
    state: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, WebError> {
    let (token, meant) = meant(app, purpose, uri);
    if let Err(error) = meant {
        return Ok(over(app, error, uri, headers));
    }
    let context = json!({ "state": state, "token": token });
    let language = negotiation::language(uri, headers);
    let title = format!("droits_lien.{state}.title");
    Ok(render(app, StatusCode::OK, language, &title, TEMPLATE, context))
}

fn over(app: &App, error: TokenError, uri: &Uri, headers: &HeaderMap) -> Response {
    let (status, state) = match error {
        TokenError::Expired => (StatusCode::GONE, "expired"),
        TokenError::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let language = negotiation::language(uri, headers);
    let title = format!("droits_lien.{state}.title");
    render(app, status, language, &title, TEMPLATE, json!({ "state": state }))
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
