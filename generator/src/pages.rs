//! Every HTML page of the site: which there are, with which template, and their rendering in parallel.

use std::hash::{DefaultHasher, Hash, Hasher};

use aops_manifest::{Language, Shell};
use rayon::prelude::*;
use tera::{Context, Value, value::Key};

use crate::content::{Classification, Kind, Term};
use crate::diagnostics::{Diagnostic, Source};
use crate::output::csp;
use crate::site::Site;
use crate::templates::{DOCUMENT, Touched, Values, base_context, map, noting, page_path, paginator};

/// What a page shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// A document, and what part of its list if it has a long one.
    Document(usize, Option<Part>),
    Taxonomy(&'a Classification),
    Term(&'a Classification, &'a Term, Option<Part>),
    NotFound,
    Shell,
}

/// One part of a long list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// From 1.
    number: usize,
    total: usize,
    /// Pages on each.
    by: usize,
}

/// A page to render.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) language: Language,
    /// The URL path.
    pub(crate) path: String,
    pub(crate) subject: Subject<'a>,
}

impl Part {
    /// Every part of a list of so many pages.
    fn all(pages: usize, by: usize) -> impl Iterator<Item = Self> {
        let total = pages.div_ceil(by).max(1);
        (1..=total).map(move |number| Self { number, total, by })
    }

    fn of<'a>(&self, pages: &'a [usize]) -> &'a [usize] {
        &pages[(self.number - 1) * self.by..(self.number * self.by).min(pages.len())]
    }
}

impl Page<'_> {
    /// The source file that an author would open.
    pub(crate) fn source<'s>(&self, site: &'s Site) -> Option<&'s Source> {
        match self.subject {
            Subject::Document(id, _) => Some(&site.library.documents[id].source),
            _ => None,
        }
    }

    /// A number that changes when anything changes that the page shows by itself; what its template asked for
    /// besides is in `touched`.
    pub(crate) fn key(&self, site: &Site, touched: &Touched) -> u64 {
        let (library, stamps) = (&site.library, &site.stamps);
        let mut key = DefaultHasher::new();
        let named = |id: &usize, key: &mut DefaultHasher| {
            let document = &library.documents[*id];
            (&document.title, &document.path).hash(key);
        };
        let listed = |ids: &[usize], key: &mut DefaultHasher| {
            ids.len().hash(key);
            ids.iter().for_each(|id| stamps.listed(*id, key));
        };
        match self.subject {
            Subject::Document(id, part) => {
                template_of(site, id).hash(&mut key);
                stamps.text(id, &mut key);
                library
                    .ancestors(id)
                    .iter()
                    .chain(&library.translations[id])
                    .for_each(|id| named(id, &mut key));
                [library.previous[id], library.next[id]].iter().for_each(|id| {
                    id.is_some().hash(&mut key);
                    id.iter().for_each(|id| stamps.listed(*id, &mut key));
                });
                listed(&library.related[id], &mut key);
                if let Some((series, place)) = library.series_of[id] {
                    place.hash(&mut key);
                    listed(&library.series[series].pages, &mut key);
                }
                site.cards.get(&id).hash(&mut key);
                if let Some(part) = part {
                    (part.number, part.total).hash(&mut key);
                    listed(part.of(&library.pages[id]), &mut key);
                }
            }
            Subject::Taxonomy(classification) => {
                for term in &classification.terms {
                    (&term.name, &term.path).hash(&mut key);
                    listed(&term.pages, &mut key);
                }
            }
            Subject::Term(_, term, part) => {
                (&term.name, &term.path, term.pages.len()).hash(&mut key);
                part.map(|part| (part.number, part.total)).hash(&mut key);
                listed(part.map_or(&term.pages, |part| part.of(&term.pages)), &mut key);
            }
            Subject::NotFound | Subject::Shell => {}
        }
        touched.documents.iter().for_each(|id| stamps.listed(*id, &mut key));
        if touched.all {
            stamps.all(&mut key);
        }
        key.finish()
    }
}

/// Every page, in a fixed order.
pub(crate) fn plan(site: &Site) -> Vec<Page<'_>> {
    let mut pages = Vec::with_capacity(site.library.documents.len() + 64);
    for (id, document) in site.library.documents.iter().enumerate() {
        if !document.is_rendered() {
            continue;
        }
        let language = document.language;
        let own = |part, path| Page { language, path, subject: Subject::Document(id, part) };
        match document.front.paginate_by.filter(|by| *by > 0) {
            Some(by) if document.kind == Kind::Section => {
                let name = document.front.paginate_path.as_deref().unwrap_or("page");
                let parts = Part::all(site.library.pages[id].len(), by);
                pages.extend(parts.map(|part| own(Some(part), page_path(&document.path, name, part.number))));
            }
            _ => pages.push(own(None, document.path.clone())),
        }
    }
    for classification in site.library.classifications.iter() {
        let language = classification.language;
        let path = classification.path.clone();
        pages.push(Page { language, path, subject: Subject::Taxonomy(classification) });
        for term in &classification.terms {
            let own =
                |part, path| Page { language, path, subject: Subject::Term(classification, term, part) };
            match classification.paginate_by.filter(|by| *by > 0) {
                Some(by) => pages.extend(
                    Part::all(term.pages.len(), by)
                        .map(|part| own(Some(part), page_path(&term.path, "page", part.number))),
                ),
                None => pages.push(own(None, term.path.clone())),
            }
        }
    }
    for language in site.languages() {
        let path = format!("{}404.html", language.root());
        pages.push(Page { language, path, subject: Subject::NotFound });
    }
    pages
}

/// Renders pages in parallel and hands each to `finish`, with what its template asked for; results come in
/// the order of `pages`.
pub(crate) fn render<'a, T: Send>(
    site: &Site,
    pages: &[Page<'a>],
    finish: impl Fn(&Page<'a>, String, Touched) -> Result<T, Diagnostic> + Sync,
) -> Vec<Result<T, Diagnostic>> {
    let Some(light) = site.world.late.get() else { return Vec::new() };
    let values = Values { library: &site.library, light, rendered: &site.rendered, cards: &site.cards };
    pages
        .par_iter()
        .map(|page| {
            let (template, context) = prepare(site, &values, page);
            let file = page.source(site).map_or("", |source| &source.file);
            let (html, touched) = noting(|| site.dress.templates.render(&template, &context, file));
            finish(page, html.map_err(|fault| placed(site, page, fault))?, touched)
        })
        .collect()
}

/// What is at fault in templates, when earlier faults do not explain it.
pub(crate) fn template_faults(site: &Site) -> Vec<Diagnostic> {
    if !site.is_whole {
        return Vec::new();
    }
    render(site, &plan(site), |_, _, _| Ok(())).into_iter().filter_map(Result::err).collect()
}

/// The frames of the gateway's own pages.
pub(crate) fn shells(site: &Site, faults: &mut Vec<Diagnostic>) -> Vec<(Language, Shell)> {
    let pages: Vec<Page<'_>> = site
        .languages()
        .into_iter()
        .map(|language| Page { language, path: String::new(), subject: Subject::Shell })
        .collect();
    let shells = render(site, &pages, |page, html, _| {
        let csp = csp::policy(&html, &site.options.page_sources);
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
            if let Some(part) = part {
                let name = document.front.paginate_path.as_deref().unwrap_or("page");
                let shown = values.list(part.of(&site.library.pages[id]));
                let paginator = paginator(&document.path, name, part.number, part.total, shown.clone());
                fields.insert(Key::Str("pages"), shown);
                fields.insert(Key::Str("paginator"), paginator);
            }
            if part.is_none() && document.kind == Kind::Section {
                // Empty, so that a template may ask for what is in it.
                fields.insert(Key::Str("paginator"), map([]));
            }
            let name = if document.kind == Kind::Section { "section" } else { "page" };
            context.insert_value(name, Value::from(fields));
            context.insert_value(DOCUMENT, Value::from(id));
            template_of(site, id)
        }
        Subject::Taxonomy(classification) => {
            let terms = classification.terms.iter().map(|term| Value::from(values.term(term, &term.pages)));
            let taxonomy = [
                ("name", Value::from(classification.name.as_str())),
                ("path", Value::from(classification.path.as_str())),
                ("terms", Value::from(terms.collect::<Vec<Value>>())),
            ];
            context.insert_value("taxonomy", map(taxonomy));
            "taxonomy.html".to_owned()
        }
        Subject::Term(classification, term, part) => {
            let shown = part.map_or(term.pages.as_slice(), |part| part.of(&term.pages));
            let mut fields = values.term(term, shown);
            // Empty, so that a template may ask for what is in it.
            let paginator = part.map_or_else(
                || map([]),
                |part| paginator(&term.path, "page", part.number, part.total, values.list(shown)),
            );
            fields.insert(Key::Str("paginator"), paginator);
            context.insert_value("term", Value::from(fields));
            let names = [
                ("name", Value::from(classification.name.as_str())),
                ("path", Value::from(classification.path.as_str())),
                ("feed", Value::from(classification.feed)),
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
    if let Some(template) = &document.cascaded_template {
        return template.clone();
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
