//! `new article`: a Markdown file with its front matter, ready to be written and to be built.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::markdown::slug::slugify;
use crate::output::failed;

/// Makes `content/fr/articles/SLUG.md`, a draft of the given day, and returns its path.
///
/// # Errors
/// The title has no letter, the file is already there, or it cannot be written.
pub fn new_article(root: &Path, title: &str, date: Date) -> Result<PathBuf, Diagnostics> {
    let slug = slugify(title);
    if slug.is_empty() {
        return Err(Diagnostic::error("article-title", &[("title", title)]).into());
    }
    let relative = format!("content/fr/articles/{slug}.md");
    let path = root.join(&relative);
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let title = toml::Value::String(title.trim().to_owned());
    let text = format!(
        "+++\ntitle = {title}\ndescription = \"\"\ndate = {date}\ndraft = true\n\n[taxonomies]\nthemes = []\n+++\n\n"
    );
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists || folder.join(&slug).exists() {
            Diagnostic::error("article-exists", &[("path", &relative)])
        } else {
            failed(&path, &error)
        }
    })?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&path, &error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_made_once_and_parses() {
        let root = tempfile::tempdir().unwrap();
        let day = jiff::civil::date(2026, 11, 23);
        let path = new_article(root.path(), "L'âge \"légal\" : où en est-on ?", day).unwrap();
        assert!(path.ends_with("content/fr/articles/l-age-legal-ou-en-est-on.md"));
        let source = crate::files::text(root.path(), &path).unwrap();
        let parsed = crate::content::front_matter::parse(&source).unwrap();
        assert_eq!(
            (parsed.front.title.as_deref(), parsed.front.draft),
            (Some("L'âge \"légal\" : où en est-on ?"), Some(true))
        );
        let again = new_article(root.path(), "L’âge légal, où en est-on ?", day).unwrap_err();
        assert_eq!(again.iter().next().map(|f| f.code), Some("article-exists"));
    }
}
