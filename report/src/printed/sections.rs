//! The sections of a report, in their order. What each tells is made beside.

use serde_json::{Map, Value, json};

use super::parts::{heading, table, text};
use super::{Told, accounts, charts, formulas, profile};
use crate::apart::with_more;
use crate::figures::shown;
use crate::table::{Cell, Kind, Table};
use crate::tables::tables;
use crate::words::Words;

/// Items of lists in the theme: `limits."1"`, `limits."2"`, …
const MOST_ITEMS: usize = 12;

/// All of them; one with nothing to tell is left out.
pub(super) fn all(told: &Told<'_>, words: &Words) -> Vec<Value> {
    let tables = tables(told.module, told.request, told.outcome, words);
    let tables = Sorted::of(with_more(tables, told.apart, words), words);
    let sections = [
        ("summary", summary(told, &tables, words)),
        ("data", data(told, &tables, words)),
        ("assumptions", assumptions(told, &tables, words)),
        ("results", results(&tables, words)),
        ("sensitivities", sensitivities(told, &tables, words)),
        ("method", method(told, &tables, words)),
        ("limits", limits(words)),
        ("accounts", annex(told, words)),
        ("repeat", repeat(told, words)),
        ("signatures", signatures(words)),
    ];
    let full = sections.into_iter().filter(|(_, parts)| !parts.is_empty());
    full.map(|(name, parts)| json!({ "title": words.of("section", name), "parts": parts })).collect()
}

/// The tables by the section that tells them.
#[derive(Default)]
struct Sorted {
    summary: Vec<Table>,
    warnings: Vec<Table>,
    assumptions: Vec<Table>,
    results: Vec<Table>,
    sensitivities: Vec<Table>,
    workings: Vec<Table>,
}

impl Sorted {
    fn of(tables: Vec<Table>, words: &Words) -> Self {
        let mut sorted = Self::default();
        for table in tables {
            let named = |name: &str| table.title == words.of("sheet", name);
            let place = if named("summary") {
                &mut sorted.summary
            } else if named("warnings") {
                &mut sorted.warnings
            } else if named("assumptions") {
                &mut sorted.assumptions
            } else if named("sensitivities") || named("annex.sensitivities") {
                &mut sorted.sensitivities
            } else if table.title.starts_with(words.of("sheet", "explanation")) {
                &mut sorted.workings
            } else {
                &mut sorted.results
            };
            place.push(table);
        }
        sorted
    }
}

fn summary(told: &Told<'_>, tables: &Sorted, words: &Words) -> Vec<Value> {
    let mut parts = Vec::new();
    if let Some(lead) = accounts::sentences(told.module, told.request, told.outcome, words).first() {
        parts.push(json!({ "kind": "lead", "text": lead }));
    }
    for summary in &tables.summary {
        // The decision that is none is told on the first page and among the limits.
        let figures = summary.rows.iter().filter(|row| row.get(1) != Some(&Cell::Empty)).cloned().collect();
        parts.extend(table(&Table { rows: figures, ..summary.clone() }, words));
    }
    let payments = tables.results.iter().find(|table| table.title == words.of("sheet", "payments"));
    parts.extend(payments.and_then(|payments| charts::by_year(payments, words)));
    parts
}

fn data(told: &Told<'_>, tables: &Sorted, words: &Words) -> Vec<Value> {
    let mut parts = vec![text(words.of("report", "data_said"))];
    if let Some((count, profile)) = profile::of(told, words) {
        let count = shown(&Cell::Number(count as f64, Kind::Plain));
        parts.push(text(&words.of("report", "data_lines").replace("{count}", &count)));
        parts.extend(table(&profile, words));
    }
    match tables.warnings.as_slice() {
        [] => parts.push(text(words.of("report", "no_warning"))),
        warnings => {
            parts.push(text(words.of("report", "warnings_said")));
            parts.extend(warnings.iter().flat_map(|warnings| table(warnings, words)));
        }
    }
    parts
}

fn assumptions(told: &Told<'_>, tables: &Sorted, words: &Words) -> Vec<Value> {
    let mut parts = vec![text(words.of("report", "assumptions_said"))];
    parts.extend(tables.assumptions.iter().flat_map(|assumptions| table(assumptions, words)));
    let used: Vec<Vec<Cell>> = told.outcome["tables"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|table| ["name", "source"].map(|name| Cell::Text(said(&table[name]).to_owned())).to_vec())
        .collect();
    if !used.is_empty() {
        parts.push(heading(words.of("report", "tables")));
        let headers = ["table", "source"].map(|name| words.of("report", name).to_owned()).to_vec();
        parts.extend(table(&Table::new("", headers, used), words));
    }
    parts
}

fn results(tables: &Sorted, words: &Words) -> Vec<Value> {
    let mut parts = Vec::new();
    for result in &tables.results {
        parts.push(heading(&result.title));
        // Payments stand in the summary; a triangle is read along its rows.
        if !["payments", "triangle"].iter().any(|name| result.title == words.of("sheet", name)) {
            parts.extend(charts::along(result, words));
        }
        parts.extend(table(result, words));
    }
    parts
}

fn sensitivities(told: &Told<'_>, tables: &Sorted, words: &Words) -> Vec<Value> {
    let mut parts = Vec::new();
    for sensitivities in &tables.sensitivities {
        if parts.is_empty() {
            parts.push(text(words.of("report", "sensitivities_said")));
            parts.extend(charts::sensitivities(told.outcome, words));
        }
        parts.extend(table(sensitivities, words));
    }
    parts
}

fn method(told: &Told<'_>, tables: &Sorted, words: &Words) -> Vec<Value> {
    let mut parts: Vec<Value> = words.find("method", told.module).map(text).into_iter().collect();
    parts.extend(formulas::of(told.module, told.request, told.outcome, words));
    for (index, working) in tables.workings.iter().enumerate() {
        // Its first line is the formula, which stands above.
        let rows = working.rows.iter().skip(1).cloned().collect();
        parts.push(heading(&working.title));
        let symbols = told.outcome.pointer(&format!("/explanation/{index}/mathml/columns"));
        let symbols = symbols.and_then(Value::as_array).into_iter().flatten();
        let math: Map<String, Value> = working.headers.iter().cloned().zip(symbols.cloned()).collect();
        for mut piece in table(&Table { rows, ..working.clone() }, words) {
            piece["math"] = Value::Object(math.clone());
            parts.push(piece);
        }
    }
    parts
}

fn limits(words: &Words) -> Vec<Value> {
    let items: Vec<&str> =
        (1..=MOST_ITEMS).filter_map(|number| words.find("limits", &number.to_string())).collect();
    vec![text(words.of("note", "decision")), json!({ "kind": "items", "items": items })]
}

fn annex(told: &Told<'_>, words: &Words) -> Vec<Value> {
    let sentences = accounts::sentences(told.module, told.request, told.outcome, words);
    if sentences.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![text(words.of("report", "accounts_said"))];
    parts.push(json!({ "kind": "lead", "text": sentences.join(" ") }));
    parts
}

fn repeat(told: &Told<'_>, words: &Words) -> Vec<Value> {
    let mut lines = vec![
        format!("{} {}", words.of("report", "engine"), said(&told.outcome["engine"]["version"])),
        format!("sha256 {}", told.digest),
    ];
    for table in told.outcome["tables"].as_array().into_iter().flatten() {
        lines.push(format!("{} sha256 {}", said(&table["name"]), said(&table["sha256"])));
    }
    vec![text(words.of("report", "repeat_said")), json!({ "kind": "code", "text": lines.join("\n") })]
}

fn signatures(words: &Words) -> Vec<Value> {
    let lines: Vec<&str> =
        ["signer", "quality", "signed"].iter().map(|name| words.of("signature", name)).collect();
    let who = |name: &str| json!({ "name": words.of("signature", name), "lines": lines });
    let said = words.of("signature", "said");
    vec![json!({ "kind": "signatures", "said": said, "who": [who("author"), who("reviewer")] })]
}

fn said(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
