//! The recovery drill, and what the files show of the people in them.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Gateway, link, run_with};

const CONTACT: [(&str, &str); 6] = [
    ("nom", "Plantée-Nom"),
    ("prenom", "Anaïs"),
    ("email", "plantee-contact@example.org"),
    ("raison_sociale", "Société plantée"),
    ("adresse", "1 rue Plantée, 75017 Paris"),
    ("message", "Une évaluation plantée des engagements"),
];
const PASSWORD_HOLDER: &str = "plantee-compte@example.org";
const SUBSCRIBER: &str = "plantee-lettre@example.org";

/// Every file under a folder that holds these bytes, but the letters that development writes in clear.
fn showing(folder: &Path, planted: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && entry.file_name() != "mail" {
            found.extend(showing(&path, planted));
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(planted.len()).any(|window| window == planted.as_bytes()) {
                found.push(format!("{} shows {planted}", path.display()));
            }
        }
    }
    found
}

fn emails(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_backup_under_load_brings_everything_back_and_no_file_shows_anybody() {
    let mut gateway = Gateway::start().await;
    let (password, _) = gateway.client_account(PASSWORD_HOLDER, None);
    assert_eq!(gateway.post("/contact", &CONTACT).await.status(), 303);
    assert_eq!(gateway.post("/newsletter", &[("email", SUBSCRIBER)]).await.status(), 303);
    let accounts = gateway.admin(&["account", "list"]);
    let messages = gateway.admin(&["messages", "list"]);

    let file = gateway.root().join("a.backup");
    let path = file.to_str().unwrap();
    let mut command = gateway.command(&["--json", "admin", "backup", path]);
    let backing_up = command.stdout(Stdio::piped()).spawn().unwrap();
    for n in 0..10 {
        let address = format!("later{n}@example.org");
        gateway.post("/newsletter", &[("email", &address)]).await;
    }
    let output = backing_up.wait_with_output().unwrap();
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["bytes"], fs::metadata(&file).unwrap().len());
    let again = run_with(gateway.command(&["admin", "backup", path]), "");
    assert_eq!(again.status.code(), Some(1), "nothing is written over");
    let verified = gateway.admin(&["restore", path, "--verify"]);
    assert_eq!((&verified["documents"], &verified["sha256"]), (&told["documents"], &told["sha256"]));

    gateway.kill();
    let planted = CONTACT.iter().map(|(_, value)| *value).filter(|value| *value != "Anaïs");
    let planted: Vec<&str> = planted.chain([PASSWORD_HOLDER, SUBSCRIBER, &password]).collect();
    for planted in &planted {
        assert_eq!(showing(&gateway.data(), planted), Vec::<String>::new());
        assert!(!gateway.log().contains(planted), "the log shows {planted}");
    }
    assert_eq!(showing(gateway.root(), SUBSCRIBER).len(), 0, "the backup shows nobody either");

    let standing = run_with(gateway.command(&["admin", "restore", path]), "");
    assert_eq!(standing.status.code(), Some(1), "nothing is restored over a store");
    fs::remove_file(gateway.data().join("aops.redb")).unwrap();
    assert_eq!(gateway.admin(&["restore", path])["documents"], told["documents"]);
    gateway.launch().await;
    assert_eq!(gateway.admin(&["account", "list"]), accounts);
    assert_eq!(gateway.admin(&["messages", "list"]), messages);
    let subscribers = gateway.admin(&["subscribers", "list"]);
    assert!(emails(&subscribers).contains(&SUBSCRIBER));
    gateway.sign_in(PASSWORD_HOLDER, &password).await;
}

#[tokio::test]
async fn after_a_roll_the_old_key_is_refused_and_accounts_and_links_from_before_still_work() {
    let (old, new) =
        ("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
    let mut gateway = Gateway::start_with(&[("AOPS_MASTER_KEY", old)]).await;
    let (password, _) = gateway.client_account(PASSWORD_HOLDER, None);
    gateway.post("/newsletter", &[("email", SUBSCRIBER)]).await;
    let asked = gateway.mail_with(&[SUBSCRIBER, "/newsletter/confirmation?jeton="]).await;
    gateway.get(&link(&asked, "/newsletter/confirmation?jeton=")).await;
    let welcome = gateway.mail_with(&[SUBSCRIBER, "/newsletter/desinscription?jeton="]).await;
    let leave = link(&welcome, "/newsletter/desinscription?jeton=");
    gateway.stop();
    gateway.set("AOPS_MASTER_KEY", &format!("{new},{old}"));
    gateway.launch().await;
    gateway.sign_in(PASSWORD_HOLDER, &password).await;
    let rolled = gateway.admin(&["keys", "roll"]);
    assert_eq!((&rolled["ended"], &rolled["unreadable"]), (&Value::Bool(true), &Value::from(0)));
    gateway.sign_in(PASSWORD_HOLDER, &password).await;
    gateway.stop();
    gateway.set("AOPS_MASTER_KEY", old);
    let refused = run_with(gateway.command(&["admin", "account", "list"]), "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not the key"));
    gateway.set("AOPS_MASTER_KEY", new);
    gateway.launch().await;
    gateway.sign_in(PASSWORD_HOLDER, &password).await;
    // Found by its address, and by a link signed before the roll.
    gateway.post("/newsletter", &[("email", SUBSCRIBER)]).await;
    assert_eq!(emails(&gateway.admin(&["subscribers", "list"])), [SUBSCRIBER], "known, not added once more");
    assert_eq!(gateway.admin(&["subscribers", "list"])[0]["state"], "confirmed");
    assert_eq!(gateway.post(&leave, &[("List-Unsubscribe", "One-Click")]).await.status().as_u16() / 100, 2);
    assert_eq!(gateway.admin(&["subscribers", "list"])[0]["state"], "unsubscribed");
}
