//! The Atom feed of a language (RFC 4287): its newest dated pages.

use aops_manifest::Language;
use jiff::civil::Date;

use crate::config::SiteConfig;
use crate::content::Library;
use crate::markdown::{Rendered, escape};

/// Entries of a feed, at most.
const ENTRIES: usize = 50;

/// The feed's path.
pub(crate) fn path(language: Language) -> String {
    format!("{}atom.xml", language.root())
}

/// The feed of a language.
pub(crate) fn atom(
    library: &Library,
    rendered: &[Rendered],
    config: &SiteConfig,
    base_url: &str,
    language: Language,
) -> String {
    let mut dated: Vec<(Date, usize)> = library
        .documents
        .iter()
        .enumerate()
        .filter(|(_, document)| document.language == language && !document.front.noindex)
        .filter_map(|(id, document)| document.date.map(|date| (date, id)))
        .collect();
    dated.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    dated.truncate(ENTRIES);
    let latest = dated.iter().map(|(date, id)| library.documents[*id].updated.unwrap_or(*date)).max();
    let root = format!("{base_url}{}", language.root());
    let own = format!("{base_url}{}", path(language));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">\n",
        language.tag()
    );
    element(&mut xml, "title", &config.title);
    element(&mut xml, "subtitle", config.description.of(language));
    element(&mut xml, "id", &root);
    element(&mut xml, "updated", &instant(latest.unwrap_or(Date::constant(1970, 1, 1))));
    link(&mut xml, "self", &own);
    link(&mut xml, "alternate", &root);
    xml.push_str("<author>");
    element(&mut xml, "name", &config.title);
    xml.push_str("</author>\n");
    for (date, id) in dated {
        let document = &library.documents[id];
        let address = format!("{base_url}{}", document.path);
        xml.push_str("<entry>\n");
        element(&mut xml, "title", &document.title);
        element(&mut xml, "id", &address);
        link(&mut xml, "alternate", &address);
        element(&mut xml, "published", &instant(date));
        element(&mut xml, "updated", &instant(document.updated.unwrap_or(date)));
        element(&mut xml, "summary", document.description.as_deref().unwrap_or(&rendered[id].summary));
        xml.push_str("<content type=\"html\" xml:base=\"");
        escape(&address, &mut xml);
        xml.push_str("\">");
        escape(&rendered[id].html, &mut xml);
        xml.push_str("</content>\n</entry>\n");
    }
    xml.push_str("</feed>\n");
    xml
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
