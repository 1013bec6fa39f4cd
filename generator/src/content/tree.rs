//! How documents stand to each other: sections and their pages, neighbours, translations, terms, aliases.

use std::collections::{BTreeMap, HashMap, HashSet};

use aops_manifest::Language;
use unicode_normalization::UnicodeNormalization;

use super::documents::{Document, Kind, is_url_path};
use super::front_matter::SortBy;
use crate::config::SiteConfig;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::markdown::slug::slugify;

/// Documents and their relations; a number is an index into `documents`.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) documents: Vec<Document>,
    /// By section: its pages, in its order.
    pub(crate) pages: Vec<Vec<usize>>,
    /// By section: the sections right below.
    pub(crate) subsections: Vec<Vec<usize>>,
    /// By document: the section it belongs to.
    pub(crate) parent: Vec<Option<usize>>,
    pub(crate) previous: Vec<Option<usize>>,
    pub(crate) next: Vec<Option<usize>>,
    /// By document: itself and its translations, in the order of languages.
    pub(crate) translations: Vec<Vec<usize>>,
    pub(crate) classifications: Vec<Classification>,
    /// From an old path to a document.
    pub(crate) aliases: BTreeMap<String, usize>,
    by_relative: HashMap<(Language, String), usize>,
    /// Files that are there but at fault: a link to one of them is not broken as well.
    withheld: HashSet<(Language, String)>,
}

/// A taxonomy in one language.
#[derive(Debug)]
pub(crate) struct Classification {
    pub(crate) language: Language,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) terms: Vec<Term>,
}

/// A term and its pages, the newest first.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) pages: Vec<usize>,
}

impl Library {
    pub(crate) fn new(
        documents: Vec<Document>,
        withheld: HashSet<(Language, String)>,
        config: &SiteConfig,
        faults: &mut Diagnostics,
    ) -> Self {
        let count = documents.len();
        let by_relative =
            documents.iter().enumerate().map(|(id, d)| ((d.language, d.relative.clone()), id)).collect();
        let mut library = Self {
            pages: vec![Vec::new(); count],
            subsections: vec![Vec::new(); count],
            parent: vec![None; count],
            previous: vec![None; count],
            next: vec![None; count],
            translations: Vec::new(),
            classifications: Vec::new(),
            aliases: BTreeMap::new(),
            by_relative,
            withheld,
            documents,
        };
        library.join_sections();
        library.order_pages();
        library.pair_translations(faults);
        library.classify(config, faults);
        library.take_aliases(faults);
        for language in Language::ALL {
            let wanted = language == Language::Fr || library.documents.iter().any(|d| d.language == language);
            if wanted && library.find(language, "_index.md").is_none() && !faults.has_errors() {
                let path = format!("content/{}/_index.md", language.tag());
                faults.push(Diagnostic::error("home-missing", &[("path", &path)]).in_file(&path));
            }
        }
        library
    }

    /// The document of a path relative to a language's folder.
    pub(crate) fn find(&self, language: Language, relative: &str) -> Option<usize> {
        self.by_relative.get(&(language, relative.to_owned())).copied()
    }

    /// The relative path of every document of a language.
    pub(crate) fn relatives(&self, language: Language) -> impl Iterator<Item = &str> {
        self.documents.iter().filter(move |d| d.language == language).map(|d| d.relative.as_str())
    }

    /// Whether a link means a file that is there but could not be read.
    pub(crate) fn is_withheld(&self, language: Language, link: &str) -> bool {
        let relative = link.strip_prefix("@/").unwrap_or(link).split('#').next().unwrap_or_default();
        self.withheld.contains(&(language, relative.to_owned()))
    }

    /// The sections above a document, the home first.
    pub(crate) fn ancestors(&self, id: usize) -> Vec<usize> {
        let mut ancestors = Vec::new();
        let mut at = self.parent[id];
        while let Some(section) = at {
            ancestors.push(section);
            at = self.parent[section];
        }
        ancestors.reverse();
        ancestors
    }

    fn join_sections(&mut self) {
        for id in 0..self.documents.len() {
            let document = &self.documents[id];
            let Some(mut place) = document.parent_place() else { continue };
            let parent = loop {
                let index =
                    if place.is_empty() { "_index.md".to_owned() } else { format!("{place}/_index.md") };
                if let Some(section) = self.find(document.language, &index) {
                    break Some(section);
                }
                if place.is_empty() {
                    break None;
                }
                place = place.rsplit_once('/').map_or("", |(above, _)| above);
            };
            self.parent[id] = parent;
            let Some(section) = parent else { continue };
            if document.kind == Kind::Section {
                self.subsections[section].push(id);
            } else {
                self.pages[section].push(id);
            }
        }
    }

    fn order_pages(&mut self) {
        let documents = &self.documents;
        let letters = |id: usize| fold(&documents[id].title);
        for section in 0..documents.len() {
            self.subsections[section].sort_by_cached_key(|id| (documents[*id].front.weight, letters(*id)));
            let order = documents[section].front.sort_by.unwrap_or(SortBy::Weight);
            let pages = &mut self.pages[section];
            match order {
                SortBy::Title => pages.sort_by_cached_key(|id| letters(*id)),
                SortBy::Weight => pages.sort_by_cached_key(|id| (documents[*id].front.weight, letters(*id))),
                SortBy::Date => newest_first(documents, pages),
            }
            for pair in pages.windows(2) {
                // In time, the previous page is the older one.
                let (first, second) =
                    if order == SortBy::Date { (pair[1], pair[0]) } else { (pair[0], pair[1]) };
                self.next[first] = Some(second);
                self.previous[second] = Some(first);
            }
        }
    }

    fn pair_translations(&mut self, faults: &mut Diagnostics) {
        let mut groups: BTreeMap<&str, BTreeMap<Language, usize>> = BTreeMap::new();
        for (id, document) in self.documents.iter().enumerate() {
            let key = document.front.translation_key.as_ref();
            let name = key.map_or(document.relative.as_str(), |key| key.get_ref().as_str());
            let group = groups.entry(name).or_default();
            if let Some(other) = group.insert(document.language, id)
                && let Some(key) = key
            {
                let other = &self.documents[other].source.file;
                let fault = Diagnostic::error("translation-key-twice", &[("key", name), ("other", other)]);
                faults.push(document.fault_at(fault, key.span()));
            }
        }
        self.translations = vec![Vec::new(); self.documents.len()];
        for group in groups.into_values().filter(|group| group.len() > 1) {
            let members: Vec<usize> = group.into_values().collect();
            for id in &members {
                self.translations[*id].clone_from(&members);
            }
        }
    }

    fn classify(&mut self, config: &SiteConfig, faults: &mut Diagnostics) {
        let mut found: BTreeMap<(Language, &str), BTreeMap<String, Term>> = BTreeMap::new();
        for (id, document) in self.documents.iter().enumerate() {
            for (taxonomy, terms) in &document.front.taxonomies {
                let name = taxonomy.get_ref().as_str();
                if !config.taxonomies.iter().any(|known| known == name) {
                    let known = config.taxonomies.join(", ");
                    let fault = Diagnostic::error("unknown-taxonomy", &[("name", name), ("known", &known)]);
                    faults.push(document.fault_at(fault, taxonomy.span()));
                    continue;
                }
                let all = found.entry((document.language, name)).or_default();
                for term in terms {
                    let slug = slugify(term);
                    let path = format!("{}{}/{slug}/", document.language.root(), slugify(name));
                    let term = all.entry(slug).or_insert_with(|| Term {
                        name: term.clone(),
                        path,
                        pages: Vec::new(),
                    });
                    if term.pages.last() != Some(&id) {
                        term.pages.push(id);
                    }
                }
            }
        }
        let classifications: Vec<Classification> = found
            .into_iter()
            .map(|((language, name), terms)| {
                let mut terms: Vec<Term> = terms.into_values().collect();
                terms.iter_mut().for_each(|term| newest_first(&self.documents, &mut term.pages));
                let path = format!("{}{}/", language.root(), slugify(name));
                Classification { language, name: name.to_owned(), path, terms }
            })
            .collect();
        self.classifications = classifications;
    }

    fn take_aliases(&mut self, faults: &mut Diagnostics) {
        let owners: HashMap<&str, &Document> = self.documents.iter().map(|d| (d.path.as_str(), d)).collect();
        let mut aliases: BTreeMap<String, usize> = BTreeMap::new();
        for (id, document) in self.documents.iter().enumerate() {
            for alias in &document.front.aliases {
                let path = alias.get_ref();
                if !is_url_path(path) {
                    let fault = Diagnostic::error("path-invalid", &[("value", path)]);
                    faults.push(document.fault_at(fault, alias.span()));
                    continue;
                }
                let taken = owners
                    .get(path.as_str())
                    .copied()
                    .or_else(|| aliases.get(path).map(|id| &self.documents[*id]));
                if let Some(other) = taken {
                    let fault =
                        Diagnostic::error("alias-taken", &[("path", path), ("other", &other.source.file)]);
                    faults.push(document.fault_at(fault, alias.span()));
                    continue;
                }
                aliases.insert(path.clone(), id);
            }
        }
        self.aliases = aliases;
    }
}

fn newest_first(documents: &[Document], pages: &mut [usize]) {
    pages.sort_by_cached_key(|id| (std::cmp::Reverse(documents[*id].date), fold(&documents[*id].title)));
}

/// Letters without accents or case, to order titles.
fn fold(title: &str) -> String {
    title.nfd().filter(char::is_ascii).collect::<String>().to_ascii_lowercase()
}
