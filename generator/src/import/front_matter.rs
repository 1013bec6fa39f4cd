//! Front matter in TOML, YAML or JSON: found, read into one form, and written as ours. It knows no key.

use std::fmt::Write;
use std::ops::Range;

use toml::{Table, Value};

use crate::diagnostics::{Diagnostic, Source};

/// How front matter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Between `+++`.
    Toml,
    /// Between `---`.
    Yaml,
    /// One object at the top.
    Json,
}

/// A file in two parts.
#[derive(Debug)]
pub(super) struct Matter {
    /// None when there is no front matter.
    pub(super) form: Option<Form>,
    pub(super) table: Table,
    /// Where the front matter stands.
    span: Range<usize>,
    /// Where the text begins.
    pub(super) body: usize,
}

impl Matter {
    /// Where a key stands, or the first line.
    pub(super) fn place_of(&self, source: &Source, key: &str) -> Range<usize> {
        let mut at = self.span.start;
        for line in source.text[self.span.clone()].split_inclusive('\n') {
            let written = line.trim_start().trim_start_matches('"');
            if written.strip_prefix(key).is_some_and(|rest| rest.starts_with([':', ' ', '=', '"'])) {
                let start = at + line.len() - written.len();
                return start..start + key.len();
            }
            at += line.len();
        }
        0..source.text.lines().next().map_or(0, str::len)
    }
}

/// Reads the front matter of a file; a file without any is text alone.
pub(super) fn split(source: &Source) -> Result<Matter, Diagnostic> {
    let text = &source.text;
    let first = text.lines().next().unwrap_or_default();
    let (form, fence) = match first.trim_end() {
        "+++" => (Form::Toml, "+++"),
        "---" => (Form::Yaml, "---"),
        line if line.starts_with('{') && !line.starts_with("{{") && !line.starts_with("{%") => {
            return json(source);
        }
        _ => return Ok(Matter { form: None, table: Table::new(), span: 0..0, body: 0 }),
    };
    let start = (first.len() + 1).min(text.len());
    let mut end = start;
    let closing = text[start..].split_inclusive('\n').find(|line| {
        let is_closing = line.trim_end() == fence;
        end += if is_closing { 0 } else { line.len() };
        is_closing
    });
    let Some(closing) = closing else {
        return Err(unreadable(source, 0..fence.len(), "the front matter is never closed"));
    };
    let span = start..end;
    let given = &text[span.clone()];
    let table = if form == Form::Toml {
        toml::from_str(given).map_err(|error: toml::de::Error| {
            let place = error.span().unwrap_or_default();
            unreadable(source, start + place.start..start + place.end, error.message())
        })?
    } else {
        yaml(given).map_err(|(line, reason)| {
            let before: usize = given.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let at = start + before;
            unreadable(source, at..at + text[at..].lines().next().map_or(0, str::len), &reason)
        })?
    };
    Ok(Matter { form: Some(form), table, span, body: end + closing.len() })
}

/// The front matter as our generator reads it, with its two fences: plain keys in the order an editor expects,
/// then tables.
pub(super) fn written(table: &Table) -> String {
    const FIRST: [&str; 8] =
        ["title", "description", "date", "updated", "publish_at", "expires_at", "draft", "slug"];
    let mut text = String::from("+++\n");
    let line = |text: &mut String, key: &str, value: &Value| {
        // A String never refuses what is written to it.
        let _ = writeln!(text, "{} = {value}", written_key(key));
    };
    let is_table =
        |key: &str, value: &Value| value.is_table() && matches!(key, "taxonomies" | "extra" | "cascade");
    for key in FIRST {
        if let Some(value) = table.get(key) {
            line(&mut text, key, value);
        }
    }
    for (key, value) in table.iter().filter(|(k, v)| !FIRST.contains(&k.as_str()) && !is_table(k, v)) {
        line(&mut text, key, value);
    }
    for key in ["taxonomies", "cascade", "extra"] {
        let Some(inner) = table.get(key).and_then(Value::as_table).filter(|inner| !inner.is_empty()) else {
            continue;
        };
        let _ = writeln!(text, "\n[{key}]");
        for (key, value) in inner {
            line(&mut text, key, value);
        }
    }
    text.push_str("+++\n");
    text
}

fn json(source: &Source) -> Result<Matter, Diagnostic> {
    let mut values = serde_json::Deserializer::from_str(&source.text).into_iter::<serde_json::Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(unreadable(source, 0..1, &error.to_string())),
        None => return Err(unreadable(source, 0..1, "nothing")),
    };
    let end = values.byte_offset();
    let body = end + usize::from(source.text[end..].starts_with('\n'));
    let table = table_of(value).map_err(|reason| unreadable(source, 0..1, &reason))?;
    Ok(Matter { form: Some(Form::Json), table, span: 0..end, body })
}

/// On failure, the line (from 1) and the reason.
fn yaml(text: &str) -> Result<Table, (usize, String)> {
    // The fault is shown with its place by us.
    let options = serde_saphyr::options! { with_snippet: false };
    let value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |place| usize::try_from(place.line()).unwrap_or(1));
        // Its own place counts from the first line of the front matter.
        let said = error.to_string();
        (line, said.split(" at line ").next().unwrap_or_default().to_owned())
    })?;
    table_of(value).map_err(|reason| (1, reason))
}

fn table_of(value: serde_json::Value) -> Result<Table, String> {
    match value {
        serde_json::Value::Null => Ok(Table::new()),
        value => match toml_of(value) {
            Some(Value::Table(table)) => Ok(table),
            _ => Err("not a table of keys and values".to_owned()),
        },
    }
}

/// What TOML has no word for (`null`) is left out.
fn toml_of(value: serde_json::Value) -> Option<Value> {
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(value) => Value::Boolean(value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(real)) => Value::Float(real),
            (None, None) => Value::String(number.to_string()),
        },
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Array(values) => Value::Array(values.into_iter().filter_map(toml_of).collect()),
        serde_json::Value::Object(entries) => Value::Table(
            entries.into_iter().filter_map(|(key, value)| Some((key, toml_of(value)?))).collect(),
        ),
    })
}

/// JSON escapes are a part of those of TOML.
fn written_key(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_bare { key.to_owned() } else { serde_json::Value::from(key).to_string() }
}

fn unreadable(source: &Source, range: Range<usize>, reason: &str) -> Diagnostic {
    Diagnostic::warning("import-front-matter", &[("reason", reason)]).at(source, range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> String {
        split(&Source::new("a.md", text)).unwrap().table.to_string()
    }

    #[test]
    fn three_forms_say_the_same() {
        let toml = "+++\ntitle = \"A: b\"\ndraft = true\nweight = 3\ntags = [\"x\"]\n+++\nText\n";
        let yaml = "---\ntitle: \"A: b\"\ndraft: true\nweight: 3\ntags:\n  - x\nnothing:\n---\nText\n";
        let json = "{\"title\": \"A: b\", \"draft\": true, \"weight\": 3,\n \"tags\": [\"x\"]}\nText\n";
        assert_eq!(table(yaml), table(toml));
        assert_eq!(table(json), table(toml));
        for text in [toml, yaml, json] {
            let matter = split(&Source::new("a.md", text)).unwrap();
            assert_eq!(&text[matter.body..], "Text\n");
        }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_its_keys_and_values() {
        let text = "---\ntitle: |\n  Two\n  \"lines\"\n\"a key \\\" of its own\": [1, {x: 2.5}]\nextra: {a: {b: c}}\n---\n";
        let matter = split(&Source::new("a.md", text)).unwrap();
        let again = split(&Source::new("b.md", written(&matter.table))).unwrap();
        assert_eq!(again.table, matter.table);
    }

    #[test]
    fn a_fault_is_told_on_its_line() {
        let fault = split(&Source::new("a.md", "---\ntitle: a\nb: [\n---\n")).unwrap_err();
        assert_eq!((fault.code, fault.line > 1), ("import-front-matter", true));
        let fault = split(&Source::new("a.md", "+++\ntitle = \"a\"\nb = [\n+++\n")).unwrap_err();
        assert_eq!((fault.code, fault.line > 2), ("import-front-matter", true));
        assert!(split(&Source::new("a.md", "---\ntitle: a\n")).is_err());
        assert!(split(&Source::new("a.md", "---\n- a\n---\n")).is_err());
        assert!(split(&Source::new("a.md", "---\n---\n")).unwrap().table.is_empty());
    }
}
