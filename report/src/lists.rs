//! Tables of whatever lists an outcome holds, so that a new result needs no code here, only its words. Not the tables that
//! have a layout of their own.

use serde_json::{Map, Value};

use crate::table::{Cell, Kind, Table};
use crate::tables::{cell, text};
use crate::words::Words;

/// Members of an outcome that are told elsewhere.
const ELSEWHERE: [&str; 6] = ["assumptions", "engine", "tables", "total", "warnings", "explanation"];
/// What names a line in the tables of the lists within it.
const KEYS: [&str; 7] = ["id", "year", "age", "maturity", "shift", "from", "name"];

/// A table for each list of objects, wherever it stands, one for the plain members of each object, one for all lists of
/// numbers; `taken` have tables already.
pub(crate) fn others(outcome: &Value, taken: &[&str], words: &Words) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut series = Vec::new();
    for (name, value) in outcome.as_object().into_iter().flatten() {
        if !ELSEWHERE.contains(&name.as_str()) && !taken.contains(&name.as_str()) {
            member(name, value, words, &mut tables, &mut series);
        }
    }
    tables.extend(side_by_side(&series, words));
    tables
}

fn member<'a>(
    path: &str,
    value: &'a Value,
    words: &Words,
    tables: &mut Vec<Table>,
    series: &mut Vec<(String, &'a Vec<Value>)>,
) {
    match value {
        Value::Object(members) => {
            tables.extend(plain(path, members, words));
            for (name, value) in members {
                member(&format!("{path}.{name}"), value, words, tables, series);
            }
        }
        Value::Array(lines) if lines.iter().any(Value::is_object) => {
            tables.extend(list(value, words.of("sheet", path), words));
            tables.extend(within(path, lines, words));
        }
        Value::Array(lines) if !lines.is_empty() && lines.iter().all(Value::is_number) => {
            series.push((path.to_owned(), lines));
        }
        _ => {}
    }
}

/// An error, and what it may be the error of.
const ERROR: &str = "standard_error";
const MEASURED: [&str; 4] = ["mean", "value", "estimate", "simulated"];

/// A value beside others: an error is shown as what it is the error of, a ratio's as a ratio's.
fn beside(names: &[&str], name: &str, value: &Value, words: &Words) -> Cell {
    let of = MEASURED.iter().find(|measured| name == ERROR && names.contains(measured));
    cell(of.unwrap_or(&name), value, words)
}

/// The numbers and texts of an object, a line each.
fn plain(path: &str, members: &Map<String, Value>, words: &Words) -> Option<Table> {
    let told = members.iter().filter(|(_, value)| value.is_number() || value.is_string());
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    let line = |(name, value): (&String, &Value)| {
        vec![text(words.of("field", name)), beside(&names, name, value, words)]
    };
    let rows: Vec<Vec<Cell>> = told.map(line).collect();
    let headers = ["item", "value"].map(|name| words.of("note", name).to_owned()).to_vec();
    (!rows.is_empty()).then(|| Table::new(words.of("sheet", path), headers, rows))
}

/// An array of objects, one line each, one column a member.
pub(crate) fn list(lines: &Value, title: &str, words: &Words) -> Option<Table> {
    let lines = lines.as_array()?;
    let names = names(lines);
    if names.is_empty() {
        return None;
    }
    let headers = names.iter().map(|name| words.of("field", name).to_owned()).collect();
    Some(Table::new(title, headers, lines.iter().map(|line| row(&names, line, words)).collect()))
}

/// The plain members of some lines, in the order of their columns: what names a line leads it.
pub(crate) fn names(lines: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for line in lines.iter().filter_map(Value::as_object) {
        let flat = line.iter().filter(|(_, value)| !value.is_array() && !value.is_object());
        for (name, _) in flat {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    names.sort_by_key(|name| KEYS.iter().position(|key| key == name).unwrap_or(KEYS.len()));
    names
}

/// The cells of a line, a column a name.
pub(crate) fn row(names: &[&str], line: &Value, words: &Words) -> Vec<Cell> {
    let cell = |name: &&str| line.get(name).map_or(Cell::Empty, |value| beside(names, name, value, words));
    names.iter().map(cell).collect()
}

/// Lists that lines of a list hold, each line of them led by what names the one that holds it.
pub(crate) fn within(path: &str, lines: &[Value], words: &Words) -> Vec<Table> {
    let mut names: Vec<&str> = Vec::new();
    for line in lines.iter().filter_map(Value::as_object) {
        let lists = line
            .iter()
            .filter(|(_, value)| value.as_array().is_some_and(|lines| lines.iter().any(Value::is_object)));
        for (name, _) in lists {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let table = |name: &&str| {
        let mut children = Vec::new();
        for line in lines {
            let key = KEYS.iter().find_map(|key| Some((*key, line.get(*key)?)));
            for child in line.get(*name).and_then(Value::as_array).into_iter().flatten() {
                let mut child = child.as_object().cloned().unwrap_or_default();
                if let Some((key, value)) = key {
                    // The child's own member of that name is told as the child's.
                    if let Some(own) = child.insert(key.to_owned(), value.clone()) {
                        child.insert(format!("{name}.{key}"), own);
                    }
                }
                children.push(Value::Object(child));
            }
        }
        list(&Value::Array(children), words.of("sheet", &format!("{path}.{name}")), words)
    };
    names.iter().filter_map(table).collect()
}

/// Lists of numbers, a column each.
fn side_by_side(series: &[(String, &Vec<Value>)], words: &Words) -> Option<Table> {
    let lines = series.iter().map(|(_, values)| values.len()).max()?;
    let mut headers = vec![words.of("note", "rank").to_owned()];
    headers.extend(series.iter().map(|(name, _)| words.of("field", name).to_owned()));
    let row = |line: usize| {
        let mut row = vec![Cell::Number((line + 1) as f64, Kind::Plain)];
        let figures = series.iter();
        row.extend(
            figures
                .map(|(name, values)| values.get(line).map_or(Cell::Empty, |value| cell(name, value, words))),
        );
        row
    };
    let rows = (0..lines).map(row).collect();
    Some(Table::new(words.of("sheet", "series"), headers, rows))
}

/// What the client should know beside the results.
pub(crate) fn warnings(outcome: &Value, words: &Words) -> Option<Table> {
    let lines = outcome.get("warnings")?.as_array()?;
    let line = |warning: &Value| {
        let said = |name: &str| warning[name].as_str().unwrap_or_default();
        let sentence = words.find("fault", said("code")).map(|sentence| {
            let named = warning["parameters"].as_object().into_iter().flatten();
            named.fold(sentence.to_owned(), |sentence, (name, value)| {
                sentence.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
            })
        });
        vec![text(said("pointer")), text(sentence.as_deref().unwrap_or_else(|| said("message")))]
    };
    let headers = ["path", "warning"].map(|name| words.of("note", name).to_owned()).to_vec();
    let title = words.of("sheet", "warnings");
    (!lines.is_empty()).then(|| Table::new(title, headers, lines.iter().map(line).collect()))
}

/// The working of each result: its formula on the first line, then its figures under their symbols.
pub(crate) fn workings(outcome: &Value, words: &Words) -> Vec<Table> {
    let table = |(index, working): (usize, &Value)| {
        let symbols = working["columns"].as_array().into_iter().flatten();
        let headers = symbols.map(|symbol| symbol.as_str().unwrap_or_default().to_owned()).collect();
        let said = |name: &str| text(working[name].as_str().unwrap_or_default());
        let mut rows = vec![vec![said("formula")]];
        let figures = working["rows"].as_array().into_iter().flatten();
        rows.extend(figures.map(|row| {
            row.as_array().into_iter().flatten().map(|figure| cell("", figure, words)).collect::<Vec<Cell>>()
        }));
        Table::new(&format!("{} {}", words.of("sheet", "explanation"), index + 1), headers, rows)
    };
    outcome["explanation"].as_array().into_iter().flatten().enumerate().map(table).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_is_shown_as_what_it_is_the_error_of() {
        let words = Words::french().unwrap();
        let ratio = json!({ "mean": 0.3, "standard_error": 0.01, "quantiles": [{ "level": 0.5, "value": 0.3, "standard_error": 0.02 }] });
        let tables = others(&json!({ "simulation": { "replacement_ratio": ratio } }), &[], &words);
        let kinds = tables.iter().flat_map(|table| table.rows.iter().flatten());
        assert!(kinds.clone().all(|cell| !matches!(cell, Cell::Number(_, Kind::Money))), "{tables:?}");
        assert!(kinds.clone().any(|cell| *cell == Cell::Number(0.02, Kind::Plain)), "{tables:?}");
        let alone = plain("total", json!({ "standard_error": 5.0 }).as_object().unwrap(), &words).unwrap();
        assert_eq!(alone.rows[0][1], Cell::Number(5.0, Kind::Money));
    }
}
