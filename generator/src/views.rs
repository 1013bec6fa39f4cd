//! What templates see of the site: pages, sections, terms, and the page frames.

use std::collections::{BTreeMap, HashMap};

use aops_manifest::Language;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use tera::{Context, Value};

use crate::config::SiteConfig;
use crate::content::{Document, Kind, Library, slug};
use crate::diagnostics::Diagnostic;
use crate::markdown::{Rendered, typeset};
use crate::output::{Article, Output, SitemapPage, atom, robots, security_txt, sitemap};
use crate::theme::Theme;

/// Words that a reader reads in a minute.
const WORDS_A_MINUTE: usize = 220;

/// How many articles a feed holds.
const FEED_LIMIT: usize = 20;

/// A page to render.
pub(crate) struct PageView<'a> {
    pub(crate) path: String,
    pub(crate) language: Language,
    pub(crate) template: &'a str,
    pub(crate) context: Context,
    /// The file that it comes from, for diagnostics.
    pub(crate) origin: String,
    /// That file's source, when the template is named there.
    source: Option<&'a str>,
}

impl PageView<'_> {
    /// A template that is missing is told where the page names it.
    pub(crate) fn blame(&self, theme: &Theme, fault: Diagnostic) -> Diagnostic {
        if theme.templates.contains_key(self.template) {
            return fault;
        }
        let mut values = vec![("name", self.template)];
        let near = crate::diagnostics::nearest(self.template, theme.templates.keys().map(String::as_str));
        values.extend(near.map(|near| ("nearest", near)));
        let fault = Diagnostic::new("template_missing", &self.origin, &values);
        match self.source.and_then(|source| Some((source, source.find(self.template)?))) {
            Some((source, at)) => fault.at(source, at..at + self.template.len()),
            None => fault,
        }
    }
}

/// Everything that pages are made from.
pub(crate) struct Views<'a> {
    config: &'a SiteConfig,
    library: &'a Library,
    rendered: &'a [Rendered],
    base_url: &'a str,
    data: &'a Map<String, Json>,
    /// Of each document, what lists show of it.
    cards: Vec<Value>,
    titles: Vec<String>,
}

#[derive(Serialize)]
struct Card<'a> {
    title: &'a str,
    description: Option<String>,
    path: &'a str,
    permalink: String,
    summary: Option<&'a str>,
    date: Option<Date>,
    updated: Option<Date>,
    reading_minutes: usize,
    word_count: usize,
    weight: i64,
    taxonomies: BTreeMap<&'a str, Vec<Link>>,
    extra: &'a toml::Table,
    noindex: bool,
}

#[derive(Serialize, Clone)]
struct Link {
    name: String,
    path: String,
}

#[derive(Serialize)]
struct Titled<'a> {
    title: &'a str,
    path: &'a str,
}

#[derive(Serialize)]
struct Alternate<'a> {
    lang: &'static str,
    path: &'a str,
    title: &'a str,
}

#[derive(Serialize)]
struct Paginator {
    current: usize,
    total: usize,
    previous: Option<String>,
    next: Option<String>,
}

impl<'a> Views<'a> {
    pub(crate) fn new(
        config: &'a SiteConfig,
        library: &'a Library,
        rendered: &'a [Rendered],
        base_url: &'a str,
        data: &'a Map<String, Json>,
    ) -> Self {
        let titles = library.documents.iter().map(|d| typeset(&d.meta.title, d.language)).collect();
        let mut views = Self { config, library, rendered, base_url, data, cards: Vec::new(), titles };
        views.cards = (0..library.documents.len()).map(|at| Value::from_serializable(&views.card(at))).collect();
        views
    }

    /// What `page(path=…)` and `section(path=…)` give.
    pub(crate) fn objects(&self) -> HashMap<(Language, String), Value> {
        let object = |(at, document): (usize, &Document)| {
            let value = match document.kind {
                Kind::Section => self.section(at, self.library.pages(at), None),
                Kind::Bundle | Kind::Page => self.cards[at].clone(),
            };
            ((document.language, document.relative.clone()), value)
        };
        self.library.documents.iter().enumerate().map(object).collect()
    }

    /// Every page of the site, in a settled order.
    pub(crate) fn pages(&self) -> Vec<PageView<'a>> {
        let mut pages = Vec::with_capacity(self.library.documents.len());
        for (at, document) in self.library.documents.iter().enumerate() {
            match document.kind {
                Kind::Section => self.section_pages(at, &mut pages),
                Kind::Bundle | Kind::Page => {
                    let mut context = self.context(document.language, &document.path);
                    context.insert_value("page", self.page(at));
                    pages.push(self.view(at, document.path.clone(), context));
                }
            }
        }
        for ((language, taxonomy), terms) in &self.library.terms {
            let links: Vec<Json> = terms
                .iter()
                .map(|term| json!({ "name": term.name, "path": term.path, "count": term.pages.len() }))
                .collect();
            let path = format!("{}{taxonomy}/", language.root());
            let mut context = self.context(*language, &path);
            context.insert("taxonomy", &json!({ "name": taxonomy, "title": taxonomy, "path": path, "terms": links }));
            pages.push(self.list(path, *language, "taxonomy.html", context));
            for term in terms {
                let mut context = self.context(*language, &term.path);
                let cards: Vec<Value> = term.pages.iter().map(|at| self.cards[*at].clone()).collect();
                context.insert_value("term", object(&[
                    ("name", term.name.clone().into()),
                    ("title", term.name.clone().into()),
                    ("path", term.path.clone().into()),
                    ("taxonomy", taxonomy.clone().into()),
                    ("pages", Value::from(cards.as_slice())),
                ]));
                pages.push(self.list(term.path.clone(), *language, "term.html", context));
            }
        }
        pages
    }

    /// The context of the frame of pages written at run time.
    pub(crate) fn shell(&self, language: Language) -> Context {
        let mut context = self.context(language, "");
        context.insert("page", &json!({ "title": "", "path": "", "noindex": true, "alternates": [], "ancestors": [] }));
        context
    }

    /// The context of the page for what does not exist.
    pub(crate) fn not_found(&self, language: Language) -> Context {
        let mut context = self.context(language, "/404.html");
        context.insert("page", &json!({ "title": "404", "path": "/404.html", "noindex": true, "alternates": [], "ancestors": [] }));
        context
    }

    /// Feeds, site map, robots and security.txt.
    pub(crate) fn machine_files(&self, today: Date, output: &mut Output) {
        for language in Language::ALL {
            let articles = self.articles(language);
            if !articles.is_empty() {
                let title = &self.config.title;
                let feed = atom(self.base_url, language.tag(), title, title, language.root(), &articles);
                output.file(format!("{}atom.xml", language.root()), feed.into_bytes());
            }
        }
        let mut pages: Vec<SitemapPage<'_>> = Vec::new();
        for (at, document) in self.library.documents.iter().enumerate().filter(|(_, d)| !d.meta.noindex) {
            let translations = self.library.translations(at);
            let alternates = match translations.len() {
                0 | 1 => Vec::new(),
                _ => translations
                    .iter()
                    .map(|other| &self.library.documents[*other])
                    .map(|other| (other.language.tag(), other.path.as_str()))
                    .collect(),
            };
            let updated = document.meta.updated.or(document.meta.date).map(|day| day.0);
            pages.push(SitemapPage { path: &document.path, updated, alternates });
        }
        pages.sort_by_key(|page| page.path);
        output.file("/sitemap.xml", sitemap(self.base_url, &pages).into_bytes());
        output.file("/robots.txt", robots(self.base_url).into_bytes());
        if let Some(contact) = self.data.get("company").and_then(|company| company["dpo_email"].as_str()) {
            let text = security_txt(self.base_url, contact, today);
            output.file("/.well-known/security.txt", text.into_bytes());
        }
    }

    fn articles(&self, language: Language) -> Vec<Article<'_>> {
        let mut dated: Vec<(Date, usize)> = self
            .library
            .documents
            .iter()
            .enumerate()
            .filter(|(_, d)| d.language == language && d.kind != Kind::Section && !d.meta.noindex && !d.meta.taxonomies.is_empty())
            .filter_map(|(at, d)| Some((d.meta.date?.0, at)))
            .collect();
        dated.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        dated.truncate(FEED_LIMIT);
        let article = |(published, at): (Date, usize)| {
            let document = &self.library.documents[at];
            Article {
                title: &self.titles[at],
                path: &document.path,
                published,
                updated: document.meta.updated.map_or(published, |day| day.0),
                summary: document.meta.description.as_deref().unwrap_or_default(),
                content: &self.rendered[at].html,
            }
        };
        dated.into_iter().map(article).collect()
    }

    /// A section's page, or its pages when it is cut.
    fn section_pages(&self, at: usize, pages: &mut Vec<PageView<'a>>) {
        let document = &self.library.documents[at];
        let all = self.library.pages(at);
        let size = document.meta.paginate_by.filter(|size| *size > 0).unwrap_or(all.len().max(1));
        let total = all.len().div_ceil(size).max(1);
        let address = |number: usize| {
            if number == 1 { document.path.clone() } else { format!("{}page/{number}/", document.path) }
        };
        for number in 1..=total {
            let list = all.get((number - 1) * size..).unwrap_or_default();
            let list = &list[..size.min(list.len())];
            let paginator = Paginator {
                current: number,
                total,
                previous: (number > 1).then(|| address(number - 1)),
                next: (number < total).then(|| address(number + 1)),
            };
            let mut context = self.context(document.language, &address(number));
            context.insert_value("section", self.section(at, list, Some(&paginator)));
            pages.push(self.view(at, address(number), context));
        }
    }

    fn context(&self, language: Language, current_path: &str) -> Context {
        let mut context = Context::new();
        for (name, value) in self.data {
            context.insert(name.clone(), value);
        }
        context.insert("lang", language.tag());
        context.insert("current_path", current_path);
        let description = self.config.description.get(&language).map(String::as_str).unwrap_or_default();
        context.insert(
            "site",
            &json!({
                "title": self.config.title, "base_url": self.base_url, "description": description,
                "root": language.root(), "languages": Language::ALL.map(Language::tag),
            }),
        );
        context
    }

    fn view(&self, at: usize, path: String, context: Context) -> PageView<'a> {
        let document = &self.library.documents[at];
        let inherited = self
            .library
            .parent(at)
            .filter(|_| document.kind != Kind::Section)
            .and_then(|section| self.library.documents[section].meta.page_template.as_deref());
        let usual = match document.kind {
            Kind::Section if self.library.parent(at).is_none() => "home.html",
            Kind::Section => "section.html",
            Kind::Bundle | Kind::Page => "page.html",
        };
        let template = document.meta.template.as_deref().or(inherited).unwrap_or(usual);
        let origin = document.file.clone();
        PageView { path, language: document.language, template, context, origin, source: Some(&document.source) }
    }

    fn list(&self, path: String, language: Language, template: &'a str, context: Context) -> PageView<'a> {
        PageView { path, language, template, context, origin: String::from("site.toml"), source: None }
    }

    fn card(&self, at: usize) -> Card<'_> {
        let document = &self.library.documents[at];
        let meta = &document.meta;
        let text = &self.rendered[at];
        let taxonomies = meta.taxonomies.iter().map(|(taxonomy, names)| {
            let link = |name: &String| Link {
                name: name.clone(),
                path: format!("{}{taxonomy}/{}/", document.language.root(), slug(name)),
            };
            (taxonomy.as_str(), names.iter().map(link).collect())
        });
        Card {
            title: &self.titles[at],
            description: meta.description.as_deref().map(|text| typeset(text, document.language)),
            path: &document.path,
            permalink: format!("{}{}", self.base_url, document.path),
            summary: text.summary.as_deref(),
            date: meta.date.map(|day| day.0),
            updated: meta.updated.map(|day| day.0),
            reading_minutes: text.words.div_ceil(WORDS_A_MINUTE).max(1),
            word_count: text.words,
            weight: meta.weight,
            taxonomies: taxonomies.collect(),
            extra: &meta.extra,
            noindex: meta.noindex,
        }
    }

    /// A page with its text and its place among the others.
    fn page(&self, at: usize) -> Value {
        let (previous, next) = self.library.neighbours(at);
        let titled = |at: Option<usize>| Value::from_serializable(&at.map(|at| self.titled(at)));
        self.with_text(at, &[("previous", titled(previous)), ("next", titled(next))])
    }

    fn section(&self, at: usize, pages: &[usize], paginator: Option<&Paginator>) -> Value {
        let cards: Vec<Value> = pages.iter().map(|page| self.cards[*page].clone()).collect();
        let below: Vec<Value> = self.library.subsections(at).iter().map(|section| self.cards[*section].clone()).collect();
        self.with_text(
            at,
            &[
                ("pages", Value::from(cards.as_slice())),
                ("subsections", Value::from(below.as_slice())),
                ("paginator", Value::from_serializable(&paginator)),
            ],
        )
    }

    fn with_text(&self, at: usize, more: &[(&'static str, Value)]) -> Value {
        let text = &self.rendered[at];
        let ancestors: Vec<Titled<'_>> = self.library.ancestors(at).into_iter().map(|at| self.titled(at)).collect();
        let translations = self.library.translations(at);
        let alternates: Vec<Alternate<'_>> = match translations.len() {
            0 | 1 => Vec::new(),
            _ => translations
                .iter()
                .map(|other| Alternate {
                    lang: self.library.documents[*other].language.tag(),
                    path: &self.library.documents[*other].path,
                    title: &self.titles[*other],
                })
                .collect(),
        };
        let mut members = vec![
            ("content", Value::safe_string(&text.html)),
            ("toc", Value::from_serializable(&text.toc)),
            ("ancestors", Value::from_serializable(&ancestors)),
            ("alternates", Value::from_serializable(&alternates)),
        ];
        members.extend(more.iter().cloned());
        extended(&self.cards[at], &members)
    }

    fn titled(&self, at: usize) -> Titled<'_> {
        Titled { title: &self.titles[at], path: &self.library.documents[at].path }
    }
}

fn object(members: &[(&'static str, Value)]) -> Value {
    let map: tera::Map = members.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    Value::from(map)
}

/// A map with more members.
fn extended(value: &Value, members: &[(&'static str, Value)]) -> Value {
    let mut map = value.as_map().cloned().unwrap_or_default();
    map.extend(members.iter().map(|(key, value)| ((*key).into(), value.clone())));
    Value::from(map)
}
