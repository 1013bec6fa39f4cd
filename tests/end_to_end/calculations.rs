//! Calculations that are fetched later, against the built binary: asked for, killed at every stage, ended once.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Gateway, REPOSITORY};

pub(crate) const ALL: &str = "/api/v1/calculations";

pub(crate) fn example(module: &str) -> Value {
    let path = format!("{REPOSITORY}/engine/data/examples/{module}.json");
    let parameters: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    json!({ "module": module, "parameters": parameters })
}

pub(crate) async fn ask(
    gateway: &Gateway,
    key: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> reqwest::Response {
    let mut request = gateway.client().request(method, gateway.url(path)).bearer_auth(key);
    if let Some(body) = body {
        request = request.json(body);
    }
    request.send().await.unwrap()
}

pub(crate) async fn asked(gateway: &Gateway, key: &str, body: &Value) -> String {
    let answer = ask(gateway, key, Method::POST, ALL, Some(body)).await;
    assert_eq!(answer.status(), 202);
    assert!(answer.headers()["location"].to_str().unwrap().starts_with(ALL));
    let told: Value = answer.json().await.unwrap();
    told["id"].as_str().unwrap().to_owned()
}

/// What is told of a calculation once nothing more happens to it.
pub(crate) async fn over(gateway: &Gateway, key: &str, id: &str) -> Value {
    // Some pass their bounds three times first.
    for _ in 0..1_200 {
        let told: Value =
            ask(gateway, key, Method::GET, &format!("{ALL}/{id}"), None).await.json().await.unwrap();
        if !["queued", "running"].contains(&told["state"].as_str().unwrap()) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{id} does not end");
}

#[tokio::test]
async fn a_calculation_is_asked_for_followed_and_its_reports_hold_the_same_figures() {
    let gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let id = asked(&gateway, &key, &example("ifc")).await;
    let events = ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}/events"), None).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let told = tokio::time::timeout(Duration::from_secs(60), events.text()).await.unwrap().unwrap();
    assert!(told.contains("event: end") && told.contains("\"state\":\"done\""), "{told}");
    let told = over(&gateway, &key, &id).await;
    let whole = ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}/report.json"), None).await;
    assert_eq!(whole.headers()["cache-control"], "no-store");
    let whole: Value = whole.json().await.unwrap();
    assert_eq!(whole["result"]["dbo"], told["result"]["dbo"]);
    for (form, begins) in [("xlsx", &b"PK"[..]), ("pdf", b"%PDF-")] {
        let report = ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}/report.{form}"), None).await;
        assert_eq!(report.status(), 200);
        assert!(report.bytes().await.unwrap().starts_with(begins), "{form}");
    }
    let (_, stranger) = gateway.client_account("autre@example.org", Some("illimite"));
    for path in [String::new(), "/report.pdf".into(), "/events".into()] {
        let answer = ask(&gateway, &stranger, Method::GET, &format!("{ALL}/{id}{path}"), None).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(ask(&gateway, &key, Method::DELETE, &format!("{ALL}/{id}"), None).await.status(), 204);
    assert_eq!(ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}"), None).await.status(), 404);
}

#[tokio::test]
async fn a_kill_at_any_stage_loses_no_calculation_and_ends_each_once() {
    let mut gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let mut long = example("retraite");
    long["parameters"]["simulation"]["scenarios"] = json!(20_000);
    let mut ids = Vec::new();
    // At once, while it is taken up, while it runs, and once it has ended.
    for wait in [0, 40, 400, 2_500] {
        ids.push(asked(&gateway, &key, &long).await);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        gateway.kill();
        gateway.launch().await;
    }
    let mut results = Vec::new();
    for id in &ids {
        let told = over(&gateway, &key, id).await;
        assert_eq!(told["state"], "done", "{told}");
        results.push(told["result"]["fund"].clone());
    }
    results.dedup();
    assert_eq!(results.len(), 1, "the same calculation gives the same figures: {results:?}");
    let all: Value = ask(&gateway, &key, Method::GET, ALL, None).await.json().await.unwrap();
    let mut listed: Vec<&str> =
        all["calculations"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    listed.reverse();
    assert_eq!(listed, ids, "each is there once, the newest first");
    let kept = std::fs::read(gateway.data().join("aops.redb")).unwrap();
    let planted = br#""salary_growth""#;
    assert!(
        !kept.windows(planted.len()).any(|window| window == planted),
        "inputs stand in clear in the store"
    );
}
