//! `new`: the beginning of a new piece of content, with the front matter of its kind, ready to be written.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aops_manifest::Language;
use jiff::civil::Date;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::markdown::slug::slugify;
use crate::output::failed;

/// What kind of content is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKind {
    /// A dated draft under `articles/`.
    Article,
    /// A dated draft with a folder of its own, for pictures and data beside it.
    Bundle,
    /// A page at the top.
    Page,
    /// A section: a folder with its `_index.md`.
    Section,
}

/// A new piece of content.
#[derive(Debug, Clone)]
pub struct NewContent<'a> {
    /// Its kind.
    pub kind: NewKind,
    /// Its title, from which the file is named.
    pub title: &'a str,
    /// What it says, in a sentence; may be empty.
    pub description: &'a str,
    /// The folder it is put into, relative to that of the language; that of its kind when it is left out.
    pub folder: Option<&'a str>,
    /// The language it is written in.
    pub language: Language,
    /// The day it is begun.
    pub date: Date,
}

/// Makes the file, and returns its path.
///
/// # Errors
/// The title has no letter, the folder leads out of the content, the file is already there, or it cannot be written.
pub fn new_content(root: &Path, content: &NewContent<'_>) -> Result<PathBuf, Diagnostics> {
    let slug = slugify(content.title);
    if slug.is_empty() {
        return Err(Diagnostic::error("article-title", &[("title", content.title)]).into());
    }
    let usual = match content.kind {
        NewKind::Article | NewKind::Bundle => "articles",
        NewKind::Page | NewKind::Section => "",
    };
    let place = content.folder.unwrap_or(usual).trim_matches('/');
    if Path::new(place).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return Err(Diagnostic::error("path-invalid", &[("value", place)]).into());
    }
    let place = if place.is_empty() { String::new() } else { format!("{place}/") };
    let name = match content.kind {
        NewKind::Article | NewKind::Page => format!("{slug}.md"),
        NewKind::Bundle => format!("{slug}/index.md"),
        NewKind::Section => format!("{slug}/_index.md"),
    };
    let relative = format!("content/{}/{place}{name}", content.language.tag());
    let path = root.join(&relative);
    let taken = [format!("{slug}.md"), format!("{slug}/index.md"), format!("{slug}/_index.md")];
    let folder = root.join(format!("content/{}/{place}", content.language.tag()));
    if taken.iter().any(|name| folder.join(name).exists()) {
        return Err(Diagnostic::error("article-exists", &[("path", &relative)]).into());
    }
    let above = path.parent().unwrap_or(root);
    fs::create_dir_all(above).map_err(|error| failed(above, &error))?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            Diagnostic::error("article-exists", &[("path", &relative)])
        } else {
            failed(&path, &error)
        }
    })?;
    file.write_all(front_matter(content).as_bytes()).map_err(|error| failed(&path, &error))?;
    Ok(path)
}

fn front_matter(content: &NewContent<'_>) -> String {
    let text = |text: &str| toml::Value::String(text.trim().to_owned()).to_string();
    let (title, description) = (text(content.title), text(content.description));
    let rest = match content.kind {
        NewKind::Article | NewKind::Bundle => {
            format!("date = {}\ndraft = true\n\n[taxonomies]\nthemes = []\n", content.date)
        }
        NewKind::Page => "draft = true\n".to_owned(),
        NewKind::Section => "sort_by = \"date\"\n".to_owned(),
    };
    format!("+++\ntitle = {title}\ndescription = {description}\n{rest}+++\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [NewKind; 4] = [NewKind::Article, NewKind::Bundle, NewKind::Page, NewKind::Section];

    fn content(kind: NewKind, title: &str) -> NewContent<'_> {
        let (language, date) = (Language::Fr, jiff::civil::date(2026, 11, 23));
        NewContent { kind, title, description: "", folder: None, language, date }
    }

    #[test]
    fn each_kind_is_made_once_and_parses() {
        for kind in KINDS {
            let root = tempfile::tempdir().unwrap();
            let path = new_content(root.path(), &content(kind, "L'âge \"légal\" : où en est-on ?")).unwrap();
            let source = crate::files::text(root.path(), &path).unwrap();
            let parsed = crate::content::front_matter::parse(&source).unwrap();
            assert_eq!(parsed.front.title.as_deref(), Some("L'âge \"légal\" : où en est-on ?"));
            assert_eq!(parsed.front.draft.is_some(), kind != NewKind::Section);
            for other in KINDS {
                let mut again = content(other, "L’âge légal, où en est-on ?");
                let folder = path.strip_prefix(root.path().join("content/fr")).unwrap();
                again.folder = Some(if folder.starts_with("articles") { "articles" } else { "" });
                let fault = new_content(root.path(), &again).unwrap_err();
                assert_eq!(fault.iter().next().map(|f| f.code), Some("article-exists"), "{kind:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_folder_stays_below_the_content() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["..", "a/../../b", "/etc"] {
            let outside = NewContent { folder: Some(folder), ..content(NewKind::Page, "T") };
            let made = new_content(root.path(), &outside);
            assert!(made.is_err() || made.is_ok_and(|path| path.starts_with(root.path().join("content/fr"))));
        }
    }
}
