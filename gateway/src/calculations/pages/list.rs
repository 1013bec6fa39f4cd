//! `GET /espace-client/calculs`: what was asked for, the newest first; and where nothing was, how to begin.

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::{ALL, enter, new, told};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::calculations::jobs;
use crate::checkout;
use crate::records::RecordError;
use crate::web::{negotiation, render};

const PAGE: usize = 25;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(ALL, get(list).post(new::create))
}

/// The latest calculations of an organisation, as the pages tell them, the newest first.
///
/// # Errors
/// [`RecordError`].
pub async fn latest(
    app: &App,
    organisation: &str,
    language: Language,
    count: usize,
) -> Result<Vec<Value>, RecordError> {
    let (jobs, _) = jobs::list(app, organisation, None, count).await?;
    Ok(jobs.iter().map(|job| told(app, job, language)).collect())
}

async fn list(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, ALL).await?;
    let query = negotiation::query(&uri)?;
    let after = query.get("suite").map(String::as_str).filter(|id| !id.contains('\0'));
    let (jobs, next) = jobs::list(&app, &session.organisation, after, PAGE).await?;
    let language = negotiation::language(&uri, &headers);
    let rows: Vec<Value> = jobs.iter().map(|job| told(&app, job, language)).collect();
    let plans = checkout::plans_for(&app, &session.organisation, &session.account).await?;
    let context = json!({
        "jobs": rows, "next": next, "later": after.is_some(), "done": query.get("fait"),
        "modules": new::open_modules(&app, &plans, language),
    });
    Ok(render(&app, StatusCode::OK, language, "calculs.title", "gateway/calculs.html", context))
}
