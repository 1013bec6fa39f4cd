//! All documents of a site, with their addresses, sections, terms and translations.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use aops_manifest::Language;
use rayon::prelude::*;

use crate::config::SiteConfig;
use crate::content::document::{Document, Kind};
use crate::content::front_matter::SortBy;
use crate::content::slug;
use crate::diagnostics::{Diagnostic, Diagnostics, nearest};
use crate::files;

/// The documents of a site, in order of file.
#[derive(Debug, Default)]
pub(crate) struct Library {
    pub(crate) documents: Vec<Document>,
    /// By language and path relative to its folder.
    index: HashMap<(Language, String), usize>,
    /// Of each document: the section that it stands in.
    parents: Vec<Option<usize>>,
    /// Of each document that is a section: its pages in order.
    pages: HashMap<usize, Vec<usize>>,
    /// Of each document that is a section: the sections directly below.
    subsections: HashMap<usize, Vec<usize>>,
    /// By language and translation key.
    translations: HashMap<String, Vec<usize>>,
    /// By language, taxonomy and slug.
    pub(crate) terms: BTreeMap<(Language, String), Vec<Term>>,
    /// Other files of `content/`: file, and the address of the folder they are copied to.
    pub(crate) attachments: Vec<(String, String)>,
}

/// One value of a taxonomy.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) pages: Vec<usize>,
}

impl Library {
    /// Reads `content/` and settles where everything stands.
    pub(crate) fn read(root: &Path, config: &SiteConfig, drafts: bool, faults: &mut Diagnostics) -> Self {
        let mut library = Self::default();
        let mut others = Vec::new();
        let mut sources = Vec::new();
        for file in files::under(root, &root.join("content")) {
            let relative = file.strip_prefix("content/").unwrap_or(&file);
            let (folder, rest) = relative.split_once('/').unwrap_or(("", relative));
            match Language::ALL.into_iter().find(|language| language.tag() == folder) {
                Some(language) if rest.ends_with(".md") => sources.push((language, file.clone(), rest.to_owned())),
                Some(language) => others.push((language, file.clone(), rest.to_owned())),
                None => faults.0.push(Diagnostic::new("language_folder", &file, &[("name", folder)])),
            }
        }
        let read: Vec<Result<Document, Diagnostic>> = sources
            .par_iter()
            .map(|(language, file, relative)| Document::read(root, *language, file, relative))
            .collect();
        for result in read {
            match result {
                Ok(document) if document.meta.draft && !drafts => {}
                Ok(document) => library.documents.push(document),
                Err(fault) => faults.0.push(fault),
            }
        }
        library.place(faults);
        library.order();
        library.gather_terms(config, faults);
        library.attach(&others);
        library
    }

    /// The document of a file, relative to a language's folder.
    pub(crate) fn find(&self, language: Language, relative: &str) -> Option<usize> {
        self.index.get(&(language, relative.to_owned())).copied()
    }

    /// The file of a language whose name is nearest.
    pub(crate) fn nearest(&self, language: Language, relative: &str) -> Option<&str> {
        let files = self.documents.iter().filter(|d| d.language == language).map(|d| d.relative.as_str());
        nearest(relative, files)
    }

    /// The section that a document stands in.
    pub(crate) fn parent(&self, document: usize) -> Option<usize> {
        self.parents[document]
    }

    /// From the home page down to the section that a document stands in.
    pub(crate) fn ancestors(&self, document: usize) -> Vec<usize> {
        let mut ancestors: Vec<usize> =
            std::iter::successors(self.parent(document), |section| self.parent(*section)).collect();
        ancestors.reverse();
        ancestors
    }

    /// A section's pages, in its order.
    pub(crate) fn pages(&self, section: usize) -> &[usize] {
        self.pages.get(&section).map_or(&[], Vec::as_slice)
    }

    /// The sections directly below a section, in order of weight, then of file.
    pub(crate) fn subsections(&self, section: usize) -> &[usize] {
        self.subsections.get(&section).map_or(&[], Vec::as_slice)
    }

    /// A document and its translations, in order of language.
    pub(crate) fn translations(&self, document: usize) -> &[usize] {
        let key = self.documents[document].translation_key();
        self.translations.get(key).map_or(&[], Vec::as_slice)
    }

    /// The pages before and after a page in its section's order.
    pub(crate) fn neighbours(&self, document: usize) -> (Option<usize>, Option<usize>) {
        let Some(siblings) = self.parent(document).map(|section| self.pages(section)) else {
            return (None, None);
        };
        let Some(at) = siblings.iter().position(|sibling| *sibling == document) else {
            return (None, None);
        };
        (at.checked_sub(1).map(|before| siblings[before]), siblings.get(at + 1).copied())
    }

    /// Gives every document its address. Sections come first, since their pages' addresses follow from theirs.
    fn place(&mut self, faults: &mut Diagnostics) {
        for (at, document) in self.documents.iter().enumerate() {
            self.index.insert((document.language, document.relative.clone()), at);
            self.translations.entry(document.translation_key().to_owned()).or_default().push(at);
        }
        for pages in self.translations.values_mut() {
            pages.sort_by_key(|page| self.documents[*page].language);
        }
        self.parents = (0..self.documents.len()).map(|document| self.section_of(document)).collect();
        let mut order: Vec<usize> = (0..self.documents.len()).collect();
        order.sort_by_key(|at| {
            let document = &self.documents[*at];
            (document.kind != Kind::Section, document.relative.matches('/').count())
        });
        for at in order {
            self.documents[at].path = self.address(at);
        }
        let mut taken: HashMap<&str, &str> = HashMap::new();
        for document in &self.documents {
            if let Some(other) = taken.insert(&document.path, &document.file) {
                let values = [("path", document.path.as_str()), ("other", other)];
                faults.0.push(Diagnostic::new("duplicate_url", &document.file, &values).at(&document.source, 0..3));
            }
        }
        if self.find(Language::Fr, "_index.md").is_none() {
            faults.0.push(Diagnostic::new("no_home", "content/fr/_index.md", &[]));
        }
    }

    /// The nearest section above a document.
    fn section_of(&self, document: usize) -> Option<usize> {
        let document = &self.documents[document];
        let mut folder = document.parent_folder()?;
        loop {
            let index = if folder.is_empty() { "_index.md".to_owned() } else { format!("{folder}/_index.md") };
            if let Some(section) = self.find(document.language, &index) {
                return Some(section);
            }
            if folder.is_empty() {
                return None;
            }
            folder = files::folder_of(folder);
        }
    }

    fn address(&self, at: usize) -> String {
        let document = &self.documents[at];
        let root = document.language.root();
        if let Some(path) = &document.meta.path {
            let base = if path.starts_with('/') { "/" } else { root };
            return with_slashes(base, path);
        }
        let Some(folder) = document.parent_folder() else {
            return root.to_owned();
        };
        let (base, covered) = match self.parents[at] {
            Some(section) => {
                (self.documents[section].path.as_str(), files::folder_of(&self.documents[section].relative))
            }
            None => (root, ""),
        };
        // Folders without a section of their own still stand in the address.
        let between: Vec<String> =
            folder[covered.len()..].split('/').filter(|part| !part.is_empty()).map(slug).collect();
        let base = between.iter().fold(base.to_owned(), |base, part| with_slashes(&base, part));
        with_slashes(&base, &document.own_slug())
    }

    /// Puts the pages of every section in its order.
    fn order(&mut self) {
        let mut pages: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut subsections: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, parent) in self.parents.iter().enumerate() {
            let Some(parent) = parent else { continue };
            let list = if self.documents[at].kind == Kind::Section { &mut subsections } else { &mut pages };
            list.entry(*parent).or_default().push(at);
        }
        let documents = &self.documents;
        for (section, list) in &mut pages {
            match documents[*section].meta.sort_by {
                Some(SortBy::Date) => {
                    list.sort_by(|a, b| {
                        let key = |at: usize| (documents[at].meta.date, &documents[at].relative);
                        key(*b).0.cmp(&key(*a).0).then_with(|| key(*a).1.cmp(key(*b).1))
                    });
                }
                Some(SortBy::Title) => list.sort_by_key(|at| slug(&documents[*at].meta.title)),
                Some(SortBy::Weight) | None => list.sort_by_key(|at| (documents[*at].meta.weight, &documents[*at].relative)),
            }
        }
        for list in subsections.values_mut() {
            list.sort_by_key(|at| (documents[*at].meta.weight, &documents[*at].relative));
        }
        self.pages = pages;
        self.subsections = subsections;
    }

    fn gather_terms(&mut self, config: &SiteConfig, faults: &mut Diagnostics) {
        let mut terms: BTreeMap<(Language, String), BTreeMap<String, Term>> = BTreeMap::new();
        let mut by_date: Vec<usize> = (0..self.documents.len()).collect();
        by_date.sort_by_key(|at| std::cmp::Reverse(self.documents[*at].meta.date));
        for at in by_date {
            let document = &self.documents[at];
            for (taxonomy, names) in &document.meta.taxonomies {
                if !config.taxonomies.contains(taxonomy) {
                    let place = document.source.find(taxonomy.as_str()).unwrap_or_default();
                    let fault = Diagnostic::new("unknown_taxonomy", &document.file, &[("name", taxonomy)]);
                    faults.0.push(fault.at(&document.source, place..place + taxonomy.len()));
                    continue;
                }
                let known = terms.entry((document.language, taxonomy.clone())).or_default();
                for name in names {
                    let slug = slug(name);
                    let base = with_slashes(document.language.root(), taxonomy);
                    let new = || Term { name: name.clone(), path: with_slashes(&base, &slug), pages: Vec::new() };
                    known.entry(slug.clone()).or_insert_with(new).pages.push(at);
                }
            }
        }
        self.terms = terms.into_iter().map(|(key, terms)| (key, terms.into_values().collect())).collect();
    }

    /// Files beside pages are copied beside them: into the bundle's address, or the section's.
    fn attach(&mut self, others: &[(Language, String, String)]) {
        for (language, file, relative) in others {
            let mut folder = files::folder_of(relative);
            loop {
                let beside = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                let owner = self.find(*language, &beside("index.md")).or_else(|| self.find(*language, &beside("_index.md")));
                if let Some(owner) = owner {
                    let below = relative[folder.len()..].trim_start_matches('/');
                    self.attachments.push((file.clone(), format!("{}{below}", self.documents[owner].path)));
                    break;
                }
                if folder.is_empty() {
                    break;
                }
                folder = files::folder_of(folder);
            }
        }
    }
}

/// `base` and `part`, with one slash between and one at the end.
fn with_slashes(base: &str, part: &str) -> String {
    let part = part.trim_matches('/');
    if part.is_empty() { base.to_owned() } else { format!("{base}{part}/") }
}
