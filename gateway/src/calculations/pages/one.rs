//! `/espace-client/calculs/{id}`: where a calculation stands, what came of it, its reports, its end.

use aops_engine::FIRST;
use aops_report::{Cell, Drawing, Table, Told, Words, drawings, shown, tables, with_more};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};

use super::{ALL, enter, place, told, who};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::calculations::jobs::{self, Computed, Form, Job, State as JobState};
use crate::web::conditional::IfMatch;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render_titled};

/// Lines of a table on a page; reports have all.
const MOST_LINES: usize = 25;
// A list that stands apart has as many lines here as are told of it.
const _: () = assert!(MOST_LINES <= FIRST);
/// Other calculations that one may be compared with.
const MOST_OTHERS: usize = 50;
/// How often a page that waits asks again by itself, in seconds.
const PACE: &str = "4";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/espace-client/calculs/{id}", get(page))
        .route("/espace-client/calculs/{id}/evenements", get(events))
        .route("/espace-client/calculs/{id}/annulation", post(cancel))
        .route("/espace-client/calculs/{id}/suppression", post(remove))
        .route("/espace-client/calculs/{id}/{report}", get(report))
}

async fn page(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, &place(&id)).await?;
    let (job, _) = jobs::read(&app, &session.organisation, &id).await?.ok_or(WebError::NotFound)?;
    let language = negotiation::language(&uri, &headers);
    let mut context =
        json!({ "job": told(&app, &job, language), "done": negotiation::query(&uri)?.get("fait") });
    if job.state == JobState::Done
        && let Some(computed) = jobs::computed(&app, &session.organisation, &job).await?
    {
        let shown = present(&app, &job, computed).await?;
        context["tables"] = shown.0;
        context["charts"] = shown.1;
        context["others"] = others(&app, &session.organisation, &job).await?;
    }
    let title = app.site.load().texts.text(language, &format!("calculs.module.{}", job.module), &[]);
    let mut response = render_titled(&app, StatusCode::OK, language, &title, "gateway/calcul.html", context);
    if !job.state.is_final() {
        response.headers_mut().insert("refresh", HeaderValue::from_static(PACE));
    }
    Ok(response)
}

/// Tables and charts, made apart from requests.
async fn present(app: &App, job: &Job, computed: Computed) -> Result<(Value, Value), WebError> {
    let turn = app.calculations.turn().await?;
    let (module, made) = (job.module.clone(), job.ended.unwrap_or(job.created));
    let made = tokio::task::spawn_blocking(move || {
        let words = Words::french().map_err(|error| error.to_string())?;
        let Computed { request, outcome, apart, .. } = &computed;
        let apart = apart.as_ref();
        let all = with_more(tables(&module, request, outcome, &words), apart, &words);
        let told =
            Told { module: &module, request, outcome, apart, made, digest: "", owner: None, data: None };
        let charts: Vec<Value> = drawings(&told, &words).into_iter().map(drawn).collect();
        let tables: Vec<Value> = all.iter().map(table).collect();
        drop(turn);
        Ok::<_, String>((Value::Array(tables), Value::Array(charts)))
    });
    let made = made.await.map_err(|error| WebError::Internal(error.to_string()))?;
    made.map_err(WebError::Internal)
}

fn drawn(drawing: Drawing) -> Value {
    json!({ "title": drawing.title, "alt": drawing.alt, "svg": drawing.svg })
}

fn table(table: &Table) -> Value {
    let cell = |cell: &Cell| json!({ "text": shown(cell), "number": matches!(cell, Cell::Number(..)) });
    // That it decides nothing about anybody is told beside the reports.
    let said = |row: &&Vec<Cell>| row.iter().skip(1).any(|cell| *cell != Cell::Empty) || row.len() < 2;
    let rows = table.rows.iter().filter(said).take(MOST_LINES);
    json!({
        "title": table.title, "headers": table.headers,
        "rows": rows.map(|row| row.iter().map(cell).collect()).collect::<Vec<Vec<Value>>>(),
        "left": (table.rows.len() + table.more).saturating_sub(MOST_LINES),
    })
}

/// Calculations of the same module that are done.
async fn others(app: &App, organisation: &str, job: &Job) -> Result<Value, WebError> {
    let (jobs, _) = jobs::list(app, organisation, None, MOST_OTHERS).await?;
    let alike = jobs
        .into_iter()
        .filter(|other| other.id != job.id && other.module == job.module && other.state == JobState::Done);
    Ok(alike.map(|other| json!({ "id": other.id, "name": other.name, "created": other.created })).collect())
}

async fn events(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, &place(&id)).await?;
    jobs::read(&app, &session.organisation, &id).await?.ok_or(WebError::NotFound)?;
    Ok(jobs::stream(app, session.organisation, id))
}

async fn report(
    State(app): State<SharedApp>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, &place(&id)).await?;
    let form = name.strip_prefix("rapport.").and_then(Form::of).ok_or(WebError::NotFound)?;
    Ok(jobs::download(&app, &session.organisation, &id, form).await?)
}

async fn cancel(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, &place(&id)).await?;
    let done = jobs::cancel(&app, who(&session), &id).await?;
    if !done && jobs::read(&app, &session.organisation, &id).await?.is_none() {
        return Err(WebError::NotFound.into());
    }
    let place = place(&id);
    Ok(posted.accepted(&if done { format!("{place}?fait=annule") } else { place }))
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, ALL).await?;
    if !jobs::remove(&app, who(&session), &id, &IfMatch::default()).await? {
        return Err(WebError::NotFound.into());
    }
    Ok(posted.accepted(&format!("{ALL}?fait=supprime")))
}
