//! The examples of the API's page, as a reader copies them: with curl, and with PyPI's `requests`.

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
        .env("REQUESTS_CA_BUNDLE", &authority);
    let output = command.output().unwrap();
    let (told, fault) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{fault}");
    let report = fs::read(folder.path().join("rapport.pdf")).unwrap();
    assert!(report.starts_with(b"%PDF-"));
    told.into_owned()
}

/// The Python beside which `requests` is installed: that of schemathesis, which is made of it.
fn python() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let program =
        std::env::split_paths(&path).map(|folder| folder.join("schemathesis")).find(|file| file.exists());
    let program = program.expect("`cargo xtask test` installs schemathesis on the path");
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
    let mut script = Command::new(python());
    script.args(["-c", &code("python")]);
    let by_requests = printed(&gateway, &key, script);
    let value = |told: &str| -> f64 {
        told.lines().find_map(|line| line.trim().parse().ok().filter(|value| *value > 1_000.0)).unwrap()
    };
    assert!((value(&by_curl) - value(&by_requests)).abs() < 1e-6, "{by_curl}\n{by_requests}");
    let reference = gateway.get("/api/reference").await.text().await.unwrap();
    let described: serde_json::Value = gateway.get("/api/openapi.json").await.json().await.unwrap();
    for path in described["paths"].as_object().unwrap().keys() {
        assert!(reference.contains(&format!(" {path}</code>")), "{path}");
    }
    assert!(!reference.contains("api_reference."), "a word is missing");
    // Both left nothing behind.
    for list in ["calculations", "datasets"] {
        let asked = gateway.client().get(gateway.url(&format!("/api/v1/{list}"))).bearer_auth(&key);
        let left: serde_json::Value = asked.send().await.unwrap().json().await.unwrap();
        assert_eq!(left[list], serde_json::json!([]));
    }
}
