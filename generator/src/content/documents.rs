//! One document for each Markdown file: its source, its front matter, its address.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aops_manifest::Language;
use jiff::civil::Date;
use toml::Spanned;

use super::front_matter::{self, Days, FrontMatter, Parsed, Places};
use crate::diagnostics::{Diagnostic, Source};
use crate::files;
use crate::markdown::slug::{fold, slugify};
use crate::markdown::typography::typeset;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// `name.md`.
    Page,
    /// `name/index.md`, with its own folder.
    Bundle,
    /// `_index.md`.
    Section,
}

/// A Markdown file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) language: Language,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// Where the Markdown begins in `source`.
    pub(crate) body: usize,
    /// Relative to the language's folder: `offres/ifc.md`.
    pub(crate) relative: String,
    /// The folder of the file, absolute.
    pub(crate) folder: PathBuf,
    /// Title and description after typography.
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    /// Whether the text holds a fenced block of code.
    pub(crate) has_code: bool,
    /// The title as it is ordered: without accents or case.
    pub(crate) letters: String,
    pub(crate) front: FrontMatter,
    /// By taxonomy: the terms, those of `tags` and `categories` among them.
    pub(crate) taxonomies: BTreeMap<String, Terms>,
    /// The template that a section above chose for it.
    pub(crate) cascaded_template: Option<String>,
    places: Places,
    pub(crate) days: Days,
    /// The URL path: `/offres/ifc/`.
    pub(crate) path: String,
}

/// The terms of a page in one taxonomy, and where they stand in the front matter.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) names: Vec<String>,
    pub(crate) span: Range<usize>,
}

/// A Markdown file to read: its language, the folder of that language, its path.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) language: Language,
    pub(crate) folder: Arc<Path>,
    pub(crate) path: PathBuf,
}

impl Document {
    /// Points a fault to a span of the front matter.
    pub(crate) fn fault_at(&self, fault: Diagnostic, span: Range<usize>) -> Diagnostic {
        fault.at(&self.source, self.places.of(span))
    }

    /// The folder part of `relative`: empty at the top, `offres` for `offres/ifc.md`.
    pub(crate) fn place(&self) -> &str {
        self.relative.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The folder whose section this document belongs to; a section belongs to the one above.
    pub(crate) fn parent_place(&self) -> Option<&str> {
        match self.kind {
            Kind::Page => Some(self.place()),
            Kind::Bundle => Some(above(self.place())),
            Kind::Section if self.place().is_empty() => None,
            Kind::Section => Some(above(self.place())),
        }
    }

    /// Whether it is published on a day; drafts only when they are wanted.
    pub(crate) fn is_published(&self, today: Date, drafts: bool) -> bool {
        let due = self.days.publish_at.is_none_or(|from| from <= today);
        let gone = self.days.expires_at.is_some_and(|end| end <= today);
        !gone && (drafts || (due && !self.front.draft.unwrap_or(false)))
    }

    /// Whether it has a page of its own.
    pub(crate) fn is_rendered(&self) -> bool {
        self.front.render != Some(false) && self.front.redirect_to.is_none()
    }

    /// Whether search engines and feeds may show it.
    pub(crate) fn is_listed(&self) -> bool {
        !self.front.noindex.unwrap_or(false) && self.is_rendered()
    }

    /// The last part of its address.
    pub(crate) fn slug(&self) -> &str {
        self.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }

    /// Whether a page stands in the site as another version of it does, whatever their texts.
    pub(crate) fn stands_as(&self, other: &Self) -> bool {
        let standing = |d: &Self| {
            let front = &d.front;
            let aliases: Vec<String> = front.aliases.iter().map(|alias| alias.get_ref().clone()).collect();
            let terms: Vec<(String, Vec<String>)> =
                d.taxonomies.iter().map(|(name, terms)| (name.clone(), terms.names.clone())).collect();
            let key = front.translation_key.as_ref().map(|key| key.get_ref().clone());
            let place = (d.source.file.clone(), d.path.clone(), d.letters.clone(), d.kind);
            (place, d.days, front.weight, front.series.clone(), d.is_rendered(), aliases, terms, key)
        };
        self.kind != Kind::Section && standing(self) == standing(other)
    }

    /// Takes what a section above says for it and it does not say itself.
    pub(crate) fn inherit(&mut self, cascade: &front_matter::Cascade) {
        let front = &mut self.front;
        if front.template.is_none() && self.cascaded_template.is_none() {
            self.cascaded_template.clone_from(&cascade.template);
        }
        front.draft = front.draft.or(cascade.draft);
        front.noindex = front.noindex.or(cascade.noindex);
        front.in_search_index = front.in_search_index.or(cascade.in_search_index);
        front.card = front.card.or(cascade.card);
        if front.authors.is_empty() {
            front.authors.clone_from(&cascade.authors);
        }
        if front.series.is_none() {
            front.series.clone_from(&cascade.series);
        }
        for (key, value) in &cascade.extra {
            if !front.extra.contains_key(key) {
                front.extra.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Reads one file.
pub(crate) fn read(root: &Path, file: &File) -> Result<Document, Vec<Diagnostic>> {
    from_source(file, files::text(root, &file.path).map_err(|fault| vec![fault])?)
}

/// The document of a file whose text was read.
pub(crate) fn from_source(file: &File, source: Source) -> Result<Document, Vec<Diagnostic>> {
    let File { language, folder, path } = file;
    let Parsed { front, mut days, places, body } = front_matter::parse(&source)?;
    let relative = files::relative(folder, path);
    let name = relative.rsplit('/').next().unwrap_or_default();
    let kind = match name {
        "_index.md" => Kind::Section,
        "index.md" => Kind::Bundle,
        _ => Kind::Page,
    };
    let stem = match kind {
        Kind::Page => name.strip_suffix(".md").unwrap_or(name),
        _ => relative.rsplit('/').nth(1).unwrap_or_default(),
    };
    let (dated, stem) = split_date(stem);
    days.date = days.date.or(dated);
    let title = match &front.title {
        Some(title) => title.clone(),
        None => first_heading(&source.text[body..]).unwrap_or_else(|| humanised(stem)),
    };
    let title = typeset(&title, *language).into_owned();
    let mut document = Document {
        language: *language,
        kind,
        body,
        folder: path.parent().unwrap_or(folder).to_owned(),
        has_code: source.text[body..].contains("```"),
        letters: fold(&title),
        title,
        description: front.description.as_deref().map(|text| typeset(text, *language).into_owned()),
        taxonomies: taxonomies(&front),
        cascaded_template: None,
        places,
        days,
        path: String::new(),
        relative,
        front,
        source,
    };
    document.path = address(&document)?;
    Ok(document)
}

fn taxonomies(front: &FrontMatter) -> BTreeMap<String, Terms> {
    let mut all = BTreeMap::new();
    for (name, names) in &front.taxonomies {
        all.insert(name.get_ref().clone(), Terms { names: names.clone(), span: name.span() });
    }
    for (name, given) in [("tags", &front.tags), ("categories", &front.categories)] {
        if let Some(given) = given {
            let terms = all.entry(name.to_owned()).or_insert(Terms { names: Vec::new(), span: given.span() });
            terms.names.extend(given.get_ref().iter().cloned());
        }
    }
    all
}

/// The URL path of a document: `path` as given, or from folders and name.
fn address(document: &Document) -> Result<String, Vec<Diagnostic>> {
    let root = document.language.root();
    if let Some(path) = &document.front.path {
        let given = path.get_ref();
        let whole = format!("/{}/", given.trim_matches('/')).replace("//", "/");
        if !is_url_path(&whole) {
            let fault = Diagnostic::error("path-invalid", &[("value", given)]);
            return Err(vec![document.fault_at(fault, path.span())]);
        }
        return Ok(if whole.starts_with(root) { whole } else { format!("{root}{}", &whole[1..]) });
    }
    let mut parts: Vec<String> = document.place().split('/').filter(|p| !p.is_empty()).map(slugify).collect();
    match document.kind {
        Kind::Page => {
            let name = document.relative.rsplit('/').next().unwrap_or_default();
            parts.push(slugify(split_date(name.strip_suffix(".md").unwrap_or(name)).1));
        }
        Kind::Bundle => {
            let folder = document.place().rsplit('/').next().unwrap_or_default();
            parts.pop();
            parts.push(slugify(split_date(folder).1));
        }
        Kind::Section => {}
    }
    if let Some(slug) = &document.front.slug {
        let slugged = slugify(slug.get_ref());
        if slugged.is_empty() || document.kind == Kind::Section && parts.is_empty() {
            let fault = Diagnostic::error("path-invalid", &[("value", slug.get_ref())]);
            return Err(vec![document.fault_at(fault, slug.span())]);
        }
        parts.pop();
        parts.push(slugged);
    }
    let mut path = root.to_owned();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        path.push_str(part);
        path.push('/');
    }
    Ok(path)
}

/// Whether a text is an absolute URL path without anything that means something else.
pub(crate) fn is_url_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains("//")
        && path.chars().all(|c| c.is_alphanumeric() || "-_./~".contains(c))
        && path.split('/').all(|part| part != ".." && part != ".")
}

/// The place in the front matter that decides the address.
pub(crate) fn address_span(document: &Document) -> Option<Range<usize>> {
    document.front.path.as_ref().or(document.front.slug.as_ref()).map(Spanned::span)
}

/// `2026-01-31-bilan` is the page `bilan` of that day.
fn split_date(stem: &str) -> (Option<Date>, &str) {
    if let Some((day, rest)) = stem.split_at_checked(10)
        && let Some(rest) = rest.strip_prefix(['-', '_'])
        && let Ok(date) = day.parse()
        && !rest.is_empty()
    {
        return (Some(date), rest);
    }
    (None, stem)
}

/// The title that a text begins with, when it does.
fn first_heading(body: &str) -> Option<String> {
    let line = body.lines().find(|line| !line.trim().is_empty())?;
    let title = line.strip_prefix("# ")?.trim().trim_end_matches('#').trim_end();
    (!title.is_empty()).then(|| title.to_owned())
}

/// `bilan-annuel` as a title: `Bilan annuel`.
fn humanised(stem: &str) -> String {
    let words = stem.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or(words.clone(), |first| first.to_uppercase().chain(letters).collect())
}

fn above(folder: &str) -> &str {
    folder.rsplit_once('/').map_or("", |(above, _)| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_url_paths_are_taken() {
        assert!(is_url_path("/offres/ifc/"));
        for path in ["offres/", "/a/../b/", "/a b/", "/a?b/", "//a/"] {
            assert!(!is_url_path(path), "{path}");
        }
    }

    #[test]
    fn a_file_name_may_begin_with_its_day() {
        assert_eq!(split_date("2026-01-31-bilan"), (Some(jiff::civil::date(2026, 1, 31)), "bilan"));
        assert_eq!(split_date("2026-02-31-bilan"), (None, "2026-02-31-bilan"));
        assert_eq!(split_date("2026-01-31"), (None, "2026-01-31"));
        assert_eq!(humanised("bilan-annuel"), "Bilan annuel");
        assert_eq!(first_heading("\n# Le titre #\n"), Some("Le titre".to_owned()));
    }
}
