//! `/espace-client/hypotheses`: what calculations may begin with, for people, without JavaScript. What it does is what the
//! API does.

use std::collections::BTreeMap;

use aops_engine::MODULES;
use aops_manifest::Language;
use aops_report::Words;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::keep::{self, Kept, Refused};
use super::stored::{self, Assumptions};
use super::{Found, Origin, PAGE, choices};
use crate::accounts::{self, Session, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::calculations::jobs::Who;
use crate::calculations::pages::fields;
use crate::web::conditional::IfMatch;
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

const LIST: &str = "gateway/hypotheses.html";
const ONE: &str = "gateway/hypotheses_jeu.html";
const TITLE: &str = "hypotheses.title";
/// What a page may say that was done.
const DONE: [&str; 2] = ["enregistre", "supprime"];
/// Fields of the forms that are no parameters, those of the form of calculations among them.
const OWN: [&str; 7] = ["module", "nom", "donnees", "courriel", "hypotheses", NAME, SOURCE];
/// The fields of what is saved.
pub(in crate::calculations) const NAME: &str = "hypotheses_nom";
pub(in crate::calculations) const SOURCE: &str = "hypotheses_source";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PAGE, get(list).post(create))
        .route("/espace-client/hypotheses/{id}", get(show).post(change))
        .route("/espace-client/hypotheses/{id}/suppression", post(remove))
}

fn who(session: &Session) -> Who<'_> {
    Who { organisation: &session.organisation, account: &session.account }
}

fn done(uri: &Uri) -> Result<Value, WebError> {
    let query = negotiation::query(uri)?;
    Ok(json!(query.get("fait").filter(|done| DONE.contains(&done.as_str()))))
}

async fn list(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    let language = negotiation::language(&uri, &headers);
    let all = choices(&app, &session.organisation, None, language).await?;
    let of = |origin: Origin| -> Vec<Value> {
        all.iter().filter(|found| found.origin == origin).map(|found| told(&app, found, language)).collect()
    };
    let context = json!({
        "own": of(Origin::Own), "last": of(Origin::Last), "presets": of(Origin::Preset), "done": done(&uri)?,
    });
    Ok(render(&app, StatusCode::OK, language, TITLE, LIST, context))
}

/// What lists and choices tell of assumptions.
pub(in crate::calculations) fn told(app: &App, found: &Found, language: Language) -> Value {
    let title = app.site.load().texts.text(language, &format!("calculs.module.{}", found.module), &[]);
    json!({
        "id": found.id, "origin": found.origin, "module": found.module, "module_title": title,
        "name": found.name, "about": found.about, "changed": found.changed,
    })
}

/// `POST`: from the form of calculations, or by a program: `module`, `hypotheses_nom`, `hypotheses_source`, and each
/// field by its name. 303 to the page of what was saved.
async fn create(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    let module = posted.fields.get("module").and_then(|name| MODULES.iter().copied().find(|one| one == name));
    let module = module.ok_or(WebError::BadRequest("the module is not known"))?;
    let errors = match read(module, &posted) {
        Ok(kept) => {
            let over = posted.fields.get("hypotheses").map(String::as_str);
            match keep::save(&app, who(&session), module, &kept, over).await {
                Ok((id, _)) => return Ok(posted.accepted(&format!("{PAGE}/{id}?fait=enregistre"))),
                Err(Refused::Web(error)) => return Err(error.into()),
                Err(Refused::Field(field, code)) => BTreeMap::from([(of_form(field), code.to_owned())]),
            }
        }
        Err(errors) => errors,
    };
    Ok(page(&app, &posted, module, None, &errors)?)
}

/// What a form says.
fn read(module: &str, posted: &Posted) -> Result<Kept, BTreeMap<String, String>> {
    let mut typed = posted.fields.clone();
    typed.retain(|name, _| !OWN.contains(&name.as_str()));
    let text = |name: &str| Some(posted.fields.get(name).cloned().unwrap_or_default());
    match fields::read(module, &typed) {
        Ok(values) => Ok(Kept { name: text(NAME), source: text(SOURCE), values: Some(values) }),
        Err((_, errors)) => Err(errors),
    }
}

/// The name of a field of the API in the form.
pub(in crate::calculations) fn of_form(field: &str) -> String {
    match field {
        "name" => NAME.to_owned(),
        "source" => SOURCE.to_owned(),
        other => other.to_owned(),
    }
}

async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    let (one, _) = own(&app, &session, &id).await?;
    let language = negotiation::language(&uri, &headers);
    let mut context = shown(&app, &one, language)?;
    context["done"] = done(&uri)?;
    let title = one.name.clone().unwrap_or_default();
    Ok(render_titled(&app, StatusCode::OK, language, &title, ONE, context))
}

async fn own(app: &App, session: &Session, id: &str) -> Result<(Assumptions, u64), WebError> {
    let found = stored::read(app, &session.organisation, id).await?.filter(|(one, _)| one.is_own());
    found.ok_or(WebError::NotFound)
}

fn shown(app: &App, one: &Assumptions, language: Language) -> Result<Value, WebError> {
    let words = Words::french().map_err(|error| WebError::Internal(error.to_string()))?;
    let mut context = json!({
        "jeu": told(app, &one.clone().into(), language), "done": null, "errors": {},
        "typed": { NAME: one.name, SOURCE: one.source }, "ends": one.ends(app),
    });
    let fields = fields::assumptions(&one.module, &Value::Object(one.values.clone()), &words);
    context["fields"] = json!(fields);
    Ok(context)
}

async fn change(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    let (one, _) = own(&app, &session, &id).await?;
    let errors = match read(&one.module, &posted) {
        Ok(kept) => match keep::change(&app, who(&session), &id, &IfMatch::default(), &kept, None).await {
            Ok(_) => return Ok(posted.accepted(&format!("{PAGE}/{id}?fait=enregistre"))),
            Err(Refused::Web(error)) => return Err(error.into()),
            Err(Refused::Field(field, code)) => BTreeMap::from([(of_form(field), code.to_owned())]),
        },
        Err(errors) => errors,
    };
    Ok(page(&app, &posted, &one.module, Some(&one), &errors)?)
}

/// 422 with what was typed.
fn page(
    app: &App,
    posted: &Posted,
    module: &str,
    one: Option<&Assumptions>,
    errors: &BTreeMap<String, String>,
) -> Result<Response, WebError> {
    use axum::response::IntoResponse;
    if posted.wants_json {
        return Ok(
            (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "errors": errors }))).into_response()
        );
    }
    let words = Words::french().map_err(|error| WebError::Internal(error.to_string()))?;
    let mut typed = posted.fields.clone();
    typed.retain(|name, _| !OWN.contains(&name.as_str()));
    let values = match fields::read(module, &typed) {
        Ok(values) => Value::Object(values),
        Err((partial, _)) => partial,
    };
    let mut fields = fields::assumptions(module, &values, &words);
    fields::as_typed(&mut fields, &posted.fields);
    let fresh = Found {
        id: String::new(),
        origin: Origin::Own,
        module: module.to_owned(),
        name: None,
        about: None,
        values: serde_json::Map::new(),
        notes: Vec::new(),
        changed: None,
    };
    let found = one.map_or(fresh, |one| one.clone().into());
    let context = json!({
        "jeu": told(app, &found, posted.language), "done": null, "errors": errors, "fields": fields,
        "typed": { NAME: posted.fields.get(NAME), SOURCE: posted.fields.get(SOURCE) },
        "ends": one.map(|one| one.ends(app)),
    });
    let title = fault_title(app, posted.language, TITLE);
    Ok(render_titled(app, StatusCode::UNPROCESSABLE_ENTITY, posted.language, &title, ONE, context))
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    keep::remove(&app, who(&session), &id, &IfMatch::default()).await?;
    Ok(posted.accepted(&format!("{PAGE}?fait=supprime")))
}
