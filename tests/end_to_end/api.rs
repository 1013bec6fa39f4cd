//! Programs compute over the API.

use serde_json::{Value, json};

use crate::support::{Gateway, REPOSITORY};

fn reference(name: &str) -> Value {
    let path = format!("{REPOSITORY}/engine/data/reference/{name}.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn compute(gateway: &Gateway, key: Option<&str>, module: &str, request: &Value) -> reqwest::Response {
    let mut post = gateway.client().post(gateway.url(&format!("/api/v1/compute/{module}"))).json(request);
    if let Some(key) = key {
        post = post.bearer_auth(key);
    }
    post.send().await.unwrap()
}

#[tokio::test]
async fn a_paid_key_computes_as_the_reference_says() {
    let gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let life = reference("life");
    for case in life["rente"].as_array().unwrap().iter().take(10) {
        let answer = compute(&gateway, Some(&key), "rente", &case["request"]).await;
        assert_eq!(answer.status(), 200);
        let result: Value = answer.json().await.unwrap();
        near(&result["present_value"], &case["present_value"], "present_value");
    }
    let case = &reference("reserving").as_array().unwrap()[0].clone();
    let result: Value =
        compute(&gateway, Some(&key), "provisionnement", &case["request"]).await.json().await.unwrap();
    for name in ["factors", "sigma", "ultimate", "reserve", "standard_error"] {
        for (index, expected) in case["result"][name].as_array().unwrap().iter().enumerate() {
            near(&result[name][index], expected, name);
        }
    }
}

#[tokio::test]
async fn refusals_are_problem_documents_with_the_right_status() {
    let gateway = Gateway::start().await;
    let (_, paid) = gateway.client_account("paid@example.org", Some("illimite"));
    let (_, unpaid) = gateway.client_account("unpaid@example.org", None);
    let good = json!({ "lives": [{ "table": "TH 00-02", "age": 65 }], "benefit": "annuity", "rate": 0.02, "timing": "due" });
    let wrong = json!({ "lives": [{ "table": "TH 00-03", "age": -1 }], "benefit": "annuity", "rate": -2.0, "timng": "due" });
    let cases = [
        (None, "rente", &good, 401),
        (Some("aops_nonsense"), "rente", &good, 401),
        (Some(unpaid.as_str()), "rente", &good, 402),
        (Some(paid.as_str()), "inconnu", &good, 404),
        (Some(paid.as_str()), "rente", &wrong, 422),
    ];
    for (key, module, request, status) in cases {
        let answer = compute(&gateway, key, module, request).await;
        assert_eq!(answer.status(), status, "{module}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], status);
        if status == 422 {
            let faults = problem["faults"].as_array().unwrap();
            assert!(faults.len() >= 3, "all faults at once: {problem}");
            assert!(
                faults.iter().all(|fault| fault["pointer"].is_string() && fault["message"].is_string()),
                "{problem}"
            );
        }
    }
    let huge = json!({ "lives": "x".repeat(2 << 20) });
    assert_eq!(compute(&gateway, Some(&paid), "rente", &huge).await.status(), 413);
    let malformed = gateway
        .client()
        .post(gateway.url("/api/v1/compute/rente"))
        .bearer_auth(&paid)
        .header("content-type", "application/json")
        .body("{\"lives\": ")
        .send()
        .await
        .unwrap();
    assert_eq!(malformed.status(), 400);
}

#[tokio::test]
async fn a_key_past_its_limit_gets_429_with_the_limits_told() {
    let gateway = Gateway::start_with(&[]).await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let request = json!({ "lives": [{ "table": "TH 00-02", "age": 65 }], "benefit": "pure_endowment", "rate": 0.02, "term": 1 });
    let client = gateway.client();
    let mut seen = Vec::new();
    for _ in 0..400 {
        let answer = client
            .post(gateway.url("/api/v1/compute/rente"))
            .bearer_auth(&key)
            .json(&request)
            .send()
            .await
            .unwrap();
        seen.push(answer.status().as_u16());
        if answer.status() == 429 {
            assert!(answer.headers().contains_key("retry-after"));
            assert!(
                answer.headers().contains_key("ratelimit")
                    && answer.headers().contains_key("ratelimit-policy")
            );
            return;
        }
    }
    panic!("no limit was met: {seen:?}");
}

#[tokio::test]
async fn the_public_calculator_answers_a_page_and_tells_what_is_wrong() {
    let gateway = Gateway::start().await;
    let good =
        "/calculateurs/rente/resultat?table=TH%2000-02&age=65&rate=2&amount=1000&frequency=1&timing=due";
    let answer = gateway.get(good).await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.unwrap();
    assert!(page.contains("€"), "{page}");
    for bad in ["age=&rate=2", "age=abc", "age=300", "rate=-200", "table=XX"] {
        let answer = gateway
            .get(
                &format!("{good}&")
                    .replace("age=65", "")
                    .replace("&rate=2", "")
                    .replace("table=TH%2000-02&", &format!("{bad}&")),
            )
            .await;
        assert!(answer.status() == 422 || answer.status() == 400, "{bad}: {}", answer.status());
    }
}

fn near(found: &Value, expected: &Value, what: &str) {
    let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
    let distance = (found - expected).abs();
    assert!(distance <= 1e-9 * expected.abs().max(1.0), "{what}: {found} is not {expected}");
}
