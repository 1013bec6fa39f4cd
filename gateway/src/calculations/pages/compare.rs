//! `/espace-client/calculs/comparaison`: two calculations of one module side by side, results and assumptions, and on
//! request what each change did to the first of the results.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aops_report::{Cell, Kind, Table, Words, shown, tables};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::{ALL, enter, told};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::calculations::Stopping;
use crate::calculations::bridge::{self, Bridge, Cause};
use crate::calculations::jobs::{self, Job};
use crate::web::{WebError, negotiation, render};

const PATH: &str = "/espace-client/calculs/comparaison";
/// The longest that somebody waits for the causes of a difference.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(page))
}

async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let session = enter(&app, &headers, ALL).await?;
    let query = negotiation::query(&uri)?;
    let language = negotiation::language(&uri, &headers);
    let words = Words::french().map_err(|error| WebError::Internal(error.to_string()))?;
    let (mut heads, mut sides, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for name in ["a", "b"] {
        let id = query.get(name).ok_or(WebError::BadRequest("two calculations are compared"))?;
        let (job, _) = jobs::read(&app, &session.organisation, id).await?.ok_or(WebError::NotFound)?;
        let found = jobs::computed(&app, &session.organisation, &job).await?.ok_or(WebError::NotFound)?;
        let all = tables(&job.module, &found.request, &found.outcome, &words);
        let named = |name: &str| all.iter().find(|table| table.title == words.of("sheet", name)).cloned();
        sides.push((named("summary"), named("assumptions")));
        heads.push(job);
        outcomes.push(found.outcome);
    }
    if heads[0].module != heads[1].module {
        return Err(WebError::BadRequest("two calculations of one module are compared").into());
    }
    let mut context = json!({
        "a": told(&app, &heads[0], language), "b": told(&app, &heads[1], language),
        "results": side_by_side(sides[0].0.as_ref(), sides[1].0.as_ref(), Lines::All),
        "assumptions": side_by_side(sides[0].1.as_ref(), sides[1].1.as_ref(), Lines::Changed),
    });
    if query.contains_key("causes") {
        let from = outcomes.swap_remove(0);
        let [one, other] = [&heads[0], &heads[1]];
        let causes = causes(&app, &session.organisation, (one, from), other).await?;
        context["causes"] = causes.as_ref().map_or_else(|| json!({ "none": true }), way);
    }
    Ok(render(&app, StatusCode::OK, language, "calculs.compare", "gateway/calcul_comparaison.html", context))
}

/// What made the first figure change; nothing where data are gone, too much changed, or it would take too long.
async fn causes(
    app: &App,
    organisation: &str,
    (one, from): (&Job, Value),
    other: &Job,
) -> Result<Option<Bridge>, WebError> {
    let module = one.module.clone();
    let (one, other) = (jobs::run(app, organisation, one).await?, jobs::run(app, organisation, other).await?);
    let (Some(one), Some(other)) = (one, other) else { return Ok(None) };
    let turn = app.calculations.turn().await?;
    // Who hangs up stops what was computed for him, and so does the end of patience.
    let watch = Stopping(Arc::default());
    let watched = Arc::clone(&watch.0);
    let computed = tokio::task::spawn_blocking(move || {
        let words = Words::french().map_err(|error| WebError::Internal(error.to_string()))?;
        let found = bridge::bridge(&module, (&one, &from), &other, &words, &watched);
        drop(turn);
        Ok(found)
    });
    match tokio::time::timeout(PATIENCE, computed).await {
        Ok(found) => found.map_err(|error| WebError::Internal(error.to_string()))?,
        Err(_) => Ok(None),
    }
}

/// The steps as the page shows them.
fn way(bridge: &Bridge) -> Value {
    let mut before = bridge.from;
    let steps: Vec<Value> = bridge
        .steps
        .iter()
        .map(|step| {
            let effect = difference(step.figure - before, bridge.kind);
            before = step.figure;
            let causes: Vec<Value> = step.causes.iter().map(cause).collect();
            json!({ "causes": causes, "effect": effect, "after": shown(&Cell::Number(step.figure, bridge.kind)) })
        })
        .collect();
    let from = shown(&Cell::Number(bridge.from, bridge.kind));
    json!({ "name": bridge.name, "from": from, "steps": steps })
}

fn cause(cause: &Cause) -> Value {
    match cause {
        Cause::Engine => json!({ "is": "engine" }),
        Cause::Data => json!({ "is": "data" }),
        Cause::Assumption(title) => json!({ "is": "assumption", "title": title }),
    }
}

/// Which lines of two tables are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    All,
    Changed,
}

/// Lines of two tables by what leads them: both values, and the difference of numbers.
fn side_by_side(one: Option<&Table>, other: Option<&Table>, lines: Lines) -> Vec<Value> {
    let rows = |table: Option<&Table>| -> Vec<(String, Cell)> {
        let rows = table.into_iter().flat_map(|table| &table.rows);
        rows.filter_map(|row| Some((shown(row.first()?), row.get(1)?.clone()))).collect()
    };
    let (one, other) = (rows(one), rows(other));
    let mut named = BTreeSet::new();
    let names = one.iter().chain(&other).filter(|(name, _)| named.insert(name.clone()));
    let told = names.filter_map(|(name, _)| {
        let find = |rows: &[(String, Cell)]| {
            rows.iter().find(|(known, _)| known == name).map(|(_, cell)| cell.clone())
        };
        let (a, b) = (find(&one).unwrap_or(Cell::Empty), find(&other).unwrap_or(Cell::Empty));
        let changed = a != b;
        if (a == Cell::Empty && b == Cell::Empty) || (lines == Lines::Changed && !changed) {
            return None;
        }
        let difference = match (&a, &b) {
            (Cell::Number(a, kind), Cell::Number(b, _)) if a != b => difference(b - a, *kind),
            _ => String::new(),
        };
        Some(json!({ "name": name, "a": shown(&a), "b": shown(&b), "difference": difference }))
    });
    told.collect()
}

fn difference(number: f64, kind: Kind) -> String {
    let text = shown(&Cell::Number(number, kind));
    if number > 0.0 { format!("+{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, f64)]) -> Table {
        let row = |(name, number): &(&str, f64)| {
            vec![Cell::Text((*name).to_owned()), Cell::Number(*number, Kind::Plain)]
        };
        Table::new("", Vec::new(), rows.iter().map(row).collect())
    }

    #[test]
    fn lines_are_matched_by_name_and_numbers_have_their_difference() {
        let (one, other) = (table(&[("x", 1.0), ("y", 2.0)]), table(&[("y", 1.5), ("x", 1.0), ("z", 3.0)]));
        let all = side_by_side(Some(&one), Some(&other), Lines::All);
        assert_eq!(all.len(), 3);
        assert_eq!(all[1], json!({ "name": "y", "a": "2", "b": "1,5", "difference": "\u{2212}0,5" }));
        let changed = side_by_side(Some(&one), Some(&other), Lines::Changed);
        assert_eq!(changed.iter().map(|line| line["name"].as_str().unwrap()).collect::<Vec<_>>(), ["y", "z"]);
        assert!(side_by_side(None, None, Lines::All).is_empty());
    }
}
