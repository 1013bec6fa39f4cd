//! Faults with their place: file, line, column and caret, for people and for programs. It finds none itself.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use codespan_reporting::diagnostic::{Diagnostic as Report, Label};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term;
use serde::Serialize;

use crate::messages;

/// How much a fault matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The site cannot be built.
    Error,
    /// The site is built, but somebody should look.
    Warning,
    /// Good to know; nothing is wrong.
    Note,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// A stable name of the kind of fault.
    pub code: &'static str,
    /// The file at fault, relative to the root folder, `/`-separated; empty when no file is.
    pub file: Arc<str>,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    /// In characters, from 1; 0 when the whole file is meant.
    pub column: usize,
    /// In characters.
    pub length: usize,
    /// What is wrong, as a sentence.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip)]
    place: Option<Box<(Arc<str>, Range<usize>)>>,
}

/// Every fault found, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

/// A text file of the site, kept to point into it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Relative to the root folder, `/`-separated.
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl Source {
    pub(crate) fn new(file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), text: text.into() }
    }
}

impl Diagnostic {
    pub(crate) fn error(code: &'static str, values: &[(&str, &str)]) -> Self {
        Self::new(Severity::Error, code, values)
    }

    pub(crate) fn warning(code: &'static str, values: &[(&str, &str)]) -> Self {
        Self::new(Severity::Warning, code, values)
    }

    pub(crate) fn note(code: &'static str, values: &[(&str, &str)]) -> Self {
        Self::new(Severity::Note, code, values)
    }

    fn new(severity: Severity, code: &'static str, values: &[(&str, &str)]) -> Self {
        Self {
            severity,
            code,
            file: Arc::from(""),
            line: 0,
            column: 0,
            length: 0,
            message: messages::message(code, values),
            hint: messages::hint(code, values),
            place: None,
        }
    }

    /// Names the file without a place in it.
    pub(crate) fn in_file(mut self, file: &str) -> Self {
        self.file = Arc::from(file);
        self
    }

    /// Points to a range of bytes of a file.
    pub(crate) fn at(mut self, source: &Source, range: Range<usize>) -> Self {
        let text = &source.text;
        let start = boundary(text, range.start);
        let end = boundary(text, range.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        self.file = Arc::clone(&source.file);
        self.line = text[..start].matches('\n').count() + 1;
        self.column = text[line_start..start].chars().count() + 1;
        self.length = text[start..end].chars().count().max(1);
        self.place = Some(Box::new((Arc::clone(text), start..end)));
        self
    }

    /// Points to lines (from 1) and columns (in characters, from 0).
    pub(crate) fn at_lines(self, source: &Source, start: (usize, usize), end: (usize, usize)) -> Self {
        let offset = |(line, column): (usize, usize)| {
            let line_start: usize =
                source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let rest = source.text[line_start.min(source.text.len())..].chars();
            line_start + rest.take(column).map(char::len_utf8).sum::<usize>()
        };
        self.at(source, offset(start)..offset(end))
    }

    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut report = match self.severity {
            Severity::Error => Report::error(),
            Severity::Warning => Report::warning(),
            Severity::Note => Report::note(),
        }
        .with_code(self.code)
        .with_message(&self.message);
        if let Some(hint) = &self.hint {
            report = report.with_notes(vec![hint.clone()]);
        }
        let config = term::Config::default();
        if let Some((text, range)) = self.place.as_deref() {
            let line_end = text[range.start..].find('\n').map_or(text.len(), |at| range.start + at);
            let shown = range.start..range.end.min(line_end.max(range.start));
            let file = SimpleFile::new(self.file.as_ref(), text.as_ref());
            let report = report.with_label(Label::primary((), shown));
            return match term::emit_into_string(&config, &file, &report) {
                Ok(written) => f.write_str(&written),
                Err(_) => write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message),
            };
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => return writeln!(f, "note[{}]: {} ({})", self.code, self.message, self.file),
        };
        writeln!(f, "{severity}[{}]: {}", self.code, self.message)?;
        if !self.file.is_empty() {
            writeln!(f, "  ┌─ {}", self.file)?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "  = {hint}")?;
        }
        Ok(())
    }
}

impl Diagnostics {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each one in turn.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Whether one of them keeps the site from being built.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|fault| fault.severity == Severity::Error)
    }

    pub(crate) fn push(&mut self, fault: Diagnostic) {
        self.0.push(fault);
    }

    pub(crate) fn extend(&mut self, faults: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(faults);
    }

    /// The same faults in the order of files and lines, each once.
    pub(crate) fn ordered(mut self) -> Self {
        let key = |fault: &Diagnostic| {
            (fault.file.clone(), fault.line, fault.column, fault.severity, fault.message.clone())
        };
        self.0.sort_by_cached_key(key);
        self.0.dedup_by(|a, b| key(a) == key(b));
        self
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(fault: Diagnostic) -> Self {
        Self(vec![fault])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// What is wrong in a TOML file, with its place; an unknown key is told with the nearest known one.
///
/// `file` is the name shown, `source` the whole text that was parsed.
pub fn from_toml(file: &str, source: &str, error: &toml::de::Error) -> Diagnostics {
    toml_fault(&Source::new(file, source), |span| span, error).into()
}

/// The same for TOML that is not the whole file: `place` tells where a span of it stands there.
pub(crate) fn toml_fault(
    source: &Source,
    place: impl Fn(Range<usize>) -> Range<usize>,
    error: &toml::de::Error,
) -> Diagnostic {
    let said = error.message();
    let place = |fault: Diagnostic| match error.span() {
        Some(span) => fault.at(source, place(span)),
        None => fault.in_file(&source.file),
    };
    if let Some(key) = said.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        let expected: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
        return place(match messages::nearest(key, expected.iter().copied()) {
            Some(nearest) => Diagnostic::error("unknown-key", &[("key", key), ("nearest", nearest)]),
            None => {
                Diagnostic::error("unknown-key-list", &[("key", key), ("expected", &expected.join(", "))])
            }
        });
    }
    if let Some(key) = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return place(Diagnostic::error("missing-key", &[("key", key)]));
    }
    if said.starts_with("invalid type") || said.starts_with("invalid value") {
        return place(Diagnostic::error("wrong-type", &[("reason", said)]));
    }
    place(Diagnostic::error("toml", &[("reason", said)]))
}

/// The nearest character boundary at or before a byte.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        let source = Source::new("a.md", "été\nça va\n");
        let fault = Diagnostic::error("toml", &[("reason", "x")]).at(&source, 9..11);
        assert_eq!((fault.line, fault.column, fault.length), (2, 3, 2));
        let same = Diagnostic::error("toml", &[("reason", "x")]).at_lines(&source, (2, 2), (2, 4));
        assert_eq!(same, fault);
    }
}
