//! `/espace-client/calculs`: calculations for people, without JavaScript. What they do is what the API does.

mod compare;
pub(super) mod fields;
mod list;
mod new;
mod one;
#[cfg(test)]
mod tests;

use aops_manifest::Language;
use axum::Router;
use http::HeaderMap;
use serde_json::{Value, json};

use super::jobs::{self, Job, Who};
use crate::accounts::{self, Session, SignInNeeded};
use crate::app::{App, SharedApp};

pub use self::list::latest;

/// Where they all stand.
const ALL: &str = "/espace-client/calculs";

/// The routes of this folder.
pub(super) fn routes() -> Router<SharedApp> {
    list::routes().merge(new::routes()).merge(one::routes()).merge(compare::routes())
}

/// Whoever is signed in: the one guard of these pages.
async fn enter(app: &App, headers: &HeaderMap, wanted: &str) -> Result<Session, SignInNeeded> {
    accounts::require(app, headers, wanted).await
}

fn who(session: &Session) -> Who<'_> {
    Who { organisation: &session.organisation, account: &session.account }
}

/// The address of a calculation's page.
pub(super) fn place(id: &str) -> String {
    format!("{ALL}/{id}")
}

/// What pages tell of a calculation.
fn told(app: &App, job: &Job, language: Language) -> Value {
    let site = app.site.load();
    let module = site.texts.text(language, &format!("calculs.module.{}", job.module), &[]);
    let faults: Vec<Value> = job.faults.iter().map(|fault| fault.told(&site.texts, language)).collect();
    json!({
        "id": job.id, "module": job.module, "title": module, "name": job.name, "state": job.state,
        "created": job.created, "ended": job.ended, "ends": job.ends(app), "dataset": job.dataset,
        "faults": faults, "incident": job.incident,
        "progress": jobs::progress(app, job),
        "over": job.state.is_final(), "test": job.test,
    })
}
