//! The desk of the data protection officer, as it is typed: requests, erasures that a kill interrupts, breaches.

use serde_json::json;

use crate::support::Gateway;

#[tokio::test]
async fn p_rights_a_request_is_entered_listed_and_fulfilled_and_outlives_a_kill() {
    let mut gateway = Gateway::start().await;
    gateway.post("/newsletter", &[("email", "a@example.org")]).await;
    let open = ["rights", "open", "--email", "a@example.org", "--right", "erasure", "--proved", "vu"];
    let line = gateway.admin(&open);
    let id = line["id"].as_str().unwrap().to_owned();
    assert_eq!((&line["state"], &line["channel"]), (&json!("open"), &json!("post")));
    gateway.kill();
    gateway.launch().await;
    assert_eq!(gateway.admin(&["rights", "list"])[0]["id"], json!(id));
    let line = gateway.admin(&["rights", "fulfil", &id]);
    assert_eq!(line["state"], "fulfilled");
    assert_eq!(gateway.admin(&["subscribers", "list"]), json!([]));
    assert_eq!(gateway.admin(&["suppression", "list"])[0]["email"], json!(null));
    let log = gateway.admin(&["audit", "list"]).to_string();
    assert!(log.contains("rights fulfil") && log.contains("erasure done"), "{log}");
}

#[tokio::test]
async fn p_breach_notice_one_command_reports_and_the_register_keeps_it() {
    let gateway = Gateway::start().await;
    let report = ["breach", "report", "--what", "une copie est partie", "--data", "orders,accounts"];
    let line = gateway.admin(&[&report[..], &["--measures", "accès fermé", "--rehearsal"]].concat());
    assert_eq!((&line["level"], &line["authority"]), (&json!("significant"), &json!(true)));
    let listed = gateway.admin(&["breach", "list"]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &line["id"]));
    let id = line["id"].as_str().unwrap();
    assert_eq!(gateway.admin(&["breach", "filed", id, "--reference", "R1"])["filed"]["reference"], "R1");
}
