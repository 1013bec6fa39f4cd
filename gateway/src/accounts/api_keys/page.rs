//! `/espace-client/cles`: the keys of the organisation; a new one is shown once.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};

use super::list::{self, KeyError, MOST, Maker, Wanted};
use super::{Mode, NewKey, form, kept};
use crate::accounts::{self, Account, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::authorisation::Scope;
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

pub(super) const PAGE: &str = "/espace-client/cles";
const TEMPLATE: &str = "gateway/cles.html";
const TITLE: &str = "keys.title";
/// For how many days a key may be made; `0` for good.
const DAYS: [u16; 4] = [30, 90, 365, 0];
const DONE: [&str; 1] = ["revoquee"];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PAGE, get(page).post(make))
        .route("/espace-client/cles/{id}/remplacement", post(replace))
        .route("/espace-client/cles/{id}/retrait", post(revoke))
}

async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let query = negotiation::query(&uri)?;
    let mut context = shown(&app, &me).await?;
    context["done"] = json!(query.get("fait").filter(|done| DONE.contains(&done.as_str())));
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// `POST /espace-client/cles`: `nom_cle`, `duree` in days, and the name of each scope.
async fn make(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let names = Scope::ALL.map(Scope::name);
    let mut checker = posted.check(&[&names[..], &["nom_cle", "duree", "mode"]].concat());
    let name = checker.text("nom_cle", 1..=60);
    let chosen = |scope: &Scope| posted.fields.get(scope.name()).is_some_and(|value| value == "oui");
    let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(chosen).collect();
    let mode = match posted.fields.get("mode").map(String::as_str) {
        Some("test") => Mode::Test,
        _ => Mode::Live,
    };
    if !scopes.iter().all(|scope| mode.scopes().contains(scope)) {
        checker.fault("portees", "scopes_test");
    }
    if scopes.is_empty() {
        checker.fault("portees", "scopes");
    }
    let days = posted.fields.get("duree").and_then(|text| text.parse::<u16>().ok());
    let days = days.filter(|days| DAYS.contains(days));
    if days.is_none() {
        checker.fault("duree", "required");
    }
    let errors = match checker.finish() {
        Ok(()) => {
            let wanted = Wanted { name, scopes, mode, days: days.filter(|days| *days > 0) };
            match list::add(&app, &me, &wanted, Maker::Holder).await {
                Ok(new) => return told(&app, &me, &posted, &new).await,
                Err(KeyError::Full) => BTreeMap::from([("nom_cle".to_owned(), "keys_many".to_owned())]),
                Err(error) => return Err(WebError::from(error).into()),
            }
        }
        Err(errors) => errors,
    };
    refused(&app, &me, &posted, errors).await
}

/// `POST /espace-client/cles/{id}/remplacement`.
async fn replace(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    empty(&posted)?;
    match list::replace(&app, &me, &id).await {
        Ok(new) => told(&app, &me, &posted, &new).await,
        Err(KeyError::Full) => {
            let errors = BTreeMap::from([("nom_cle".to_owned(), "keys_many".to_owned())]);
            refused(&app, &me, &posted, errors).await
        }
        Err(error) => Err(WebError::from(error).into()),
    }
}

/// `POST /espace-client/cles/{id}/retrait`.
async fn revoke(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    empty(&posted)?;
    list::revoke(&app, &me, &id).await.map_err(WebError::from)?;
    Ok(posted.accepted(&format!("{PAGE}?fait=revoquee")))
}

fn empty(posted: &Posted) -> Result<(), WebError> {
    let fields = posted.check(&[]).finish();
    fields.map_err(|_| WebError::BadRequest("the form has fields that are not known"))
}

/// The page with the key on it, this once. It is no redirection: the key must stand in no address.
async fn told(app: &App, me: &Account, posted: &Posted, new: &NewKey) -> Result<Response, SignInNeeded> {
    let mut response = if posted.wants_json {
        (StatusCode::CREATED, axum::Json(json!(new))).into_response()
    } else {
        let mut context = shown(app, me).await?;
        context["new"] = json!(new);
        render(app, StatusCode::OK, posted.language, "keys.made", TEMPLATE, context)
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn refused(
    app: &App,
    me: &Account,
    posted: &Posted,
    errors: BTreeMap<String, String>,
) -> Result<Response, SignInNeeded> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return Ok((status, axum::Json(json!({ "errors": errors }))).into_response());
    }
    let mut context = shown(app, me).await?;
    context["form"] = json!({ "values": posted.fields, "errors": errors, "action": PAGE });
    let title = fault_title(app, posted.language, TITLE);
    Ok(render_titled(app, status, posted.language, &title, TEMPLATE, context))
}

async fn shown(app: &App, me: &Account) -> Result<Value, WebError> {
    let mut keys = Vec::new();
    for line in list::of(app, &me.organisation).await? {
        let maker = accounts::read(app, &me.organisation, &line.by).await?;
        let record = kept(app, &line.id).await?;
        keys.push(json!({
            "id": line.id,
            "name": line.name,
            "beginning": form::beginning(&line.id, line.mode),
            "mode": line.mode,
            "scopes": line.scopes,
            "by": maker.as_ref().map(|maker| maker.email.as_str()),
            "created": line.created,
            "expires": line.expires,
            "used": record.as_ref().and_then(|(record, _)| record.used),
            "works": record.is_some() && maker.is_some(),
        }));
    }
    Ok(json!({
        "more": keys.len() < MOST,
        "keys": keys,
        "most": MOST,
        "days": DAYS,
        "scopes": Scope::ALL,
        "done": null,
        "new": null,
        "form": { "values": {}, "errors": {}, "action": PAGE },
    }))
}
