//! Which language and which form of answer a request prefers (RFC 9110 § 12).

use std::collections::BTreeMap;

use aops_manifest::Language;
use http::{HeaderMap, Uri, header};

use crate::web::error::WebError;

/// The language of an answer: the path's when it is English, else what `?lang=` says, else the page that the
/// request comes from, else the first known one of `Accept-Language`, else French.
pub fn language(uri: &Uri, headers: &HeaderMap) -> Language {
    if Language::of_path(uri.path()) == Language::En {
        return Language::En;
    }
    if let Some(asked) = query_value(uri, "lang") {
        return if asked == "en" { Language::En } else { Language::Fr };
    }
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    if let Some(page) = referer.and_then(|referer| referer.parse::<Uri>().ok()) {
        let asked = query_value(&page, "lang");
        return if asked == Some("en") { Language::En } else { Language::of_path(page.path()) };
    }
    accepted_language(headers).unwrap_or_default()
}

/// The fields of a query, the last of a name standing.
///
/// # Errors
/// [`WebError::BadRequest`] when it is not well encoded.
pub fn query(uri: &Uri) -> Result<BTreeMap<String, String>, WebError> {
    let fields = serde_urlencoded::from_str(uri.query().unwrap_or_default());
    fields.map_err(|_| WebError::BadRequest("the query is not well encoded"))
}

/// Whether the client would rather read JSON than a page.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let quality = |wanted: &[&str]| {
        weighted(accept)
            .filter(|(kind, _)| wanted.iter().any(|w| kind.eq_ignore_ascii_case(w)))
            .map(|(_, q)| q)
            .fold(0.0, f32::max)
    };
    let json = quality(&["application/json", "application/problem+json", "application/*"]);
    let html = quality(&["text/html", "application/xhtml+xml", "text/*"]);
    json > html
}

/// The elements of a list field with their q-values, in the order written; malformed weights count as 0.
pub fn weighted(list: &str) -> impl Iterator<Item = (&str, f32)> {
    list.split(',').filter_map(|element| {
        let mut parts = element.split(';');
        let value = parts.next()?.trim();
        let quality = parts
            .filter_map(|parameter| parameter.trim().split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1.0, |(_, q)| {
                q.trim().parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0)
            });
        (!value.is_empty()).then_some((value, quality))
    })
}

fn accepted_language(headers: &HeaderMap) -> Option<Language> {
    let list = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(Language, f32)> = None;
    for (range, quality) in weighted(list) {
        let primary = range.split('-').next().unwrap_or_default();
        let Some(language) = Language::ALL.into_iter().find(|l| primary.eq_ignore_ascii_case(l.tag())) else {
            continue;
        };
        if quality > 0.0 && best.is_none_or(|(_, q)| quality > q) {
            best = Some((language, quality));
        }
    }
    best.map(|(language, _)| language)
}

fn query_value<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    uri.query()?.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value))).collect()
    }

    /// Proves p-display-prefs.
    #[test]
    fn the_language_follows_path_then_query_then_referring_page_then_preference() {
        let cases = [
            ("/en/offers/", None, None, Language::En),
            ("/newsletter/merci?lang=en", None, None, Language::En),
            ("/newsletter", Some("https://localhost/en/newsletter/"), Some("fr"), Language::En),
            ("/newsletter", Some("https://localhost/newsletter/"), Some("en"), Language::Fr),
            ("/rien", None, Some("en-GB,en;q=0.9,fr;q=0.2"), Language::En),
            ("/rien", None, Some("de, fr;q=0.5, en;q=0.4"), Language::Fr),
            ("/rien", None, Some("en;q=0, fr;q=0.1"), Language::Fr),
            ("/rien", None, None, Language::Fr),
        ];
        for (path, referer, accept, expected) in cases {
            let mut pairs = Vec::new();
            pairs.extend(referer.map(|value| (header::REFERER, value)));
            pairs.extend(accept.map(|value| (header::ACCEPT_LANGUAGE, value)));
            assert_eq!(
                language(&path.parse().unwrap(), &headers(&pairs)),
                expected,
                "{path} {referer:?} {accept:?}"
            );
        }
    }

    #[test]
    fn json_is_answered_only_when_preferred_to_a_page() {
        let cases = [
            ("application/json", true),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("application/json;q=0.5, text/html;q=0.9", false),
            ("application/problem+json, text/html;q=0.1", true),
            ("*/*", false),
        ];
        for (accept, expected) in cases {
            assert_eq!(wants_json(&headers(&[(header::ACCEPT, accept)])), expected, "{accept}");
        }
        assert!(!wants_json(&HeaderMap::new()));
    }
}
