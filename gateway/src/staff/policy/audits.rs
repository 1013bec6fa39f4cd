//! `/equipe/audits`: audits that clients ask for: accepted, refused with a reason, ended before their time.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::page::{Page, fault, typed};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::client_audit::{self, Act, DeskError};
use crate::web::WebError;
use crate::web::posted::Posted;
use crate::working_days;

const PAGE: Page = Page {
    path: "/equipe/audits",
    title: "audits_equipe.title",
    template: "gateway/audits_equipe.html",
    done: &["accepte", "refuse", "termine"],
};

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PAGE.path, get(page))
        .route("/equipe/audits/{id}/acceptation", post(accepted))
        .route("/equipe/audits/{id}/refus", post(turned_down))
        .route("/equipe/audits/{id}/fin", post(ended))
}

/// `GET /equipe/audits`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let context = shown(&app).await?;
    PAGE.answer(&app, &uri, &headers, context).await
}

/// `POST …/acceptation`: the auditor gets the link that opens on the days of the audit.
async fn accepted(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    if posted.check(&[]).finish().is_err() {
        return Ok(again(&app, &posted, "decided").await?);
    }
    answered(&app, &headers, &posted, Act::Accept { id }, "accepte").await
}

/// `POST …/refus`: the client is told why.
async fn turned_down(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    match typed(&posted, "motif") {
        Some(reason) => answered(&app, &headers, &posted, Act::Refuse { id, reason }, "refuse").await,
        None => Ok(again(&app, &posted, "reason").await?),
    }
}

/// `POST …/fin`: the auditor's access ends now.
async fn ended(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    match typed(&posted, "motif") {
        Some(reason) => answered(&app, &headers, &posted, Act::End { id, reason }, "termine").await,
        None => Ok(again(&app, &posted, "reason").await?),
    }
}

async fn answered(
    app: &App,
    headers: &HeaderMap,
    posted: &Posted,
    act: Act,
    told: &str,
) -> Result<Response, SignInNeeded> {
    match PAGE.as_staff(app, headers, client_audit::act(app, act)).await? {
        Ok(_) => Ok(PAGE.did(posted, told)),
        Err(DeskError::None(_)) => Err(WebError::NotFound.into()),
        Err(DeskError::Record(error)) => Err(error.into()),
        // Decided meanwhile, or its days are over.
        Err(_) => Ok(again(app, posted, "decided").await?),
    }
}

async fn again(app: &App, posted: &Posted, why: &str) -> Result<Response, WebError> {
    Ok(PAGE.refused(app, posted, why, shown(app).await?))
}

/// The requests: those to be answered first, then by their days, the latest first.
async fn shown(app: &App) -> Result<Value, WebError> {
    let listed = client_audit::act(app, Act::List).await.map_err(fault)?;
    let today = working_days::today(app.clock.now()).to_string();
    let mut audits: Vec<Value> = listed.as_array().cloned().unwrap_or_default();
    audits.reverse();
    audits.sort_by_key(|one| one["state"] != "asked");
    for one in &mut audits {
        let over = one["last"].as_str().is_some_and(|last| last < today.as_str());
        one["answered"] = json!(one["state"] != "asked" || over);
        one["may_end"] = json!(one["state"] == "accepted" && !over);
    }
    Ok(json!({ "audits": audits, "done": null, "fault": null }))
}
