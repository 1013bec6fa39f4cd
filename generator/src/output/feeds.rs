//! Feeds of a language, of a section, of a term: Atom (RFC 4287) and JSON Feed 1.1 (jsonfeed.org).

use aops_manifest::Language;
use jiff::civil::Date;
use serde_json::json;

use crate::content::Kind;
use crate::content::front_matter::SortBy;
use crate::markdown::escape;
use crate::site::Site;

/// Entries of a feed, at most.
const ENTRIES: usize = 50;

/// What a feed tells of.
#[derive(Debug, Clone)]
pub(crate) struct Channel<'a> {
    pub(crate) language: Language,
    /// The URL path of the page that lists the same.
    pub(crate) path: String,
    title: &'a str,
    /// The newest first.
    pub(crate) pages: Vec<usize>,
}

/// The path of the Atom feed of a list.
pub(crate) fn atom_path(path: &str) -> String {
    format!("{path}atom.xml")
}

/// The path of the JSON feed of a list.
pub(crate) fn json_path(path: &str) -> String {
    format!("{path}feed.json")
}

/// Every feed: that of each language, of sections that want one or are ordered by date, of terms.
pub(crate) fn channels(site: &Site) -> Vec<Channel<'_>> {
    let library = &site.library;
    let newest = |ids: &mut dyn Iterator<Item = usize>| {
        let dated = ids.filter_map(|id| {
            let document = &library.documents[id];
            document.days.date.filter(|_| document.is_listed()).map(|date| (date, id))
        });
        let mut dated: Vec<(Date, usize)> = dated.collect();
        dated.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        dated.truncate(ENTRIES);
        dated.into_iter().map(|(_, id)| id).collect::<Vec<usize>>()
    };
    let mut channels = Vec::new();
    for language in site.languages() {
        let pages = newest(
            &mut (0..library.documents.len()).filter(|id| library.documents[*id].language == language),
        );
        channels.push(Channel { language, path: language.root().to_owned(), title: "", pages });
    }
    for (id, section) in library.documents.iter().enumerate() {
        let in_time = matches!(section.front.sort_by, Some(SortBy::Date | SortBy::UpdateDate));
        let wanted = section.front.generate_feeds.unwrap_or(in_time) && section.is_rendered();
        if section.kind == Kind::Section && wanted && section.path != section.language.root() {
            let pages = newest(&mut library.pages[id].iter().copied());
            let (language, path) = (section.language, section.path.clone());
            channels.push(Channel { language, path, title: &section.title, pages });
        }
    }
    for classification in library.classifications.iter().filter(|classification| classification.feed) {
        for term in &classification.terms {
            let pages = newest(&mut term.pages.iter().copied());
            let (language, path) = (classification.language, term.path.clone());
            channels.push(Channel { language, path, title: &term.name, pages });
        }
    }
    channels
}

impl Channel<'_> {
    fn title(&self, site: &Site) -> String {
        if self.title.is_empty() {
            site.config.title.clone()
        } else {
            format!("{} — {}", self.title, site.config.title)
        }
    }
}

/// A feed as Atom.
pub(crate) fn atom(site: &Site, channel: &Channel<'_>) -> String {
    let (library, base_url) = (&site.library, &site.facts.base_url);
    let changed = |id: &usize| library.documents[*id].days.updated.or(library.documents[*id].days.date);
    let latest = channel.pages.iter().filter_map(changed).max();
    let root = format!("{base_url}{}", channel.path);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">\n",
        channel.language.tag()
    );
    element(&mut xml, "title", &channel.title(site));
    element(&mut xml, "subtitle", site.config.description.of(channel.language));
    element(&mut xml, "id", &root);
    element(&mut xml, "updated", &instant(latest.unwrap_or(Date::constant(1970, 1, 1))));
    link(&mut xml, "self", &format!("{base_url}{}", atom_path(&channel.path)));
    link(&mut xml, "alternate", &root);
    author(&mut xml, &site.config.title);
    for id in &channel.pages {
        let document = &library.documents[*id];
        let address = format!("{base_url}{}", document.path);
        xml.push_str("<entry>\n");
        element(&mut xml, "title", &document.title);
        element(&mut xml, "id", &address);
        link(&mut xml, "alternate", &address);
        if let Some(date) = document.days.date {
            element(&mut xml, "published", &instant(date));
            element(&mut xml, "updated", &instant(document.days.updated.unwrap_or(date)));
        }
        document.front.authors.iter().for_each(|name| author(&mut xml, name));
        let rendered = &site.rendered[*id];
        element(&mut xml, "summary", document.description.as_deref().unwrap_or(&rendered.summary));
        xml.push_str("<content type=\"html\" xml:base=\"");
        escape(&address, &mut xml);
        xml.push_str("\">");
        escape(&rendered.html, &mut xml);
        xml.push_str("</content>\n</entry>\n");
    }
    xml.push_str("</feed>\n");
    xml
}

/// The same feed as JSON.
pub(crate) fn json(site: &Site, channel: &Channel<'_>) -> String {
    let base_url = &site.facts.base_url;
    let items = channel.pages.iter().map(|id| {
        let (document, rendered) = (&site.library.documents[*id], &site.rendered[*id]);
        let address = format!("{base_url}{}", document.path);
        let mut item = json!({
            "id": address,
            "url": address,
            "title": document.title,
            "summary": document.description.as_deref().unwrap_or(&rendered.summary),
            "content_html": rendered.html,
            "language": document.language.tag(),
        });
        if let Some(date) = document.days.date {
            item["date_published"] = instant(date).into();
            item["date_modified"] = instant(document.days.updated.unwrap_or(date)).into();
        }
        if !document.front.authors.is_empty() {
            item["authors"] = document.front.authors.iter().map(|name| json!({ "name": name })).collect();
        }
        item
    });
    let feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.title(site),
        "description": site.config.description.of(channel.language),
        "home_page_url": format!("{base_url}{}", channel.path),
        "feed_url": format!("{base_url}{}", json_path(&channel.path)),
        "language": channel.language.tag(),
        "authors": [{ "name": site.config.title }],
        "items": items.collect::<Vec<_>>(),
    });
    feed.to_string()
}

fn author(xml: &mut String, name: &str) {
    xml.push_str("<author>");
    element(xml, "name", name);
    xml.push_str("</author>\n");
}

fn element(xml: &mut String, name: &str, text: &str) {
    xml.push_str(&format!("<{name}>"));
    escape(text, xml);
    xml.push_str(&format!("</{name}>\n"));
}

fn link(xml: &mut String, relation: &str, address: &str) {
    xml.push_str(&format!("<link rel=\"{relation}\" href=\""));
    escape(address, xml);
    xml.push_str("\"/>\n");
}

fn instant(date: Date) -> String {
    format!("{date}T00:00:00Z")
}
