//! The record of a choice, as programs and browsers post it, over TLS.

use serde_json::{Value, json};

use crate::support::Gateway;

async fn choose(gateway: &Gateway, body: &str) -> reqwest::Response {
    let request = gateway.client().post(gateway.url("/consentement"));
    request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn p_consent_proof_a_choice_is_on_disk_before_it_is_acknowledged() {
    let mut gateway = Gateway::start().await;
    let answer = choose(&gateway, r#"{"version": "2026-11-24", "audience": true, "social": false}"#).await;
    assert_eq!(answer.status(), 204);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-consentement=") && cookie.contains("; Path=/; Max-Age="), "{cookie}");
    assert!(cookie.ends_with("; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    gateway.kill();
    gateway.launch().await;
    let proofs = gateway.admin(&["consents", "list"]);
    let proof = &proofs.as_array().unwrap()[0];
    assert_eq!((&proof["audience"], &proof["social"]), (&json!(true), &json!(false)));
    assert_eq!((&proof["policy"], &proof["banner"]), (&json!("2023-01-25"), &json!("2026-11-24")));
    let members: Vec<_> = proof.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["audience", "banner", "created", "id", "policy", "services", "social"]);
    // The cookie says the same thing to the page, and lives as long as the proof.
    let held = gateway.client().get(gateway.url("/consentement")).header("accept", "application/json");
    let held = held.header("cookie", cookie.split(';').next().unwrap()).send().await.unwrap();
    let state: Value = held.json().await.unwrap();
    assert_eq!((&state["ask"], &state["services"]), (&json!(false), &json!(["google_analytics"])));
}

#[tokio::test]
async fn p_policy_updates_a_choice_of_another_version_is_kept_and_asked_anew() {
    let gateway = Gateway::start().await;
    let answer = choose(&gateway, r#"{"version": 1, "audience": true, "social": true}"#).await;
    assert_eq!(answer.status(), 204);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let held = gateway.client().get(gateway.url("/consentement")).header("accept", "application/json");
    let state: Value = held.header("cookie", cookie).send().await.unwrap().json().await.unwrap();
    assert_eq!((&state["ask"], &state["services"]), (&json!(true), &json!([])));
    assert_eq!(gateway.admin(&["consents", "list"])[0]["banner"], "1");
}

#[tokio::test]
async fn a_choice_of_another_shape_is_refused_and_leaves_no_proof() {
    let gateway = Gateway::start().await;
    let long = format!(r#"{{"version": "{}", "audience": true, "social": true}}"#, "v".repeat(65));
    let large = format!(r#"{{"version": "1", "audience": true, "social": true{}}}"#, " ".repeat(5_000));
    let cases = [
        ("", 400),
        ("{", 400),
        ("[]", 422),
        ("null", 422),
        ("{}", 422),
        (r#"{"version": "1", "audience": true}"#, 422),
        (r#"{"version": "1", "audience": "true", "social": false}"#, 422),
        (r#"{"version": {}, "audience": true, "social": false}"#, 422),
        (r#"{"version": "a|b", "audience": true, "social": false}"#, 422),
        (r#"{"version": "1", "audience": true, "social": false, "address": "x"}"#, 422),
        (r#"{"version": "1", "audience": true, "social": false, "services": "all"}"#, 422),
        (&long, 422),
        (&large, 413),
    ];
    for (body, status) in cases {
        let answer = choose(&gateway, body).await;
        assert_eq!(answer.status(), status, "{body}");
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    let text = gateway.client().post(gateway.url("/consentement")).header("content-type", "text/plain");
    assert_eq!(text.body("x").send().await.unwrap().status(), 415);
    let foreign = gateway.client().post(gateway.url("/consentement")).header("sec-fetch-site", "cross-site");
    let foreign = foreign.json(&json!({"version": "1", "audience": true, "social": true}));
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert_eq!(gateway.post("/consentement", &[("choix", "autre")]).await.status(), 400);
    assert_eq!(gateway.admin(&["consents", "list"]), json!([]));
}

#[tokio::test]
async fn p_nothing_before_the_frame_of_services_is_empty_without_consent_and_framed_by_us_alone() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get("/consentement/services").await.status(), 204);
    let answer = choose(&gateway, r#"{"version": "2026-11-24", "audience": false, "social": true}"#).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let frame = gateway.client().get(gateway.url("/consentement/services")).header("cookie", cookie.as_str());
    let frame = frame.send().await.unwrap();
    assert_eq!(frame.headers()["x-frame-options"], "SAMEORIGIN");
    let policy = frame.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("frame-ancestors 'self'")
            && policy.contains("script-src 'self' https://snap.licdn.com")
    );
    assert!(!policy.contains("google") && !policy.contains("unsafe"), "{policy}");
    let page = frame.text().await.unwrap();
    assert!(page.contains("data-linkedin-insight") && !page.contains("data-google-analytics"), "{page}");
    // Pages themselves are the same for everybody, consent or not (`p-personalisation`).
    let home = gateway.get("/").await;
    let consenting = gateway.client().get(gateway.url("/")).header("cookie", cookie.as_str());
    let consenting = consenting.send().await.unwrap();
    for field in ["etag", "content-security-policy", "cache-control"] {
        assert_eq!(consenting.headers()[field], home.headers()[field], "{field}");
    }
    assert!(home.headers()["content-security-policy"].to_str().unwrap().contains("frame-src 'self';"));
    assert!(!home.headers()["vary"].to_str().unwrap().contains("ookie"));
    assert_eq!(gateway.get("/integration?adresse=https://evil.example/").await.status(), 404);
}

#[tokio::test]
async fn a_site_may_ask_nothing_and_a_wrong_registry_is_told_with_its_place() {
    let mut gateway = Gateway::prepare(&[]);
    let file = gateway.root().join("site.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("G-EXEMPLE000", "UA-1")).unwrap();
    let refused = gateway.command(&["build"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("google_analytics = `UA-1`"), "{told}");
    let start = text.find("# Services that need consent").unwrap();
    let end = text.find("# Prices are").unwrap();
    std::fs::write(&file, format!("{}{}", &text[..start], &text[end..])).unwrap();
    gateway.launch().await;
    assert!(!gateway.get("/").await.text().await.unwrap().contains("id=\"consentement\""));
}
