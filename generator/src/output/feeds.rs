//! Files for programs that read sites: feed (RFC 4287), site map, robots (RFC 9309), security.txt (RFC 9116).

use std::fmt::Write;

use jiff::civil::Date;

/// A dated page of a feed.
#[derive(Debug)]
pub(crate) struct Article<'a> {
    pub(crate) title: &'a str,
    pub(crate) path: &'a str,
    pub(crate) published: Date,
    pub(crate) updated: Date,
    pub(crate) summary: &'a str,
    pub(crate) content: &'a str,
}

/// A page of the site map.
#[derive(Debug)]
pub(crate) struct SitemapPage<'a> {
    pub(crate) path: &'a str,
    pub(crate) updated: Option<Date>,
    /// Language tags and addresses, the page itself included; empty without translations.
    pub(crate) alternates: Vec<(&'a str, &'a str)>,
}

/// An Atom feed of the articles, newest first.
pub(crate) fn atom(base_url: &str, language: &str, title: &str, author: &str, root: &str, articles: &[Article<'_>]) -> String {
    let updated = articles.iter().map(|article| article.updated).max().unwrap_or(Date::constant(1970, 1, 1));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{language}\">\n\
         <title>{}</title>\n<id>{base_url}{root}</id>\n<updated>{updated}T00:00:00Z</updated>\n\
         <author><name>{}</name></author>\n<link href=\"{base_url}{root}\"/>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{base_url}{root}atom.xml\"/>\n",
        escape(title),
        escape(author)
    );
    for article in articles {
        // Writing into a string cannot fail.
        let _ = write!(
            xml,
            "<entry>\n<title>{}</title>\n<id>{base_url}{path}</id>\n<link href=\"{base_url}{path}\"/>\n\
             <published>{}T00:00:00Z</published>\n<updated>{}T00:00:00Z</updated>\n<summary>{}</summary>\n\
             <content type=\"html\">{}</content>\n</entry>\n",
            escape(article.title),
            article.published,
            article.updated,
            escape(article.summary),
            escape(article.content),
            path = article.path
        );
    }
    xml + "</feed>\n"
}

/// The site map, with each page's translations.
pub(crate) fn sitemap(base_url: &str, pages: &[SitemapPage<'_>]) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n",
    );
    for page in pages {
        let _ = write!(xml, "<url><loc>{base_url}{}</loc>", escape(page.path));
        if let Some(updated) = page.updated {
            let _ = write!(xml, "<lastmod>{updated}</lastmod>");
        }
        for (language, path) in &page.alternates {
            let _ = write!(
                xml,
                "<xhtml:link rel=\"alternate\" hreflang=\"{language}\" href=\"{base_url}{}\"/>",
                escape(path)
            );
        }
        xml.push_str("</url>\n");
    }
    xml + "</urlset>\n"
}

/// Everything may be read but what is one person's own.
pub(crate) fn robots(base_url: &str) -> String {
    format!(
        "User-agent: *\nDisallow: /compte/\nDisallow: /espace-client/\nDisallow: /commande\nDisallow: /api/\n\n\
         Sitemap: {base_url}/sitemap.xml\n"
    )
}

/// Whom to tell of a weakness. It runs out less than a year after the month of the build.
pub(crate) fn security_txt(base_url: &str, contact: &str, today: Date) -> String {
    let month = today.first_of_month();
    let expires = month.saturating_add(jiff::Span::new().months(11));
    format!(
        "Contact: mailto:{contact}\nExpires: {expires}T00:00:00Z\nPreferred-Languages: fr, en\n\
         Canonical: {base_url}/.well-known/security.txt\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no place for control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
