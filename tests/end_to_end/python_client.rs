//! `clients/python` against the built binary, by its own tests; its types and its style.

use std::process::{Command, Output};

use crate::support::{Gateway, REPOSITORY};

fn within(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(format!("{REPOSITORY}/clients/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn ran(program: &str, mut command: Command) {
    let output: Output =
        command.output().unwrap_or_else(|_| panic!("`cargo xtask test` installs {program} on the path"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn the_python_client_does_what_its_tests_say() {
    let gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let mut tests = within("pytest");
    tests
        .env("AOPS_TEST_URL", gateway.url(""))
        .env("AOPS_TEST_AUTHORITY", gateway.data().join("tls/ca.pem"))
        .env("AOPS_API_KEY", key);
    ran("pytest", tests);
}

#[test]
fn the_python_client_is_typed() {
    ran("mypy", within("mypy"));
}

#[test]
fn the_python_client_is_written_as_its_rules_say() {
    let mut ruff = within("ruff");
    ruff.args(["check", "--no-cache", "."]);
    ran("ruff", ruff);
}
