//! Pages, sections and terms as templates see them. Values are shared, so a list costs its length and no more.

use std::collections::HashMap;
use std::sync::Arc;

use aops_manifest::Language;
use rayon::prelude::*;
use tera::value::Key;
use tera::{Context, Map, Value};

use super::structured::organization;
use crate::config::SiteConfig;
use crate::content::documents::Document;
use crate::content::{Kind, Library, Term, term_path};
use crate::markdown::Rendered;
use crate::markdown::slug::slugify;

/// What is the same on every page.
#[derive(Debug, PartialEq)]
pub(crate) struct SiteFacts {
    pub(crate) base_url: String,
    /// Who publishes the site, as schema.org says it (JSON).
    pub(crate) organization: serde_json::Value,
    fr: Value,
    en: Value,
}

impl SiteFacts {
    pub(crate) fn new(
        config: &SiteConfig,
        base_url: &str,
        data: &serde_json::Map<String, serde_json::Value>,
    ) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let of = |language: Language| {
            map([
                ("title", Value::from(config.title.as_str())),
                ("base_url", Value::from(base_url.as_str())),
                ("description", Value::from(config.description.of(language))),
                ("root", Value::from(language.root())),
                ("languages", Value::from_serializable(&Language::ALL.map(Language::tag))),
            ])
        };
        let organization = organization(config, &base_url, data);
        Self { fr: of(Language::Fr), en: of(Language::En), base_url, organization }
    }
}

impl Default for SiteFacts {
    fn default() -> Self {
        let nothing = serde_json::Value::Null;
        Self { base_url: String::new(), organization: nothing, fr: Value::none(), en: Value::none() }
    }
}

/// The context that every template begins with.
pub(crate) fn base_context(facts: &SiteFacts, language: Language, path: &str) -> Context {
    let mut context = Context::new();
    context.insert_value("lang", Value::from(language.tag()));
    context.insert_value("site", if language == Language::Fr { facts.fr.clone() } else { facts.en.clone() });
    context.insert_value("current_path", Value::from(path));
    context
}

/// Every document as it stands in lists. With `rendered` in parallel; without it templates are waiting.
pub(crate) fn light(library: &Library, facts: &SiteFacts, rendered: Option<&[Arc<Rendered>]>) -> Vec<Value> {
    let own = |id: usize| own_value(&library.documents[id], facts, rendered.map(|all| all[id].as_ref()));
    let count = library.documents.len();
    let alone = match rendered {
        Some(_) => (0..count).into_par_iter().map(own).collect(),
        None => (0..count).map(own).collect(),
    };
    with_children(library, alone)
}

/// Sections get the pages and sections right below them, from all documents as they stand alone.
pub(crate) fn with_children(library: &Library, alone: Vec<Value>) -> Vec<Value> {
    let children =
        |ids: &[usize]| Value::from(ids.iter().map(|id| alone[*id].clone()).collect::<Vec<Value>>());
    let sections: Vec<(usize, Value)> = library
        .documents
        .iter()
        .enumerate()
        .filter(|(_, document)| document.kind == Kind::Section)
        .map(|(id, _)| {
            let mut fields = alone[id].as_map().cloned().unwrap_or_default();
            fields.insert(Key::Str("pages"), children(&library.pages[id]));
            fields.insert(Key::Str("subsections"), children(&library.subsections[id]));
            (id, Value::from(fields))
        })
        .collect();
    let mut values = alone;
    for (id, value) in sections {
        values[id] = value;
    }
    values
}

/// A document as it stands in lists, without what is below it.
pub(crate) fn own_value(document: &Document, facts: &SiteFacts, rendered: Option<&Rendered>) -> Value {
    let text = |text: &str| Value::from(text);
    let date =
        |date: Option<jiff::civil::Date>| date.map_or_else(Value::none, |date| Value::from(date.to_string()));
    let mut fields = Map::with_capacity(16);
    let mut set = |name: &'static str, value: Value| {
        fields.insert(Key::Str(name), value);
    };
    set("title", text(&document.title));
    set("description", document.description.as_deref().map_or_else(Value::none, text));
    set("path", text(&document.path));
    set("permalink", Value::from(format!("{}{}", facts.base_url, document.path)));
    set("lang", text(document.language.tag()));
    set("date", date(document.days.date));
    set("updated", date(document.days.updated));
    set("weight", Value::from(document.front.weight));
    set("noindex", Value::from(document.front.noindex.unwrap_or(false)));
    set("authors", Value::from(document.front.authors.iter().map(|name| text(name)).collect::<Vec<_>>()));
    set("extra", from_toml_table(&document.front.extra));
    set("taxonomies", taxonomies(document));
    if let Some(rendered) = rendered {
        set("summary", text(&rendered.summary));
        set("reading_minutes", Value::from(rendered.words.div_ceil(200).max(1)));
    }
    Value::from(fields)
}

fn taxonomies(document: &Document) -> Value {
    let mut all = Map::new();
    for (name, terms) in &document.taxonomies {
        let terms: Vec<Value> = terms
            .names
            .iter()
            .map(|term| {
                let path = term_path(document.language, name, &slugify(term));
                map([("name", Value::from(term.as_str())), ("path", Value::from(path))])
            })
            .collect();
        all.insert(Key::from(name.clone()), Value::from(terms));
    }
    Value::from(all)
}

/// Makes the whole values of documents, from those of lists.
pub(crate) struct Values<'a> {
    pub(crate) library: &'a Library,
    pub(crate) light: &'a [Value],
    pub(crate) rendered: &'a [Arc<Rendered>],
    /// Paths of pictures for social networks, by document.
    pub(crate) cards: &'a HashMap<usize, String>,
}

impl Values<'_> {
    /// A document with all that its own page shows.
    pub(crate) fn whole(&self, id: usize) -> Map {
        let library = self.library;
        let rendered = &self.rendered[id];
        let mut fields = self.light[id].as_map().cloned().unwrap_or_default();
        let mut set = |name: &'static str, value: Value| {
            fields.insert(Key::Str(name), value);
        };
        let neighbour = |id: Option<usize>| id.map_or_else(Value::none, |id| self.light[id].clone());
        set("content", Value::from(rendered.html.as_str()));
        set("word_count", Value::from(rendered.words));
        set("toc", Value::from_serializable(&rendered.toc));
        set("alternates", self.alternates(id));
        let ancestors: Vec<Value> = library
            .ancestors(id)
            .into_iter()
            .map(|id| {
                let document = &library.documents[id];
                map([
                    ("title", Value::from(document.title.as_str())),
                    ("path", Value::from(document.path.as_str())),
                ])
            })
            .collect();
        set("ancestors", Value::from(ancestors));
        set("previous", neighbour(library.previous[id]));
        set("next", neighbour(library.next[id]));
        set("related", self.list(&library.related[id]));
        set("series", self.series(id));
        set("card", self.cards.get(&id).map_or_else(Value::none, |path| Value::from(path.as_str())));
        fields
    }

    /// The series of a page: its name, the page's place from 1, all its pages.
    fn series(&self, id: usize) -> Value {
        let Some((series, place)) = self.library.series_of[id] else { return Value::none() };
        let series = &self.library.series[series];
        map([
            ("name", Value::from(series.name.as_str())),
            ("position", Value::from(place + 1)),
            ("total", Value::from(series.pages.len())),
            ("pages", self.list(&series.pages)),
        ])
    }

    fn alternates(&self, id: usize) -> Value {
        let all = self.library.translations[id].iter().map(|id| {
            let document = &self.library.documents[*id];
            map([
                ("lang", Value::from(document.language.tag())),
                ("path", Value::from(document.path.as_str())),
                ("title", Value::from(document.title.as_str())),
            ])
        });
        Value::from(all.collect::<Vec<Value>>())
    }

    /// Documents as they stand in lists.
    pub(crate) fn list(&self, ids: &[usize]) -> Value {
        Value::from(ids.iter().map(|id| self.light[*id].clone()).collect::<Vec<Value>>())
    }

    /// A term, with those of its pages that one page of its list shows.
    pub(crate) fn term(&self, term: &Term, shown: &[usize]) -> Map {
        let fields = [
            ("name", Value::from(term.name.as_str())),
            ("path", Value::from(term.path.as_str())),
            ("pages", self.list(shown)),
            ("count", Value::from(term.pages.len())),
        ];
        fields.into_iter().map(|(name, value)| (Key::Str(name), value)).collect()
    }
}

/// Where a page of a long list stands: `current` counts from 1.
pub(crate) fn paginator(base: &str, name: &str, current: usize, total: usize, pages: Value) -> Value {
    let at = |number: usize| Value::from(page_path(base, name, number));
    map([
        ("current", Value::from(current)),
        ("total", Value::from(total)),
        ("previous", if current > 1 { at(current - 1) } else { Value::none() }),
        ("next", if current < total { at(current + 1) } else { Value::none() }),
        ("pages", pages),
    ])
}

/// `/articles/`, `/articles/page/2/`…
pub(crate) fn page_path(base: &str, name: &str, number: usize) -> String {
    if number == 1 { base.to_owned() } else { format!("{base}{name}/{number}/") }
}

fn from_toml_table(table: &toml::Table) -> Value {
    let mut fields = Map::new();
    for (key, value) in table {
        fields.insert(Key::from(key.clone()), from_toml(value));
    }
    Value::from(fields)
}

fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(truth) => Value::from(*truth),
        toml::Value::Datetime(date) => Value::from(date.to_string()),
        toml::Value::Array(list) => Value::from(list.iter().map(from_toml).collect::<Vec<Value>>()),
        toml::Value::Table(table) => from_toml_table(table),
    }
}

pub(crate) fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::from(fields.into_iter().map(|(name, value)| (Key::Str(name), value)).collect::<Map>())
}
