//! The API is as `GET /api/openapi.json` describes it: PyPI's `schemathesis` asks every operation what the description
//! allows and what it forbids, with a key and without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::Gateway;

/// What is asked of answers. That a sound request is accepted is not: fields that exclude one another, and lines that
/// belong together, are told as faults that no schema says. Nor that the engine refuses an optional `null`, which it
/// reads as a field that is absent, nor that a report is there before its calculation has ended.
const EXCLUDED: &str = "positive_data_acceptance,negative_data_rejection,ensure_resource_availability";

/// The statuses of the answers by operation (`GET /api/v1/datasets/{id}`); fails where an answer is not as described.
fn asked(gateway: &Gateway, name: &str, arguments: &[&str]) -> BTreeMap<String, BTreeSet<u64>> {
    let report = gateway.root().join(format!("{name}.har"));
    let output = Command::new("schemathesis")
        .args(["run", &gateway.url("/api/openapi.json"), "--tls-verify"])
        .arg(gateway.data().join("tls/ca.pem"))
        // A report in PDF takes an unoptimised build seconds.
        .args([
            "--request-timeout",
            "60",
            "--exclude-checks",
            EXCLUDED,
            // The bytes of a part have a media type (tus) that it cannot write; other tests send them.
            "--exclude-operation-id",
            "upload_send",
            "--seed",
            "10",
            "--generation-database",
            "none",
        ])
        .args(["--no-color", "--continue-on-failure", "--report", "har", "--report-har-path"])
        .arg(&report)
        .args(arguments)
        // It keeps a folder of its own where it runs.
        .current_dir(gateway.root())
        .output()
        .expect("schemathesis is not on the path: `cargo xtask test` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let mut statuses: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for entry in report["log"]["entries"].as_array().unwrap() {
        let url = reqwest::Url::parse(entry["request"]["url"].as_str().unwrap()).unwrap();
        let operation = format!("{} {}", entry["request"]["method"].as_str().unwrap(), template(url.path()));
        statuses.entry(operation).or_default().insert(entry["response"]["status"].as_u64().unwrap());
    }
    statuses
}

/// A path as the description writes it.
fn template(path: &str) -> String {
    let mut segments: Vec<&str> = path.split('/').collect();
    if let Some(id) = segments.get_mut(4)
        && *id != "estimate"
        && [
            "/api/v1/assumptions/",
            "/api/v1/uploads/",
            "/api/v1/datasets/",
            "/api/v1/calculations/",
            "/api/v1/webhooks/",
        ]
        .iter()
        .any(|start| path.starts_with(start))
    {
        *id = "{id}";
    }
    if path.starts_with("/api/v1/webhooks/")
        && let Some(delivery) = segments.get_mut(6)
    {
        *delivery = "{delivery}";
    }
    segments.join("/")
}

/// Every operation of the description but the description itself, which schemathesis leaves out.
async fn operations(gateway: &Gateway) -> Vec<String> {
    let document: Value = gateway.get("/api/openapi.json").await.json().await.unwrap();
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    let others = paths.iter().filter(|(path, _)| *path != "/api/openapi.json");
    others.flat_map(of_path).filter(|operation| operation != "PATCH /api/v1/uploads/{id}").collect()
}

#[tokio::test]
async fn every_answer_with_a_key_is_as_described_and_most_operations_are_answered_well() {
    // Loose limits: what is refused for its number proves nothing.
    let gateway = Gateway::start_with(&[("AOPS_LIMITS_FACTOR", "100000")]).await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let bearer = format!("Authorization: Bearer {key}");
    let statuses = asked(&gateway, "key", &["--header", &bearer, "--max-examples", "8"]);
    let operations = operations(&gateway).await;
    let well = |operation: &&String| {
        statuses.get(*operation).is_some_and(|told| told.iter().any(|status| (200..300).contains(status)))
    };
    let answered = operations.iter().filter(well).count();
    assert!(answered * 10 >= operations.len() * 8, "{answered} of {}: {statuses:?}", operations.len());
    assert!(!statuses.values().any(|told| told.contains(&429)), "{statuses:?}");
}

#[tokio::test]
async fn without_a_key_nothing_but_the_description_is_answered_well() {
    let gateway = Gateway::start_with(&[("AOPS_LIMITS_FACTOR", "100000")]).await;
    let statuses = asked(&gateway, "none", &["--phases", "examples,coverage,fuzzing", "--max-examples", "2"]);
    for operation in operations(&gateway).await {
        let told = statuses.get(&operation).unwrap_or_else(|| panic!("{operation} was not asked"));
        assert!(told.contains(&401) && !told.iter().any(|status| *status < 400), "{operation}: {told:?}");
    }
}
