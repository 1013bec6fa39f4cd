//! The theme's interface strings, by language and dotted key. It knows nothing of content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aops_manifest::Language;

use crate::diagnostics::{Diagnostic, Diagnostics, Source, toml_fault};
use crate::files;

/// By language, then by dotted key.
pub(crate) type Strings = BTreeMap<Language, BTreeMap<String, String>>;

/// Reads `i18n/{fr,en}.toml`, and `faults.{fr,en}.toml` under `fault.`.
pub(crate) fn load(root: &Path, theme: &Path, faults: &mut Diagnostics) -> Strings {
    let mut strings = Strings::new();
    for language in Language::ALL {
        let keys = strings.entry(language).or_default();
        for (name, prefix) in [("", ""), ("faults.", "fault")] {
            let path = theme.join("i18n").join(format!("{name}{}.toml", language.tag()));
            if !path.exists() {
                continue;
            }
            match table(root, &path) {
                Ok(table) => flatten(prefix, &table, keys),
                Err(fault) => faults.push(fault),
            }
        }
    }
    strings
}

fn table(root: &Path, path: &Path) -> Result<toml::Table, Diagnostic> {
    let file = files::relative(root, path);
    let text = fs::read_to_string(path).map_err(|error| files::unreadable(&file, &error))?;
    toml::from_str(&text).map_err(|error| toml_fault(&Source::new(file, text.as_str()), |span| span, &error))
}

fn flatten(prefix: &str, table: &toml::Table, keys: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, keys),
            toml::Value::String(text) => {
                keys.insert(key, text.clone());
            }
            other => {
                keys.insert(key, other.to_string());
            }
        }
    }
}
