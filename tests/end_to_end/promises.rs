//! Promises of the privacy policy that concern every page, as a visitor meets them.

use crate::support::Gateway;

/// The forms that anybody may fill in, and the button's neighbour that each must have.
const FORMS: [&str; 7] = [
    "/contact/",
    "/newsletter/",
    "/reclamation/",
    "/compte/inscription",
    "/compte/connexion",
    "/compte/mot-de-passe-oublie",
    "/en/contact/",
];

#[tokio::test]
async fn p_personalisation_without_consent_and_with_it_pages_are_the_same_bytes() {
    let gateway = Gateway::start().await;
    let chosen = gateway.client().post(gateway.url("/consentement"));
    let chosen = chosen.json(&serde_json::json!({"version": "2026-11-24", "audience": true, "social": true}));
    let answer = chosen.send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    for path in ["/", "/articles/", "/offres/", "/en/"] {
        let mut bodies = Vec::new();
        for (name, value) in [
            ("user-agent", "Mozilla/5.0 (Macintosh) Safari/605.1.15"),
            ("user-agent", "Mozilla/5.0 (Linux; Android 15) Chrome/142.0"),
            ("referer", "https://www.example.com/recherche?q=rente"),
            ("cookie", &cookie),
        ] {
            let request = gateway.client().get(gateway.url(path)).header(name, value);
            bodies.push(request.send().await.unwrap().bytes().await.unwrap());
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{path}");
    }
}

#[tokio::test]
async fn p_field_notice_each_form_says_beside_its_button_what_becomes_of_what_is_typed() {
    let gateway = Gateway::start().await;
    for path in FORMS {
        let page = gateway.client().get(gateway.url(path)).send().await.unwrap().text().await.unwrap();
        let form = page.split("method=\"post\"").skip(1).find(|form| form.contains("class=\"notice\""));
        let form = form.unwrap_or_else(|| panic!("{path} has no notice"));
        let notice = form.split("class=\"notice\"").nth(1).unwrap().split("</dl>").next().unwrap();
        assert_eq!(notice.matches("<dt>").count(), 5, "{path}: {notice}");
        assert!(notice.contains("dpo@aops.fr") && notice.contains("#p-rights"), "{path}: {notice}");
        assert!(!notice.contains("notice."), "{path} lacks words: {notice}");
    }
}
