//! Staff commands, with the gateway running and without it.

use std::os::unix::fs::MetadataExt;

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

/// Proves p-ip-blacklist.
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

#[tokio::test]
async fn p_access_control_commands_and_sign_ins_are_logged_without_a_name_and_the_chain_holds_over_a_kill() {
    let mut gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", None);
    let form = [("email", "client@example.org"), ("mot_de_passe", password.as_str())];
    assert_eq!(gateway.post("/compte/connexion", &form).await.status(), 303);
    gateway.kill();
    // Whatever a kill left noted is entered by whoever opens the store next.
    let log = gateway.admin(&["audit", "list"]);
    let told: Vec<(&str, &str)> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["action"].as_str().unwrap(), line["actor"].as_str().unwrap()))
        .collect();
    let operator = format!("uid:{}", std::fs::metadata("/proc/self").unwrap().uid());
    let account = gateway.admin(&["account", "list"])[0]["id"].as_str().unwrap().to_owned();
    for expected in [
        ("account create", operator.as_str()),
        ("account created", &operator),
        ("key created", &operator),
        ("signed in", &account),
        ("audit list", &operator),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    let signed_in = log.as_array().unwrap().iter().find(|line| line["action"] == "signed in").unwrap();
    assert_eq!(signed_in["from"], "127.0.0.0/24");
    assert!(!log.to_string().contains("client@example.org"), "{log}");
    gateway.launch().await;
    let verified = gateway.admin(&["audit", "verify"]);
    assert_eq!(verified["damaged"], json!([]));
    assert!(verified["entries"].as_u64().unwrap() >= 5, "{verified}");
    let anchor = format!("{}:{}", verified["last"], "0".repeat(64));
    let rewritten = run_with(gateway.command(&["admin", "audit", "verify", "--anchor", &anchor]), "");
    assert_eq!(rewritten.status.code(), Some(1));
    let nonsense = run_with(gateway.command(&["admin", "audit", "verify", "--anchor", "12"]), "");
    assert_eq!(nonsense.status.code(), Some(2));
}

#[tokio::test]
async fn a_second_factor_is_taken_away_by_address_with_a_reason() {
    let gateway = Gateway::start().await;
    gateway.client_account("client@example.org", None);
    let remove = |email: &str, more: &[&str]| {
        let given = [&["admin", "account", "second-factor", "remove", email][..], more].concat();
        let done = run_with(gateway.command(&given), "");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    assert_eq!(remove("client@example.org", &[]).0, Some(2), "a reason is asked for");
    for (email, reason, said) in [
        ("client@example.org", "request 2026-17", "this account has no second factor"),
        ("nobody@example.org", "request 2026-17", "no account has this address"),
        ("client@example.org", " ", "a reason has from 1 to 200 characters"),
    ] {
        let (code, told) = remove(email, &["--reason", reason]);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(said), "{told}");
    }
    let log = gateway.admin(&["audit", "list"]);
    assert!(log.as_array().unwrap().iter().any(|line| line["action"] == "account second-factor remove"));
    assert!(!log.to_string().contains("client@example.org"), "{log}");
}
