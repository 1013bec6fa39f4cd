//! What breaks around the gateway, and what is still there afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Gateway, eventually, run_with};

/// How many kills: many with `cargo xtask test --slow`.
fn rounds() -> usize {
    if std::env::var_os("AOPS_TEST_SLOW").is_some() { 50 } else { 4 }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_every_kill() {
    let mut gateway = Gateway::start().await;
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..rounds() {
        let client = gateway.client();
        let url = gateway.url("/newsletter");
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (client, url, acknowledged) = (client.clone(), url.clone(), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    for number in 0.. {
                        let email = format!("k{round}-{writer}-{number}@example.org");
                        let post = client.post(&url).json(&serde_json::json!({ "email": email }));
                        match post.header("accept", "application/json").send().await {
                            Ok(answer) if answer.status() == 202 => {
                                assert!(acknowledged.lock().unwrap().insert(email))
                            }
                            Ok(answer) => panic!("{}", answer.status()),
                            Err(_) => return,
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(150 + 37 * round as u64)).await;
        gateway.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        gateway.launch().await;
    }
    let kept: BTreeSet<String> = gateway
        .admin(&["subscribers", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|subscriber| subscriber["email"].as_str().unwrap().to_owned())
        .collect();
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > rounds(), "{}", acknowledged.len());
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
}

#[tokio::test]
async fn sendgrid_down_delays_mail_and_loses_none() {
    let sendgrid = MockServer::start().await;
    let send = || {
        Mock::given(method("POST")).and(path("/v3/mail/send")).and(header("authorization", "Bearer SG.test"))
    };
    send().respond_with(ResponseTemplate::new(500)).up_to_n_times(2).with_priority(1).mount(&sendgrid).await;
    send().respond_with(ResponseTemplate::new(202)).with_priority(2).mount(&sendgrid).await;
    let gateway = Gateway::start_with(&[
        ("AOPS_LIMITS_FACTOR", "1000"),
        ("SENDGRID_API_KEY", "SG.test"),
        ("SENDGRID_API_BASE", &sendgrid.uri()),
    ])
    .await;
    assert_eq!(gateway.post("/newsletter", &[("email", "claire@example.org")]).await.status(), 303);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let sent = loop {
        let requests = sendgrid.received_requests().await.unwrap();
        if requests.len() >= 3 {
            break requests;
        }
        assert!(std::time::Instant::now() < deadline, "{} tries in a minute", requests.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let body = String::from_utf8_lossy(&sent[2].body).into_owned();
    assert!(
        body.contains("claire@example.org") && body.contains("/newsletter/confirmation?jeton="),
        "{body}"
    );
    let tries: Vec<serde_json::Value> =
        sent.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    for told in &tries {
        assert_eq!(told["categories"], serde_json::json!(["confirmation"]), "p-purposes: {told}");
        let letter = &told["personalizations"][0]["custom_args"]["letter"];
        assert!(letter.as_str().is_some_and(|id| id.len() > 16), "{told}");
        assert_eq!(letter, &tries[0]["personalizations"][0]["custom_args"]["letter"], "one letter, one name");
        for tracking in ["click_tracking", "open_tracking"] {
            assert_eq!(told["tracking_settings"][tracking]["enable"], false, "{told}");
        }
        let kinds: Vec<_> = told["content"].as_array().unwrap().iter().map(|part| &part["type"]).collect();
        assert_eq!(kinds, ["text/plain", "text/html"], "the plainest part first (RFC 2046 § 5.1.4)");
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(sendgrid.received_requests().await.unwrap().len(), 3, "accepted once, sent once");
}

/// Proves p-confidentiality, p-security-controller.
#[tokio::test]
async fn nothing_personal_lies_in_clear_in_the_data_folder() {
    let mut gateway = Gateway::start_with(&[
        ("AOPS_LIMITS_FACTOR", "1000"),
        ("SENDGRID_API_KEY", "SG.x"),
        ("SENDGRID_API_BASE", "http://127.0.0.1:9"),
    ])
    .await;
    gateway.post("/newsletter", &[("email", "planted-subscriber@example.org")]).await;
    let contact = [
        ("nom", "Plantedname"),
        ("prenom", "Plantedfirst"),
        ("email", "planted-contact@example.org"),
        ("raison_sociale", "Plantedcompany"),
        ("adresse", "Plantedstreet"),
        ("message", "Plantedmessage"),
    ];
    assert_eq!(gateway.post("/contact", &contact).await.status(), 303);
    gateway.client_account("planted-client@example.org", None);
    gateway.stop();
    let mut looked_at = 0;
    for entry in fs::read_dir(gateway.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).to_lowercase();
            assert!(!text.contains("planted"), "{}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 0);
    assert!(!gateway.log().to_lowercase().contains("planted"), "nor in the log");
}

#[tokio::test]
async fn a_full_disk_answers_503_keeps_what_was_there_and_recovers() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let data = gateway.data();
    fs::create_dir(&data).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs"]).arg(&data).status();
    if !mounted.is_ok_and(|status| status.success()) {
        // Without the right to mount, the same is proved on the store alone (gateway/src/store/redb.rs).
        println!("not run: this user may not mount a small file system");
        return;
    }
    let _unmount = Unmount(data.clone());
    gateway.launch().await;
    assert_eq!(gateway.post("/newsletter", &[("email", "before@example.org")]).await.status(), 303);
    let filler = data.join("filler");
    let full = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k"])
        .arg(format!("of={}", filler.display()))
        .output()
        .unwrap();
    assert!(!full.status.success(), "the disk is full");
    let message = "x".repeat(5_000);
    let contact = [
        ("nom", "A"),
        ("prenom", "B"),
        ("email", "full@example.org"),
        ("raison_sociale", "C"),
        ("adresse", "D"),
        ("message", message.as_str()),
    ];
    let mut refused = 0;
    let mut accepted = 0;
    for _ in 0..400 {
        match gateway.post("/contact", &contact).await.status().as_u16() {
            503 => refused += 1,
            303 => accepted += 1,
            other => panic!("{other}"),
        }
        if refused >= 3 {
            break;
        }
    }
    assert!(refused >= 3, "a full disk was never met");
    assert_eq!(gateway.get("/").await.status(), 200, "pages are served meanwhile");
    fs::remove_file(&filler).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while gateway.post("/newsletter", &[("email", "after@example.org")]).await.status() != 303 {
        assert!(std::time::Instant::now() < deadline, "no recovery after twenty seconds");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    gateway.kill();
    gateway.launch().await;
    assert_eq!(gateway.admin(&["messages", "list"]).as_array().unwrap().len(), accepted);
    let subscribers = gateway.admin(&["subscribers", "list"]).to_string();
    assert!(subscribers.contains("before@example.org") && subscribers.contains("after@example.org"));
    gateway.kill();
}

#[tokio::test]
async fn a_taken_port_is_told_with_what_to_change() {
    let gateway = Gateway::prepare(&[]);
    let _taken = TcpListener::bind(gateway.https()).unwrap();
    let output = run_with(gateway.command(&["serve"]), "");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(&gateway.https().to_string()) && told.contains("AOPS_HTTPS"), "{told}");
}

#[tokio::test]
async fn an_unreadable_key_is_told_by_its_path() {
    let gateway = Gateway::prepare(&[]);
    let site = gateway.root().join("site.toml");
    let source = fs::read_to_string(&site).unwrap();
    fs::write(&site, source + "\n[gateway.tls]\ncertificate = \"none.pem\"\nkey = \"none.key\"\n").unwrap();
    let output = run_with(gateway.command(&["serve"]), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none.pem"));
}

#[tokio::test]
async fn a_wrong_master_key_or_an_open_store_refuses_to_start() {
    use std::os::unix::fs::PermissionsExt;
    let mut gateway = Gateway::start().await;
    gateway.stop();
    let mut other = gateway.command(&["serve"]);
    other.env("AOPS_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let output = run_with(other, "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("AOPS_MASTER_KEY"));
    let store = gateway.data().join("aops.redb");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o644)).unwrap();
    let output = run_with(gateway.command(&["serve"]), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("aops.redb"));
}

#[tokio::test]
async fn requests_under_way_end_when_the_gateway_stops() {
    let mut gateway = Gateway::start().await;
    let client = gateway.client();
    let url = gateway.url("/offres/");
    let asked = tokio::spawn(async move {
        let mut served = 0;
        while let Ok(answer) = client.get(&url).send().await {
            assert_eq!(answer.status(), 200);
            answer.bytes().await.unwrap();
            served += 1;
        }
        served
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(gateway.stop().success());
    assert!(asked.await.unwrap() > 0);
}

#[tokio::test]
async fn watching_rebuilds_a_page_and_keeps_the_last_good_one() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    fs::remove_file(gateway.root().join("content")).unwrap();
    let copied = Command::new("cp")
        .args(["-r", &format!("{}/content", crate::support::REPOSITORY)])
        .arg(gateway.root())
        .status();
    assert!(copied.unwrap().success());
    gateway.launch_with(&["serve", "--watch"]).await;
    let page = gateway.root().join("content/fr/a-propos.md");
    let good = fs::read_to_string(&page).unwrap();
    fs::write(&page, format!("{good}\nUne phrase toute neuve.\n")).unwrap();
    until_page_holds(&gateway, "Une phrase toute neuve").await;
    fs::write(&page, "+++\ntitle = \n+++\n").unwrap();
    eventually("the fault", || gateway.log().contains("a-propos.md").then_some(())).await;
    assert_eq!(gateway.get("/a-propos/").await.status(), 200, "the last good page stays");
    fs::write(&page, good.clone() + "\nMendée.\n").unwrap();
    until_page_holds(&gateway, "Mendée").await;
}

async fn until_page_holds(gateway: &Gateway, text: &str) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !gateway.get("/a-propos/").await.text().await.unwrap().contains(text) {
        assert!(std::time::Instant::now() < deadline, "{text} never came\n{}", gateway.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        // Lazily: the gateway may still hold files when a check above has failed.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
