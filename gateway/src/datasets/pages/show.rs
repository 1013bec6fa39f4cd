//! `/espace-client/donnees/{id}`: what is in a data set, what it is beside another one, its lines, its end.

use aops_dataset::{Comparison, harmless};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use csv::{ReaderBuilder, WriterBuilder};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::list::module_title;
use super::{CSV, PATH, attached, charts};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::datasets::document::Dataset;
use crate::datasets::guard::{self, Who};
use crate::datasets::{keep, told};
use crate::web::conditional::IfMatch;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render_titled};

/// Data sets that one may be compared with.
const OTHERS: usize = 50;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/espace-client/donnees/{id}", get(show))
        .route("/espace-client/donnees/{id}/lignes.csv", get(lines))
        .route("/espace-client/donnees/{id}/supprimer", post(remove))
}

/// `?avec=`: beside another data set of the same module.
async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, uri.path()).await?;
    let language = negotiation::language(&uri, &headers);
    let query = negotiation::query(&uri)?;
    let dataset = read(&app, &who, &id).await?;
    let named = (id, dataset);
    let details = keep::details(&app, &who.organisation, &named).await.map_err(WebError::from)?;
    let details = details.ok_or(WebError::NotFound)?;
    let (id, dataset) = named;
    let lines = aops_engine::lines(&dataset.module).ok_or(WebError::NotFound)?;
    let others = others(&app, &who, &id, &dataset).await?;
    let with = query.get("avec").filter(|with| others.iter().any(|one| one["id"] == with.as_str()));
    let compared = match with {
        Some(with) => compared(&app, &who, (&id, &dataset), with).await?,
        None => None,
    };
    let site = app.site.load();
    let target = |name: &Option<String>| {
        let column = lines.columns.iter().find(|column| Some(column.name) == name.as_deref());
        column.map(|column| column.title.clone())
    };
    let mapped: Vec<Value> = details
        .mapped
        .iter()
        .map(|one| json!({ "column": one.column, "title": target(&one.read_as) }))
        .collect();
    let mut head = told::head(&app, &id, &dataset);
    head["title"] = json!(module_title(&dataset.module));
    let context = json!({
        "dataset": head,
        "done": query.get("fait").is_some_and(|done| done == "charge"),
        "warnings": told::warnings(&site.texts, language, &details.warnings),
        "mapped": mapped,
        "charts": charts::of(&details.profile, &lines),
        "others": others,
        "compared_with": with,
        "compared": compared,
    });
    let title = site.texts.text(language, "donnees.one", &[("name", &dataset.name)]);
    Ok(render_titled(&app, StatusCode::OK, language, &title, "gateway/jeu_de_donnees.html", context))
}

async fn read(app: &App, who: &Who, id: &str) -> Result<Dataset, WebError> {
    let found = keep::read(app, &who.organisation, id).await?;
    found.map(|(dataset, _)| dataset).ok_or(WebError::NotFound)
}

async fn others(app: &App, who: &Who, id: &str, dataset: &Dataset) -> Result<Vec<Value>, WebError> {
    let (all, _) = keep::page(app, &who.organisation, None, OTHERS).await?;
    let same = all.iter().filter(|(other, one)| other != id && one.module == dataset.module);
    Ok(same.map(|(other, one)| json!({ "id": other, "name": one.name, "created": one.created })).collect())
}

async fn compared(
    app: &App,
    who: &Who,
    (id, dataset): (&str, &Dataset),
    with: &str,
) -> Result<Option<Value>, WebError> {
    let Some((other, _)) = keep::read(app, &who.organisation, with).await? else { return Ok(None) };
    let before = keep::lines(app, &who.organisation, with, &other).await?;
    let after = keep::lines(app, &who.organisation, id, dataset).await?;
    let (Some(before), Some(after)) = (before, after) else { return Ok(None) };
    let turn = app.datasets.check().await?;
    let compared = tokio::task::spawn_blocking(move || {
        let compared = aops_dataset::compare(&before, &after);
        drop(turn);
        compared
    });
    let compared = compared.await.map_err(|error| WebError::Internal(error.to_string()))?;
    let compared = compared.map_err(|error| WebError::Internal(error.to_string()))?;
    let told = |found: Comparison| {
        let mut told = json!(found);
        told["came"] = json!(found.came());
        told["left"] = json!(found.left());
        told["percent"] = json!(found.raise.map(|raise| raise * 100.0));
        told
    };
    Ok(compared.map(told))
}

/// The lines as they are kept, with nothing that a spreadsheet takes for a formula.
async fn lines(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, uri.path()).await?;
    let dataset = read(&app, &who, &id).await?;
    let lines = keep::lines(&app, &who.organisation, &id, &dataset).await.map_err(WebError::from)?;
    let lines = lines.ok_or(WebError::NotFound)?;
    let harmless = harmless_lines(&lines).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(attached(harmless, CSV, &format!("{}.csv", dataset.name.trim_end_matches(".csv"))))
}

fn harmless_lines(lines: &str) -> Result<Vec<u8>, csv::Error> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(lines.as_bytes());
    let mut writer = WriterBuilder::new().from_writer(Vec::with_capacity(lines.len()));
    for record in reader.records() {
        writer.write_record(record?.iter().map(|cell| harmless(cell).into_owned()))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, PATH).await?;
    match keep::remove(&app, &who, &id, &IfMatch::default()).await? {
        true => Ok(posted.accepted(&format!("{PATH}?fait=supprime"))),
        false => Err(WebError::NotFound.into()),
    }
}
