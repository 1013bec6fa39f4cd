//! A new piece of content, ready to be written in.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::content::slug;
use crate::diagnostics::Diagnostic;

/// Begins an article: a Markdown file with its front matter, as a draft. Answers its path.
///
/// # Errors
/// When a file of that name exists, or cannot be written.
pub fn new_article(root: &Path, title: &str, today: Date) -> Result<PathBuf, Diagnostic> {
    let name = match slug(title) {
        empty if empty.is_empty() => "article".to_owned(),
        slug => slug,
    };
    let relative = format!("content/fr/articles/{name}.md");
    let path = root.join(&relative);
    let unwritable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Diagnostic::new("exists", &relative, &[]),
        _ => Diagnostic::new("write", &relative, &[("why", &error.to_string())]),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let title = toml::Value::String(title.to_owned());
    let source = format!("+++\ntitle = {title}\ndescription = \"\"\ndate = {today}\ndraft = true\n\n[taxonomies]\nthemes = []\n+++\n\n");
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(unwritable)?;
    file.write_all(source.as_bytes()).map_err(unwritable)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_article_is_a_draft_that_reads_back_and_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let today = jiff::civil::date(2026, 1, 2);
        let path = new_article(root.path(), "L’« été » \"2026\"", today).unwrap();
        assert!(path.ends_with("content/fr/articles/l-ete-2026.md"));
        let source = fs::read_to_string(&path).unwrap();
        let head: toml::Table = toml::from_str(source.trim_matches(['+', '\n'])).unwrap();
        assert_eq!(head["title"].as_str(), Some("L’« été » \"2026\""));
        assert_eq!(new_article(root.path(), "L’été 2026", today).unwrap_err().code, "exists");
    }
}
