//! A visitor subscribes, confirms, and leaves.

use crate::support::{Gateway, link};

/// Proves p-newsletter-fields.
#[tokio::test]
async fn a_visitor_subscribes_confirms_and_unsubscribes() {
    let gateway = Gateway::start().await;
    let answer = gateway.post("/newsletter", &[("email", "claire@example.org")]).await;
    assert_eq!(answer.status(), 303);
    let thanks = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(gateway.get(&thanks).await.status(), 200);
    assert_eq!(gateway.admin(&["subscribers", "list"])[0]["state"], "pending");

    let mail = gateway.mail_with(&["claire@example.org", "/newsletter/confirmation?jeton="]).await;
    let confirmation = link(&mail, "/newsletter/confirmation?jeton=");
    assert_eq!(gateway.get(&confirmation).await.status(), 200);
    let listed = gateway.admin(&["subscribers", "list"]);
    assert_eq!(listed[0]["email"], "claire@example.org");
    assert_eq!(listed[0]["state"], "confirmed");
    // The proof of consent.
    assert!(listed[0]["confirmed"].is_string());
    assert_eq!(listed[0]["policy"], "2023-01-25");
    assert_eq!(listed[0]["page"], "/newsletter");
    assert_eq!(gateway.get(&confirmation).await.status(), 200, "a link followed twice does no harm");

    let welcome = gateway.mail_with(&["claire@example.org", "/newsletter/desinscription?jeton="]).await;
    assert!(welcome.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{welcome}");
    let leave = link(&welcome, "/newsletter/desinscription?jeton=");
    assert_eq!(gateway.get(&leave).await.status(), 200);
    assert_eq!(
        gateway.admin(&["subscribers", "list"])[0]["state"],
        "confirmed",
        "reading the page changes nothing"
    );
    // A mail client posts from nowhere in particular (RFC 8058).
    let one_click = gateway
        .client()
        .post(gateway.url(&leave))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click")
        .send()
        .await
        .unwrap();
    assert!(one_click.status().is_success(), "{}", one_click.status());
    assert_eq!(gateway.admin(&["subscribers", "list"])[0]["state"], "unsubscribed");
}

#[tokio::test]
async fn known_and_unknown_addresses_get_the_same_answer() {
    let gateway = Gateway::start().await;
    let mut answers = Vec::new();
    for email in ["a@example.org", "b@example.org", "a@example.org", "A@EXAMPLE.ORG"] {
        let answer = gateway.post("/newsletter", &[("email", email)]).await;
        let seen = (answer.status(), answer.headers().get("location").cloned(), answer.text().await.unwrap());
        answers.push(seen);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_program_gets_202_and_json() {
    let gateway = Gateway::start().await;
    let answer = gateway
        .client()
        .post(gateway.url("/newsletter"))
        .header("accept", "application/json")
        .json(&serde_json::json!({ "email": "programme@example.org" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<serde_json::Value>().await.unwrap();
}

#[tokio::test]
async fn altered_expired_and_foreign_tokens_confirm_nothing() {
    let mut gateway = Gateway::start().await;
    gateway.post("/newsletter", &[("email", "claire@example.org")]).await;
    let mail = gateway.mail_with(&["/newsletter/confirmation?jeton="]).await;
    let good = link(&mail, "/newsletter/confirmation?jeton=");
    let altered = format!("{}x", &good[..good.len() - 1]);
    for bad in [
        altered.as_str(),
        "/newsletter/confirmation?jeton=",
        "/newsletter/confirmation",
        "/newsletter/confirmation?jeton=%00",
    ] {
        let status = gateway.get(bad).await.status();
        assert!(status == 400 || status == 410, "{bad}: {status}");
    }
    let elsewhere = good.replace("confirmation", "desinscription");
    assert_eq!(gateway.post(&elsewhere, &[]).await.status(), 400, "a token serves its own purpose alone");
    assert_eq!(gateway.admin(&["subscribers", "list"])[0]["state"], "pending");

    gateway.stop();
    let mut later = gateway;
    later.set("AOPS_NOW_OFFSET", "345600");
    later.launch().await;
    assert_eq!(later.get(&good).await.status(), 410, "four days later the link is gone");
}

#[tokio::test]
async fn a_post_from_another_site_is_refused() {
    let gateway = Gateway::start().await;
    let cases = [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", "https://other.localhost")],
    ];
    for fields in cases {
        let mut request = gateway
            .client()
            .post(gateway.url("/newsletter"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("email=a%40example.org");
        for (name, value) in &fields {
            request = request.header(*name, *value);
        }
        assert_eq!(request.send().await.unwrap().status(), 403, "{fields:?}");
    }
    assert_eq!(gateway.admin(&["subscribers", "list"]), serde_json::json!([]));
}

#[tokio::test]
async fn a_mistyped_or_throw_away_domain_is_told_with_what_was_probably_meant() {
    let gateway = Gateway::start().await;
    let answer = gateway.post("/newsletter", &[("email", "claire@gmial.com")]).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("claire@gmail.com") && page.contains("value=\"corrigee\""), "{page}");
    assert_eq!(gateway.post("/newsletter", &[("email", "a@yopmail.com")]).await.status(), 422);
    assert_eq!(gateway.admin(&["subscribers", "list"]), serde_json::json!([]));
    for (choice, kept) in [("corrigee", "claire@orange.fr"), ("telle", "claire@orang.fr")] {
        let fields = [("email", "claire@orang.fr"), ("choix", choice)];
        assert_eq!(gateway.post("/newsletter", &fields).await.status(), 303);
        let listed = gateway.admin(&["subscribers", "list"]);
        assert!(listed.as_array().unwrap().iter().any(|line| line["email"] == kept), "{listed}");
    }
}

#[tokio::test]
async fn a_reader_chooses_a_language_leaves_and_comes_back_from_any_letter() {
    let gateway = Gateway::start().await;
    gateway.post("/newsletter", &[("email", "claire@example.org")]).await;
    let mail = gateway.mail_with(&["claire@example.org", "/newsletter/confirmation?jeton="]).await;
    gateway.get(&link(&mail, "/newsletter/confirmation?jeton=")).await;
    let welcome = gateway.mail_with(&["claire@example.org", "/newsletter/preferences?jeton="]).await;
    let preferences = link(&welcome, "/newsletter/preferences?jeton=");
    let page = gateway.get(&preferences).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("claire@example.org"));
    let state = |name: &str| gateway.admin(&["subscribers", "list"])[0][name].clone();
    for (fields, name, expected) in [
        (&[("action", "langue"), ("langue", "en")][..], "language", "en"),
        (&[("action", "quitter")], "state", "unsubscribed"),
        (&[("action", "reprendre")], "state", "pending"),
    ] {
        assert_eq!(gateway.post(&preferences, fields).await.status(), 200, "{fields:?}");
        assert_eq!(state(name), expected, "{fields:?}");
    }
    // As at first: only the letter's link confirms.
    let again = gateway.mail_with(&["claire@example.org", "Confirm your subscription"]).await;
    assert_eq!(gateway.get(&link(&again, "/newsletter/confirmation?jeton=")).await.status(), 200);
    assert_eq!(state("state"), "confirmed");
    for bad in ["action=langue&langue=xx", "action=", ""] {
        let fields: Vec<(&str, &str)> = bad.split('&').filter_map(|pair| pair.split_once('=')).collect();
        assert_eq!(gateway.post(&preferences, &fields).await.status(), 400, "{bad}");
    }
    assert_eq!(gateway.post("/newsletter/preferences?jeton=x", &[("action", "quitter")]).await.status(), 400);
    // One click, from a letter of years ago.
    let leave = link(&welcome, "/newsletter/desinscription?jeton=");
    let mut later = gateway;
    later.stop();
    later.set("AOPS_NOW_OFFSET", &(86_400 * 365 * 2).to_string());
    later.launch().await;
    assert_eq!(later.post(&leave, &[("List-Unsubscribe", "One-Click")]).await.status(), 200);
    assert_eq!(later.admin(&["subscribers", "list"])[0]["state"], "unsubscribed");
}
