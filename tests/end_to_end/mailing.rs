//! An issue of the newsletter is looked at, sent, and survives whatever comes between.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::post_office::{Answer, PostOffice};
use crate::support::{Gateway, eventually, link, run_with};

pub(crate) const ISSUE: &str = "2026-11-24";

pub(crate) async fn started(office: &PostOffice, more: &[(&str, &str)]) -> Gateway {
    let sendgrid = office.environment();
    let mut environment = vec![("AOPS_LIMITS_FACTOR", "1000")];
    environment.extend(sendgrid.iter().map(|(name, value)| (*name, value.as_str())));
    environment.extend(more);
    Gateway::start_with(&environment).await
}

/// Readers who have confirmed, by the links of their letters.
pub(crate) async fn readers(gateway: &Gateway, office: &PostOffice, count: usize) {
    for number in 0..count {
        let fields = [("email", format!("reader{number}@example.org"))];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(gateway.post("/newsletter", &fields).await.status(), 303);
    }
    let asked = eventually("the letters", || {
        let calls = office.accepted();
        let texts: Vec<String> = calls
            .iter()
            .filter_map(|(call, _)| call["content"][0]["value"].as_str())
            .filter(|text| text.contains("/newsletter/confirmation?jeton="))
            .map(str::to_owned)
            .collect();
        (texts.len() == count).then_some(texts)
    })
    .await;
    for text in asked {
        assert_eq!(gateway.get(&link(&text, "/newsletter/confirmation?jeton=")).await.status(), 200);
    }
}

/// By address: how often the stand-in accepted the issue for it, each name once.
pub(crate) fn got(office: &PostOffice) -> BTreeMap<String, usize> {
    let mut got = BTreeMap::new();
    for person in office.recipients().iter().filter(|person| person["custom_args"]["issue"] == ISSUE) {
        *got.entry(person["to"][0]["email"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    got
}

pub(crate) fn done(gateway: &Gateway) -> Option<Value> {
    let listed = gateway.admin(&["newsletter", "list"]);
    (listed[0]["stage"] == "done").then(|| listed[0].clone())
}

#[tokio::test]
async fn an_issue_is_looked_at_then_sent_once_to_every_reader_with_a_way_out_of_their_own() {
    let office = PostOffice::open(&[]).await;
    let gateway = started(&office, &[]).await;
    readers(&gateway, &office, 5).await;
    let preview = gateway.admin(&["newsletter", "send", "--issue", ISSUE, "--preview"]);
    assert_eq!((&preview[0]["language"], &preview[0]["readers"]), (&json!("fr"), &json!(5)));
    let text = preview[0]["text"].as_str().unwrap();
    assert!(text.contains("/articles/rente-viagere-a-65-ans/") && !text.contains("@/"), "{text}");
    gateway.admin(&["newsletter", "send", "--issue", ISSUE, "--test", "editor@example.org"]);
    eventually("the test letter", || {
        office
            .recipients()
            .iter()
            .any(|person| person["to"][0]["email"] == "editor@example.org")
            .then_some(())
    })
    .await;
    assert_eq!(got(&office).len(), 0, "nobody else has it");
    let none = run_with(gateway.command(&["admin", "newsletter", "send", "--issue", "2026-01-01"]), "");
    assert!(String::from_utf8_lossy(&none.stderr).contains(ISSUE), "{none:?}");

    gateway.admin(&["newsletter", "send", "--issue", ISSUE, "--to", "prospects"]);
    let told = eventually("the end", || done(&gateway)).await;
    assert_eq!((&told["sent"], &told["refused"]), (&json!(5), &json!(0)));
    assert_eq!(got(&office).values().collect::<Vec<_>>(), [&1; 5]);
    // Another mailing of the same issue finds nobody left.
    gateway.admin(&["newsletter", "send", "--issue", ISSUE]);
    eventually("the end", || done(&gateway)).await;
    assert_eq!(got(&office).len(), 5);

    let person = office.recipients().into_iter().find(|one| one["custom_args"]["issue"] == ISSUE).unwrap();
    let leave = person["headers"]["List-Unsubscribe"].as_str().unwrap().trim_matches(['<', '>']).to_owned();
    let leave = leave.split_once("localhost").map(|(_, rest)| &rest[rest.find('/').unwrap()..]).unwrap();
    assert!(leave.contains(person["substitutions"]["-jeton-"].as_str().unwrap()), "{leave}");
    assert_eq!(gateway.post(leave, &[("List-Unsubscribe", "One-Click")]).await.status(), 200);
    let left = gateway.admin(&["subscribers", "list"]);
    let left: Vec<_> = left.as_array().unwrap().iter().filter(|one| one["state"] == "unsubscribed").collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["email"], person["to"][0]["email"]);
    assert_eq!(gateway.admin(&["newsletter", "list"])[0]["unsubscribed"], 1);
}

#[tokio::test]
async fn a_mailing_goes_on_after_kills_and_faults_and_nobody_is_missed_or_noted_twice() {
    let office = PostOffice::open(&[]).await;
    let mut gateway = started(&office, &[]).await;
    readers(&gateway, &office, 12).await;
    let answers = [Answer::Busy(1), Answer::Accept, Answer::AcceptAndCut, Answer::Broken];
    office.answer(&answers);
    gateway.admin(&["newsletter", "send", "--issue", ISSUE]);
    let before = office.calls();
    for kill in 1..=3 {
        eventually("a call", || (office.calls() > before + kill).then_some(())).await;
        gateway.kill();
        gateway.launch().await;
    }
    let told = eventually("the end", || done(&gateway)).await;
    assert_eq!((&told["sent"], &told["refused"]), (&json!(12), &json!(0)), "each once in our own record");
    let got = got(&office);
    assert_eq!(got.len(), 12, "{got:?}");
}

#[tokio::test]
async fn a_mailing_waits_for_its_hour_and_can_be_stopped_before() {
    let office = PostOffice::open(&[]).await;
    let gateway = started(&office, &[]).await;
    readers(&gateway, &office, 1).await;
    let at = |seconds: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string();
    let later = gateway.admin(&["newsletter", "send", "--issue", ISSUE, "--at", &at(3_600)]);
    gateway.admin(&["newsletter", "cancel", later["id"].as_str().unwrap()]);
    gateway.admin(&["newsletter", "send", "--issue", ISSUE, "--at", &at(2)]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(got(&office).len(), 0, "not yet");
    eventually("the letter", || (got(&office).len() == 1).then_some(())).await;
}
