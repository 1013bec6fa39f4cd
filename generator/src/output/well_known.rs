//! `robots.txt`, `security.txt` (RFC 9116) and the sitemap with its alternates (sitemaps.org).

use jiff::ToSpan;
use jiff::civil::Date;

use crate::content::{Kind, Library};
use crate::markdown::escape;
use crate::site::Site;

/// Everything may be read; where the sitemap is.
pub(crate) fn robots(base_url: &str) -> String {
    format!("User-agent: *\nAllow: /\n\nSitemap: {base_url}/sitemap.xml\n")
}

/// Whom to write to about a flaw. `Expires` is ten months after the month of `today`, so that it moves once a month.
pub(crate) fn security(base_url: &str, email: &str, today: Date) -> String {
    let expires = today.first_of_month().saturating_add(10.months());
    format!(
        "Contact: mailto:{email}\nExpires: {expires}T00:00:00Z\nPreferred-Languages: fr, en\n\
         Canonical: {base_url}/.well-known/security.txt\n"
    )
}

/// Every page that may be indexed, with its translations.
pub(crate) fn sitemap(library: &Library, base_url: &str) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n",
    );
    let mut order: Vec<usize> = (0..library.documents.len()).collect();
    order.sort_unstable_by_key(|id| &library.documents[*id].path);
    for id in order {
        let document = &library.documents[id];
        if !document.is_listed() {
            continue;
        }
        xml.push_str("<url><loc>");
        escape(&format!("{base_url}{}", document.path), &mut xml);
        xml.push_str("</loc>");
        if let Some(date) = document.days.updated.or(document.days.date) {
            xml.push_str(&format!("<lastmod>{date}</lastmod>"));
        }
        for other in &library.translations[id] {
            let other = &library.documents[*other];
            xml.push_str(&format!(
                "<xhtml:link rel=\"alternate\" hreflang=\"{}\" href=\"",
                other.language.tag()
            ));
            escape(&format!("{base_url}{}", other.path), &mut xml);
            xml.push_str("\"/>");
        }
        xml.push_str("</url>\n");
    }
    for classification in library.classifications.iter() {
        for path in
            std::iter::once(&classification.path).chain(classification.terms.iter().map(|term| &term.path))
        {
            xml.push_str("<url><loc>");
            escape(&format!("{base_url}{path}"), &mut xml);
            xml.push_str("</loc></url>\n");
        }
    }
    xml.push_str("</urlset>\n");
    xml
}

/// Pages of a section that `llms.txt` names, at most.
const NAMED: usize = 100;

/// What the site holds, for programs that read text (llmstxt.org): sections and their pages with what each says.
pub(crate) fn llms(site: &Site) -> String {
    let (library, base_url) = (&site.library, &site.facts.base_url);
    let mut text = format!("# {}\n", site.config.title);
    for language in site.languages() {
        text.push_str(&format!("\n> {}\n", site.config.description.of(language)));
        for (id, section) in library.documents.iter().enumerate() {
            if section.language != language || section.kind != Kind::Section {
                continue;
            }
            let listed = library.pages[id].iter().filter(|id| library.documents[**id].is_listed());
            let mut pages = listed.take(NAMED).peekable();
            if pages.peek().is_none() {
                continue;
            }
            text.push_str(&format!("\n## {}\n\n", section.title));
            for id in pages {
                let page = &library.documents[*id];
                let said = page.description.as_deref().map_or(String::new(), |said| format!(": {said}"));
                text.push_str(&format!("- [{}]({base_url}{}){said}\n", page.title, page.path));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves p-dpo.
    #[test]
    fn security_txt_expires_within_a_year_and_moves_once_a_month() {
        let at = |day| security("https://a.fr", "x@a.fr", jiff::civil::date(2026, 11, day));
        assert!(at(23).starts_with("Contact: mailto:x@a.fr\nExpires: 2027-09-01T00:00:00Z\n"), "{}", at(23));
        assert_eq!(at(1), at(30));
    }
}
