//! Taxonomies: the terms of pages, and the pages of terms. It renders no list.

use std::collections::BTreeMap;
use std::sync::Arc;

use aops_manifest::Language;

use super::documents::Document;
use super::order;
use crate::config::{SiteConfig, Taxonomy};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::markdown::slug::slugify;

/// Taxonomies that every site knows, as other generators do.
const USUAL: [&str; 2] = ["categories", "tags"];

/// A taxonomy in one language.
#[derive(Debug, Clone)]
pub(crate) struct Classification {
    pub(crate) language: Language,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) terms: Vec<Term>,
    pub(crate) paginate_by: Option<usize>,
    pub(crate) feed: bool,
}

/// A term and its pages, the newest first.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) pages: Vec<usize>,
}

/// Every taxonomy in every language; one that the site does not declare is a fault.
pub(super) fn terms(
    documents: &[Arc<Document>],
    config: &SiteConfig,
    faults: &mut Diagnostics,
) -> Vec<Classification> {
    let mut found: BTreeMap<(Language, &str), BTreeMap<String, Term>> = BTreeMap::new();
    for (id, document) in documents.iter().enumerate() {
        for (name, terms) in &document.taxonomies {
            let declared = config.taxonomies.iter().any(|known| known.name() == name);
            if !declared && !USUAL.contains(&name.as_str()) {
                let known: Vec<&str> = config.taxonomies.iter().map(Taxonomy::name).collect();
                let values = [("name", name.as_str()), ("known", &known.join(", "))];
                let fault = Diagnostic::error("unknown-taxonomy", &values);
                faults.push(document.fault_at(fault, terms.span.clone()));
                continue;
            }
            if !document.is_rendered() {
                continue;
            }
            let all = found.entry((document.language, name)).or_default();
            for term in &terms.names {
                let slug = slugify(term);
                if slug.is_empty() {
                    let fault = Diagnostic::error("term-invalid", &[("name", term)]);
                    faults.push(document.fault_at(fault, terms.span.clone()));
                    continue;
                }
                let path = term_path(document.language, name, &slug);
                let term =
                    all.entry(slug).or_insert_with(|| Term { name: term.clone(), path, pages: Vec::new() });
                if term.pages.last() != Some(&id) {
                    term.pages.push(id);
                }
            }
        }
    }
    let classification = |((language, name), terms): ((Language, &str), BTreeMap<String, Term>)| {
        let settings = config.taxonomies.iter().find(|known| known.name() == name);
        let mut terms: Vec<Term> = terms.into_values().collect();
        terms.iter_mut().for_each(|term| order::newest_first(documents, &mut term.pages));
        Classification {
            language,
            name: name.to_owned(),
            path: format!("{}{}/", language.root(), slugify(name)),
            terms,
            paginate_by: settings.and_then(Taxonomy::paginate_by),
            feed: settings.is_none_or(Taxonomy::feed),
        }
    };
    found.into_iter().map(classification).collect()
}

/// The address of a term.
pub(crate) fn term_path(language: Language, taxonomy: &str, slug: &str) -> String {
    format!("{}{}/{slug}/", language.root(), slugify(taxonomy))
}
