//! The formulas of a report: those of the calculation's own working, or, where its lines of data kept the working out,
//! those of the same request on a few lines.

use aops_engine::{calculate, example};
use serde_json::{Value, json};

use super::parts::text;
use crate::words::Words;

/// Lists of lines of data in requests.
pub(super) const LINES: [&str; 2] = ["employees", "heads"];
/// Lines that are enough for a formula.
const FEW: usize = 3;

/// Formulas and their symbols, one part each.
pub(super) fn of(module: &str, request: &Value, outcome: &Value, words: &Words) -> Vec<Value> {
    let own = outcome.get("explanation").cloned();
    let Some(Value::Array(workings)) = own.or_else(|| few(module, request)) else { return Vec::new() };
    let mut parts = Vec::new();
    for working in &workings {
        let Some(mathml) = working.pointer("/mathml/formula").and_then(Value::as_str) else { continue };
        let name = working["name"].as_str().unwrap_or_default();
        parts.push(json!({
            "kind": "formula",
            "said": words.of("report", "formula").replace("{what}", &words.of("field", name).to_lowercase()),
            "mathml": mathml,
            "latex": working["formula"],
        }));
        let columns = working.pointer("/mathml/columns").and_then(Value::as_array).into_iter().flatten();
        let spoken = working["columns"].as_array().into_iter().flatten();
        let symbols: Vec<Value> =
            columns.zip(spoken).map(|(mathml, latex)| json!({ "mathml": mathml, "latex": latex })).collect();
        if !symbols.is_empty() {
            parts.push(text(words.of("report", "symbols")));
            parts.push(json!({ "kind": "symbols", "symbols": symbols }));
        }
    }
    parts
}

/// The working of the same request on a few lines, without what compares it with another year.
fn few(module: &str, request: &Value) -> Option<Value> {
    let mut request = request.clone();
    let members = request.as_object_mut()?;
    for name in ["opening", "payments", "turnover_study"] {
        members.remove(name);
    }
    for name in LINES {
        if let Some(Value::Array(lines)) = members.get_mut(name) {
            lines.truncate(FEW);
        } else if let Some(lines) = example(module)?.get(name) {
            members.insert(name.to_owned(), lines.clone());
        }
    }
    members.insert("explain".to_owned(), Value::Bool(true));
    calculate(module, &request).ok()?.get("explanation").cloned()
}
