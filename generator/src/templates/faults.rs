//! Tera's errors as faults with file, line and caret.

use std::collections::BTreeMap;

use tera::{Error, ErrorKind};

use crate::diagnostics::{Diagnostic, Source};
use crate::messages::nearest;

/// The fault of an error; `file` is named when the error points to no template.
pub(super) fn fault(error: &Error, sources: &BTreeMap<String, Source>, file: &str) -> Diagnostic {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let fault = Diagnostic::error("template-invalid", &[("reason", report.message())]);
            let span = report.span();
            match sources.get(report.filename()) {
                Some(source) => {
                    fault.at_lines(source, (span.start_line, span.start_col), (span.end_line, span.end_col))
                }
                None => fault.in_file(if report.filename().is_empty() { file } else { report.filename() }),
            }
        }
        ErrorKind::TemplateNotFound(name) => missing(name, sources).in_file(file),
        ErrorKind::MissingParent { current, parent } => {
            in_template(missing(parent, sources), current, parent, sources)
        }
        _ => {
            let fault = Diagnostic::error("template-invalid", &[("reason", &reason(error).0)]);
            match culprit(error).and_then(|name| sources.get(name)) {
                Some(source) => fault.in_file(&source.file),
                None => fault.in_file(file),
            }
        }
    }
}

/// The fault of a template that does not exist, with the nearest name.
pub(super) fn missing(name: &str, sources: &BTreeMap<String, Source>) -> Diagnostic {
    let near = nearest(name, sources.keys().map(String::as_str));
    let fault =
        Diagnostic::error("template-missing", &[("name", name), ("nearest", near.unwrap_or_default())]);
    if near.is_some() { fault } else { fault.with_hint(None) }
}

/// What an error says, and the place in the templates if it has one.
pub(crate) fn reason(error: &Error) -> (String, String) {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let span = report.span();
            let place = format!("{}:{}:{}", report.filename(), span.start_line, span.start_col + 1);
            (report.message().to_owned(), place)
        }
        _ => (error.to_string(), String::new()),
    }
}

/// Whether templates extend or include each other in a circle.
pub(super) fn is_cycle(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::CircularExtend { .. } | ErrorKind::CircularInclude { .. })
}

/// The template at fault.
pub(super) fn culprit(error: &Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => Some(report.filename()),
        ErrorKind::CircularExtend { tpl, .. } | ErrorKind::CircularInclude { tpl, .. } => Some(tpl),
        ErrorKind::MissingParent { current, .. } => Some(current),
        _ => None,
    }
}

/// Points to where a template names another.
fn in_template(
    fault: Diagnostic,
    template: &str,
    name: &str,
    sources: &BTreeMap<String, Source>,
) -> Diagnostic {
    let Some(source) = sources.get(template) else { return fault };
    match source.text.find(name) {
        Some(at) => fault.at(source, at..at + name.len()),
        None => fault.in_file(&source.file),
    }
}
