//! Text for the notes to the accounts: sentences of the theme with the figures of the outcome in their places. A
//! sentence whose figure there is not is left out.

use serde_json::Value;

use super::day;
use crate::figures::shown;
use crate::table::Cell;
use crate::tables::cell;
use crate::words::Words;

/// Sentences looked for: `accounts."ifc.1"`, `accounts."ifc.2"`, …
const MOST: usize = 9;

/// The sentences of a module that can be filled.
pub(super) fn sentences(module: &str, request: &Value, outcome: &Value, words: &Words) -> Vec<String> {
    let numbered = (1..=MOST).filter_map(|number| words.find("accounts", &format!("{module}.{number}")));
    numbered.filter_map(|sentence| filled(sentence, request, outcome, words)).collect()
}

fn filled(sentence: &str, request: &Value, outcome: &Value, words: &Words) -> Option<String> {
    let mut filled = String::with_capacity(sentence.len() + 64);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&figure(name, request, outcome, words)?);
        rest = tail;
    }
    filled.push_str(rest);
    Some(filled)
}

/// A figure by the dotted name of its place: in the outcome, else in the request.
fn figure(name: &str, request: &Value, outcome: &Value, words: &Words) -> Option<String> {
    let pointer = format!("/{}", name.replace('.', "/"));
    let last = name.rsplit('.').next().unwrap_or(name);
    let value = outcome.pointer(&pointer).or_else(|| request.pointer(&pointer))?;
    if let Some(date) = value.as_str().and_then(|text| text.parse().ok()) {
        return Some(day(date, words));
    }
    match cell(last, value, words) {
        Cell::Empty => None,
        cell if value.is_number() || value.is_string() => Some(shown(&cell)),
        _ => None,
    }
}
