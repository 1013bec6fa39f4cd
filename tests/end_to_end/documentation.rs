//! The examples of the API's page, as a reader copies them: with curl, with PyPI's `requests`, and with our own client.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Gateway, REPOSITORY};

/// The code of a language on the page, in its order.
fn code(language: &str) -> String {
    let page = fs::read_to_string(format!("{REPOSITORY}/content/fr/documentation-api.md")).unwrap();
    let blocks = page.split("```").skip(1).step_by(2);
    let wanted = blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    wanted.collect::<Vec<_>>().join("\n")
}

/// What a program of the examples prints, run in a folder of its own.
fn printed(gateway: &Gateway, key: &str, mut command: Command) -> String {
    let folder = tempfile::tempdir().unwrap();
    let authority = gateway.data().join("tls/ca.pem");
    command
        .current_dir(folder.path())
        .env("AOPS_URL", gateway.url(""))
        .env("AOPS_API_KEY", key)
        .env("CURL_CA_BUNDLE", &authority)
        .env("REQUESTS_CA_BUNDLE", &authority)
        .env("SSL_CERT_FILE", &authority)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    let (told, fault) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{fault}");
    let report = fs::read(folder.path().join("rapport.pdf")).unwrap();
    assert!(report.starts_with(b"%PDF-"));
    told.into_owned()
}

/// The Python of a tool: beside `schemathesis` stands `requests`, of which it is made, and beside `pytest` what our client
/// needs.
fn python_of(tool: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let program = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.exists());
    let program = program.unwrap_or_else(|| panic!("`cargo xtask test` installs {tool} on the path"));
    fs::canonicalize(program).unwrap().with_file_name("python")
}

#[tokio::test]
async fn the_examples_of_the_page_run_as_they_stand() {
    let gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &code("bash")]);
    let by_curl = printed(&gateway, &key, shell);
    assert!(by_curl.contains("event: end") && by_curl.contains("/rate"), "{by_curl}");
    let mut script = Command::new(python_of("schemathesis"));
    script.args(["-c", &code("python")]);
    let by_requests = printed(&gateway, &key, script);
    let mut script = Command::new(python_of("pytest"));
    script.args(["-c", &code("py")]).env("PYTHONPATH", format!("{REPOSITORY}/clients/python/src"));
    let by_client = printed(&gateway, &key, script);
    // Each computes an annuity, or a liability, that another computes too.
    let values = |told: &str| -> Vec<f64> {
        told.lines().filter_map(|line| line.trim().parse().ok()).filter(|value| *value > 1_000.0).collect()
    };
    let curls = values(&by_curl);
    for other in [&by_requests, &by_client] {
        let others = values(other);
        let same = |value: &f64| curls.iter().any(|curl| (curl - value).abs() < 1e-6);
        assert!(!others.is_empty() && others.iter().all(same), "{by_curl}\n{other}");
    }
    let reference = gateway.get("/api/reference").await.text().await.unwrap();
    let described: serde_json::Value = gateway.get("/api/openapi.json").await.json().await.unwrap();
    for path in described["paths"].as_object().unwrap().keys() {
        assert!(reference.contains(&format!(" {path}</code>")), "{path}");
    }
    assert!(!reference.contains("api_reference."), "a word is missing");
    // All left nothing behind.
    for list in ["calculations", "datasets", "uploads"] {
        let asked = gateway.client().get(gateway.url(&format!("/api/v1/{list}"))).bearer_auth(&key);
        let left: serde_json::Value = asked.send().await.unwrap().json().await.unwrap();
        assert_eq!(left[list], serde_json::json!([]));
    }
}
