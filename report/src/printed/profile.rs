//! A profile of the lines of data: how many, and how each of their figures is spread.

use serde_json::Value;

use super::formulas::LINES;
use crate::table::{Cell, Kind, Table};
use crate::words::Words;

/// Figures of a line that say more of a formula than of the data.
const DERIVED: [&str; 6] =
    ["discount_factor", "survival", "probability", "attribution_years", "months", "seniority_at_retirement"];

/// The figures of the lines of data, one line each; nothing where there are no lines.
pub(super) fn of(request: &Value, outcome: &Value, words: &Words) -> Option<(usize, Table)> {
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
    let row = |name: &&String| {
        let list = lists.iter().find(|list| list.iter().any(|line| line.get(*name).is_some()))?;
        let values: Vec<f64> = list.iter().filter_map(|line| line.get(*name)?.as_f64()).collect();
        let kind = Kind::of(name);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut row = vec![Cell::Text(words.of("field", name).to_owned())];
        row.push(Cell::Number(values.len() as f64, Kind::Plain));
        row.extend([least, mean, most].map(|value| Cell::Number(value, kind)));
        Some(row)
    };
    let rows: Vec<Vec<Cell>> = names.iter().filter_map(row).collect();
    let headers =
        ["figure", "count", "least", "mean", "most"].map(|name| words.of("report", name).to_owned());
    Some((count, Table { title: words.of("report", "profile").to_owned(), headers: headers.to_vec(), rows }))
}
