//! What is past its term goes, and the privacy page tells the very terms that are carried out.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Gateway, link};

async fn confirmed(gateway: &Gateway, email: &str) {
    gateway.post("/newsletter", &[("email", email)]).await;
    let mail = gateway.mail_with(&[email, "/newsletter/confirmation?jeton="]).await;
    assert_eq!(gateway.get(&link(&mail, "/newsletter/confirmation?jeton=")).await.status(), 200);
}

/// What a run as of so many days from now does.
fn run(gateway: &Gateway, days: i64) -> Value {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let day = day.to_zoned_datetime(jiff::tz::TimeZone::UTC).date().to_string();
    gateway.admin(&["retention", "run", "--now", &day])
}

/// The row of the privacy page's table about something.
async fn row(gateway: &Gateway, what: &str) -> String {
    let page = gateway.get("/confidentialite/").await.text().await.unwrap();
    let page = page.replace(['\u{a0}', '\u{202f}'], " ");
    let start = page.find(what).unwrap_or_else(|| panic!("no row about {what}"));
    page[start..].split("</tr>").next().unwrap().to_owned()
}

#[tokio::test]
async fn p_retention_a_prospect_is_forgotten_by_the_term_that_the_page_tells_and_a_proof_stays() {
    let gateway = Gateway::start().await;
    confirmed(&gateway, "claire@example.org").await;
    let told = row(&gateway, "lettre d’information : prospect").await;
    assert!(told.contains("3 ans"), "{told}");
    assert_eq!(run(&gateway, 3 * 365 - 40), json!([]));
    let warned = run(&gateway, 3 * 365 - 10);
    assert_eq!(warned, json!([{ "what": "warned", "then": "warn", "count": 1 }]));
    gateway.mail_with(&["claire@example.org", "rester inscrit", "/newsletter/preferences?jeton="]).await;
    let done = run(&gateway, 3 * 365 + 2);
    assert_eq!(done, json!([{ "what": "subscriber_prospect", "then": "delete", "count": 1 }]));
    assert_eq!(run(&gateway, 3 * 365 + 2), json!([]), "nothing is done twice");
    assert_eq!(gateway.admin(&["subscribers", "list"]), json!([]));
    let proofs = gateway.admin(&["retention", "proofs"]).to_string();
    assert!(proofs.contains("subscriber_prospect") && !proofs.contains('@'), "{proofs}");
}

#[tokio::test]
async fn p_retention_a_shorter_term_changes_the_page_and_what_is_done_and_a_longer_one_is_refused() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let file = gateway.root().join("site.toml");
    let site = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{site}\n[retention]\nsubscriber_prospect = \"2 years\"\n")).unwrap();
    gateway.launch().await;
    confirmed(&gateway, "claire@example.org").await;
    let told = row(&gateway, "lettre d’information : prospect").await;
    assert!(told.contains("2 ans"), "{told}");
    assert_eq!(run(&gateway, 2 * 365 + 2)[0]["what"], "subscriber_prospect");
    assert_eq!(gateway.admin(&["subscribers", "list"]), json!([]));
    fs::write(&file, format!("{site}\n[retention]\nsubscriber_prospect = \"4 years\"\n")).unwrap();
    let refused = gateway.command(&["build"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not kept longer"), "{refused:?}");
}
