//! YAML front matter said again in TOML, so that one parser judges both. It knows no key.

use std::ops::Range;

use serde_json::Value;

use crate::diagnostics::{Diagnostic, Source};

/// TOML made from YAML.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) toml: String,
    /// By key of the first level: where it stands in the TOML, and in the file.
    pub(crate) keys: Vec<(Range<usize>, Range<usize>)>,
}

/// Reads a range of a file as one YAML mapping.
pub(crate) fn to_toml(source: &Source, range: Range<usize>) -> Result<Made, Diagnostic> {
    let text = &source.text[range.clone()];
    let invalid =
        |reason: &str, at: Range<usize>| Diagnostic::error("yaml", &[("reason", reason)]).at(source, at);
    if text.trim().is_empty() {
        return Ok(Made { toml: String::new(), keys: Vec::new() });
    }
    let value: Value = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let line = error.location().map_or(1, |place| place.line().max(1) as usize);
        let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let length = text.get(start..).and_then(|rest| rest.lines().next()).map_or(1, str::len);
        let reason = error.to_string();
        invalid(reason.lines().next().unwrap_or_default(), range.start + start..range.start + start + length)
    })?;
    let Value::Object(fields) = value else {
        return Err(invalid("a mapping is expected", range.start..range.start + 1));
    };
    let mut made = Made { toml: String::new(), keys: Vec::new() };
    for (key, value) in fields {
        let Some(value) = toml_value(value) else { continue };
        let start = made.toml.len();
        made.toml.push_str(&format!("{} = {value}\n", toml::Value::String(key.clone())));
        made.keys.push((start..made.toml.len(), place_of(text, &key, range.start)));
    }
    Ok(made)
}

/// YAML 1.2: only `true` and `false` are truths, so that `y` and `no` stay words.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { strict_booleans: true }
}

/// The TOML of a value; what is null is left out.
fn toml_value(value: Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => toml::Value::Boolean(truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => toml::Value::Integer(whole),
            None => toml::Value::Float(number.as_f64()?),
        },
        Value::String(text) => toml::Value::String(text),
        Value::Array(list) => toml::Value::Array(list.into_iter().filter_map(toml_value).collect()),
        Value::Object(fields) => toml::Value::Table(
            fields.into_iter().filter_map(|(key, value)| Some((key, toml_value(value)?))).collect(),
        ),
    })
}

/// The line of a key of the first level.
fn place_of(text: &str, key: &str, base: usize) -> Range<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let written = line.trim_start_matches(['"', '\'']);
        if written
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
        {
            return base + start..base + start + line.trim_end().len();
        }
        start += line.len();
    }
    base..base + 1
}
