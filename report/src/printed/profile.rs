//! A profile of the lines of data: how many, and how each of their figures is spread.

use aops_engine::{Apart, Spread};
use serde_json::Value;

use super::Told;
use super::formulas::LINES;
use crate::table::{Cell, Kind, Table};
use crate::words::Words;

/// Figures of a line that say more of a formula than of the data.
const DERIVED: [&str; 6] =
    ["discount_factor", "survival", "probability", "attribution_years", "months", "seniority_at_retirement"];

/// The figures of the lines of data, one line each; nothing where there are no lines.
pub(super) fn of(told: &Told<'_>, words: &Words) -> Option<(usize, Table)> {
    let (count, rows) = match told.apart {
        Some(apart) => (apart.count, spread(apart, words)),
        None => lines(told.request, told.outcome, words)?,
    };
    let headers =
        ["figure", "count", "least", "mean", "most"].map(|name| words.of("report", name).to_owned());
    Some((count, Table::new(words.of("report", "profile"), headers.to_vec(), rows)))
}

/// Of lines that stand apart, as the engine told it.
fn spread(apart: &Apart, words: &Words) -> Vec<Vec<Cell>> {
    let figures = apart.spread.iter().filter(|(name, _)| !DERIVED.contains(&name.as_str()));
    figures
        .map(|(name, Spread { least, mean, most })| row(name, apart.count, [*least, *mean, *most], words))
        .collect()
}

/// Of lines that are here, and how many these are.
fn lines(request: &Value, outcome: &Value, words: &Words) -> Option<(usize, Vec<Vec<Cell>>)> {
    let lists = LINES.iter().flat_map(|name| [request.get(*name), outcome.get(*name)]);
    let lists: Vec<&Vec<Value>> =
        lists.flatten().filter_map(Value::as_array).filter(|list| !list.is_empty()).collect();
    let count = lists.first()?.len();
    let mut names: Vec<&String> = Vec::new();
    for line in lists.iter().filter_map(|list| list.first()?.as_object()) {
        for (name, value) in line {
            if value.is_number() && !names.contains(&name) && !DERIVED.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let figure = |name: &&String| {
        let list = lists.iter().find(|list| list.iter().any(|line| line.get(*name).is_some()))?;
        let values: Vec<f64> = list.iter().filter_map(|line| line.get(*name)?.as_f64()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(row(name, values.len(), [least, mean, most], words))
    };
    Some((count, names.iter().filter_map(figure).collect()))
}

fn row(name: &str, count: usize, figures: [f64; 3], words: &Words) -> Vec<Cell> {
    let mut row =
        vec![Cell::Text(words.of("field", name).to_owned()), Cell::Number(count as f64, Kind::Plain)];
    row.extend(figures.map(|figure| Cell::Number(figure, Kind::of(name))));
    row
}
