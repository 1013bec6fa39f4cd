//! How documents stand to each other: sections and their pages, neighbours, translations, terms, aliases.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use aops_manifest::Language;

use super::classify::{self, Classification};
use super::documents::{Document, Kind, is_url_path};
use super::series::{self, Series};
use super::{order, related};
use crate::config::SiteConfig;
use crate::diagnostics::{Diagnostic, Diagnostics};

/// Documents and their relations; a number is an index into `documents`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Library {
    pub(crate) documents: Vec<Arc<Document>>,
    /// By section: its pages, in its order, those of transparent sections below among them.
    pub(crate) pages: Arc<Vec<Vec<usize>>>,
    /// By section: the sections right below.
    pub(crate) subsections: Arc<Vec<Vec<usize>>>,
    /// By document: the section it belongs to.
    pub(crate) parent: Vec<Option<usize>>,
    pub(crate) previous: Vec<Option<usize>>,
    pub(crate) next: Vec<Option<usize>>,
    /// By document: itself and its translations, in the order of languages.
    pub(crate) translations: Arc<Vec<Vec<usize>>>,
    /// By document: pages that share its terms, the nearest first.
    pub(crate) related: Arc<Vec<Vec<usize>>>,
    pub(crate) series: Arc<Vec<Series>>,
    /// By document: its series, and its place there from 0.
    pub(crate) series_of: Vec<Option<(usize, usize)>>,
    pub(crate) classifications: Arc<Vec<Classification>>,
    /// From an old path to a document.
    pub(crate) aliases: BTreeMap<String, usize>,
    /// From a section that only leads elsewhere to a document.
    pub(crate) redirects: BTreeMap<String, usize>,
    by_relative: Arc<HashMap<Language, HashMap<String, usize>>>,
    /// Files that are there but at fault: a link to one of them is not broken as well.
    withheld: HashSet<(Language, String)>,
}

impl Library {
    pub(crate) fn new(
        documents: Vec<Arc<Document>>,
        withheld: HashSet<(Language, String)>,
        config: &SiteConfig,
        faults: &mut Diagnostics,
    ) -> Self {
        let count = documents.len();
        let mut by_relative: HashMap<Language, HashMap<String, usize>> = HashMap::new();
        for (id, document) in documents.iter().enumerate() {
            by_relative.entry(document.language).or_default().insert(document.relative.clone(), id);
        }
        let mut library = Self {
            parent: vec![None; count],
            previous: vec![None; count],
            next: vec![None; count],
            by_relative: Arc::new(by_relative),
            withheld,
            documents,
            ..Self::default()
        };
        library.join_sections();
        library.pair_translations(faults);
        library.classifications = Arc::new(classify::terms(&library.documents, config, faults));
        library.related = Arc::new(related::pages(count, &library.classifications));
        let (series, series_of) = series::find(&library.documents);
        (library.series, library.series_of) = (Arc::new(series), series_of);
        library.take_aliases(faults);
        library.take_redirects(faults);
        library
    }

    /// The same library with other texts; `None` when any document stands elsewhere or otherwise than before.
    pub(crate) fn with_texts(
        &self,
        documents: &[Arc<Document>],
        withheld: &HashSet<(Language, String)>,
    ) -> Option<Self> {
        let same = |(old, new): (&Arc<Document>, &Arc<Document>)| Arc::ptr_eq(old, new) || old.stands_as(new);
        let holds = self.documents.len() == documents.len()
            && self.withheld == *withheld
            && self.documents.iter().zip(documents).all(same);
        holds.then(|| Self { documents: documents.to_vec(), ..self.clone() })
    }

    /// The document of a path relative to a language's folder.
    pub(crate) fn find(&self, language: Language, relative: &str) -> Option<usize> {
        self.by_relative.get(&language)?.get(relative).copied()
    }

    /// The relative path of every document of a language.
    pub(crate) fn relatives(&self, language: Language) -> impl Iterator<Item = &str> {
        self.documents.iter().filter(move |d| d.language == language).map(|d| d.relative.as_str())
    }

    /// Whether a language has documents.
    pub(crate) fn speaks(&self, language: Language) -> bool {
        self.by_relative.contains_key(&language)
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
        let count = self.documents.len();
        let (mut pages, mut subsections) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for id in 0..self.documents.len() {
            let document = &self.documents[id];
            let Some(mut place) = document.parent_place() else { continue };
            let parent = loop {
                let section = if place.is_empty() {
                    self.find(document.language, "_index.md")
                } else {
                    self.find(document.language, &format!("{place}/_index.md"))
                };
                if section.is_some() || place.is_empty() {
                    break section;
                }
                place = place.rsplit_once('/').map_or("", |(above, _)| above);
            };
            self.parent[id] = parent.filter(|section| *section != id);
            let Some(section) = self.parent[id] else { continue };
            if document.kind == Kind::Section {
                subsections[section].push(id);
            } else if document.is_rendered() {
                pages[section].push(id);
            }
        }
        // What is in a transparent section is in the one above as well.
        for section in 0..count {
            let mut at = section;
            while self.documents[at].front.transparent
                && let Some(above) = self.parent[at]
            {
                let own = pages[section].clone();
                pages[above].extend(own);
                at = above;
            }
        }
        self.order_pages(&mut pages, &mut subsections);
        (self.pages, self.subsections) = (Arc::new(pages), Arc::new(subsections));
    }

    fn order_pages(&mut self, pages: &mut [Vec<usize>], subsections: &mut [Vec<usize>]) {
        let documents = &self.documents;
        for section in 0..documents.len() {
            order::sections(documents, &mut subsections[section]);
            let pages = &mut pages[section];
            let in_time = order::pages(documents, &documents[section].front, pages);
            for pair in pages.windows(2) {
                // In time, the previous page is the older one.
                let (first, second) = if in_time { (pair[1], pair[0]) } else { (pair[0], pair[1]) };
                let own = |id: usize| self.parent[id] == Some(section);
                if own(first) && own(second) {
                    self.next[first] = Some(second);
                    self.previous[second] = Some(first);
                }
            }
        }
    }

    fn pair_translations(&mut self, faults: &mut Diagnostics) {
        let mut translations = vec![Vec::new(); self.documents.len()];
        let mut groups: HashMap<&str, BTreeMap<Language, usize>> = HashMap::new();
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
        for group in groups.into_values().filter(|group| group.len() > 1) {
            let members: Vec<usize> = group.into_values().collect();
            for id in &members {
                translations[*id].clone_from(&members);
            }
        }
        self.translations = Arc::new(translations);
    }

    fn take_aliases(&mut self, faults: &mut Diagnostics) {
        let owners: HashMap<&str, &Document> =
            self.documents.iter().map(|d| (d.path.as_str(), d.as_ref())).collect();
        let mut aliases: BTreeMap<String, usize> = BTreeMap::new();
        for (id, document) in self.documents.iter().enumerate() {
            for alias in &document.front.aliases {
                let path = whole_path(alias.get_ref());
                if !is_url_path(&path) {
                    let fault = Diagnostic::error("path-invalid", &[("value", alias.get_ref())]);
                    faults.push(document.fault_at(fault, alias.span()));
                    continue;
                }
                let taken = owners
                    .get(path.as_str())
                    .copied()
                    .or_else(|| aliases.get(&path).map(|id| self.documents[*id].as_ref()));
                if let Some(other) = taken {
                    let fault =
                        Diagnostic::error("alias-taken", &[("path", &path), ("other", &other.source.file)]);
                    faults.push(document.fault_at(fault, alias.span()));
                    continue;
                }
                aliases.insert(path, id);
            }
        }
        self.aliases = aliases;
    }

    fn take_redirects(&mut self, faults: &mut Diagnostics) {
        for document in &self.documents {
            let Some(to) = &document.front.redirect_to else { continue };
            let wanted = to.get_ref();
            let target = match wanted.strip_prefix("@/") {
                Some(relative) => self.find(document.language, relative),
                None => {
                    let path = whole_path(wanted);
                    self.documents.iter().position(|other| other.path == path)
                }
            };
            match target {
                Some(target) => {
                    self.redirects.insert(document.path.clone(), target);
                }
                None => {
                    let fault = Diagnostic::error("link-broken-alone", &[("target", wanted)]);
                    faults.push(document.fault_at(fault, to.span()));
                }
            }
        }
    }
}

/// A path as it is served: it begins with `/`, and ends so unless it names a file.
fn whole_path(given: &str) -> String {
    let path = format!("/{}", given.trim_start_matches('/'));
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.is_empty() || last.contains('.') { path } else { format!("{path}/") }
}

#[cfg(test)]
impl Library {
    /// A library of one page.
    pub(crate) fn of_one(text: &str) -> Self {
        let source = crate::diagnostics::Source::new("content/fr/a.md", text);
        let path = std::path::Path::new("content/fr/a.md");
        let file = super::documents::File {
            language: Language::Fr,
            folder: Arc::from(std::path::Path::new("content/fr")),
            path: path.to_owned(),
        };
        let document = super::documents::from_source(&file, source).map_err(|faults| faults.len());
        Self { documents: vec![Arc::new(document.unwrap())], parent: vec![None], ..Self::default() }
    }
}
