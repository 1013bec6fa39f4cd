//! `/espace-client/calculs/nouveau`: the choice of a module and its assumptions, what the calculation will count and cost,
//! and asking for it. The fields are those that the engine declares; what they begin with is an example, assumptions that
//! were chosen (a preset, the last ones, the organisation's own), or an earlier calculation.

use std::collections::BTreeMap;

use aops_engine::MODULES;
use aops_manifest::Language;
use aops_report::Words;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::{ALL, enter, fields, place, who};
use crate::accounts::{Session, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::calculations::assumptions::{self, Found, Kept, Origin};
use crate::calculations::jobs::{self, Asked, Refused};
use crate::calculations::quoted;
use crate::checkout::{self, Plan};
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

const PATH: &str = "/espace-client/calculs/nouveau";
/// Fields of the form that are no parameters.
const OWN: [&str; 8] =
    ["module", "nom", "donnees", "courriel", "exemple", "hypotheses", assumptions::NAME, assumptions::SOURCE];
/// The longest name, in characters.
const LONGEST_NAME: usize = 120;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(form))
}

/// Modules that somebody may use, by name and title.
pub(super) fn open_modules(app: &App, plans: &[Plan], language: Language) -> Vec<Value> {
    let (now, site) = (app.clock.now(), app.site.load());
    let open = MODULES.iter().filter(|module| plans.iter().any(|plan| plan.opens(module, now)));
    let told = |module: &&str| {
        let text = |part: &str| site.texts.text(language, &format!("calculs.{part}.{module}"), &[]);
        json!({ "id": module, "title": text("module"), "about": text("about") })
    };
    open.map(told).collect()
}

/// What a form begins with.
#[derive(Default)]
struct Beginning {
    module: String,
    name: Option<String>,
    dataset: Option<String>,
    values: Value,
    /// The assumptions that it begins with.
    chosen: Option<Found>,
    /// What was typed, where it comes back.
    typed: BTreeMap<String, String>,
}

async fn form(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, PATH).await?;
    let query = negotiation::query(&uri)?;
    let language = negotiation::language(&uri, &headers);
    let plans = checkout::plans_for(&app, &session.organisation, &session.account).await?;
    let beginning = beginning(&app, &session, &query, language).await?;
    let Some(beginning) = beginning else {
        let context =
            json!({ "modules": open_modules(&app, &plans, language), "dataset": query.get("donnees") });
        let page =
            render(&app, StatusCode::OK, language, "calculs.new", "gateway/calcul_choix.html", context);
        return Ok(page);
    };
    let title = app.site.load().texts.text(language, "calculs.new", &[]);
    Ok(page(&app, &session, &plans, StatusCode::OK, language, &title, &beginning, &BTreeMap::new()).await?)
}

async fn beginning(
    app: &App,
    session: &Session,
    query: &BTreeMap<String, String>,
    language: Language,
) -> Result<Option<Beginning>, WebError> {
    if let Some(id) = query.get("copie") {
        let found = jobs::read(app, &session.organisation, id).await?;
        let (job, _) = found.ok_or(WebError::NotFound)?;
        let parameters = jobs::parameters(app, &session.organisation, &job).await?;
        let values = Value::Object(parameters.unwrap_or_default());
        let Some(module) = known(&job.module) else { return Ok(None) };
        return Ok(Some(Beginning {
            module,
            name: job.name,
            dataset: job.dataset,
            values,
            ..Beginning::default()
        }));
    }
    let chosen = chosen(app, session, query.get("hypotheses"), language).await?;
    let named = chosen.as_ref().map(|found| &found.module).or_else(|| query.get("module"));
    let Some(module) = named.and_then(|module| known(module)) else { return Ok(None) };
    let values = match &chosen {
        Some(found) => Value::Object(found.values.clone()),
        None => aops_engine::example(&module).unwrap_or_default(),
    };
    let dataset = query.get("donnees").filter(|id| !id.is_empty()).cloned();
    Ok(Some(Beginning { module, values, dataset, chosen, ..Beginning::default() }))
}

/// The assumptions of an id, where one is given.
async fn chosen(
    app: &App,
    session: &Session,
    id: Option<&String>,
    language: Language,
) -> Result<Option<Found>, WebError> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    let found = assumptions::find(app, &session.organisation, id, language).await?;
    found.map(Some).ok_or(WebError::NotFound)
}

fn known(module: &str) -> Option<String> {
    MODULES.contains(&module).then(|| module.to_owned())
}

#[allow(clippy::too_many_arguments, reason = "all of a page")]
async fn page(
    app: &App,
    session: &Session,
    plans: &[Plan],
    status: StatusCode,
    language: Language,
    title: &str,
    beginning: &Beginning,
    errors: &BTreeMap<String, String>,
) -> Result<Response, WebError> {
    let words = Words::french().map_err(|error| WebError::Internal(error.to_string()))?;
    let now = app.clock.now();
    if !plans.iter().any(|plan| plan.opens(&beginning.module, now)) {
        return Err(WebError::PaymentRequired);
    }
    let module = app.site.load().texts.text(language, &format!("calculs.module.{}", beginning.module), &[]);
    let choices = jobs::datasets(app, &session.organisation, &beginning.module).await?;
    let mut fields = fields::of(&beginning.module, &beginning.values, beginning.dataset.is_some(), &words);
    if let Some(found) = &beginning.chosen {
        fields::noted(&mut fields, &found.notes);
    }
    fields::as_typed(&mut fields, &beginning.typed);
    let all = assumptions::choices(app, &session.organisation, Some(&beginning.module), language).await?;
    let of = |origin: Origin| -> Vec<Value> {
        let of = all.iter().filter(|found| found.origin == origin);
        of.map(|found| assumptions::told(app, found, language)).collect()
    };
    let chosen = beginning.chosen.as_ref().map(|found| assumptions::told(app, found, language));
    let quote = checkout::quote(app, &session.organisation, plans, &beginning.module).await?;
    let context = json!({
        "presets": of(Origin::Preset), "last": of(Origin::Last), "own": of(Origin::Own), "chosen": chosen,
        "quote": quoted::shown(app, &quote, language), "typed": beginning.typed,
        "module": beginning.module, "module_title": module, "name": beginning.name,
        "notify": wants_letter(&beginning.typed), "dataset": beginning.dataset, "datasets": choices, "fields": fields, "errors": errors,
    });
    Ok(render_titled(app, status, language, title, "gateway/calcul_nouveau.html", context))
}

/// `POST /espace-client/calculs`: 303 to the calculation's page; 422 with the form where something typed is no value.
pub(super) async fn create(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, ALL).await?;
    let plans = checkout::plans_for(&app, &session.organisation, &session.account).await?;
    let text =
        |name: &str| posted.fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let module = text("module").and_then(known).ok_or(WebError::BadRequest("the module is not known"))?;
    let name = text("nom").map(|name| name.chars().take(LONGEST_NAME).collect::<String>());
    let dataset = text("donnees").map(str::to_owned);
    let read = match text("exemple") {
        // What a first look begins with: the engine's own example.
        Some(_) => Ok(example(&module)),
        None => {
            let mut typed = posted.fields.clone();
            typed.retain(|name, _| !OWN.contains(&name.as_str()));
            fields::read(&module, &typed)
        }
    };
    let chosen = chosen(&app, &session, posted.fields.get("hypotheses"), posted.language).await?;
    let begun = chosen.as_ref().map(|found| found.id.clone());
    let again = async |dataset: Option<String>, values: Value, errors: BTreeMap<String, String>| {
        let (module, name, chosen, typed) =
            (module.clone(), name.clone(), chosen.clone(), posted.fields.clone());
        let beginning = Beginning { module, name, dataset, values, chosen, typed };
        let title = fault_title(&app, posted.language, "calculs.new");
        let (status, language) = (StatusCode::UNPROCESSABLE_ENTITY, posted.language);
        page(&app, &session, &plans, status, language, &title, &beginning, &errors).await
    };
    let parameters = match read {
        Ok(parameters) => parameters,
        Err((values, errors)) => return Ok(again(dataset.clone(), values, errors).await?),
    };
    let letter = wants_letter(&posted.fields);
    let asked =
        Asked { module: module.clone(), dataset: dataset.clone(), parameters, name: name.clone(), letter };
    let sound = match jobs::sound(&app, who(&session), &plans, asked.clone()).await {
        Ok(sound) => sound,
        Err(Refused::Web(error)) => return Err(error.into()),
        Err(Refused::Faults(_)) => {
            let errors = BTreeMap::from([("donnees".to_owned(), "choice".to_owned())]);
            return Ok(again(None, Value::Object(asked.parameters), errors).await?);
        }
    };
    if text(assumptions::NAME).is_some() {
        let of = |name: &str| posted.fields.get(name).cloned();
        let kept = Kept {
            name: of(assumptions::NAME),
            source: of(assumptions::SOURCE),
            values: Some(asked.parameters.clone()),
        };
        match assumptions::save(&app, who(&session), &module, &kept, begun.as_deref()).await {
            Ok(_) => {}
            Err(assumptions::Refused::Web(error)) => return Err(error.into()),
            Err(assumptions::Refused::Field(field, code)) => {
                let errors = BTreeMap::from([(assumptions::of_form(field), code.to_owned())]);
                return Ok(again(dataset.clone(), Value::Object(asked.parameters), errors).await?);
            }
        }
    }
    let job = jobs::submit(&app, who(&session), &plans, sound, None).await?;
    if let Some(id) = &begun {
        assumptions::used(&app, &session.organisation, id).await?;
    }
    let lang = if posted.language == Language::En { "?lang=en" } else { "" };
    Ok(Redirect::to(&format!("{}{lang}", place(&job.id))).into_response())
}

fn wants_letter(typed: &BTreeMap<String, String>) -> bool {
    typed.get("courriel").is_some_and(|value| value == "oui")
}

fn example(module: &str) -> Map<String, Value> {
    match aops_engine::example(module) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
