//! Files of the site that are neither pages nor copies: feeds, sitemap, robots, security.txt, llms.txt, search
//! indexes, pictures for social networks. Each is made on its own, and only when what it tells changed.

use std::hash::{DefaultHasher, Hash, Hasher};

use aops_manifest::Language;
use aops_search::Entry;

use crate::assets;
use crate::config::CardConfig;
use crate::content::Document;
use crate::diagnostics::Diagnostic;
use crate::markdown::{Heading, without_tags};
use crate::output::feeds::{self, Channel};
use crate::output::well_known;
use crate::site::Site;

/// A file to make.
#[derive(Debug)]
pub(crate) struct Extra<'a> {
    /// The URL path.
    pub(crate) path: String,
    what: What<'a>,
}

#[derive(Debug)]
enum What<'a> {
    Robots,
    Security(&'a str),
    Sitemap,
    Llms,
    Atom(Channel<'a>),
    JsonFeed(Channel<'a>),
    SearchIndex(Language),
    /// The picture of a document for social networks.
    Card(usize, &'a CardConfig),
}

/// Every file to make, in a fixed order.
pub(crate) fn plan(site: &Site) -> Vec<Extra<'_>> {
    let extra = |path: &str, what| Extra { path: path.to_owned(), what };
    let mut extras = vec![
        extra("/robots.txt", What::Robots),
        extra("/sitemap.xml", What::Sitemap),
        extra("/llms.txt", What::Llms),
    ];
    let company = site.options.data.get("company");
    if let Some(email) = company.and_then(|company| company.get("dpo_email")?.as_str()) {
        extras.push(extra("/.well-known/security.txt", What::Security(email)));
    }
    for channel in feeds::channels(site) {
        extras.push(Extra { path: feeds::atom_path(&channel.path), what: What::Atom(channel.clone()) });
        extras.push(Extra { path: feeds::json_path(&channel.path), what: What::JsonFeed(channel) });
    }
    for (language, search) in &site.world.search {
        extras.push(extra(&search.index, What::SearchIndex(*language)));
    }
    if let Some(colours) = &site.config.card {
        let mut cards: Vec<_> = site.cards.iter().collect();
        cards.sort_unstable();
        extras.extend(cards.into_iter().map(|(id, path)| extra(path, What::Card(*id, colours))));
    }
    extras
}

impl Extra<'_> {
    /// Its bytes.
    pub(crate) fn bytes(&self, site: &Site) -> Result<Vec<u8>, Diagnostic> {
        let base_url = &site.facts.base_url;
        let text = match &self.what {
            What::Robots => well_known::robots(base_url),
            What::Security(email) => well_known::security(base_url, email, site.options.today),
            What::Sitemap => well_known::sitemap(&site.library, base_url),
            What::Llms => well_known::llms(site),
            What::Atom(channel) => feeds::atom(site, channel),
            What::JsonFeed(channel) => feeds::json(site, channel),
            What::SearchIndex(language) => search_index(site, *language),
            What::Card(id, colours) => {
                let document = &site.library.documents[*id];
                let words = (document.title.as_str(), eyebrow(site, *id), site.config.title.as_str());
                return site.beside.card(&document.source.file, words, colours);
            }
        };
        Ok(text.into_bytes())
    }

    /// A number that changes when its bytes do.
    pub(crate) fn key(&self, site: &Site) -> u64 {
        let mut key = DefaultHasher::new();
        match &self.what {
            What::Robots => {}
            What::Security(email) => (email, site.options.today).hash(&mut key),
            What::Sitemap => {
                let library = &site.library;
                for (id, document) in library.documents.iter().enumerate() {
                    (&document.path, document.days, document.is_listed()).hash(&mut key);
                    library.translations[id].iter().for_each(|id| library.documents[*id].path.hash(&mut key));
                }
                for classification in library.classifications.iter() {
                    classification.path.hash(&mut key);
                    classification.terms.iter().for_each(|term| term.path.hash(&mut key));
                }
            }
            What::Llms => {
                for (id, document) in site.library.documents.iter().enumerate() {
                    (&document.path, &document.title, &document.description, document.is_listed())
                        .hash(&mut key);
                    site.library.pages[id].hash(&mut key);
                }
            }
            What::Atom(channel) | What::JsonFeed(channel) => {
                channel.pages.iter().for_each(|id| site.stamps.text(*id, &mut key));
            }
            What::SearchIndex(language) => {
                for (id, _) in searched(site, *language) {
                    site.stamps.text(id, &mut key);
                }
            }
            What::Card(id, _) => (&site.library.documents[*id].title, eyebrow(site, *id)).hash(&mut key),
        }
        key.finish()
    }
}

/// The documents of a language that may be found.
fn searched(site: &Site, language: Language) -> impl Iterator<Item = (usize, &Document)> {
    let documents = site.library.documents.iter().enumerate().map(|(id, document)| (id, document.as_ref()));
    documents.filter(move |(_, document)| {
        document.language == language && document.is_listed() && document.front.in_search_index != Some(false)
    })
}

fn search_index(site: &Site, language: Language) -> String {
    let texts: Vec<(usize, &Document, String)> = searched(site, language)
        .map(|(id, document)| (id, document, without_tags(&site.rendered[id].html)))
        .collect();
    let entry = |(id, document, text): &(usize, &Document, String)| {
        let mut headings = Vec::new();
        headings_of(&site.rendered[*id].toc, &mut headings);
        let description = document.description.as_deref().unwrap_or_default();
        let (path, title) = (document.path.as_str(), document.title.as_str());
        (path.to_owned(), title.to_owned(), headings, description.to_owned(), text.clone())
    };
    let owned: Vec<_> = texts.iter().map(entry).collect();
    let entries: Vec<Entry<'_>> = owned
        .iter()
        .map(|(path, title, headings, description, text)| Entry {
            path,
            title,
            headings: headings.clone(),
            description,
            text,
        })
        .collect();
    // Pages and words are counted in 32 bits: no site has as many.
    aops_search::build(&entries, language.tag()).to_json().unwrap_or_default()
}

fn headings_of<'a>(toc: &'a [Heading], all: &mut Vec<&'a str>) {
    for heading in toc {
        all.push(&heading.title);
        headings_of(&heading.children, all);
    }
}

/// What stands over the title on a card: the section of the page.
fn eyebrow(site: &Site, id: usize) -> &str {
    site.library.parent[id].map_or("", |section| &site.library.documents[section].title)
}

/// The `Content-Type` of a made file by its path.
pub(crate) fn content_type_of(path: &str) -> &'static str {
    if path.ends_with("atom.xml") {
        "application/atom+xml; charset=utf-8"
    } else if path.ends_with("feed.json") {
        "application/feed+json; charset=utf-8"
    } else {
        assets::content_type(path)
    }
}
