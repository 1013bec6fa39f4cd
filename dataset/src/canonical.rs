//! The canonical CSV back to what the engine takes: as it is, or as a member of the request. Not files of clients.

use std::borrow::Cow;

use aops_engine::{Lines, Values, takes_lines};
use csv::ReaderBuilder;
use serde_json::{Map, Value, json};

/// Lines as the engine takes them, as `aops calc` hands them over.
#[derive(Debug, Clone, PartialEq)]
pub enum Portfolio {
    /// For `aops_engine::calculate_lines`.
    Csv(String),
    /// A member to put into the request, for `aops_engine::calculate`.
    Member {
        /// Its name (`heads`).
        name: &'static str,
        /// A list of objects.
        value: Value,
    },
}

/// What the engine takes of a canonical CSV.
///
/// # Errors
/// What the CSV reader says of a text that is no canonical CSV.
pub fn portfolio(module: &str, lines: &Lines, csv: String) -> Result<Portfolio, csv::Error> {
    if takes_lines(module) {
        return Ok(Portfolio::Csv(csv));
    }
    let mut reader = ReaderBuilder::new().from_reader(csv.as_bytes());
    let header = reader.headers()?.clone();
    let named = |name: &str| lines.columns.iter().any(|column| column.name == name);
    if let (Some(name), false) = (lines.matrix, header.iter().any(named)) {
        let cell = |cell: &str| cell.parse::<f64>().map_or(Value::Null, |number| json!(number));
        let row = |row: csv::StringRecord| row.iter().skip(1).map(cell).collect::<Value>();
        let rows = reader.records().map(|record| record.map(row)).collect::<Result<_, _>>()?;
        return Ok(Portfolio::Member { name, value: Value::Array(rows) });
    }
    let mut value = Vec::new();
    for record in reader.records() {
        let record = record?;
        let filled = header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty());
        let members = filled.map(|(name, cell)| (name.to_owned(), typed(lines, name, cell)));
        value.push(Value::Object(members.collect::<Map<_, _>>()));
    }
    Ok(Portfolio::Member { name: lines.member, value: Value::Array(value) })
}

fn typed(lines: &Lines, name: &str, cell: &str) -> Value {
    let values = lines.columns.iter().find(|column| column.name == name).map(|column| column.values);
    match values {
        Some(Values::Number { .. }) => {
            cell.parse::<f64>().map_or_else(|_| json!(cell), |number| json!(number))
        }
        Some(Values::Integer { .. }) => {
            cell.parse::<i64>().map_or_else(|_| json!(cell), |number| json!(number))
        }
        Some(Values::Flag) => json!(cell == "true"),
        _ => json!(cell),
    }
}

/// A text that no spreadsheet takes for a formula: what begins one has an apostrophe before it (OWASP, CSV injection).
pub fn harmless(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Whether a spreadsheet would take a text for a formula.
pub(crate) fn is_formula(text: &str) -> bool {
    matches!(text.as_bytes().first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
        && text.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_become_a_member_and_employees_stay_lines() {
        let lines = aops_engine::lines("rente").unwrap();
        let csv = "id,table,age,birth_year,amount\n7,TH 00-02,61.5,,1200\n".to_owned();
        let expected = Portfolio::Member {
            name: "heads",
            value: json!([{ "id": "7", "table": "TH 00-02", "age": 61.5, "amount": 1200.0 }]),
        };
        assert_eq!(portfolio("rente", &lines, csv).unwrap(), expected);
        let lines = aops_engine::lines("ifc").unwrap();
        assert_eq!(portfolio("ifc", &lines, "id\n1\n".into()).unwrap(), Portfolio::Csv("id\n1\n".into()));
    }

    #[test]
    fn what_would_be_a_formula_is_made_harmless_and_numbers_stay() {
        for text in ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-1+2", "\t=1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["-12.5", "+3", "Durand", "", "1=1"] {
            assert_eq!(harmless(text), text);
        }
    }
}
