//! What is wrong, where, and what to do about it, told to those who write the site.
//!
//! The sentences are French and stand in `messages/fr.toml`; code names them by their key.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use codespan_reporting::diagnostic::{Diagnostic as Report, Label};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{self, Config};
use serde::{Deserialize, Serialize};

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The site is not built.
    Error,
    /// The site is built, and could be better.
    Warning,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// The key of the sentence: the same whatever the language.
    pub code: &'static str,
    /// The file, relative to the root folder.
    pub file: String,
    /// The line, from 1; 0 when the fault is that of the whole file.
    pub line: usize,
    /// The column in characters, from 1; 0 when the fault is that of the whole file.
    pub column: usize,
    /// The sentence.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip)]
    place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    source: String,
    range: Range<usize>,
}

/// All faults of one run, in order of file and place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostic {
    /// A fault of a file as a whole, or of no file.
    pub(crate) fn new(code: &'static str, file: impl Into<String>, values: &[(&str, &str)]) -> Self {
        let catalogue = &*CATALOGUE;
        let message = catalogue.errors.get(code).map_or_else(|| code.to_owned(), |text| filled(text, values));
        // A hint that names the nearest is worth nothing when nothing is near.
        let hint = catalogue
            .hints
            .get(code)
            .filter(|text| !text.contains("{nearest}") || values.iter().any(|(name, _)| *name == "nearest"))
            .map(|text| filled(text, values));
        let file = file.into();
        Self { severity: Severity::Error, code, file, line: 0, column: 0, message, hint, place: None }
    }

    /// The same fault, at these bytes of the file's source.
    #[must_use]
    pub(crate) fn at(mut self, source: &str, range: Range<usize>) -> Self {
        let start = floor_boundary(source, range.start);
        let end = floor_boundary(source, range.end).max(start);
        let before = &source[..start];
        self.line = before.matches('\n').count() + 1;
        self.column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.place = Some(Place { source: source.to_owned(), range: start..end });
        self
    }

    /// The same, as something that does not keep the site from being built.
    #[must_use]
    pub(crate) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Diagnostic {
    /// Several lines: the sentence, the place with a caret, the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut report = match self.severity {
            Severity::Error => Report::error(),
            Severity::Warning => Report::warning(),
        };
        report = report.with_message(&self.message);
        report.notes.extend(self.hint.clone());
        let Some(place) = &self.place else {
            let kind = if self.severity == Severity::Error { "error" } else { "warning" };
            let file = if self.file.is_empty() { String::new() } else { format!("{}: ", self.file) };
            writeln!(f, "{kind}: {file}{}", self.message)?;
            return self.hint.as_ref().map_or(Ok(()), |hint| writeln!(f, "  = {hint}"));
        };
        let report = report.with_label(Label::primary((), place.range.clone()));
        let file = SimpleFile::new(&self.file, &place.source);
        let text = term::emit_into_string(&Config::default(), &file, &report).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl Diagnostics {
    /// Whether something keeps the site from being built.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// In order of file and place, each told once.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| {
            (&a.file, a.line, a.column, a.code, &a.message).cmp(&(&b.file, b.line, b.column, b.code, &b.message))
        });
        self.0.dedup();
        self
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|diagnostic| writeln!(f, "{diagnostic}"))
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// The fault of a TOML source, with the nearest known key when an unknown one was written.
pub fn from_toml(file: &str, source: &str, error: &toml::de::Error) -> Diagnostics {
    toml_fault(file, source, 0, error).into()
}

/// The fault of a piece of TOML that begins at `offset` of `source`.
pub(crate) fn toml_fault(file: &str, source: &str, offset: usize, error: &toml::de::Error) -> Diagnostic {
    let message = error.message();
    let range = error.span().map_or(offset..offset, |span| span.start + offset..span.end + offset);
    let mut quoted = message.split('`').skip(1).step_by(2);
    let diagnostic = match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(key)) => {
            let known: Vec<&str> = quoted.collect();
            let mut values = vec![("key", key)];
            values.extend(nearest(key, known.iter().copied()).map(|near| ("nearest", near)));
            Diagnostic::new("unknown_key", file, &values)
        }
        _ => Diagnostic::new("toml", file, &[("why", message)]),
    };
    diagnostic.at(source, range)
}

/// The most alike of the known names, if any is alike at all.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|other| (strsim::jaro_winkler(name, other), other));
    scored.filter(|(score, _)| *score > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

#[derive(Deserialize)]
struct Catalogue {
    errors: BTreeMap<String, String>,
    hints: BTreeMap<String, String>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // Part of this binary: a test reads it, so that it cannot be wrong here.
    toml::from_str(include_str!("../messages/fr.toml"))
        .unwrap_or(Catalogue { errors: BTreeMap::new(), hints: BTreeMap::new() })
});

fn filled(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn floor_boundary(source: &str, at: usize) -> usize {
    (0..=at.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hint_belongs_to_a_sentence() {
        assert!(CATALOGUE.errors.len() > 20);
        for code in CATALOGUE.hints.keys() {
            assert!(CATALOGUE.errors.contains_key(code), "{code}");
        }
    }

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        let source = "é\nàb = 1\n";
        let at = source.find('b').unwrap();
        let diagnostic = Diagnostic::new("not_utf8", "a.md", &[]).at(source, at..at + 1);
        assert_eq!((diagnostic.line, diagnostic.column), (2, 2));
        assert!(diagnostic.to_string().contains("a.md:2:2"), "{diagnostic}");
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_one() {
        let source = "theme = \"aops\"\ntitel = \"x\"\nbase_url = \"https://a\"\n";
        let error = toml::from_str::<crate::SiteConfig>(source).unwrap_err();
        let told = from_toml("site.toml", source, &error);
        assert_eq!((told.0[0].code, told.0[0].line), ("unknown_key", 2));
        assert_eq!(told.0[0].hint.as_deref(), Some("vouliez-vous « title » ?"));
    }
}
