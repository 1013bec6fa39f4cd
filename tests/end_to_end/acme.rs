//! Certificates from a real authority that refuses half of all nonces: given, renewed, revoked, refused, and away.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client};
use serde_json::Value;

use crate::authority::{Adviser, Authority, NAMES};
use crate::support::{Gateway, eventually};

/// A gateway of these names whose certificates the authority gives; not started yet.
async fn prepare(environment: &[(&str, &str)], challenges: &str) -> (Gateway, Authority) {
    let gateway = Gateway::prepare(environment);
    let authority = Authority::start(&gateway).await;
    configure(&gateway, &NAMES, &authority.table(challenges));
    (gateway, authority)
}

const GENEROUS: [(&str, &str); 1] = [("AOPS_LIMITS_FACTOR", "1000")];

/// `site.toml` anew, with these hosts and this table.
fn configure(gateway: &Gateway, hosts: &[&str], table: &str) {
    let text = fs::read_to_string(format!("{}/site.toml", crate::support::REPOSITORY)).unwrap();
    let ours = format!("hosts = {hosts:?}");
    assert!(text.contains("hosts = [\"localhost\"]"));
    let text = text.replace("hosts = [\"localhost\"]", &ours) + table;
    fs::write(gateway.root().join("site.toml"), text).unwrap();
}

/// A client that trusts what the authority gives and finds every name here.
fn client(gateway: &Gateway, root: &Certificate) -> Client {
    let mut builder = Client::builder().tls_certs_only([root.clone()]).tls_info(true).http1_only();
    for name in NAMES.into_iter().chain(["actuarem.test"]) {
        builder = builder.resolve(name, gateway.https());
    }
    builder.timeout(Duration::from_secs(20)).build().unwrap()
}

/// The certificate that a new connection is given.
async fn given(gateway: &Gateway, root: &Certificate, name: &str) -> reqwest::Result<Vec<u8>> {
    let url = format!("https://{name}:{}/favicon.svg", gateway.https().port());
    let answer = client(gateway, root).get(url).send().await?;
    assert_eq!(answer.status(), 200);
    Ok(leaf(&answer))
}

fn leaf(answer: &reqwest::Response) -> Vec<u8> {
    answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

async fn metrics(gateway: &Gateway) -> String {
    reqwest::get(format!("http://{}/metrics", gateway.operations())).await.unwrap().text().await.unwrap()
}

fn listed(gateway: &Gateway) -> Value {
    let list = gateway.admin(&["certificate", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    list[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_given_over_http_and_outlives_restarts_with_its_account_and_without_the_authority() {
    let (mut gateway, mut authority) = prepare(&GENEROUS, "[\"http-01\"]").await;
    gateway.launch().await;
    let root = authority.root().await;
    let first = given(&gateway, &root, NAMES[0]).await.unwrap();
    assert_eq!(given(&gateway, &root, NAMES[1]).await.unwrap(), first, "one for all names");
    let line = listed(&gateway);
    assert_eq!((&line["state"], &line["names"]), (&"in-force".into(), &NAMES.to_vec().into()));
    assert!(line["next"].as_str().unwrap() < line["until"].as_str().unwrap());
    let told = metrics(&gateway).await;
    for figure in
        ["certificate_expiry_seconds{name=\"www.aops.test\"}", "acme_challenges_total{kind=\"http-01\"}"]
    {
        assert!(told.contains(figure), "{figure}:\n{told}");
    }
    assert!(authority.log().contains("Configured to reject 50% of good nonces"));
    // What is not asked for by the authority is sent to https as ever.
    let plain = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let challenge = format!("http://{}/.well-known/acme-challenge/unknown", gateway.http());
    assert_eq!(plain.get(challenge).send().await.unwrap().status(), 404);

    // Neither key lies in the data folder: PKCS #8 of P-256, as DER and in base64.
    gateway.stop();
    let stored = fs::read(gateway.data().join("aops.redb")).unwrap();
    let holds = |bytes: &[u8]| stored.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(b"certificate"), "the certificate's document is there");
    for clear in [
        &b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d"[..],
        b"MIGHAgEAMBMGByqGSM49",
        b"BEGIN CERT",
    ] {
        assert!(!holds(clear), "{:?}", String::from_utf8_lossy(clear));
    }
    // Staff read it without a gateway, too.
    assert_eq!(listed(&gateway)["serial"], line["serial"]);

    gateway.launch().await;
    assert_eq!(given(&gateway, &root, NAMES[0]).await.unwrap(), first);
    gateway.admin(&["certificate", "renew"]);
    assert_ne!(given(&gateway, &root, NAMES[0]).await.unwrap(), first);
    assert_eq!(gateway.log().matches("an account was made").count(), 1, "{}", gateway.log());

    // Away, the old one goes on, over a restart too, and the reason is told.
    let kept = given(&gateway, &root, NAMES[0]).await.unwrap();
    authority.go();
    gateway.stop();
    gateway.launch().await;
    assert_eq!(given(&gateway, &root, NAMES[0]).await.unwrap(), kept);
    let renew = gateway.command(&["admin", "certificate", "renew"]).output().unwrap();
    let told = String::from_utf8_lossy(&renew.stderr).into_owned();
    assert!(!renew.status.success() && told.contains("the authority gives nothing"), "{told}");
    assert!(listed(&gateway)["fault"].as_str().unwrap().contains("the authority gives nothing"));
    assert_eq!(given(&gateway, &root, NAMES[0]).await.unwrap(), kept);

    // Back, it knows our account no more: an order finds that out, and the next one makes another.
    authority.come();
    authority.reachable().await;
    let root = authority.root().await;
    let _ = gateway.command(&["admin", "certificate", "renew"]).output().unwrap();
    assert_eq!(gateway.admin(&["certificate", "renew"])["state"], "in-force");
    given(&gateway, &root, NAMES[0]).await.unwrap();
    assert_eq!(gateway.log().matches("an account was made").count(), 2, "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_given_over_tls_and_renewed_without_a_dropped_request_and_revoked() {
    let (mut gateway, authority) = prepare(&GENEROUS, "[\"tls-alpn-01\"]").await;
    gateway.launch().await;
    let root = authority.root().await;
    assert!(metrics(&gateway).await.contains("acme_challenges_total{kind=\"tls-alpn-01\"}"));
    let first = listed(&gateway)["serial"].clone();

    // A connection that stays open while the certificate changes.
    let kept = client(&gateway, &root);
    let url = format!("https://{}:{}/favicon.svg", NAMES[0], gateway.https().port());
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&answered));
    let asking = tokio::spawn(async move {
        let mut leaves = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let answer = kept.get(&url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            leaves.push(leaf(&answer));
            answer.bytes().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        leaves
    });
    let more = |than: usize| {
        let answered = Arc::clone(&answered);
        async move { eventually("answers", || (answered.load(Ordering::Relaxed) > than).then_some(())).await }
    };
    more(10).await;
    let before = given(&gateway, &root, NAMES[0]).await.unwrap();
    let renewed = gateway.admin(&["certificate", "renew"]);
    assert_eq!(renewed["state"], "in-force");
    assert_ne!(renewed["serial"], first);
    assert_ne!(given(&gateway, &root, NAMES[0]).await.unwrap(), before, "new connections get the new one");
    more(answered.load(Ordering::Relaxed) + 10).await;
    stop.store(true, Ordering::Relaxed);
    let leaves = asking.await.unwrap();
    assert!(leaves.iter().all(|leaf| *leaf == before), "it was one connection throughout");

    // Revoked, and another with another key in its place.
    let serial = renewed["serial"].as_str().unwrap().to_owned();
    assert_eq!(authority.status(&serial).await, "Valid");
    let revoked = gateway.admin(&["certificate", "revoke", "--reason", "key-compromise"]);
    assert_eq!((&revoked["state"], &revoked["serial"]), (&"revoked".into(), &renewed["serial"]));
    assert_eq!(authority.status(&serial).await, "Revoked");
    let next = eventually("another certificate", || {
        let line = listed(&gateway);
        (line["state"] == "in-force" && line["serial"] != serial.as_str()).then_some(line)
    });
    assert_eq!(authority.status(next.await["serial"].as_str().unwrap()).await, "Valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_is_told_with_what_to_do_and_tried_again_later_and_later() {
    let (mut gateway, authority) =
        prepare(&[("AOPS_LIMITS_FACTOR", "60")], "[\"http-01\", \"tls-alpn-01\"]").await;
    // Nothing listens there.
    authority.names_lead_to("127.0.0.9").await;
    gateway.launch_unready().await;
    let root = authority.root().await;
    let pauses = || -> Vec<f64> {
        let log = gateway.log();
        let failed = log.lines().filter(|line| line.contains("no certificate was obtained"));
        failed
            .map(|line| pause(serde_json::from_str::<Value>(line).unwrap()["again_in"].as_str().unwrap()))
            .collect()
    };
    let pauses = eventually("two failures", || Some(pauses()).filter(|pauses| pauses.len() > 1)).await;
    // Half to all of 30 s, then of four times that; a sixtieth of it here.
    assert!((0.25..=0.5).contains(&pauses[0]) && (1.0..=2.0).contains(&pauses[1]), "{pauses:?}");

    let ready = reqwest::get(format!("http://{}/readyz", gateway.operations())).await.unwrap();
    assert_eq!(ready.status(), 503);
    let told = ready.text().await.unwrap();
    for part in ["aops.test", "lead to [gateway] http", "the A and AAAA records"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let doctor = gateway.command(&["doctor"]).output().unwrap();
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(found.contains("certificate: the last order failed: "), "{found}");
    // No certificate is better than one that teaches to trust anything.
    assert!(given(&gateway, &root, NAMES[0]).await.is_err());
    assert_eq!(listed(&gateway)["state"], "missing");
    assert!(metrics(&gateway).await.contains("acme_orders_total{outcome=\"failed\"}"));

    // What was wrong is put right, and nobody waits for the next turn.
    authority.names_lead_to("127.0.0.1").await;
    let line = gateway.admin(&["certificate", "renew"]);
    assert_eq!((&line["state"], &line["fault"]), (&"in-force".into(), &Value::Null));
    given(&gateway, &root, NAMES[0]).await.unwrap();
    let ready = reqwest::get(format!("http://{}/readyz", gateway.operations())).await.unwrap();
    assert_eq!(ready.status(), 200);
}

/// Seconds of a duration as it is told: `478.3ms`, `1.2s`.
fn pause(told: &str) -> f64 {
    match told.strip_suffix("ms") {
        Some(millis) => millis.parse::<f64>().unwrap() / 1_000.0,
        None => told.strip_suffix('s').unwrap().parse().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_on_renewal_is_followed_and_the_order_says_what_it_replaces() {
    let (mut gateway, authority) = prepare(&GENEROUS, "[\"http-01\"]").await;
    let adviser = Adviser::start(&authority);
    configure(&gateway, &NAMES, &adviser.table(&authority));
    let now = Timestamp::now();
    let (from, until) = (now + SignedDuration::from_hours(240), now + SignedDuration::from_hours(264));
    adviser.advises(from, until);
    gateway.launch().await;
    let root = authority.root().await;
    let first = given(&gateway, &root, NAMES[0]).await.unwrap();
    let next = eventually("advice", || listed(&gateway)["next"].as_str()?.parse::<Timestamp>().ok()).await;
    assert!(next >= from - SignedDuration::from_secs(1) && next <= until, "{next} in {from}..{until}");
    assert_eq!(adviser.replaced(), [""; 0]);

    // The authority wants it replaced at once; two hours later the gateway looks again.
    adviser.advises(now - SignedDuration::from_hours(2), now - SignedDuration::from_hours(1));
    gateway.stop();
    gateway.set("AOPS_NOW_OFFSET", "7200");
    gateway.launch().await;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while given(&gateway, &root, NAMES[0]).await.unwrap() == first {
        assert!(std::time::Instant::now() < deadline, "{}", gateway.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(adviser.replaced(), adviser.asked()[..1], "the first certificate, and that alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_certified_at_a_reload_and_another_authority_waits_for_a_restart() {
    let (mut gateway, authority) = prepare(&GENEROUS, "[\"http-01\"]").await;
    gateway.launch().await;
    let root = authority.root().await;
    assert!(given(&gateway, &root, "actuarem.test").await.is_err());
    let hosts = [NAMES[0], NAMES[1], "actuarem.test"];
    configure(&gateway, &hosts, &authority.table("[\"tls-alpn-01\"]"));
    gateway.signal("-HUP");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while given(&gateway, &root, "actuarem.test").await.is_err() {
        assert!(given(&gateway, &root, NAMES[0]).await.is_ok(), "the old names are served meanwhile");
        assert!(std::time::Instant::now() < deadline, "{}", gateway.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = metrics(&gateway).await;
    assert!(told.contains("acme_challenges_total{kind=\"tls-alpn-01\"}"), "the new challenges:\n{told}");

    let other = authority.table("[\"http-01\"]").replace("/dir\"", "/other\"");
    configure(&gateway, &hosts, &other);
    gateway.signal("-HUP");
    eventually("a word on what waits", || {
        gateway.log().contains("[gateway.tls.acme] directory, authority changed").then_some(())
    })
    .await;
    configure(&gateway, &hosts, &authority.table("[\"dns-01\"]"));
    gateway.signal("-HUP");
    eventually("a refusal", || gateway.log().contains("unknown variant `dns-01`").then_some(())).await;
    given(&gateway, &root, "actuarem.test").await.unwrap();
}
