//! Which files are brought over, under which name, and which of them a link means. It reads no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aops_manifest::Language;
use jiff::civil::Date;

use super::{ImportFrom, jekyll};
use crate::files;

/// Languages whose tag may end a name: `retraite.en.md`.
const TAGS: [&str; 10] = ["fr", "en", "de", "es", "it", "nl", "pt", "pl", "ja", "zh"];

/// What a file becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A page or a section.
    Text,
    /// A copy of itself.
    Beside,
}

/// Where a file goes.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Relative to the folder of content, `/`-separated, without the language's tag: what links name.
    pub(super) relative: String,
    /// Relative to the language folder.
    pub(super) target: String,
    pub(super) role: Role,
    pub(super) said: Said,
}

/// What the place of a file says of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) date: Option<Date>,
    pub(super) slug: Option<String>,
    pub(super) draft: bool,
}

/// The place of a file below the folder of content; none when it is left out.
pub(super) fn place(from: ImportFrom, language: Language, content: &Path, path: &Path) -> Option<Place> {
    let relative = files::relative(content, path);
    let stem = relative.rsplit_once('.').map_or(relative.as_str(), |(stem, _)| stem);
    let is_text = is_text(&relative);
    let place = |relative: String, target: String, role, said| {
        Some(Place { path: path.to_owned(), relative, target, role, said })
    };
    if from == ImportFrom::Jekyll {
        let (target, role, said) = jekyll::target(&relative, is_text)?;
        return place(relative, target, role, said);
    }
    if from == ImportFrom::Hugo && relative.ends_with(".html") {
        return None;
    }
    if !is_text {
        return place(relative.clone(), relative, Role::Beside, Said::default());
    }
    let stem = match stem.rsplit_once('.') {
        Some((stem, tag)) if tag == language.tag() => stem,
        Some((_, tag)) if TAGS.contains(&tag) => return None,
        _ => stem,
    };
    let name = format!("{stem}.md");
    let said = if from == ImportFrom::Zola { said_by_zola(stem) } else { Said::default() };
    place(name.clone(), name, Role::Text, said)
}

/// Whether a file holds Markdown, by its name.
pub(super) fn is_text(relative: &str) -> bool {
    matches!(relative.rsplit_once('.'), Some((_, "md" | "markdown")))
}

/// Zola takes the date of `2024-01-05-retraite` or `2024-01-05_retraite` for the page's, and leaves it out of the
/// address.
fn said_by_zola(stem: &str) -> Said {
    let name = stem.strip_suffix("/index").unwrap_or(stem).rsplit('/').next().unwrap_or(stem);
    jekyll::dated(&name.replacen('_', "-", 1)).map_or_else(Said::default, |(date, slug)| Said {
        date: Some(date),
        slug: Some(slug.to_owned()),
        draft: false,
    })
}

/// A title from a name: `mon-article.md` → `Mon article`; that of its folder for an index.
pub(super) fn title_of(relative: &str) -> String {
    let stem = relative.rsplit_once('.').map_or(relative, |(stem, _)| stem);
    let mut parts = stem.rsplit('/');
    let name = parts.find(|part| !matches!(*part, "index" | "_index")).unwrap_or(stem);
    let name = jekyll::dated(name).map_or(name, |(_, slug)| slug);
    let words = name.replace(['-', '_'], " ");
    let mut letters = words.trim().chars();
    letters.next().map_or(words.clone(), |first| first.to_uppercase().chain(letters).collect())
}

/// The pages that links may mean: where they were, and where they go.
#[derive(Debug)]
pub(super) struct Pages(pub(super) BTreeMap<String, String>);

impl Pages {
    /// The target of a path as Hugo takes it: from the top, from the page's folder, or by a name that is alone.
    pub(super) fn find(&self, from: &str, link: &str) -> Option<&str> {
        if let Some(path) = link.strip_prefix('/') {
            return self.exact(path.trim_end_matches('/'));
        }
        let path = link.trim_end_matches('/');
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(target) = joined(folder, path).and_then(|path| self.exact(&path)) {
            return Some(target);
        }
        if let Some(target) = self.exact(path) {
            return Some(target);
        }
        let mut named = self.0.iter().filter(|(relative, _)| {
            forms(path)
                .iter()
                .any(|form| relative.strip_suffix(form.as_str()).is_some_and(|r| r.ends_with('/')))
        });
        let (_, target) = named.next()?;
        named.next().is_none().then_some(target)
    }

    /// The target of a path from the top, with or without `.md`, of a page, a bundle or a section.
    fn exact(&self, path: &str) -> Option<&str> {
        forms(path).iter().find_map(|form| self.0.get(form)).map(String::as_str)
    }
}

fn forms(path: &str) -> [String; 4] {
    ["", ".md", "/index.md", "/_index.md"]
        .map(|end| format!("{path}{end}").trim_start_matches('/').to_owned())
}

/// A path from a folder, `..` followed; none when it leads out.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_means_a_page_as_hugo_takes_it() {
        let all = ["posts/a.md", "posts/b/index.md", "posts/_index.md", "docs/a.md", "docs/only.md"];
        let pages = Pages(all.iter().map(|page| ((*page).to_owned(), (*page).to_owned())).collect());
        for (link, target) in [
            ("/posts/a.md", Some("posts/a.md")),
            ("a.md", Some("posts/a.md")),
            ("a", Some("posts/a.md")),
            ("b", Some("posts/b/index.md")),
            ("../docs/a.md", Some("docs/a.md")),
            ("posts/", Some("posts/_index.md")),
            ("only.md", Some("docs/only.md")),
            ("../../x.md", None),
            ("none", None),
        ] {
            assert_eq!(pages.find("posts/from.md", link), target, "{link}");
        }
        assert_eq!(pages.find("other/from.md", "a.md"), None, "two pages have this name");
    }

    #[test]
    fn a_title_is_made_from_a_name() {
        assert_eq!(title_of("a/mon-article.md"), "Mon article");
        assert_eq!(title_of("_posts/2024-01-05-été.md"), "Été");
        assert_eq!(title_of("a/retraite/index.md"), "Retraite");
    }
}
