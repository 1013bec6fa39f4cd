//! The registers by counts: choices of cookies, requests about personal data, breaches, deletions, audits of clients.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Days, EvidenceError};
use crate::app::App;
use crate::leaflet::Section;
use crate::register::Writing;
use crate::{breach, client_audit, consent, retention, rights};

/// The parts of the page.
pub(super) async fn sections(
    app: &App,
    writing: &Writing<'_>,
    days: Days,
) -> Result<Vec<Section>, EvidenceError> {
    Ok(vec![
        choices(app, writing, days).await?,
        requests(app, writing, days).await?,
        breaches(app, writing, days).await?,
        deletions(app, writing, days).await?,
        audits(app, writing, days).await?,
    ])
}

async fn choices(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let mut counts: BTreeMap<(bool, bool, String, String), u64> = BTreeMap::new();
    for proof in consent::list(app).await?.into_iter().filter(|proof| days.hold(proof.created)) {
        *counts.entry((proof.audience, proof.social, proof.policy, proof.banner)).or_default() += 1;
    }
    let yes = |yes: bool| writing.word(if yes { "dossier.yes" } else { "dossier.no" });
    let rows = counts.into_iter().map(|((audience, social, policy, banner), count)| {
        vec![yes(audience), yes(social), policy, banner, count.to_string()]
    });
    Ok(table(writing, "choices", &["audience", "social", "policy", "banner", "count"], rows.collect()))
}

/// By month, right and state; who asked stays in the register.
async fn requests(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let listed = rights::act(app, rights::Act::List).await.map_err(feature)?;
    let mut counts: BTreeMap<[String; 3], u64> = BTreeMap::new();
    for line in of_days(&listed, "created", days) {
        let month = text(line, "created").get(..7).unwrap_or_default().to_owned();
        let right = writing.word(&format!("right_short.{}", text(line, "word")));
        let state = writing.word(&format!("rights_state.{}", text(line, "state")));
        *counts.entry([month, right, state]).or_default() += 1;
    }
    let rows = counts.into_iter().map(|(key, count)| {
        let mut row = key.to_vec();
        row.push(count.to_string());
        row
    });
    Ok(table(writing, "requests", &["month", "right", "state", "count"], rows.collect()))
}

/// Dates, level and counts; what happened is told in the register, in the words of whoever entered it.
async fn breaches(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let listed = breach::act(app, breach::Act::List).await.map_err(feature)?;
    let rows = of_days(&listed, "known", days).map(|line| {
        let level = writing.word(&format!("breach_level.{}", text(line, "level")));
        let exercise = writing.word(if line["rehearsal"] == true { "dossier.yes" } else { "dossier.no" });
        let filed = line["filed"]["at"].as_str().unwrap_or("–").to_owned();
        let count = |name: &str| line[name].to_string();
        vec![
            text(line, "id"),
            text(line, "known"),
            level,
            exercise,
            text(line, "deadline"),
            filed,
            count("clients"),
            count("persons"),
            count("letters"),
        ]
    });
    let columns =
        ["reference", "known", "level", "exercise", "deadline", "filed", "clients", "persons", "letters"];
    Ok(table(writing, "breaches", &columns, rows.collect()))
}

async fn deletions(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let proofs = retention::proofs(app).await?.into_iter().filter(|proof| days.hold(proof.at));
    let rows = proofs.map(|proof| {
        let what = match proof.done.what.as_str() {
            "warned" => writing.word("dossier.warned"),
            what => writing.word(&format!("retention.what.{what}")),
        };
        vec![proof.at.to_string(), what, proof.done.then, proof.done.count.to_string()]
    });
    Ok(table(writing, "deletions", &["at", "what", "then", "count"], rows.collect()))
}

async fn audits(app: &App, writing: &Writing<'_>, days: Days) -> Result<Section, EvidenceError> {
    let listed = client_audit::act(app, client_audit::Act::List).await.map_err(feature)?;
    let rows = of_days(&listed, "asked", days).map(|line| {
        let state = writing.word(&format!("audit.state.{}", text(line, "state")));
        let notice = line["notice"].to_string();
        vec![text(line, "id"), text(line, "asked"), text(line, "first"), text(line, "last"), notice, state]
    });
    Ok(table(writing, "audits", &["reference", "asked", "first", "last", "notice", "state"], rows.collect()))
}

/// The lines whose instant is within.
pub(super) fn of_days<'a>(listed: &'a Value, name: &'a str, days: Days) -> impl Iterator<Item = &'a Value> {
    let lines = listed.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    lines.filter(move |line| {
        line[name].as_str().and_then(|at| at.parse::<Timestamp>().ok()).is_some_and(|at| days.hold(at))
    })
}

pub(super) fn text(line: &Value, name: &str) -> String {
    line[name].as_str().unwrap_or_default().to_owned()
}

/// A table; where it has no line, its title says so.
fn table(writing: &Writing<'_>, part: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Section {
    let title = writing.word(&format!("dossier.{part}"));
    if rows.is_empty() {
        return Section::words(title, vec![writing.word("dossier.none")]);
    }
    let head = columns.iter().map(|column| writing.word(&format!("dossier.column.{column}")));
    Section::table(title, head.collect(), rows)
}

pub(super) fn feature(error: impl std::fmt::Display) -> EvidenceError {
    EvidenceError::Feature(error.to_string())
}
