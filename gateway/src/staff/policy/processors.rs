//! `/equipe/prestataires`: the processors in force, those to come, and whether the declared list was announced; the officer
//! announces it, which writes to every client.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, Uri};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::page::Page;
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::processors::{self, Act, AnnounceError};
use crate::web::WebError;
use crate::web::posted::Posted;
use crate::working_days;

const PAGE: Page = Page {
    path: "/equipe/prestataires",
    title: "prestataires_equipe.title",
    template: "gateway/prestataires_equipe.html",
    done: &["annonce"],
};

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE.path, get(page).post(announced))
}

/// `GET /equipe/prestataires`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let context = shown(&app, "").await?;
    PAGE.answer(&app, &uri, &headers, context).await
}

/// `POST /equipe/prestataires`: every client is told what changes, and from which day.
async fn announced(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let mut checker = posted.check(&["premier_jour", "relu"]);
    let Ok(applies) = checker.text("premier_jour", 10..=10).parse::<Date>() else {
        return again(&app, &posted, "date").await;
    };
    if checker.finish().is_err() || posted.fields.get("relu").map(String::as_str) != Some("oui") {
        return again(&app, &posted, "unread").await;
    }
    let act = Act::Announce { declared: app.settings.processors.clone(), applies };
    match PAGE.as_staff(&app, &headers, processors::act(&app, act)).await? {
        Ok(_) => Ok(PAGE.did(&posted, "annonce")),
        Err(AnnounceError::Past(_)) => again(&app, &posted, "past").await,
        Err(AnnounceError::Before(_)) => again(&app, &posted, "before").await,
        Err(AnnounceError::Record(error)) => Err(error.into()),
        // Announced meanwhile, or a list of nobody.
        Err(AnnounceError::Same | AnnounceError::Meanwhile | AnnounceError::Empty) => {
            again(&app, &posted, "same").await
        }
    }
}

async fn again(app: &App, posted: &Posted, why: &str) -> Result<Response, SignInNeeded> {
    let first_day = posted.fields.get("premier_jour").map_or("", String::as_str);
    Ok(PAGE.refused(app, posted, why, shown(app, first_day).await?))
}

async fn shown(app: &App, first_day: &str) -> Result<Value, WebError> {
    let today = working_days::today(app.clock.now());
    let mut history = processors::history(app, today).await?;
    let last = history.last().map(|last| last.processors.clone()).unwrap_or_default();
    let change = processors::Change::between(&last, &app.settings.processors);
    history.reverse();
    Ok(json!({
        "lists": history,
        "in_force": history.iter().find(|one| one.in_force),
        "unannounced": (!change.is_none()).then_some(&change),
        "first_day": first_day,
        "done": null,
        "fault": null,
    }))
}
