//! From a request and its outcome to the tables of a report.

use serde_json::{Map, Value};

use crate::labels::Place;
use crate::lists::{list, others, warnings, within, workings};
use crate::table::{Cell, Kind, Table};
use crate::words::Words;

/// Members that have tables of their own.
const LISTS: [&str; 4] = ["employees", "expected_payments", "sensitivities", "triangle"];

/// Members of outcomes whose tables have a layout of their own.
const TAKEN: [&str; 8] = [
    "employees",
    "expected_payments",
    "sensitivities",
    "ultimate",
    "reserve",
    "standard_error",
    "factors",
    "sigma",
];

/// Columns of `provisionnement`, one line an origin.
const BY_ORIGIN: [&str; 3] = ["ultimate", "reserve", "standard_error"];

/// The tables of a report: results first, then assumptions and, where it was asked for, the working.
pub fn tables(module: &str, request: &Value, outcome: &Value, words: &Words) -> Vec<Table> {
    let mut tables = vec![summary(module, outcome, words)];
    tables.extend(by_origin(outcome, words));
    tables.extend(factors(outcome, words));
    for member in ["employees", "expected_payments", "sensitivities"] {
        let lines = &outcome[member];
        tables.extend(list(lines, words.of("sheet", sheet(member)), words));
        tables.extend(within(member, lines.as_array().map_or(&[], Vec::as_slice), words));
    }
    tables.extend(others(outcome, &TAKEN, words));
    tables.extend(triangle(request, words));
    tables.extend(warnings(outcome, words));
    tables.push(assumptions(module, request, words));
    tables.extend(workings(outcome, words));
    tables
}

/// The name of the sheet of a list.
pub(crate) fn sheet(member: &str) -> &str {
    if member == "expected_payments" { "payments" } else { member }
}

fn summary(module: &str, outcome: &Value, words: &Words) -> Table {
    let mut rows = vec![vec![text(words.of("note", "module")), text(words.of("module", module))]];
    for (name, value) in outcome.as_object().into_iter().flatten() {
        match value {
            Value::Number(_) | Value::String(_) => {
                rows.push(vec![text(words.of("field", name)), cell(name, value, words)])
            }
            Value::Object(members) if name == "total" => {
                for (member, value) in members {
                    let key = format!("total.{member}");
                    rows.push(vec![text(words.of("field", &key)), cell(member, value, words)]);
                }
            }
            _ => {}
        }
    }
    rows.push(vec![text(words.of("note", "engine")), text(env!("CARGO_PKG_VERSION"))]);
    rows.push(vec![text(words.of("note", "decision")), Cell::Empty]);
    let headers = vec![words.of("note", "item").to_owned(), words.of("note", "value").to_owned()];
    Table::new(words.of("sheet", "summary"), headers, rows)
}

/// Ultimate, reserve and error by origin, with their total.
fn by_origin(outcome: &Value, words: &Words) -> Option<Table> {
    let columns: Vec<(&str, &Vec<Value>)> =
        BY_ORIGIN.iter().filter_map(|name| Some((*name, outcome.get(name)?.as_array()?))).collect();
    let lines = columns.first()?.1.len();
    let mut headers = vec![words.of("note", "origin").to_owned()];
    headers.extend(columns.iter().map(|(name, _)| words.of("field", name).to_owned()));
    let mut rows: Vec<Vec<Cell>> = (0..lines)
        .map(|line| {
            let mut row = vec![Cell::Number((line + 1) as f64, Kind::Plain)];
            row.extend(
                columns
                    .iter()
                    .map(|(name, values)| values.get(line).map_or(Cell::Empty, |v| cell(name, v, words))),
            );
            row
        })
        .collect();
    let mut total = vec![text(words.of("note", "total"))];
    total.extend(columns.iter().map(|(name, _)| cell(name, &outcome["total"][name], words)));
    rows.push(total);
    Some(Table::new(words.of("sheet", "origins"), headers, rows))
}

fn factors(outcome: &Value, words: &Words) -> Option<Table> {
    let factors = outcome.get("factors")?.as_array()?;
    let sigma = outcome.get("sigma").and_then(Value::as_array);
    let mut headers =
        vec![words.of("note", "development").to_owned(), words.of("field", "factors").to_owned()];
    headers.extend(sigma.map(|_| words.of("field", "sigma").to_owned()));
    let row = |(index, factor): (usize, &Value)| {
        let mut row = vec![Cell::Number((index + 1) as f64, Kind::Plain), cell("factors", factor, words)];
        row.extend(
            sigma.map(|sigma| sigma.get(index).map_or(Cell::Empty, |value| cell("sigma", value, words))),
        );
        row
    };
    let rows = factors.iter().enumerate().map(row).collect();
    Some(Table::new(words.of("sheet", "factors"), headers, rows))
}

fn triangle(request: &Value, words: &Words) -> Option<Table> {
    let rows = request.get("triangle")?.as_array()?;
    let width = rows.iter().filter_map(Value::as_array).map(Vec::len).max()?;
    let mut headers = vec![words.of("note", "origin").to_owned()];
    headers.extend((1..=width).map(|development| development.to_string()));
    let row = |(index, row): (usize, &Value)| {
        let mut cells = vec![Cell::Number((index + 1) as f64, Kind::Plain)];
        cells.extend(
            (0..width)
                .map(|column| row.get(column).map_or(Cell::Empty, |value| cell("ultimate", value, words))),
        );
        cells
    };
    let rows = rows.iter().enumerate().map(row).collect();
    Some(Table::new(words.of("sheet", "triangle"), headers, rows))
}

/// Everything that was asked, line by line, but for the lists that have tables of their own.
fn assumptions(module: &str, request: &Value, words: &Words) -> Table {
    let schema = aops_engine::schema(module);
    let mut rows = Vec::new();
    if let Value::Object(members) = request {
        flatten(&Place::root(schema.as_ref()), members, words, &mut rows);
    }
    let headers = vec![words.of("note", "path").to_owned(), words.of("note", "value").to_owned()];
    Table::new(words.of("sheet", "assumptions"), headers, rows)
}

fn flatten(place: &Place<'_>, members: &Map<String, Value>, words: &Words, rows: &mut Vec<Vec<Cell>>) {
    for (name, value) in members.iter().filter(|(name, _)| !LISTS.contains(&name.as_str())) {
        told(&place.member(name), name, value, words, rows);
    }
}

fn told(place: &Place<'_>, name: &str, value: &Value, words: &Words, rows: &mut Vec<Vec<Cell>>) {
    match value {
        Value::Object(members) => flatten(place, members, words, rows),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                told(&place.line(index + 1), name, value, words, rows);
            }
        }
        Value::Bool(flag) => {
            let said = words.of("note", if *flag { "yes" } else { "no" });
            rows.push(vec![text(&place.label), text(said)]);
        }
        value => rows.push(vec![text(&place.label), cell(name, value, words)]),
    }
}

/// A value of a field; what the engine names by a code is told by its word.
pub(crate) fn cell(field: &str, value: &Value, words: &Words) -> Cell {
    match value {
        Value::Null => Cell::Empty,
        Value::Number(number) => {
            number.as_f64().map_or(Cell::Empty, |number| Cell::Number(number, Kind::of(field)))
        }
        Value::String(code) => text(words.value(field, code)),
        other => text(&other.to_string()),
    }
}

pub(crate) fn text(words: &str) -> Cell {
    Cell::Text(words.to_owned())
}
