//! The TOML between two `+++` lines: found, parsed, with the place of every fault. It knows no other page.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::diagnostics::{Diagnostic, Source, toml_fault};

/// What an author says of a page or section.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontMatter {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    date: Option<Spanned<Datetime>>,
    updated: Option<Spanned<Datetime>>,
    pub(crate) slug: Option<Spanned<String>>,
    pub(crate) path: Option<Spanned<String>>,
    pub(crate) template: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) draft: bool,
    #[serde(default)]
    pub(crate) weight: i64,
    #[serde(default)]
    pub(crate) aliases: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) taxonomies: BTreeMap<Spanned<String>, Vec<String>>,
    pub(crate) translation_key: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) noindex: bool,
    #[serde(default)]
    pub(crate) extra: toml::Table,
    pub(crate) sort_by: Option<SortBy>,
    pub(crate) paginate_by: Option<usize>,
    pub(crate) page_template: Option<Spanned<String>>,
}

/// The order of a section's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortBy {
    /// The newest first.
    Date,
    /// The lightest first.
    Weight,
    /// By letters, accents folded.
    Title,
}

/// Front matter, its dates, and where things stand in the file.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) front: FrontMatter,
    pub(crate) date: Option<Date>,
    pub(crate) updated: Option<Date>,
    /// Where the TOML begins: spans of [`FrontMatter`] count from there.
    pub(crate) offset: usize,
    /// Where the text begins.
    pub(crate) body: usize,
}

const FENCE: &str = "+++";

/// Reads the front matter of a file.
pub(crate) fn parse(source: &Source) -> Result<Parsed, Vec<Diagnostic>> {
    let text = &source.text;
    let first_line = text.lines().next().unwrap_or_default();
    if first_line.trim_end() != FENCE {
        return Err(vec![Diagnostic::error("front-matter-missing", &[]).at(source, 0..first_line.len())]);
    }
    let offset = (first_line.len() + 1).min(text.len());
    let Some(inner) = closing(&text[offset..]) else {
        return Err(vec![Diagnostic::error("front-matter-open", &[]).at(source, 0..FENCE.len())]);
    };
    let body = (offset + inner.end).min(text.len());
    let front: FrontMatter = toml::from_str(&text[offset..offset + inner.start])
        .map_err(|error| vec![toml_fault(source, offset, &error)])?;
    let mut faults = Vec::new();
    let mut civil = |written: &Option<Spanned<Datetime>>| {
        let written = written.as_ref()?;
        let value = written.get_ref();
        let date = value.date.and_then(|d| Date::new(d.year as i16, d.month as i8, d.day as i8).ok());
        if date.is_none() {
            let span = written.span();
            faults.push(
                Diagnostic::error("date-invalid", &[("value", &value.to_string())])
                    .at(source, span.start + offset..span.end + offset),
            );
        }
        date
    };
    let (date, updated) = (civil(&front.date), civil(&front.updated));
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Parsed { front, date, updated, offset, body })
}

/// Where the TOML ends, and where what follows the closing line begins.
fn closing(rest: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            return Some(start..start + line.len());
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(String, usize, usize)> {
        match parse(&Source::new("a.md", text)) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|f| (f.code, f.line, f.column)).collect(),
        }
    }

    #[test]
    fn the_text_begins_after_the_closing_line() {
        let source = Source::new("a.md", "+++\ntitle = \"A\"\ndate = 2026-01-25\n+++\n\nBonjour");
        let parsed = parse(&source).unwrap();
        assert_eq!(&source.text[parsed.body..], "\nBonjour");
        assert_eq!(parsed.date, Some(jiff::civil::date(2026, 1, 25)));
    }

    #[test]
    fn faults_are_told_where_they_stand() {
        assert_eq!(codes("Bonjour"), [("front-matter-missing".to_owned(), 1, 1)]);
        assert_eq!(codes("+++\ntitle = \"A\"\n"), [("front-matter-open".to_owned(), 1, 1)]);
        assert_eq!(codes("+++\ntitle = \"A\"\ntilte = 1\n+++\n"), [("unknown-key".to_owned(), 3, 1)]);
        assert_eq!(codes("+++\ntitle = 3\n+++\n"), [("wrong-type".to_owned(), 2, 9)]);
        assert_eq!(codes("+++\ntitle = \"A\"\ndate = 2026-02-30\n+++\n").len(), 1);
    }
}
