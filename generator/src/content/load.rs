//! Reads the content tree of every language into documents. It joins nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aops_manifest::Language;
use rayon::prelude::*;

use super::documents::{self, Document, File, Kind, address_span};
use super::git;
use crate::config::{BuildOptions, SiteConfig};
use crate::diagnostics::{Diagnostic, Diagnostics, Source};
use crate::files;
use crate::markdown::highlight;

/// What the content tree holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The published documents, in the order of languages and of their names.
    pub(crate) documents: Vec<Arc<Document>>,
    /// Those at fault: language, and path in its folder.
    pub(crate) withheld: HashSet<(Language, String)>,
    /// Those that are there but not published now.
    pub(crate) unpublished: Vec<Arc<Document>>,
    /// All other files.
    pub(crate) others: Vec<PathBuf>,
}

/// The folder of a language.
pub(crate) fn folder_of(root: &Path, language: Language) -> Arc<Path> {
    Arc::from(root.join("content").join(language.tag()))
}

/// Reads the whole content tree.
pub(crate) fn load(options: &BuildOptions, config: &SiteConfig, faults: &mut Diagnostics) -> Loaded {
    let mut loaded = Loaded::default();
    let mut markdown = Vec::new();
    for language in Language::ALL {
        let folder = folder_of(&options.root, language);
        for path in files::walk(&options.root, &folder, faults) {
            if is_markdown(&path) {
                markdown.push(File { language, folder: Arc::clone(&folder), path });
            } else {
                loaded.others.push(path);
            }
        }
    }
    let first_code = AtomicBool::new(true);
    let read = |file: &File| {
        let document = documents::read(&options.root, file)?;
        if document.has_code && first_code.swap(false, Ordering::Relaxed) {
            highlight::warm_up();
        }
        Ok(document)
    };
    let read: Vec<Result<Document, Vec<Diagnostic>>> = markdown.par_iter().map(read).collect();
    let mut all = Vec::with_capacity(read.len());
    for (result, file) in read.into_iter().zip(&markdown) {
        match result {
            Ok(document) => all.push(document),
            Err(found) => {
                faults.extend(found);
                loaded.withheld.insert((file.language, files::relative(&file.folder, &file.path)));
            }
        }
    }
    for language in Language::ALL {
        let folder = folder_of(&options.root, language);
        all.extend(implicit_home(&all, &loaded.withheld, language, folder, config, faults));
    }
    if config.updated_from_git {
        let days = git::last_commits(&options.root);
        for document in &mut all {
            document.days.updated = document.days.updated.or(days.get(&*document.source.file).copied());
        }
    }
    cascade(&mut all);
    all.sort_by(|a, b| (a.language, &a.relative).cmp(&(b.language, &b.relative)));
    for document in all {
        let document = Arc::new(document);
        if document.is_published(options.today, options.drafts) {
            loaded.documents.push(document);
        } else {
            loaded.unpublished.push(document);
        }
    }
    faults.extend(shared_addresses(&loaded.documents));
    loaded
}

/// A home for a language that has pages but no `_index.md`; French must have pages.
fn implicit_home(
    documents: &[Document],
    withheld: &HashSet<(Language, String)>,
    language: Language,
    folder: Arc<Path>,
    config: &SiteConfig,
    faults: &mut Diagnostics,
) -> Option<Document> {
    let name = "_index.md";
    let own = || documents.iter().filter(|document| document.language == language);
    if own().any(|document| document.relative == name) || withheld.iter().any(|(l, _)| *l == language) {
        return None;
    }
    let file = format!("content/{}/{name}", language.tag());
    if own().next().is_none() {
        if language == Language::Fr {
            faults.push(Diagnostic::error("home-missing", &[("path", &file)]).in_file(&file));
        }
        return None;
    }
    faults.push(Diagnostic::note("home-implicit", &[("path", &file)]).in_file(&file));
    let title = toml::Value::String(config.title.clone());
    let source = Source::new(file, format!("+++\ntitle = {title}\n+++\n"));
    let path = folder.join(name);
    documents::from_source(&File { language, folder, path }, source).ok()
}

/// Whether a file is a text of the site.
pub(crate) fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// Hands down what sections say for the pages below them, the nearest section first.
fn cascade(documents: &mut [Document]) {
    let said: BTreeMap<(Language, String), super::front_matter::Cascade> = documents
        .iter()
        .filter(|document| document.kind == Kind::Section)
        .filter_map(|section| {
            let cascade = section.front.cascade.clone()?;
            Some(((section.language, section.place().to_owned()), cascade))
        })
        .collect();
    if said.is_empty() {
        return;
    }
    for document in documents {
        let mut place = document.parent_place().map(str::to_owned);
        while let Some(at) = place {
            if let Some(cascade) = said.get(&(document.language, at.clone())) {
                document.inherit(cascade);
            }
            place = (!at.is_empty()).then(|| at.rsplit_once('/').map_or("", |(above, _)| above).to_owned());
        }
    }
}

/// The faults of documents that have one address, and of pages that have one name in two ways.
pub(crate) fn shared_addresses(documents: &[Arc<Document>]) -> Vec<Diagnostic> {
    let mut owners: BTreeMap<&str, &Document> = BTreeMap::new();
    let mut faults = Vec::new();
    let mut told = BTreeSet::new();
    for document in documents {
        let Some(other) = owners.insert(&document.path, document) else { continue };
        if !told.insert(&document.source.file) {
            continue;
        }
        let values = [("path", document.path.as_str()), ("other", &other.source.file)];
        let fault = Diagnostic::error("duplicate-url", &values);
        faults.push(match address_span(document) {
            Some(span) => document.fault_at(fault, span),
            None => fault.at(&document.source, 0..3),
        });
    }
    faults
}
