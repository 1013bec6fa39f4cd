//! One style sheet from the theme's, in the order of their names, minified.

use std::path::Path;

use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions, StyleSheet};

use crate::diagnostics::{Diagnostic, Diagnostics, Source};
use crate::files;
use crate::markdown::highlight;

/// The minified bundle; `None` when the theme has no styles. `with_code` adds the colours of code.
pub(super) fn bundle(
    root: &Path,
    folder: &Path,
    with_code: bool,
    faults: &mut Diagnostics,
) -> Option<String> {
    let mut bundle = String::new();
    let mut any = false;
    for path in files::walk(root, folder, faults) {
        if path.extension().is_none_or(|extension| extension != "css") {
            continue;
        }
        any = true;
        match files::text(root, &path) {
            Ok(source) => match minified(&source) {
                Ok(css) => bundle.push_str(&css),
                Err(fault) => faults.push(fault),
            },
            Err(fault) => faults.push(fault),
        }
    }
    if with_code && any {
        let source = Source::new("", highlight::styles());
        bundle.push_str(&minified(&source).unwrap_or_default());
    }
    any.then_some(bundle)
}

fn minified(source: &Source) -> Result<String, Diagnostic> {
    let invalid = |reason: String, place: Option<(u32, u32)>| {
        let fault = Diagnostic::error("style-invalid", &[("reason", &reason)]);
        match place {
            Some((line, column)) => {
                let column = (column as usize).saturating_sub(1);
                fault.at_lines(source, (line as usize + 1, column), (line as usize + 1, column + 1))
            }
            None => fault.in_file(&source.file),
        }
    };
    let mut sheet = StyleSheet::parse(&source.text, ParserOptions::default())
        .map_err(|error| invalid(error.kind.to_string(), error.loc.map(|loc| (loc.line, loc.column))))?;
    sheet
        .minify(MinifyOptions::default())
        .map_err(|error| invalid(error.kind.to_string(), error.loc.map(|loc| (loc.line, loc.column))))?;
    let printed = sheet
        .to_css(PrinterOptions { minify: true, ..PrinterOptions::default() })
        .map_err(|error| invalid(error.kind.to_string(), error.loc.map(|loc| (loc.line, loc.column))))?;
    Ok(printed.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_style_sheet_is_told_with_its_place() {
        let fault = minified(&Source::new("a.css", "p { color: red }\n}\n")).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.line), ("style-invalid", 2));
        assert_eq!(minified(&Source::new("a.css", "p { color: #ff0000 }")).unwrap(), "p{color:red}");
    }
}
