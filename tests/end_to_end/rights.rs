//! The desk of the data protection officer, as it is typed: requests, erasures that a kill interrupts, breaches.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::{Gateway, run_with};

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

#[tokio::test]
async fn p_breach_notice_whom_it_concerns_is_seen_before_it_is_reported_by_command_and_by_page() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("cliente@example.org", None);
    let report = ["breach", "report", "--what", "une copie est partie", "--data", "calculations"];
    let looked = [&report[..], &["--measures", "accès fermé", "--dry-run"]].concat();
    let told = gateway.admin(&looked);
    assert_eq!(told["clients"], json!(["cliente@example.org"]));
    assert_eq!((&told["level"], &told["letters"]), (&json!("maximal"), &json!(1)));
    assert_eq!(gateway.admin(&["breach", "list"]), json!([]), "nothing is entered by looking");
    let wrong = [&report[..], &["--measures", "x", "--organisations", "org_0"]].concat();
    let refused = run_with(gateway.command(&[&["admin"], &wrong[..]].concat()), "");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("org_0"), "{refused:?}");

    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let account = ["account", "create", "--email", "dpo@example.org", "--password-stdin", "--verified"];
    let dates = ["--role", "dpo", "--trained", &today, "--secrecy", &today];
    gateway.admin_with(&[&account[..], &dates[..]].concat(), &format!("{password}\n"));
    let cookie = gateway.sign_in("dpo@example.org", &password).await;
    let typed = [
        ("faits", "une copie est partie"),
        ("donnees_calculs", "oui"),
        ("divulgation", "oui"),
        ("mesures", "accès fermé"),
        ("portee", "organisations"),
        ("organisations", "cliente@example.org"),
    ];
    let send = async |more: &[(&str, &str)], language: &str| {
        let form = [&typed[..], more].concat();
        gateway.post_as(&format!("/equipe/violations/declaration{language}"), &form, Some(&cookie)).await
    };
    let review = send(&[], "").await;
    assert_eq!(review.status(), 200);
    let text = review.text().await.unwrap();
    assert!(text.contains("cliente@example.org") && text.contains("maximale"), "{text}");
    let hidden = |name: &str| {
        let (_, value) = text.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        value.split_once('"').unwrap().0.to_owned()
    };
    let (entry, known) = (hidden("entree"), hidden("constat"));
    let english = send(&[], "?lang=en").await.text().await.unwrap();
    assert!(english.contains("Review before entering") && !english.contains("declaration."), "{english}");
    for _ in 0..2 {
        let answer = send(&[("entree", &entry), ("constat", &known), ("etape", "declarer")], "").await;
        assert_eq!(answer.headers()["location"], "/equipe/violations?fait=declaree");
    }
    let listed = gateway.admin(&["breach", "list"]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(entry)));
    assert_eq!(listed[0]["letters"], 1);
    let log = gateway.admin(&["audit", "list"]).to_string();
    assert!(log.contains("breach assess") && log.contains("breach entered"), "{log}");
}

#[tokio::test]
async fn p_rights_what_is_restricted_is_refused_to_staff_with_its_reason_and_serves_its_holder() {
    let gateway = Gateway::start().await;
    let (password, key) = gateway.client_account("a@example.org", Some("illimite"));
    let message = [
        ("nom", "Durand"),
        ("prenom", "B"),
        ("email", "a@example.org"),
        ("raison_sociale", "C"),
        ("adresse", "D"),
        ("message", "un"),
    ];
    assert_eq!(gateway.post("/contact", &message).await.status(), 303);
    let id = gateway.admin(&["messages", "list"])[0]["id"].as_str().unwrap().to_owned();
    let open = ["rights", "open", "--email", "a@example.org", "--right", "restriction", "--proved", "vu"];
    let request = gateway.admin(&open)["id"].as_str().unwrap().to_owned();

    for list in ["messages", "account", "subscribers"] {
        assert_eq!(gateway.admin(&[list, "list"]), json!([]), "{list}");
    }
    let refused = |arguments: &[&str]| {
        let output = run_with(gateway.command(&[&["admin"], arguments].concat()), "réponse");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("is restricted") && told.contains("art. 18"), "{told}");
        assert!(!told.contains("a@example.org"), "{told}");
    };
    refused(&["messages", "show", &id]);
    refused(&["messages", "answer", &id, "--text-stdin"]);
    refused(&["apikey", "create", "--account", "a@example.org"]);
    assert!(gateway.log().contains("did not open"), "the gateway tells what it refused");

    let cookie = gateway.sign_in("a@example.org", &password).await;
    for path in ["/espace-client/", "/espace-client/droits", "/espace-client/droits/copie.zip"] {
        let get = gateway.client().get(gateway.url(path)).header("cookie", &cookie);
        assert_eq!(get.send().await.unwrap().status(), 200, "{path}");
    }
    let usage = gateway.client().get(gateway.url("/api/v1/account")).bearer_auth(&key);
    assert_eq!(usage.send().await.unwrap().status(), 200, "their programs are theirs");
    assert_eq!(gateway.admin(&["store", "verify"])["damaged"], json!([]));

    gateway.admin(&["rights", "lift", &request, "--reason", "vérifié"]);
    assert_eq!(gateway.admin(&["messages", "show", &id])["messages"][0]["email"], "a@example.org");
    assert_eq!(gateway.admin(&["account", "list"])[0]["email"], "a@example.org");
}

#[tokio::test]
async fn p_rights_directives_are_carried_out_by_one_command_whose_copy_is_on_the_disk_before_the_erasure() {
    let mut gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("a@example.org", None);
    let open = ["rights", "open", "--email", "a@example.org", "--right", "directives", "--proved", "vu"];
    let open = [&open[..], &["--text-stdin"]].concat();
    let request = gateway.admin_with(&open, "Une copie à ma fille, puis tout effacer");
    let id = request["id"].as_str().unwrap().to_owned();
    let file = gateway.root().join("copie.zip");
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let proof = ["--who", "Me Roux, notaire à Paris", "--proof", "death-certificate", "--dated", &today];
    let carry = [&["rights", "carry-out", id.as_str()], &proof[..]].concat();
    // Neither a copy nor an erasure is asked for; and nothing is written over.
    let nothing = run_with(gateway.command(&[&["admin"], &carry[..]].concat()), "");
    assert_eq!(nothing.status.code(), Some(2));
    fs::write(&file, "autre").unwrap();
    let both = [&carry[..], &["--hand-over", file.to_str().unwrap(), "--erase"]].concat();
    let over = run_with(gateway.command(&[&["admin"], &both[..]].concat()), "");
    assert_eq!(over.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), "autre");
    assert_eq!(gateway.admin(&["account", "list"]).as_array().unwrap().len(), 1);
    fs::remove_file(&file).unwrap();

    let line = gateway.admin(&both);
    assert_eq!((&line["state"], &line["carried_out"][1]["deed"]), (&json!("fulfilled"), &json!("erased")));
    assert!(line.get("bytes").is_none());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read(&file).unwrap().starts_with(b"PK"));
    assert_eq!(gateway.admin(&["account", "list"]), json!([]));
    let fields = [("email", "a@example.org"), ("mot_de_passe", password.as_str())];
    assert_eq!(gateway.post("/compte/connexion", &fields).await.status(), 401);
    let log = gateway.admin(&["audit", "list"]).to_string();
    for said in
        ["copy handed over", "erasure begun", "erasure done", &format!("death certificate of {today}")]
    {
        assert!(log.contains(said), "{said} in {log}");
    }
    assert!(!log.contains("Roux"), "{log}");
    gateway.stop();
    let listed = gateway.admin(&["rights", "list"]);
    assert_eq!(listed[0]["carried_out"][0]["who"], "Me Roux, notaire à Paris");
}
