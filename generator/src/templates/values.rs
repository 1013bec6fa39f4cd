//! Pages, sections and terms as templates see them. Values are shared, so a list costs its length and no more.

use aops_manifest::Language;
use rayon::prelude::*;
use tera::value::Key;
use tera::{Context, Map, Value};

use crate::config::SiteConfig;
use crate::content::{Document, Kind, Library, Term};
use crate::markdown::Rendered;
use crate::markdown::slug::slugify;

/// What is the same on every page.
#[derive(Debug)]
pub(crate) struct SiteFacts {
    pub(crate) base_url: String,
    fr: Value,
    en: Value,
}

impl SiteFacts {
    pub(crate) fn new(config: &SiteConfig, base_url: &str) -> Self {
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
        Self { fr: of(Language::Fr), en: of(Language::En), base_url }
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

/// Every document as it stands in lists.
pub(crate) fn light(library: &Library, facts: &SiteFacts, rendered: Option<&[Rendered]>) -> Vec<Value> {
    let alone: Vec<Map> = library
        .documents
        .par_iter()
        .enumerate()
        .map(|(id, document)| own_fields(document, facts, rendered.map(|all| &all[id])))
        .collect();
    let values: Vec<Value> = alone.iter().map(|fields| Value::from(fields.clone())).collect();
    let children =
        |ids: &[usize]| Value::from(ids.iter().map(|id| values[*id].clone()).collect::<Vec<Value>>());
    let whole = |(id, mut fields): (usize, Map)| {
        if library.documents[id].kind != Kind::Section {
            return values[id].clone();
        }
        fields.insert(Key::Str("pages"), children(&library.pages[id]));
        fields.insert(Key::Str("subsections"), children(&library.subsections[id]));
        Value::from(fields)
    };
    alone.into_iter().enumerate().map(whole).collect()
}

fn own_fields(document: &Document, facts: &SiteFacts, rendered: Option<&Rendered>) -> Map {
    let text = |text: &str| Value::from(text);
    let date =
        |date: Option<jiff::civil::Date>| date.map_or_else(Value::none, |date| Value::from(date.to_string()));
    let mut fields = Map::new();
    let mut set = |name: &'static str, value: Value| {
        fields.insert(Key::Str(name), value);
    };
    set("title", text(&document.title));
    set("description", document.description.as_deref().map_or_else(Value::none, text));
    set("path", text(&document.path));
    set("permalink", Value::from(format!("{}{}", facts.base_url, document.path)));
    set("lang", text(document.language.tag()));
    set("date", date(document.date));
    set("updated", date(document.updated));
    set("weight", Value::from(document.front.weight));
    set("noindex", Value::from(document.front.noindex));
    set("extra", from_toml_table(&document.front.extra));
    set("taxonomies", taxonomies(document));
    if let Some(rendered) = rendered {
        set("summary", text(&rendered.summary));
        set("word_count", Value::from(rendered.words));
        set("reading_minutes", Value::from(rendered.words.div_ceil(200).max(1)));
    }
    fields
}

fn taxonomies(document: &Document) -> Value {
    let mut all = Map::new();
    for (taxonomy, terms) in &document.front.taxonomies {
        let name = taxonomy.get_ref();
        let terms: Vec<Value> = terms
            .iter()
            .map(|term| {
                let path = format!("{}{}/{}/", document.language.root(), slugify(name), slugify(term));
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
    pub(crate) rendered: &'a [Rendered],
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
        fields
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

    pub(crate) fn term(&self, term: &Term) -> Value {
        map([
            ("name", Value::from(term.name.as_str())),
            ("path", Value::from(term.path.as_str())),
            ("pages", self.list(&term.pages)),
            ("count", Value::from(term.pages.len())),
        ])
    }
}

/// Where a page of a long list stands: `current` counts from 1.
pub(crate) fn paginator(base: &str, current: usize, total: usize, pages: Value) -> Value {
    let at = |number: usize| Value::from(page_path(base, number));
    map([
        ("current", Value::from(current)),
        ("total", Value::from(total)),
        ("previous", if current > 1 { at(current - 1) } else { Value::none() }),
        ("next", if current < total { at(current + 1) } else { Value::none() }),
        ("pages", pages),
    ])
}

/// `/articles/`, `/articles/page/2/`…
pub(crate) fn page_path(base: &str, number: usize) -> String {
    if number == 1 { base.to_owned() } else { format!("{base}page/{number}/") }
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
