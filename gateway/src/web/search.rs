//! `GET {search page}?q=…`: what the theme's script answers in the browser, for those without one and for
//! programs. The index is the built site's; what is asked is not kept.

use aops_manifest::Language;
use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::app::App;
use crate::web::{Site, negotiation, render};

/// The longest query looked at, in characters.
const LONGEST_QUERY: usize = 200;
/// The most results told.
const MOST_RESULTS: usize = 20;

/// The results, when `path` is a search page and something is asked; otherwise nothing: the page stands as it
/// was built.
pub(super) fn answer(
    app: &App,
    site: &Site,
    path: &str,
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
) -> Option<Response> {
    let (language, search) = site.manifest.search.iter().find(|(_, search)| search.page == path)?;
    let query = match negotiation::query(uri) {
        Ok(mut fields) => fields.remove("q")?,
        Err(fault) => return Some(fault.into_response()),
    };
    let query: String = query.trim().chars().take(LONGEST_QUERY).collect();
    if query.is_empty() {
        return None;
    }
    let results = results(site, *language, &query);
    let mut response = if negotiation::wants_json(headers) {
        let mut told = Json(json!({ "query": query, "results": results })).into_response();
        told.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        told
    } else {
        let context = json!({ "query": query, "results": results, "action": search.page });
        render(app, StatusCode::OK, *language, "search.title", "gateway/recherche.html", context)
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Some(if method == Method::HEAD { headed(response) } else { response })
}

/// Whether a path is a search page.
pub(super) fn is_page(site: &Site, path: &str) -> bool {
    site.manifest.search.values().any(|search| search.page == path)
}

fn results(site: &Site, language: Language, query: &str) -> Vec<Value> {
    let hits = site.search(language).map(|index| index.query(query, MOST_RESULTS)).unwrap_or_default();
    hits.into_iter()
        .map(|hit| json!({ "path": hit.path, "title": hit.title, "summary": hit.summary }))
        .collect()
}

/// The same head, with the length that the body had.
fn headed(mut response: Response) -> Response {
    use http_body::Body as _;
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::empty();
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aops_manifest::{Cache, Entry, FILE_NAME, Manifest, Search};

    use super::*;
    use crate::testing::{ask, shared, text};

    /// An application whose site has a page on annuities and a search page in both languages.
    async fn searched(folder: &std::path::Path) -> crate::app::SharedApp {
        let app = shared(folder).await;
        let public = &app.settings.public;
        let mut manifest: Manifest =
            serde_json::from_slice(&std::fs::read(public.join(FILE_NAME)).unwrap()).unwrap();
        let theme = [
            ("gateway/recherche.html", include_str!("../../../themes/aops/gateway/recherche.html")),
            ("forms/recherche.html", include_str!("../../../themes/aops/templates/forms/recherche.html")),
        ];
        manifest.templates.extend(theme.map(|(name, source)| (name.to_owned(), source.to_owned())));
        for (language, page, index) in
            [(Language::Fr, "/recherche/", "/index.fr.json"), (Language::En, "/en/search/", "/index.en.json")]
        {
            let entry = aops_search::Entry {
                path: if language == Language::Fr { "/rente/" } else { "/en/annuity/" },
                title: if language == Language::Fr { "Rentes <viagères>" } else { "Life annuities" },
                ..aops_search::Entry::default()
            };
            let json = aops_search::build(&[entry], language.tag()).to_json().unwrap();
            manifest.entries.insert(page.into(), file(public, page, "<h1>bâtie</h1>", "text/html"));
            manifest.entries.insert(index.into(), file(public, index, &json, "application/json"));
            manifest.search.insert(language, Search { page: page.into(), index: index.into() });
        }
        std::fs::write(public.join(FILE_NAME), serde_json::to_vec(&manifest).unwrap()).unwrap();
        app.site.store(Site::load(public, false).unwrap().into());
        app
    }

    fn file(public: &std::path::Path, url: &str, body: &str, kind: &str) -> Entry {
        let file = url.replace('/', "_");
        std::fs::write(public.join(&file), body).unwrap();
        Entry {
            file,
            content_type: kind.into(),
            length: body.len() as u64,
            etag: "\"e\"".into(),
            cache: Cache::Revalidate,
            ranges: false,
            csp: None,
            language: None,
            variants: BTreeMap::new(),
        }
    }

    async fn get(app: &crate::app::SharedApp, path: &str, accept: &'static str) -> Response {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        ask(app, Method::GET, path, &headers, Body::empty()).await
    }

    #[tokio::test]
    async fn a_query_is_answered_in_the_page_s_language_and_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let app = searched(folder.path()).await;
        let found = get(&app, "/recherche/?q=rente", "text/html").await;
        assert_eq!(found.status(), StatusCode::OK);
        assert_eq!(found.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(found.headers()[header::CONTENT_LANGUAGE], "fr");
        let page = text(found).await;
        assert!(page.contains("<a href=\"/rente/\">Rentes &lt;viagères&gt;</a>"), "{page}");
        assert!(page.contains("value=\"rente\"") && page.contains("action=\"/recherche/\""), "{page}");
        let english = get(&app, "/en/search/?q=annuity", "text/html").await;
        assert_eq!(english.headers()[header::CONTENT_LANGUAGE], "en");
        assert!(text(english).await.contains("Life annuities"));
        let hostile =
            text(get(&app, "/recherche/?q=%3Cscript%3Ealert(1)%3C/script%3E", "text/html").await).await;
        assert!(hostile.contains("value=\"&lt;script&gt;") && !hostile.contains("<script"), "{hostile}");
        assert!(hostile.contains("search.none"), "{hostile}");
    }

    #[tokio::test]
    async fn programs_get_json_and_a_long_query_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let app = searched(folder.path()).await;
        let told = get(&app, "/recherche/?q=RENTES", "application/json").await;
        assert_eq!(told.headers()[header::CACHE_CONTROL], "no-store");
        let told: Value = serde_json::from_str(&text(told).await).unwrap();
        let result = json!({ "path": "/rente/", "title": "Rentes <viagères>", "summary": "" });
        assert_eq!(told, json!({ "query": "RENTES", "results": [result] }));
        let long = format!("/recherche/?q={}", "%C3%A9".repeat(500));
        let told: Value =
            serde_json::from_str(&text(get(&app, &long, "application/json").await).await).unwrap();
        assert_eq!(told, json!({ "query": "é".repeat(200), "results": [] }));
    }

    #[tokio::test]
    async fn without_a_query_the_built_page_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let app = searched(folder.path()).await;
        for path in ["/recherche/", "/recherche/?q=", "/recherche/?q=+", "/recherche/?x=rente"] {
            let response = get(&app, path, "text/html").await;
            assert_eq!(response.headers()[header::CACHE_CONTROL], "public, no-cache");
            assert_eq!(text(response).await, "<h1>bâtie</h1>", "{path}");
        }
    }

    #[tokio::test]
    async fn a_head_request_gets_the_head_alone() {
        let folder = tempfile::tempdir().unwrap();
        let app = searched(folder.path()).await;
        let whole = text(get(&app, "/recherche/?q=rente", "text/html").await).await;
        let head = ask(&app, Method::HEAD, "/recherche/?q=rente", &HeaderMap::new(), Body::empty()).await;
        assert_eq!(head.headers()[header::CONTENT_LENGTH], whole.len().to_string());
        assert_eq!(text(head).await, "");
        let posted = ask(&app, Method::POST, "/recherche/?q=rente", &HeaderMap::new(), Body::empty()).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
