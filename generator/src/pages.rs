//! Every HTML page of the site: which there are, with which template, and their rendering in parallel.

use aops_manifest::{Language, Shell};
use rayon::prelude::*;
use tera::{Context, Value, value::Key};

use crate::content::{Classification, Kind, Term};
use crate::diagnostics::{Diagnostic, Source};
use crate::output::csp;
use crate::site::Site;
use crate::templates::{Values, base_context, map, page_path, paginator};

/// What a page shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// A document; of a long section, one part of its list: (number from 1, parts, pages a part).
    Document(usize, Option<(usize, usize, usize)>),
    Taxonomy(&'a Classification),
    Term(&'a Classification, &'a Term),
    NotFound,
    Shell,
}

/// A page to render.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) language: Language,
    /// The URL path.
    pub(crate) path: String,
    pub(crate) subject: Subject<'a>,
}

impl Page<'_> {
    /// The source file that an author would open.
    pub(crate) fn source<'s>(&self, site: &'s Site) -> Option<&'s Source> {
        match self.subject {
            Subject::Document(id, _) => Some(&site.library.documents[id].source),
            _ => None,
        }
    }
}

/// Every page, in a fixed order.
pub(crate) fn plan(site: &Site) -> Vec<Page<'_>> {
    let mut pages = Vec::new();
    for (id, document) in site.library.documents.iter().enumerate() {
        let language = document.language;
        let own = |part, path| Page { language, path, subject: Subject::Document(id, part) };
        match document.front.paginate_by.filter(|by| *by > 0) {
            Some(by) if document.kind == Kind::Section => {
                let total = site.library.pages[id].len().div_ceil(by).max(1);
                pages.extend((1..=total).map(|n| own(Some((n, total, by)), page_path(&document.path, n))));
            }
            _ => pages.push(own(None, document.path.clone())),
        }
    }
    for classification in &site.library.classifications {
        let language = classification.language;
        pages.push(Page {
            language,
            path: classification.path.clone(),
            subject: Subject::Taxonomy(classification),
        });
        pages.extend(classification.terms.iter().map(|term| Page {
            language,
            path: term.path.clone(),
            subject: Subject::Term(classification, term),
        }));
    }
    for language in site.languages() {
        pages.push(Page {
            language,
            path: format!("{}404.html", language.root()),
            subject: Subject::NotFound,
        });
    }
    pages
}

/// Renders pages in parallel and hands each to `finish`; results come in the order of `pages`.
pub(crate) fn render<'a, T: Send>(
    site: &Site,
    pages: &[Page<'a>],
    finish: impl Fn(&Page<'a>, String) -> Result<T, Diagnostic> + Sync,
) -> Vec<Result<T, Diagnostic>> {
    let Some(light) = site.shared.late.get() else { return Vec::new() };
    let values = Values { library: &site.library, light, rendered: &site.rendered };
    pages
        .par_iter()
        .map(|page| {
            let (template, context) = prepare(site, &values, page);
            let file = page.source(site).map_or("", |source| &source.file);
            let html = site
                .templates
                .render(&template, &context, file)
                .map_err(|fault| placed(site, page, fault))?;
            finish(page, html)
        })
        .collect()
}

/// The frames of the gateway's own pages.
pub(crate) fn shells(site: &Site, faults: &mut Vec<Diagnostic>) -> Vec<(Language, Shell)> {
    let pages: Vec<Page<'_>> = site
        .languages()
        .into_iter()
        .map(|language| Page { language, path: String::new(), subject: Subject::Shell })
        .collect();
    let shells = render(site, &pages, |page, html| {
        let csp = csp::policy(&html);
        Ok((page.language, Shell { html, csp }))
    });
    shells.into_iter().filter_map(|shell| shell.map_err(|fault| faults.push(fault)).ok()).collect()
}

/// The template of a page and what it is given.
fn prepare(site: &Site, values: &Values<'_>, page: &Page<'_>) -> (String, Context) {
    let mut context = base_context(&site.facts, page.language, &page.path);
    let template = match page.subject {
        Subject::Document(id, part) => {
            let document = &site.library.documents[id];
            let mut fields = values.whole(id);
            if let Some((number, total, by)) = part {
                let all = &site.library.pages[id];
                let shown = values.list(&all[(number - 1) * by..(number * by).min(all.len())]);
                fields.insert(Key::Str("pages"), shown.clone());
                fields.insert(Key::Str("paginator"), paginator(&document.path, number, total, shown));
            }
            if part.is_none() && document.kind == Kind::Section {
                // Empty, so that a template may ask for what is in it.
                fields.insert(Key::Str("paginator"), map([]));
            }
            let name = if document.kind == Kind::Section { "section" } else { "page" };
            context.insert_value(name, Value::from(fields));
            template_of(site, id)
        }
        Subject::Taxonomy(classification) => {
            let terms: Vec<Value> = classification.terms.iter().map(|term| values.term(term)).collect();
            let taxonomy = [
                ("name", Value::from(classification.name.as_str())),
                ("path", Value::from(classification.path.as_str())),
                ("terms", Value::from(terms)),
            ];
            context.insert_value("taxonomy", map(taxonomy));
            "taxonomy.html".to_owned()
        }
        Subject::Term(classification, term) => {
            context.insert_value("term", values.term(term));
            let names = [
                ("name", Value::from(classification.name.as_str())),
                ("path", Value::from(classification.path.as_str())),
            ];
            context.insert_value("taxonomy", map(names));
            "term.html".to_owned()
        }
        Subject::NotFound | Subject::Shell => {
            let nothing = [
                ("title", Value::from("")),
                ("path", Value::from(page.path.as_str())),
                ("noindex", Value::from(true)),
            ];
            context.insert_value("page", map(nothing));
            if matches!(page.subject, Subject::Shell) { "shell.html" } else { "404.html" }.to_owned()
        }
    };
    (template, context)
}

/// The template a document asks for, or its section for it, or that of its kind.
fn template_of(site: &Site, id: usize) -> String {
    let document = &site.library.documents[id];
    if let Some(template) = &document.front.template {
        return template.get_ref().clone();
    }
    if document.kind == Kind::Section {
        return if document.relative == "_index.md" { "home.html" } else { "section.html" }.to_owned();
    }
    let parent = site.library.parent[id]
        .and_then(|section| site.library.documents[section].front.page_template.as_ref());
    parent.map_or_else(|| "page.html".to_owned(), |template| template.get_ref().clone())
}

/// A template that does not exist is told where the front matter names it.
fn placed(site: &Site, page: &Page<'_>, fault: Diagnostic) -> Diagnostic {
    let Subject::Document(id, _) = page.subject else { return fault };
    let document = &site.library.documents[id];
    if fault.code != "template-missing" {
        return fault;
    }
    if let Some(template) = &document.front.template {
        return document.fault_at(fault, template.span());
    }
    if let Some(section) = site.library.parent[id]
        && let Some(template) = &site.library.documents[section].front.page_template
    {
        return site.library.documents[section].fault_at(fault, template.span());
    }
    fault
}
