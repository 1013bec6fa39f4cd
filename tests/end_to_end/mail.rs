//! Letters leave through SendGrid whatever it does, and what it tells of them is heeded.

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::post_office::{Answer, PostOffice};
use crate::support::{Gateway, eventually};

/// SendGrid's side of the signature.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> (Self, String) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = STANDARD.encode(der.as_ref());
        (Self(pair), public)
    }

    /// Posts events as SendGrid does, signed so many seconds from now.
    async fn post(&self, gateway: &Gateway, events: &Value, seconds: i64) -> u16 {
        let body = serde_json::to_vec_pretty(events).unwrap();
        let time = (jiff::Timestamp::now().as_second() + seconds).to_string();
        let signed = [time.as_bytes(), &body].concat();
        let signature = STANDARD.encode(self.0.sign(&SystemRandom::new(), &signed).unwrap());
        let call = gateway
            .client()
            .post(gateway.url("/webhooks/sendgrid"))
            .header("content-type", "application/json")
            .header("x-twilio-email-event-webhook-signature", signature)
            .header("x-twilio-email-event-webhook-timestamp", time)
            .body(body);
        call.send().await.unwrap().status().as_u16()
    }
}

async fn started(office: &PostOffice, more: &[(&str, &str)]) -> Gateway {
    let sendgrid = office.environment();
    let mut environment = vec![("AOPS_LIMITS_FACTOR", "1000")];
    environment.extend(sendgrid.iter().map(|(name, value)| (*name, value.as_str())));
    environment.extend(more);
    Gateway::start_with(&environment).await
}

#[tokio::test]
async fn a_letter_outlives_a_busy_a_broken_and_a_cut_answer_and_is_one_letter_there() {
    let office = PostOffice::open(&[Answer::Broken, Answer::Busy(1), Answer::AcceptAndCut]).await;
    let gateway = started(&office, &[]).await;
    gateway.post("/newsletter", &[("email", "claire+lettre@example.org")]).await;
    let told = eventually("a letter accepted twice", || {
        let accepted = office.accepted();
        accepted.first().filter(|(_, times)| *times == 2).cloned()
    })
    .await;
    assert_eq!(office.calls(), 4);
    assert_eq!(office.accepted().len(), 1, "under one name");
    let (call, _) = told;
    assert_eq!(call["categories"], json!(["confirmation"]));
    let person = &call["personalizations"][0];
    assert_eq!(person["to"][0]["email"], "claire+lettre@example.org");
    assert!(person["custom_args"]["letter"].is_string());
    assert_eq!(call["tracking_settings"]["open_tracking"]["enable"], false);
    let waiting = || gateway.admin(&["outbox", "list"]);
    eventually("an empty outbox", || (waiting() == json!([])).then_some(())).await;
}

#[tokio::test]
async fn a_letter_that_waits_survives_a_kill_and_one_refused_for_good_leaves_at_staff_s_word() {
    let office = PostOffice::open(&[Answer::Busy(2), Answer::Refuse]).await;
    let mut gateway = started(&office, &[]).await;
    gateway.post("/newsletter", &[("email", "claire@example.org")]).await;
    eventually("a first call", || (office.calls() == 1).then_some(())).await;
    gateway.kill();
    gateway.launch().await;
    let dead = eventually("a dead letter", || {
        let listed = gateway.admin(&["outbox", "list"]);
        (listed[0]["state"] == "dead").then_some(listed)
    })
    .await;
    assert_eq!(dead[0]["to"], "claire@example.org");
    assert_eq!(dead[0]["why"], "SendGrid answers 400");
    let id = dead[0]["id"].as_str().unwrap();
    assert_eq!(gateway.admin(&["outbox", "retry", id]), json!({ "retried": 1 }));
    eventually("the letter", || (office.accepted().len() == 1).then_some(())).await;
    assert_eq!(gateway.admin(&["outbox", "retry", "--all"]), json!({ "retried": 0 }));
}

#[tokio::test]
async fn p_marketing_optout_events_end_what_is_sent_to_an_address() {
    let office = PostOffice::open(&[]).await;
    let (signer, public) = Signer::new();
    let gateway = started(&office, &[("SENDGRID_WEBHOOK_KEY", &public)]).await;
    let now = jiff::Timestamp::now().as_second();
    let events = json!([
        { "event": "bounce", "type": "bounce", "email": "Gone@example.org", "timestamp": now, "sg_event_id": "e1" },
        { "event": "processed", "email": "other@example.org", "timestamp": now, "sg_event_id": "e2" },
    ]);
    let stranger = Signer::new().0;
    assert_eq!(stranger.post(&gateway, &events, 0).await, 400);
    assert_eq!(signer.post(&gateway, &events, -3_600).await, 400, "an old signature");
    assert_eq!(gateway.admin(&["suppression", "list"]), json!([]));
    for _ in 0..2 {
        assert_eq!(signer.post(&gateway, &events, 0).await, 200);
    }
    let listed = gateway.admin(&["suppression", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed[0]["email"], &listed[0]["reasons"]),
        (&json!("Gone@example.org"), &json!(["bounce"]))
    );

    gateway.post("/newsletter", &[("email", "gone@example.org")]).await;
    gateway.post("/newsletter", &[("email", "there@example.org")]).await;
    eventually("a letter", || (office.calls() == 1).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(office.recipients()[0]["to"][0]["email"], "there@example.org");
    assert_eq!(office.calls(), 1, "nothing to the address that bounced");

    gateway.admin(&["suppression", "remove", "gone@example.org"]);
    gateway.admin(&["suppression", "add", "other@example.org"]);
    let listed = gateway.admin(&["suppression", "list"]);
    assert_eq!(
        (&listed[0]["email"], &listed[0]["reasons"]),
        (&json!("other@example.org"), &json!(["staff"]))
    );
}

#[tokio::test]
async fn repeated_events_in_any_order_end_a_subscription_once_and_not_a_newer_one() {
    let office = PostOffice::open(&[]).await;
    let (signer, public) = Signer::new();
    let gateway = started(&office, &[("SENDGRID_WEBHOOK_KEY", &public)]).await;
    let subscribe = async || {
        let before = office.calls();
        gateway.post("/newsletter", &[("email", "claire@example.org")]).await;
        eventually("a letter", || (office.calls() > before).then_some(())).await;
        let calls = office.accepted();
        let mut texts: Vec<String> =
            calls.iter().map(|(call, _)| call["content"][0]["value"].as_str().unwrap().to_owned()).collect();
        texts.retain(|text| text.contains("/newsletter/confirmation?jeton="));
        let newest = texts.iter().max().unwrap();
        assert_eq!(
            gateway.get(&crate::support::link(newest, "/newsletter/confirmation?jeton=")).await.status(),
            200
        );
    };
    subscribe().await;
    let state = || gateway.admin(&["subscribers", "list"])[0]["state"].clone();
    assert_eq!(state(), "confirmed");
    let now = jiff::Timestamp::now().as_second();
    let event = |kind: &str, id: &str, at: i64| json!({ "event": kind, "email": "claire@example.org", "timestamp": at, "sg_event_id": id });
    let old = json!([event("unsubscribe", "old", now - 86_400)]);
    assert_eq!(signer.post(&gateway, &old, 0).await, 200);
    assert_eq!(state(), "confirmed", "they confirmed since");
    let left = json!([event("unsubscribe", "new", now + 60), event("delivered", "d", now - 5)]);
    for _ in 0..3 {
        assert_eq!(signer.post(&gateway, &left, 0).await, 200);
    }
    assert_eq!(state(), "unsubscribed");
    assert_eq!(gateway.admin(&["suppression", "list"])[0]["reasons"], json!(["unsubscribe"]));
}
