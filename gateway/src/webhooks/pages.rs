//! `/espace-client/webhooks`: webhooks for people, without JavaScript. What they do is what the API does.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};

use super::announce::{again, test};
use super::document::{Kind, MOST, Webhook, all, deliveries, read};
use super::keep::{self, Refused, Wanted, Who};
use super::{PAGE, told};
use crate::accounts::{self, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::web::conditional::IfMatch;
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

const LIST: &str = "gateway/webhooks.html";
const ONE: &str = "gateway/webhook.html";
const TITLE: &str = "webhooks.title";
/// Messages of a page.
const MESSAGES: usize = 25;
/// What a page may say that was done.
const DONE: [&str; 5] = ["essai", "renvoi", "change", "supprime", "attente"];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PAGE, get(list).post(create))
        .route("/espace-client/webhooks/{id}", get(page).post(change))
        .route("/espace-client/webhooks/{id}/secret", post(renew))
        .route("/espace-client/webhooks/{id}/essai", post(try_it))
        .route("/espace-client/webhooks/{id}/suppression", post(remove))
        .route("/espace-client/webhooks/{id}/envois/{delivery}", post(send_again))
}

async fn enter(app: &App, headers: &HeaderMap) -> Result<Who, SignInNeeded> {
    let session = accounts::require(app, headers, PAGE).await?;
    Ok(Who { organisation: session.organisation, account: session.account })
}

fn place(id: &str) -> String {
    format!("{PAGE}/{id}")
}

fn done(query: &BTreeMap<String, String>) -> Value {
    json!(query.get("fait").filter(|done| DONE.contains(&done.as_str())))
}

async fn list(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    let mut context = all_shown(&app, &who).await?;
    context["done"] = done(&negotiation::query(&uri)?);
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, TITLE, LIST, context))
}

async fn all_shown(app: &App, who: &Who) -> Result<Value, WebError> {
    let mut webhooks = Vec::new();
    for (webhook, _) in all(app, &who.organisation).await? {
        let mut shown = told::webhook(app, &who.organisation, &webhook).await?;
        let (last, _) = deliveries(app, &who.organisation, &webhook.id, None, 1).await?;
        shown["last"] = json!(last.first().map(|last| json!({ "at": last.at, "state": last.state })));
        webhooks.push(shown);
    }
    Ok(json!({
        "more": webhooks.len() < MOST, "webhooks": webhooks, "most": MOST, "kinds": Kind::ALL, "done": null,
        "form": { "values": {}, "errors": {}, "action": PAGE },
    }))
}

/// `POST /espace-client/webhooks`: `url`, and the name of each event; the secret is shown this once.
async fn create(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    let (wanted, errors) = read_form(&posted, &[]);
    let errors = match errors {
        None => match keep::add(&app, &who, &wanted).await {
            Ok(webhook) => return with_secret(&app, &who, &posted, &webhook, StatusCode::CREATED).await,
            Err(Refused::Web(error)) => return Err(error.into()),
            Err(Refused::Field(field, code)) => BTreeMap::from([(of_form(field), code)]),
        },
        Some(errors) => errors,
    };
    if posted.wants_json {
        return Ok(faults(&errors));
    }
    let mut context = all_shown(&app, &who).await?;
    context["form"] = json!({ "values": posted.fields, "errors": errors, "action": PAGE });
    let title = fault_title(&app, posted.language, TITLE);
    Ok(render_titled(&app, StatusCode::UNPROCESSABLE_ENTITY, posted.language, &title, LIST, context))
}

/// What a form asks; a field that is not known is an error.
fn read_form(posted: &Posted, more: &[&str]) -> (Wanted, Option<BTreeMap<String, String>>) {
    let names = Kind::ALL.map(Kind::name);
    let checker = posted.check(&[&names[..], &["adresse_webhook"], more].concat());
    let ticked = |name: &&str| posted.fields.get(*name).is_some_and(|value| value == "oui");
    let events = names.into_iter().filter(|name| ticked(name)).map(str::to_owned).collect();
    let url = posted.fields.get("adresse_webhook").cloned().unwrap_or_default();
    (Wanted { url: Some(url), events: Some(events), active: None }, checker.finish().err())
}

/// The name of a field of the API in the form.
fn of_form(field: &str) -> String {
    match field {
        "url" => "adresse_webhook".to_owned(),
        "events" => "evenements".to_owned(),
        other => other.to_owned(),
    }
}

fn faults(errors: &BTreeMap<String, String>) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "errors": errors }))).into_response()
}

/// The page with a secret on it, this once. It is no redirection: a secret must stand in no address.
async fn with_secret(
    app: &App,
    who: &Who,
    posted: &Posted,
    webhook: &Webhook,
    status: StatusCode,
) -> Result<Response, SignInNeeded> {
    let secret = webhook.secrets.current().shown();
    let mut response = if posted.wants_json {
        let mut shown = told::webhook(app, &who.organisation, webhook).await?;
        shown["secret"] = json!(secret);
        (status, axum::Json(shown)).into_response()
    } else {
        let mut context = one_shown(app, who, webhook, None).await?;
        context["secret"] = json!(secret);
        render(app, StatusCode::OK, posted.language, "webhooks.made", ONE, context)
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn page(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    let (webhook, _) = read(&app, &who.organisation, &id).await?.ok_or(WebError::NotFound)?;
    let query = negotiation::query(&uri)?;
    let mut context = one_shown(&app, &who, &webhook, query.get("suite").map(String::as_str)).await?;
    context["done"] = done(&query);
    Ok(render(&app, StatusCode::OK, negotiation::language(&uri, &headers), TITLE, ONE, context))
}

async fn one_shown(app: &App, who: &Who, webhook: &Webhook, past: Option<&str>) -> Result<Value, WebError> {
    let mut shown = Vec::new();
    let (found, next) = deliveries(app, &who.organisation, &webhook.id, past, MESSAGES).await?;
    for delivery in &found {
        shown.push(told::delivery(app, &who.organisation, delivery).await?);
    }
    let mut values = BTreeMap::from([("adresse_webhook", webhook.url.as_str())]);
    values.extend(webhook.events.iter().map(|kind| (kind.name(), "oui")));
    Ok(json!({
        "webhook": told::webhook(app, &who.organisation, webhook).await?, "deliveries": shown, "next": next,
        "later": past.is_some(), "kinds": Kind::ALL, "done": null, "secret": null,
        "form": { "values": values, "errors": {}, "action": place(&webhook.id) },
    }))
}

/// `POST /espace-client/webhooks/{id}`: as it is registered, and `actif`.
async fn change(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    let (webhook, _) = read(&app, &who.organisation, &id).await?.ok_or(WebError::NotFound)?;
    let (wanted, errors) = read_form(&posted, &["actif"]);
    let active = posted.fields.get("actif").is_some_and(|value| value == "oui");
    let wanted = Wanted { active: Some(active), ..wanted };
    let errors = match errors {
        None => match keep::change(&app, &who, &id, &IfMatch::default(), &wanted).await {
            Ok(_) => return Ok(posted.accepted(&format!("{}?fait=change", place(&id)))),
            Err(Refused::Web(error)) => return Err(error.into()),
            Err(Refused::Field(field, code)) => BTreeMap::from([(of_form(field), code)]),
        },
        Some(errors) => errors,
    };
    if posted.wants_json {
        return Ok(faults(&errors));
    }
    let mut context = one_shown(&app, &who, &webhook, None).await?;
    context["form"] = json!({ "values": posted.fields, "errors": errors, "action": place(&id) });
    let title = fault_title(&app, posted.language, TITLE);
    Ok(render_titled(&app, StatusCode::UNPROCESSABLE_ENTITY, posted.language, &title, ONE, context))
}

async fn renew(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    let (webhook, _) = keep::renew(&app, &who, &id, &IfMatch::default()).await?;
    with_secret(&app, &who, &posted, &webhook, StatusCode::OK).await
}

async fn try_it(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    sent(&posted, &id, "essai", test(&app, &who.organisation, &id).await.map(drop))
}

async fn send_again(
    State(app): State<SharedApp>,
    Path((id, message)): Path<(String, String)>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    sent(&posted, &id, "renvoi", again(&app, &who.organisation, &id, &message).await.map(drop))
}

/// Back to the page, which says what was done, or that it is too early.
fn sent(posted: &Posted, id: &str, done: &str, came: Result<(), WebError>) -> Result<Response, SignInNeeded> {
    let done = match came {
        Ok(()) => done,
        Err(WebError::TooMany(_)) if !posted.wants_json => "attente",
        Err(error) => return Err(error.into()),
    };
    Ok(posted.accepted(&format!("{}?fait={done}", place(id))))
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = enter(&app, &headers).await?;
    keep::remove(&app, &who, &id, &IfMatch::default()).await?;
    Ok(posted.accepted(&format!("{PAGE}?fait=supprime")))
}
