//! The theme's styles in one minified file, its scripts, and its static files; names bear a digest of the bytes.

use std::collections::BTreeMap;

use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, StyleSheet};

use crate::diagnostics::Diagnostic;
use crate::output::digest;
use crate::theme::Theme;

/// Files to write by address, and addresses by name.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) names: BTreeMap<String, String>,
}

/// Bundles the theme's styles and scripts.
///
/// # Errors
/// A style sheet that cannot be read, with its place.
pub(crate) fn bundle(theme: &Theme, code_styles: Option<&str>) -> Result<Assets, Diagnostic> {
    let mut assets = Assets::default();
    let mut css = String::new();
    for (file, source) in &theme.styles {
        css.push_str(&minified(file, source)?);
    }
    if let Some(source) = code_styles {
        css.push_str(&minified("code.css", source)?);
    }
    assets.add("site", "css", css.into_bytes());
    for (file, source) in &theme.scripts {
        let name = file.rsplit('/').next().unwrap_or(file);
        if let Some((stem, extension)) = name.rsplit_once('.') {
            assets.add(stem, extension, source.clone().into_bytes());
        }
    }
    Ok(assets)
}

impl Assets {
    fn add(&mut self, stem: &str, extension: &str, bytes: Vec<u8>) {
        let path = format!("/assets/{stem}.{}.{extension}", &digest(&bytes)[..10]);
        self.names.insert(format!("{stem}.{extension}"), path.clone());
        self.files.insert(path, bytes);
    }
}

fn minified(file: &str, source: &str) -> Result<String, Diagnostic> {
    let wrong = |why: String| Diagnostic::new("style", file, &[("why", &why)]);
    let mut sheet = StyleSheet::parse(source, ParserOptions::default()).map_err(|error| {
        let fault = wrong(error.kind.to_string());
        match &error.loc {
            Some(place) => {
                let line: usize = source.split_inclusive('\n').take(place.line as usize).map(str::len).sum();
                let at = line + (place.column as usize).saturating_sub(1);
                fault.at(source, at..at + 1)
            }
            None => fault,
        }
    })?;
    sheet.minify(MinifyOptions::default()).map_err(|error| wrong(error.to_string()))?;
    let printed = sheet.to_css(PrinterOptions { minify: true, ..PrinterOptions::default() });
    printed.map(|result| result.code).map_err(|error| wrong(error.to_string()))
}
