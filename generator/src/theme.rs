//! A theme as read: its own facts, templates, interface strings, styles, scripts and static files.

use std::collections::BTreeMap;
use std::path::Path;

use aops_manifest::Language;
use serde::Deserialize;

use crate::config::SiteConfig;
use crate::diagnostics::{Diagnostic, Diagnostics, toml_fault};
use crate::files;

/// What stands under `themes/NAME/`.
#[derive(Debug, Default)]
pub(crate) struct Theme {
    /// Relative to the root folder: `themes/aops`.
    pub(crate) folder: String,
    pub(crate) facts: Facts,
    /// By name, as templates name one another: `page.html`, `forms/contact.html`, `gateway/error.html`.
    pub(crate) templates: BTreeMap<String, String>,
    /// By language and dotted key.
    pub(crate) strings: BTreeMap<Language, BTreeMap<String, String>>,
    /// File and source, in order of name.
    pub(crate) styles: Vec<(String, String)>,
    /// File and source.
    pub(crate) scripts: Vec<(String, String)>,
    /// File, and address.
    pub(crate) statics: Vec<(String, String)>,
}

/// `theme.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Facts {
    /// The theme's name.
    pub(crate) name: String,
    /// What paths begin with that are answered at run time.
    pub(crate) dynamic_routes: Vec<String>,
}

impl Theme {
    /// Reads the theme that `site.toml` names.
    pub(crate) fn read(root: &Path, config: &SiteConfig, faults: &mut Diagnostics) -> Self {
        let mut theme = Self { folder: format!("themes/{}", config.theme), ..Self::default() };
        let folder = root.join(&theme.folder);
        if !folder.is_dir() {
            faults.0.push(Diagnostic::new("theme_missing", "site.toml", &[("name", &config.theme)]));
            return theme;
        }
        for file in files::under(root, &folder) {
            let inside = file[theme.folder.len() + 1..].to_owned();
            let result = theme.take(root, &file, &inside);
            faults.0.extend(result.err());
        }
        theme
    }

    fn take(&mut self, root: &Path, file: &str, inside: &str) -> Result<(), Diagnostic> {
        let (folder, rest) = inside.split_once('/').unwrap_or(("", inside));
        match folder {
            "" if inside == "theme.toml" => self.facts = parsed(root, file)?,
            "templates" => drop(self.templates.insert(rest.to_owned(), files::read_text(root, file)?)),
            "gateway" | "mail" => drop(self.templates.insert(inside.to_owned(), files::read_text(root, file)?)),
            "i18n" => self.take_strings(root, file, rest)?,
            "styles" if rest.ends_with(".css") => self.styles.push((file.to_owned(), files::read_text(root, file)?)),
            "scripts" => self.scripts.push((file.to_owned(), files::read_text(root, file)?)),
            "static" => self.statics.push((file.to_owned(), format!("/{rest}"))),
            _ => {}
        }
        Ok(())
    }

    /// `fr.toml` as it is, `faults.fr.toml` under `fault.`.
    fn take_strings(&mut self, root: &Path, file: &str, name: &str) -> Result<(), Diagnostic> {
        let stem = name.trim_end_matches(".toml");
        let (prefix, tag) = match stem.rsplit_once('.') {
            Some(("faults", tag)) => ("fault", tag),
            Some((prefix, tag)) => (prefix, tag),
            None => ("", stem),
        };
        let Some(language) = Language::ALL.into_iter().find(|language| language.tag() == tag) else {
            return Err(Diagnostic::new("language_folder", file, &[("name", tag)]));
        };
        let table: toml::Table = parsed(root, file)?;
        flatten(prefix, &table, self.strings.entry(language).or_default());
        Ok(())
    }

    /// Templates that the gateway renders itself.
    pub(crate) fn gateway_templates(&self) -> BTreeMap<String, String> {
        let theirs = |name: &&String| ["gateway/", "mail/", "forms/"].iter().any(|folder| name.starts_with(folder));
        self.templates.iter().filter(|(name, _)| theirs(name)).map(|(name, text)| (name.clone(), text.clone())).collect()
    }
}

fn parsed<T: serde::de::DeserializeOwned>(root: &Path, file: &str) -> Result<T, Diagnostic> {
    let source = files::read_text(root, file)?;
    toml::from_str(&source).map_err(|error| toml_fault(file, &source, 0, &error))
}

fn flatten(prefix: &str, table: &toml::Table, strings: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(table) => flatten(&key, table, strings),
            toml::Value::String(text) => drop(strings.insert(key, text.clone())),
            other => drop(strings.insert(key, other.to_string())),
        }
    }
}
