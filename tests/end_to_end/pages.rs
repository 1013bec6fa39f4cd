//! The built site as the gateway answers it.

use std::collections::BTreeSet;

use crate::support::Gateway;

/// Pages that a visitor must find, in both languages.
const PAGES: [&str; 22] = [
    "/",
    "/expertises/",
    "/offres/",
    "/offres/rente/",
    "/offres/ifc/",
    "/offres/provisionnement/",
    "/articles/",
    "/calculateurs/",
    "/calculateurs/rente/",
    "/contact/",
    "/newsletter/",
    "/a-propos/",
    "/mentions-legales/",
    "/cgu/",
    "/cgv/",
    "/confidentialite/",
    "/cookies/",
    "/en/",
    "/en/offers/",
    "/en/contact/",
    "/en/newsletter/",
    "/en/privacy/",
];

#[tokio::test]
async fn every_page_that_a_visitor_expects_is_there_and_its_links_lead_somewhere() {
    let gateway = Gateway::start().await;
    let client = gateway.client();
    let mut links = BTreeSet::new();
    for path in PAGES {
        let answer = client.get(gateway.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(">Cookies</a>"), "{path} bears the permanent link");
        links.extend(page.match_indices("href=\"/").filter_map(|(at, _)| {
            let rest = &page[at + 6..];
            Some(rest[..rest.find(['"', '#'])?].to_owned())
        }));
    }
    assert!(links.len() > PAGES.len(), "{links:?}");
    for link in links {
        let status = client.get(gateway.url(&link)).send().await.unwrap().status();
        assert!(status.is_success() || status == 303, "{link}: {status}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_told_in_the_readers_language() {
    let gateway = Gateway::start().await;
    for (path, language) in [("/nulle-part/", "fr"), ("/en/nowhere/", "en")] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["content-language"], language);
        assert!(answer.text().await.unwrap().contains(&format!("<html lang=\"{language}\"")));
    }
    let problem = gateway.get("/api/v1/nothing").await;
    assert_eq!(
        (problem.status().as_u16(), &problem.headers()["content-type"]),
        (404, &"application/problem+json".parse().unwrap())
    );
}

#[tokio::test]
async fn variants_conditions_ranges_and_head_are_answered_from_the_manifest() {
    let gateway = Gateway::start().await;
    let client = gateway.client();
    let url = gateway.url("/confidentialite/");
    let plain = client.get(&url).header("accept-encoding", "identity").send().await.unwrap();
    let tag = plain.headers()["etag"].clone();
    let whole = plain.bytes().await.unwrap();
    let mut tags = BTreeSet::from([tag.to_str().unwrap().to_owned()]);
    for coding in ["br", "zstd", "gzip"] {
        let answer = client.get(&url).header("accept-encoding", coding).send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], coding);
        assert!(answer.headers()["vary"].to_str().unwrap().contains("Accept-Encoding"));
        tags.insert(answer.headers()["etag"].to_str().unwrap().to_owned());
        assert!(answer.bytes().await.unwrap().len() < whole.len() / 2, "{coding}");
    }
    assert_eq!(tags.len(), 4, "each form has a tag of its own");
    let same = client
        .get(&url)
        .header("accept-encoding", "identity")
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(same.status(), 304);
    let head = client.head(&url).header("accept-encoding", "identity").send().await.unwrap();
    assert_eq!(head.headers()["content-length"], whole.len().to_string().as_str());
    let style = stylesheet(&gateway).await;
    let part = client
        .get(gateway.url(&style))
        .header("accept-encoding", "identity")
        .header("range", "bytes=0-9")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert!(part.headers()["content-range"].to_str().unwrap().starts_with("bytes 0-9/"));
    assert!(part.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(part.bytes().await.unwrap().len(), 10);
}

#[tokio::test]
async fn paths_have_one_form_and_routes_have_their_methods() {
    let gateway = Gateway::start().await;
    for (path, to) in
        [("/offres", "/offres/"), ("/offres/index.html", "/offres/"), ("/contact?x=1", "/contact/?x=1")]
    {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status(), 308, "{path}");
        assert_eq!(answer.headers()["location"], to);
    }
    let answer = gateway.post("/offres/", &[]).await;
    assert_eq!(answer.status(), 405);
    assert!(answer.headers()["allow"].to_str().unwrap().contains("GET"));
    let answer = gateway.client().delete(gateway.url("/newsletter")).send().await.unwrap();
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn feeds_maps_and_well_known_files_are_served() {
    let gateway = Gateway::start().await;
    for (path, kind, wanted) in [
        ("/sitemap.xml", "xml", "hreflang"),
        ("/atom.xml", "atom+xml", "<entry>"),
        ("/robots.txt", "text/plain", "Sitemap:"),
        ("/.well-known/security.txt", "text/plain", "Contact: mailto:dpo@aops.fr"),
    ] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.headers()["content-type"].to_str().unwrap().contains(kind), "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(wanted), "{path}: {text}");
    }
}

async fn stylesheet(gateway: &Gateway) -> String {
    let page = gateway.get("/").await.text().await.unwrap();
    let at = page.find("/assets/site.").unwrap();
    page[at..].split('"').next().unwrap().to_owned()
}
