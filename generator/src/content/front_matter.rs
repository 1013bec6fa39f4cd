//! The TOML at the head of a page, between two lines of `+++`.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use serde::Deserialize;

use crate::diagnostics::{Diagnostic, toml_fault};

/// What a page says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FrontMatter {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) date: Option<Day>,
    pub(crate) updated: Option<Day>,
    pub(crate) slug: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) page_template: Option<String>,
    pub(crate) draft: bool,
    pub(crate) weight: i64,
    pub(crate) aliases: Vec<String>,
    pub(crate) taxonomies: BTreeMap<String, Vec<String>>,
    pub(crate) translation_key: Option<String>,
    pub(crate) noindex: bool,
    pub(crate) sort_by: Option<SortBy>,
    pub(crate) paginate_by: Option<usize>,
    pub(crate) extra: toml::Table,
}

/// The order of a section's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortBy {
    /// Newest first.
    Date,
    /// Lightest first.
    Weight,
    /// By title.
    Title,
}

/// A calendar day, written as a TOML date or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Date(toml::value::Datetime),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Date(date) => date.to_string(),
            Written::Text(text) => text,
        };
        let day = text.get(..10).unwrap_or(&text);
        let wrong = || serde::de::Error::custom(format!("`{text}` is no calendar date written YYYY-MM-DD"));
        day.parse().map(Day).map_err(|_| wrong())
    }
}

/// A source cut in two.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) meta: FrontMatter,
    /// Where the Markdown begins, in bytes.
    pub(crate) body: usize,
}

/// Reads the front matter of a source.
///
/// # Errors
/// One fault, with its place.
pub(crate) fn parse(file: &str, source: &str) -> Result<Parsed, Diagnostic> {
    let head = head(file, source)?;
    let meta: FrontMatter = toml::from_str(&source[head.clone()])
        .map_err(|error| toml_fault(file, source, head.start, &error))?;
    if meta.title.trim().is_empty() {
        let fault = Diagnostic::new("toml", file, &[("why", "la clé « title » manque ou est vide")]);
        return Err(fault.at(source, 0..3));
    }
    let after = &source[head.end..];
    let body = head.end + after.find('\n').map_or(after.len(), |end| end + 1);
    Ok(Parsed { meta, body })
}

/// Where the TOML stands between its two lines.
fn head(file: &str, source: &str) -> Result<Range<usize>, Diagnostic> {
    let first = source.split('\n').next().unwrap_or_default();
    if first.trim_end() != "+++" {
        return Err(Diagnostic::new("front_matter_missing", file, &[]).at(source, 0..first.len()));
    }
    let start = (first.len() + 1).min(source.len());
    let mut at = start;
    for line in source[start..].split_inclusive('\n') {
        if line.trim_end() == "+++" {
            return Ok(start..at);
        }
        at += line.len();
    }
    Err(Diagnostic::new("front_matter_open", file, &[]).at(source, 0..3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_begins_after_the_second_line_whatever_the_line_ends() {
        for source in ["+++\ntitle = \"A\"\n+++\nCorps", "+++\r\ntitle = \"A\"\r\n+++\r\nCorps"] {
            let parsed = parse("a.md", source).unwrap();
            assert_eq!((parsed.meta.title.as_str(), &source[parsed.body..]), ("A", "Corps"));
        }
        let bare = parse("a.md", "+++\ntitle = \"A\"\n+++").unwrap();
        assert_eq!(bare.body, 21 - 2);
    }

    #[test]
    fn faults_are_told_with_their_line() {
        let cases = [
            ("title = \"A\"", "front_matter_missing", 1),
            ("+++\ntitle = \"A\"", "front_matter_open", 1),
            ("+++\ntitle = \"A\"\nwieght = 3\n+++\n", "unknown_key", 3),
            ("+++\ntitle = \"A\"\ndate = \"2023-02-30\"\n+++\n", "toml", 3),
            ("+++\ntitle = 3\n+++\n", "toml", 2),
            ("+++\n+++\n", "toml", 1),
            ("", "front_matter_missing", 1),
        ];
        for (source, code, line) in cases {
            let fault = parse("a.md", source).unwrap_err();
            assert_eq!((fault.code, fault.line), (code, line), "{source:?}: {fault}");
        }
    }
}
