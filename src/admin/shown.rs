//! An answer at a terminal: nothing that visitors wrote drives it.

use std::io::{self, Write};

use aops_gateway::typed::reorders;
use serde_json::Value;

/// Prints an answer: JSON when asked for, else aligned columns.
pub(super) fn print(value: &Value, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", quiet_json(value));
    }
    match value {
        Value::Array(rows) => out.write_all(columns(rows).as_bytes()),
        Value::Object(members) => {
            for (name, member) in members {
                writeln!(out, "{name}: {}", cell(member))?;
            }
            Ok(())
        }
        other => writeln!(out, "{}", cell(other)),
    }
}

/// Prints a text line by line, as it is but for what would drive the terminal.
pub(super) fn print_text(text: &str) -> io::Result<()> {
    let quiet = |c: char| if c != '\n' && drives(c) { ' ' } else { c };
    write!(io::stdout().lock(), "{}", text.chars().map(quiet).collect::<String>())
}

/// Rows as aligned columns under the names of their members, each name in the order of the first row.
fn columns(rows: &[Value]) -> String {
    let Some(Value::Object(first)) = rows.first() else {
        return String::new();
    };
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    let mut table = vec![names.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| names.iter().map(|name| cell(&row[*name])).collect()));
    let width =
        |column: usize| table.iter().map(|row: &Vec<String>| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    table.iter().map(line).collect()
}

/// JSON whose control and reordering characters are escaped, those too that JSON allows as they are.
fn quiet_json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        // All of them are below U+10000, and stand in strings alone.
        if drives(c) { text.push_str(&format!("\\u{:04x}", u32::from(c))) } else { text.push(c) }
    }
    text
}

/// A value on one line: control characters of what visitors wrote must not drive the terminal, nor others reorder
/// its line.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::from("-"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut line = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\t' => line.push(' '),
            c if drives(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// Whether a terminal would do something else than show the character.
fn drives(c: char) -> bool {
    c.is_control() || reorders(c)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_aligned_and_cannot_drive_the_terminal() {
        let rows = [
            json!({ "email": "a@b.fr", "state": "paid" }),
            json!({ "email": "long@example.com", "state": "\u{1b}[2J" }),
        ];
        assert_eq!(
            columns(&rows),
            "EMAIL             STATE\na@b.fr            paid\nlong@example.com  \\u{1b}[2J\n"
        );
        assert_eq!(columns(&[]), "");
    }

    #[test]
    fn what_visitors_wrote_stays_text_at_a_terminal() {
        let typed = json!("a\u{9b}2J\u{202e}b\r\n👩‍🔬 שלום");
        assert_eq!(cell(&typed), "a\\u{9b}2J\\u{202e}b\\u{d} 👩‍🔬 שלום");
        let written = quiet_json(&typed);
        assert!(!written.contains(drives), "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), typed, "it reads as what was typed");
    }
}
