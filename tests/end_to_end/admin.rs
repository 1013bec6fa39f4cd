//! Staff commands, with the gateway running and without it.

use serde_json::json;

use crate::support::{Gateway, run_with};

#[tokio::test]
async fn lists_are_the_same_over_the_socket_and_on_the_store() {
    let mut gateway = Gateway::start().await;
    gateway.post("/newsletter", &[("email", "claire@example.org")]).await;
    gateway.client_account("client@example.org", None);
    let running = ["subscribers", "messages", "orders"].map(|what| gateway.admin(&[what, "list"]));
    let accounts = gateway.admin(&["account", "list"]);
    gateway.stop();
    let stopped = ["subscribers", "messages", "orders"].map(|what| gateway.admin(&[what, "list"]));
    assert_eq!(running, stopped);
    assert_eq!(accounts, gateway.admin(&["account", "list"]));
    assert_eq!(running[0].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_account_of_one_address_is_refused() {
    let gateway = Gateway::start().await;
    gateway.client_account("client@example.org", None);
    for email in ["client@example.org", "client@EXAMPLE.org"] {
        let command = gateway.command(&["admin", "account", "create", "--email", email, "--password-stdin"]);
        let output = run_with(command, "Cheval-correct-agrafe-9\n");
        assert_eq!(output.status.code(), Some(1), "{email}");
        assert!(!output.stderr.is_empty());
    }
    assert_eq!(gateway.admin(&["account", "list"]).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_weak_password_and_a_wrong_usage_are_refused() {
    let gateway = Gateway::start().await;
    let weak =
        gateway.command(&["admin", "account", "create", "--email", "a@example.org", "--password-stdin"]);
    assert_eq!(run_with(weak, "azerty\n").status.code(), Some(1));
    assert_eq!(run_with(gateway.command(&["admin", "account", "create"]), "").status.code(), Some(2));
    assert_eq!(run_with(gateway.command(&["admin", "rien"]), "").status.code(), Some(2));
}

#[tokio::test]
async fn a_ban_takes_effect_at_once_survives_a_restart_and_is_lifted() {
    let mut gateway = Gateway::start().await;
    let client = gateway.client();
    gateway.admin(&["ban", "add", "127.0.0.1/32"]);
    assert!(client.get(gateway.url("/")).send().await.is_err() || gateway.get_fails().await);
    gateway.kill();
    gateway.launch().await;
    assert!(gateway.get_fails().await);
    let bans = gateway.admin(&["ban", "list"]);
    assert_eq!(bans.as_array().unwrap().len(), 1, "{bans}");
    gateway.admin(&["ban", "remove", "127.0.0.1/32"]);
    assert_eq!(gateway.admin(&["ban", "list"]), json!([]));
    assert_eq!(gateway.get("/").await.status(), 200);
}
