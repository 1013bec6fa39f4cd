//! One document for each Markdown file: its source, its front matter, its address.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use aops_manifest::Language;
use jiff::civil::Date;
use rayon::prelude::*;

use super::front_matter::{self, FrontMatter, Parsed};
use crate::diagnostics::{Diagnostic, Diagnostics, Source};
use crate::files;
use crate::markdown::slug::slugify;
use crate::markdown::typography::typeset;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `name.md`.
    Page,
    /// `name/index.md`, with its own folder.
    Bundle,
    /// `_index.md`.
    Section,
}

/// A Markdown file.
#[derive(Debug)]
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
    pub(crate) front: FrontMatter,
    /// Where the front matter begins in `source`.
    pub(crate) front_offset: usize,
    pub(crate) date: Option<Date>,
    pub(crate) updated: Option<Date>,
    /// The URL path: `/offres/ifc/`.
    pub(crate) path: String,
}

impl Document {
    /// Points a fault to a span of the front matter.
    pub(crate) fn fault_at(&self, fault: Diagnostic, span: std::ops::Range<usize>) -> Diagnostic {
        fault.at(&self.source, span.start + self.front_offset..span.end + self.front_offset)
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
}

/// What the content tree holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The Markdown files, parsed, in the order of their names.
    pub(crate) documents: Vec<Document>,
    /// Those at fault: language, and path in its folder.
    pub(crate) withheld: HashSet<(Language, String)>,
    /// All other files.
    pub(crate) others: Vec<PathBuf>,
}

/// Reads the content tree of every language.
pub(crate) fn load(root: &Path, drafts: bool, faults: &mut Diagnostics) -> Loaded {
    let content = root.join("content");
    let mut loaded = Loaded::default();
    let mut files = Vec::new();
    for language in Language::ALL {
        let folder = content.join(language.tag());
        for path in files::walk(root, &folder, faults) {
            if path.extension().is_some_and(|e| e == "md") {
                files.push((language, folder.clone(), path));
            } else {
                loaded.others.push(path);
            }
        }
    }
    let parsed: Vec<_> =
        files.par_iter().map(|(language, folder, path)| one(root, *language, folder, path)).collect();
    for (result, (language, folder, path)) in parsed.into_iter().zip(&files) {
        match result {
            Ok(document) if drafts || !document.front.draft => loaded.documents.push(document),
            Ok(_) => {}
            Err(found) => {
                faults.extend(found);
                loaded.withheld.insert((*language, files::relative(folder, path)));
            }
        }
    }
    refuse_shared_addresses(&loaded.documents, faults);
    loaded
}

fn one(root: &Path, language: Language, folder: &Path, path: &Path) -> Result<Document, Vec<Diagnostic>> {
    let source = files::text(root, path).map_err(|fault| vec![fault])?;
    let Parsed { front, date, updated, offset, body } = front_matter::parse(&source)?;
    let relative = files::relative(folder, path);
    let kind = match relative.rsplit('/').next() {
        Some("_index.md") => Kind::Section,
        Some("index.md") => Kind::Bundle,
        _ => Kind::Page,
    };
    let mut document = Document {
        language,
        kind,
        source,
        body,
        folder: path.parent().unwrap_or(root).to_owned(),
        title: typeset(&front.title, language).into_owned(),
        description: front.description.as_deref().map(|text| typeset(text, language).into_owned()),
        relative,
        front,
        front_offset: offset,
        date,
        updated,
        path: String::new(),
    };
    document.path = address(&document)?;
    Ok(document)
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
    let stem =
        document.relative.rsplit('/').next().and_then(|name| name.strip_suffix(".md")).unwrap_or_default();
    if document.kind == Kind::Page {
        parts.push(slugify(stem));
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
    for part in parts {
        path.push_str(&part);
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

fn refuse_shared_addresses(documents: &[Document], faults: &mut Diagnostics) {
    let mut owners: BTreeMap<&str, &Document> = BTreeMap::new();
    for document in documents {
        if let Some(other) = owners.get(document.path.as_str()) {
            let fault = Diagnostic::error(
                "duplicate-url",
                &[("path", &document.path), ("other", &other.source.file)],
            );
            let span = document.front.path.as_ref().or(document.front.slug.as_ref()).map(toml::Spanned::span);
            faults.push(match span {
                Some(span) => document.fault_at(fault, span),
                None => fault.at(&document.source, 0..3),
            });
        } else {
            owners.insert(&document.path, document);
        }
    }
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
}
