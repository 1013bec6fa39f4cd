//! `theme.toml`: the theme's own facts.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::check::Pair;
use crate::diagnostics::{Diagnostic, toml_fault};
use crate::files;

/// A theme's folder and what it says of itself.
#[derive(Debug)]
pub(crate) struct Theme {
    pub(crate) folder: PathBuf,
    /// Path prefixes that the gateway answers itself.
    pub(crate) dynamic_routes: Vec<String>,
    /// Colours that stand on each other.
    pub(crate) contrast: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThemeFile {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(default)]
    dynamic_routes: Vec<String>,
    #[serde(default)]
    contrast: Vec<Pair>,
}

impl Theme {
    /// Reads `themes/NAME/theme.toml`.
    pub(crate) fn load(root: &Path, name: &str) -> Result<Self, Diagnostic> {
        let folder = root.join("themes").join(name);
        let path = folder.join("theme.toml");
        if !path.is_file() {
            return Err(Diagnostic::error("theme-missing", &[("name", name)]).in_file("site.toml"));
        }
        let source = files::text(root, &path)?;
        let file: ThemeFile =
            toml::from_str(&source.text).map_err(|error| toml_fault(&source, |span| span, &error))?;
        Ok(Self { folder, dynamic_routes: file.dynamic_routes, contrast: file.contrast })
    }
}
