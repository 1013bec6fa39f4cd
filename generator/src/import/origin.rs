//! Which generator a folder was written for, by the files that only one of them has. It converts nothing.

use std::fs;
use std::path::Path;

use super::ImportFrom;
use crate::diagnostics::Diagnostics;
use crate::files;

/// How many Markdown files are looked into, when no configuration tells.
const LOOKED_INTO: usize = 50;

/// The generator, when it can be told.
pub(super) fn find_out(dir: &Path) -> Option<ImportFrom> {
    let has = |name: &str| dir.join(name).exists();
    if has("_config.yml") || has("_config.yaml") || has("_posts") {
        return Some(ImportFrom::Jekyll);
    }
    let of_hugo =
        ["hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config.yaml", "config.json", "archetypes"];
    if of_hugo.into_iter().any(has) || has("config/_default") {
        return Some(ImportFrom::Hugo);
    }
    if let Ok(config) = fs::read_to_string(dir.join("config.toml")) {
        let is_hugo = config.lines().any(|line| line.trim_start().to_lowercase().starts_with("baseurl"));
        return Some(if is_hugo { ImportFrom::Hugo } else { ImportFrom::Zola });
    }
    by_pages(dir)
}

/// YAML, JSON and Hugo's shortcodes speak for Hugo, TOML without them for Zola.
fn by_pages(dir: &Path) -> Option<ImportFrom> {
    let found = files::walk(dir, dir, &mut Diagnostics::default());
    let pages = found.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut guess = None;
    for text in pages.take(LOOKED_INTO).filter_map(|path| fs::read_to_string(path).ok()) {
        if text.starts_with("---") || text.starts_with('{') || text.contains("{{<") {
            return Some(ImportFrom::Hugo);
        }
        if text.starts_with("+++") {
            guess = Some(ImportFrom::Zola);
        }
    }
    guess
}
