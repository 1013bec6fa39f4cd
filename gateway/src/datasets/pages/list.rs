//! `GET,POST /espace-client/donnees`: what is loaded, and the form that sends a file.

use std::collections::BTreeMap;

use aops_engine::MODULES;
use aops_manifest::Language;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::sent::{self, Sent};
use super::{PATH, mend, there};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::datasets::document::{Warranty, well_formed};
use crate::datasets::draft::{self, Found};
use crate::datasets::guard::{self, Who};
use crate::datasets::keep::{self, KeepError, New};
use crate::datasets::receive::{self, Asked};
use crate::datasets::{MOST, WARRANTY, mapping, told};
use crate::web::posted::fault_title;
use crate::web::{WebError, negotiation, render_titled};

/// Data sets of a page.
const PAGE: usize = 25;
const DONE: [&str; 2] = ["supprime", "abandonne"];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(list).post(upload))
}

async fn list(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, PATH).await?;
    let language = negotiation::language(&uri, &headers);
    let query = negotiation::query(&uri)?;
    let past = query.get("apres").map(String::as_str).filter(|past| well_formed(past));
    let done = query.get("fait").filter(|done| DONE.contains(&done.as_str()));
    let told = Told { past, done: done.map(String::as_str), ..Told::default() };
    Ok(page(&app, &who, language, StatusCode::OK, told).await?)
}

/// What a page of the list tells beside the list.
#[derive(Debug, Default)]
struct Told<'t> {
    past: Option<&'t str>,
    done: Option<&'t str>,
    values: BTreeMap<String, String>,
    /// By field, the code of its message.
    errors: BTreeMap<&'static str, &'static str>,
    /// Why the file cannot be read at all.
    refused: Option<String>,
}

async fn page(
    app: &App,
    who: &Who,
    language: Language,
    status: StatusCode,
    told: Told<'_>,
) -> Result<Response, WebError> {
    let (found, next) = keep::page(app, &who.organisation, told.past, PAGE).await?;
    let modules: Vec<Value> =
        modules().map(|(name, title)| json!({ "name": name, "title": title })).collect();
    let line = |(id, dataset): &keep::Named| {
        let mut line = told::head(app, id, dataset);
        line["title"] = json!(module_title(&dataset.module));
        line
    };
    let lines: Vec<Value> = found.iter().map(line).collect();
    let context = json!({
        "datasets": lines, "next": next, "first": told.past.is_none(), "modules": modules,
        "values": told.values, "errors": told.errors, "refused": told.refused, "done": told.done,
        "warranty": WARRANTY,
    });
    let title = match status {
        StatusCode::OK => app.site.load().texts.text(language, "donnees.title", &[]),
        _ => fault_title(app, language, "donnees.title"),
    };
    Ok(render_titled(app, status, language, &title, "gateway/donnees.html", context))
}

/// The modules that take lines, with their titles.
pub(super) fn modules() -> impl Iterator<Item = (&'static str, String)> {
    MODULES.iter().filter_map(|module| Some((*module, aops_engine::lines(module)?.module)))
}

/// A module's title; its name where it is not known any more.
pub(super) fn module_title(module: &str) -> String {
    aops_engine::lines(module).map_or_else(|| module.to_owned(), |lines| lines.module)
}

async fn upload(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let language = negotiation::language(&uri, &headers);
    let turn = app.datasets.receive().await?;
    let sent = sent::read(&app, &headers, body).await?;
    // Whether they may was decided before a byte was read. A large file takes its time: who signed out meanwhile, or was
    // signed out, keeps nothing here.
    let who = match guard::person(&app, &headers, PATH).await {
        Ok(who) => who,
        Err(needed) => return Ok(needed.into_response()),
    };
    let (asked, errors) = asked(&sent);
    let Some(mut asked) = asked else {
        let told = Told { values: sent.fields, errors, ..Told::default() };
        return page(&app, &who, language, StatusCode::UNPROCESSABLE_ENTITY, told).await;
    };
    asked.mapping = mapping::of(&app, &who.organisation, asked.module).await?;
    let new = New {
        module: asked.module,
        name: asked.name.clone(),
        pseudonyms: asked.pseudonyms,
        warranty: Warranty::given(&app, &who),
    };
    let refused = |code: String| Told { values: sent.fields.clone(), refused: Some(code), ..Told::default() };
    let checked = match receive::checked(&app, &who, asked, sent.file.clone()).await? {
        Ok(checked) => checked,
        Err(fault) => {
            let site = app.site.load();
            let sentence = told::sentence(&site.texts, language, &fault);
            let told = match fault.row {
                Some(row) => {
                    let row = site.texts.text(language, "donnees.row", &[("row", &row.to_string())]);
                    refused(format!("{row} {sentence}"))
                }
                None => refused(sentence),
            };
            return page(&app, &who, language, StatusCode::UNPROCESSABLE_ENTITY, told).await;
        }
    };
    let settle = sent.field("colonnes") == "oui";
    if !checked.faults.is_empty() || settle {
        let found = Found::from(&*checked);
        let id = draft::keep(&app, &who, new, &sent.file, &found).await?;
        drop(turn);
        if settle && checked.faults.is_empty() {
            return Ok(Redirect::to(&there(&mend::path(&id), language)).into_response());
        }
        return mend::page(
            &app,
            &who,
            language,
            StatusCode::UNPROCESSABLE_ENTITY,
            &id,
            &mend::Part::default(),
        )
        .await;
    }
    match keep::record(&app, &who, new, *checked).await {
        Ok(((id, _), _)) => {
            Ok(Redirect::to(&there(&format!("{PATH}/{id}?fait=charge"), language)).into_response())
        }
        Err(KeepError::Many) => {
            let fault = aops_dataset::Fault::too_many_files(MOST);
            let told = refused(told::sentence(&app.site.load().texts, language, &fault));
            page(&app, &who, language, StatusCode::UNPROCESSABLE_ENTITY, told).await
        }
        Err(KeepError::Record(error)) => Err(error.into()),
    }
}

/// What a form asks for, or by field the code of what is wrong with it.
fn asked(sent: &Sent) -> (Option<Asked>, BTreeMap<&'static str, &'static str>) {
    let mut errors = BTreeMap::new();
    let module = modules().map(|(name, _)| name).find(|known| *known == sent.field("module"));
    if module.is_none() {
        errors.insert("module", "choose");
    }
    if sent.file.is_empty() {
        errors.insert("fichier", "file");
    }
    if sent.field("garantie") != "accepte" {
        errors.insert("garantie", "warranty");
    }
    let (Some(module), true) = (module, errors.is_empty()) else { return (None, errors) };
    let name = receive::name(sent.field("nom")).or_else(|| receive::name(&sent.file_name));
    let asked = Asked {
        module,
        name: name.unwrap_or_else(|| module.to_owned()),
        mapping: BTreeMap::new(),
        pseudonyms: sent.field("pseudonymes") == "oui",
    };
    (Some(asked), errors)
}
