//! Promises to clients as they are typed and asked for: the list of processors, audits, the register, evidence packs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Gateway, REPOSITORY, link, run_with};

/// What was planted into a gateway's records and must stand in no pack.
const PLANTED: [&str; 9] = [
    "planted.client",
    "planted.reader",
    "planted.writer",
    "planted.asker",
    "Planté-Nom",
    "PlantéeSA",
    "planté dans le message",
    "planté dans la demande",
    "Auditrice Plantée",
];

/// Gives a gateway's folder a content of its own, in which the list of processors may change.
fn own_content(gateway: &Gateway) {
    let content = gateway.root().join("content");
    fs::remove_file(&content).unwrap();
    let source = Path::new(REPOSITORY).join("content");
    assert!(Command::new("cp").arg("-r").args([&source, &content]).status().unwrap().success());
}

#[tokio::test]
async fn p_subprocessors_a_change_of_the_file_is_announced_by_one_command_and_every_client_gets_one_letter() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    own_content(&gateway);
    gateway.launch().await;
    for email in ["one@example.org", "two@example.org"] {
        gateway.client_account(email, None);
    }
    let announce = ["admin", "processors", "announce", "--applies", "2100-01-15", "--json"];
    let same = run_with(gateway.command(&announce), "");
    assert_eq!(same.status.code(), Some(1), "nothing has changed");
    let file = gateway.root().join("content/fr/sous-traitants.csv");
    let list = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{list}Exemple SAS,sauvegarde,France,aucun transfert\n")).unwrap();
    let line = gateway.admin(&announce[1..5]);
    assert_eq!((&line["letters"], &line["applies"]), (&json!(2), &json!("2100-01-15")));
    assert_eq!(line["change"]["added"][0]["name"], "Exemple SAS");
    for email in ["one@example.org", "two@example.org"] {
        let mail = gateway.mail_with(&[&format!("To: {email}"), "Exemple SAS", "15 janvier 2100"]).await;
        assert!(mail.contains("/espace-client/confidentialite#prestataires"), "{mail}");
    }
    gateway.kill();
    gateway.launch().await;
    let history = gateway.admin(&["processors", "list"]);
    assert_eq!((history.as_array().unwrap().len(), &history[0]["told"]), (2, &json!(true)));
    assert_eq!((&history[0]["to_come"], &history[1]["in_force"]), (&json!(true), &json!(true)));
    let told = gateway.mails().iter().filter(|mail| mail.contains("Exemple SAS")).count();
    assert_eq!(told, 2, "once each, a restart included");
}

#[tokio::test]
async fn p_audit_yearly_a_client_asks_staff_accept_and_the_auditor_reads_on_that_day_alone() {
    let mut gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    let page = gateway.client().get(gateway.url("/espace-client/audit")).header("cookie", &cookie);
    let page = page.send().await.unwrap().text().await.unwrap();
    let earliest = page.split("<time datetime=\"").nth(1).unwrap().get(..10).unwrap().to_owned();
    let form = [
        ("premier_jour", earliest.as_str()),
        ("jours", "1"),
        ("auditeur_nom", "Inès Roux"),
        ("auditeur_societe", "Contrôle & fils"),
        ("auditeur_email", "ines@example.org"),
        ("perimetre", "Chiffrement et accès"),
        ("frais", "accepte"),
    ];
    let soon = [("premier_jour", "2026-12-01")];
    let soon: Vec<_> = soon.into_iter().chain(form.into_iter().skip(1)).collect();
    let refused = gateway.post_as("/espace-client/audit", &soon, Some(&cookie)).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.unwrap().contains("Le préavis est de 45 jours ouvrés"));
    let asked = gateway.post_as("/espace-client/audit", &form, Some(&cookie)).await;
    assert_eq!(asked.status(), 303);
    gateway.mail_with(&["Un client demande un audit", "client-audit accept"]).await;
    let listed = gateway.admin(&["client-audit", "list"]);
    let id = listed[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(gateway.admin(&["client-audit", "accept", &id])["state"], "accepted");
    let mail = gateway.mail_with(&["To: ines@example.org", "/audit?jeton="]).await;
    let path = link(&mail, "/audit?jeton=");
    let early = gateway.get(&path).await;
    assert_eq!(early.status(), 403);
    gateway.stop();
    let opens = Command::new("date").args(["-d", &format!("{earliest} 12:00 UTC"), "+%s"]).output().unwrap();
    let now = Command::new("date").arg("+%s").output().unwrap();
    let second = |output: std::process::Output| -> i64 {
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    let ahead = second(opens) - second(now);
    gateway.set("AOPS_NOW_OFFSET", &ahead.to_string());
    gateway.launch().await;
    let open = gateway.get(&path).await;
    assert_eq!(open.status(), 200);
    let text = open.text().await.unwrap();
    for said in ["DigitalOcean", "La chaîne vient d’être relue", "Audit demandé", "Lecture par l’auditeur"]
    {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(!text.contains("client@example.org") && !text.contains("audit_acces."), "{text}");
    let posted = gateway.post(&path, &[("x", "1")]).await;
    assert_eq!(posted.status(), 405, "there is nothing to write");
    gateway.stop();
    gateway.set("AOPS_NOW_OFFSET", &(ahead + 86_400 * 2).to_string());
    gateway.launch().await;
    assert_eq!(gateway.get(&path).await.status(), 410);
}

#[tokio::test]
async fn p_confidentiality_an_evidence_pack_tells_nothing_that_was_planted_and_what_was_changed_is_told_by_name()
 {
    let mut gateway = Gateway::start().await;
    let (password, key) = gateway.client_account("planted.client@example.org", Some("illimite"));
    let cookie = gateway.sign_in("planted.client@example.org", &password).await;
    gateway.post("/newsletter", &[("email", "planted.reader@example.org")]).await;
    gateway
        .post(
            "/contact",
            &[
                ("nom", "Planté-Nom"),
                ("prenom", "Anne"),
                ("email", "planted.writer@example.org"),
                ("raison_sociale", "PlantéeSA"),
                ("adresse", "1 rue"),
                ("message", "planté dans le message"),
            ],
        )
        .await;
    let request = [
        ("droit", "rectification"),
        ("email", "planted.asker@example.org"),
        ("demande", "planté dans la demande"),
    ];
    gateway.post("/donnees-personnelles", &request).await;
    let ask = ["client-audit", "ask", "--account", "planted.client@example.org", "--first", "2100-03-01"];
    let auditor = [
        "--auditor",
        "Auditrice Plantée",
        "--firm",
        "F",
        "--email",
        "planted.client@example.org",
        "--scope",
        "tout",
    ];
    gateway.admin(&[&ask[..], &auditor[..]].concat());
    let lines = gateway.client().post(gateway.url("/api/v1/datasets?module=ifc&warranty=accepted"));
    let csv = "id;sex;birth_date;hire_date;annual_salary\n1;F;12/05/1980;01/09/2010;32000\n";
    let sent = lines.bearer_auth(&key).header("content-type", "text/csv").body(csv).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let rejected =
        gateway.client().get(gateway.url("/espace-client/confidentialite")).header("cookie", &cookie);
    assert_eq!(rejected.send().await.unwrap().status(), 200);
    let today = Command::new("date").args(["-u", "+%F"]).output().unwrap();
    let today = String::from_utf8(today.stdout).unwrap().trim().to_owned();
    // A day later, the log of the days before stands still: two packs of them are the same file.
    gateway.stop();
    gateway.set("AOPS_NOW_OFFSET", "100000");
    gateway.launch().await;
    let packs = ["1.zip", "2.zip"].map(|name| gateway.root().join(name));
    for pack in &packs {
        let told =
            gateway.admin(&["audit", "pack", "--from", "2026-01-01", "--to", &today, pack.to_str().unwrap()]);
        assert!(told["files"].as_u64().unwrap() >= 10, "{told}");
    }
    let bytes = packs.each_ref().map(|pack| fs::read(pack).unwrap());
    assert!(bytes[0] == bytes[1], "the same state and days give the same bytes");
    let files = unpacked(&packs[0]);
    for expected in [
        "index.html",
        "promesses.html",
        "registre.html",
        "registres.html",
        "acces.html",
        "journal.html",
        "politique.html",
    ] {
        assert!(files.contains_key(expected), "{expected}");
    }
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for planted in PLANTED {
            assert!(!text.contains(planted), "{planted} in {name}");
        }
        let words = ["dossier.", "register.", "audit_acces.", "retention.what."];
        // Paths of code stand among the promises.
        let worded = name.ends_with(".html") && name != "promesses.html";
        let missing = words.iter().find(|word| worded && text.contains(**word));
        assert_eq!(missing, None, "{name} lacks words");
    }
    let registers = String::from_utf8_lossy(&files["registres.html"]).into_owned();
    assert!(registers.contains("rectification") || registers.contains("Rectification"), "{registers}");
    let key = gateway.admin(&["audit", "key"])["key"].as_str().unwrap().to_owned();
    gateway.stop();
    let verify = |pack: &Path, key: &str| {
        let asked = ["admin", "audit", "pack", "--verify", pack.to_str().unwrap(), "--key", key, "--json"];
        let output = run_with(gateway.command(&asked), "");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), told)
    };
    let (code, told) = verify(&packs[0], &key);
    assert_eq!((code, &told["damaged"]), (Some(0), &json!([])));
    assert!(told["entries"].as_u64().unwrap() > 3, "{told}");
    let tampered = gateway.root().join("3.zip");
    let changed =
        String::from_utf8_lossy(&files["journal.jsonl"]).replacen("account created", "account removed", 1);
    repacked(&tampered, &files, "journal.jsonl", changed.as_bytes());
    let (code, told) = verify(&tampered, &key);
    assert_eq!((code, &told["damaged"][0]["file"]), (Some(1), &json!("journal.jsonl")));
    let again = run_with(
        gateway.command(&[
            "admin",
            "audit",
            "pack",
            "--from",
            "2026-01-01",
            "--to",
            &today,
            packs[0].to_str().unwrap(),
        ]),
        "",
    );
    assert_eq!(again.status.code(), Some(1), "nothing is written over");
}

#[tokio::test]
async fn p_direct_collection_the_register_is_written_from_the_declarations_with_a_gateway_and_without() {
    let mut gateway = Gateway::start().await;
    let register = |gateway: &Gateway, more: &[&str]| {
        let output = run_with(gateway.command(&[&["admin", "register"], more].concat()), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let running = register(&gateway, &[]);
    for said in [
        "# Registre des activités de traitement",
        "## Lettre d’information",
        "SendGrid (envoi des courriels",
        "3 ans",
    ] {
        assert!(running.contains(said), "{said} in {running}");
    }
    assert!(!running.contains("register.") && !running.contains("retention."), "{running}");
    let csv = register(&gateway, &["--csv"]);
    assert!(csv.starts_with("Activité,Rôle d’AOPS,Finalité,"), "{csv}");
    assert_eq!(csv.lines().count(), 11);
    gateway.stop();
    assert_eq!(register(&gateway, &[]), running);
}

/// The words of a page of HTML, piece by piece, as they are read.
fn pieces(html: &str) -> Vec<String> {
    let main = html.split("<main>").nth(1).unwrap().split("</main>").next().unwrap();
    let texts = main.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let read = |text: &str| {
        let named =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
        named.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
    };
    texts.map(read).map(|text| bare(&text)).filter(|text| !text.is_empty()).collect()
}

/// Without spaces and hyphens: where a line ends is the paper's own.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && !"-\u{ad}\u{2010}".contains(*letter)).collect()
}

/// What a reader's program finds in a PDF: poppler's.
fn read_aloud(pdf: &[u8]) -> String {
    let mut command = Command::new("pdftotext");
    let mut reader =
        command.args(["-raw", "-", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    reader.stdin.take().unwrap().write_all(pdf).unwrap();
    bare(&String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap())
}

fn is_archive(pdf: &[u8]) -> bool {
    let marks = ["pdfaid:part>2<", "pdfuaid:part>1<", "/StructTreeRoot"];
    marks.iter().all(|mark| pdf.windows(mark.len()).any(|bytes| bytes == mark.as_bytes()))
}

/// Proves p-instructions, p-transfers.
#[tokio::test]
async fn p_client_controller_the_papers_are_tagged_pdf_with_the_very_words_of_their_html() {
    let gateway = Gateway::start().await;
    let (password, key) = gateway.client_account("client@example.org", None);
    let lines = gateway.client().post(gateway.url("/api/v1/datasets?module=ifc&warranty=accepted"));
    let csv = "id;sex;birth_date;hire_date;annual_salary\n1;F;12/05/1980;01/09/2010;32000\n";
    let sent = lines.bearer_auth(&key).header("content-type", "text/csv").body(csv).send().await.unwrap();
    let data: Value = sent.json().await.unwrap();
    let gone =
        gateway.client().delete(gateway.url(&format!("/api/v1/datasets/{}", data["id"].as_str().unwrap())));
    assert_eq!(gone.bearer_auth(&key).send().await.unwrap().status(), 204);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    let get = async |path: &str| {
        let get = gateway.client().get(gateway.url(path)).header("cookie", &cookie);
        let answer = get.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        (answer.headers()["content-type"].to_str().unwrap().to_owned(), answer.bytes().await.unwrap())
    };
    let (_, page) = get("/espace-client/confidentialite").await;
    let page = String::from_utf8_lossy(&page).into_owned();
    for sheet in ["annexe", "mesures", "localisation", "effacement", "traitement-ifc", "traitement-rente"] {
        let path = format!("/espace-client/confidentialite/{sheet}");
        assert!(page.contains(&format!("{path}.pdf")) && page.contains(&format!("{path}.html")), "{sheet}");
        let (kind, pdf) = get(&format!("{path}.pdf")).await;
        assert_eq!(kind, "application/pdf");
        assert!(is_archive(&pdf), "{sheet}");
        let text = read_aloud(&pdf);
        let (_, html) = get(&format!("{path}.html")).await;
        let pieces = pieces(&String::from_utf8_lossy(&html));
        assert!(pieces.len() > 4, "{sheet}");
        for piece in pieces {
            // The hour of making is another's.
            if piece.contains("Z") && piece.starts_with("20") {
                continue;
            }
            assert!(text.contains(&piece), "{sheet}: {piece} in {text}");
        }
    }
    let (_, certificate) = get("/espace-client/confidentialite/effacement.pdf").await;
    assert!(read_aloud(&certificate).contains(&bare(data["id"].as_str().unwrap())));
}

/// Proves p-rights, p-breach-notice.
#[tokio::test]
async fn p_direct_collection_the_register_and_the_officer_s_report_of_a_year_are_pdf_too() {
    let mut gateway = Gateway::start().await;
    gateway.client_account("client@example.org", None);
    let open =
        ["rights", "open", "--email", "client@example.org", "--right", "rectification", "--proved", "vu"];
    gateway.admin(&open);
    let year = jiff::Timestamp::now().to_string()[..4].to_owned();
    let files = ["registre.pdf", "rapport.pdf"].map(|name| gateway.root().join(name));
    gateway.admin(&["register", "--pdf", files[0].to_str().unwrap()]);
    let report = ["report", "--year", year.as_str(), files[1].to_str().unwrap()];
    gateway.admin(&report);
    let texts = files.each_ref().map(|file| {
        let pdf = fs::read(file).unwrap();
        assert!(is_archive(&pdf), "{}", file.display());
        read_aloud(&pdf)
    });
    for said in ["Registre des activités de traitement", "Lettre d’information", "DigitalOcean"] {
        assert!(texts[0].contains(&bare(said)), "{said} in {}", texts[0]);
    }
    let title = format!("Rapport annuel du délégué à la protection des données, {year}");
    for said in [title.as_str(), "rectification", "Demandes sur les données personnelles", "Établi le"] {
        assert!(texts[1].contains(&bare(said)), "{said} in {}", texts[1]);
    }
    for text in &texts {
        assert!(
            !text.contains("client@example.org") && !text.contains("annual.") && !text.contains("register."),
            "{text}"
        );
    }
    let over = run_with(gateway.command(&[&["admin"], &report[..]].concat()), "");
    assert_eq!(over.status.code(), Some(1), "nothing is written over");
    let next = (year.parse::<i16>().unwrap() + 1).to_string();
    let none = gateway.root().join("futur.pdf");
    let refused =
        run_with(gateway.command(&["admin", "report", "--year", &next, none.to_str().unwrap()]), "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has not begun"), "{refused:?}");
    assert!(!none.exists(), "no half of a file is left");
    gateway.stop();
    fs::remove_file(&files[1]).unwrap();
    gateway.admin(&report);
    assert!(is_archive(&fs::read(&files[1]).unwrap()), "without a gateway too");
}

#[tokio::test]
async fn p_policy_updates_a_pack_holds_results_of_tests_of_its_own_program_and_says_when_they_are_of_another()
{
    let gateway = Gateway::start().await;
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let packed = |name: &str, tests: Option<&Value>| {
        let (pack, file) =
            (gateway.root().join(format!("{name}.zip")), gateway.root().join(format!("{name}.json")));
        let mut arguments = vec!["audit", "pack", "--from", "2026-01-01", "--to", today.as_str()];
        if let Some(tests) = tests {
            fs::write(&file, tests.to_string()).unwrap();
            arguments.extend(["--tests", file.to_str().unwrap()]);
        }
        arguments.push(pack.to_str().unwrap());
        gateway.admin(&arguments);
        unpacked(&pack)
    };
    let page =
        |files: &BTreeMap<String, Vec<u8>>, name: &str| String::from_utf8(files[name].clone()).unwrap();
    let none = packed("sans", None);
    assert!(
        page(&none, "promesses.html").contains("Aucun résultat de test"),
        "{}",
        page(&none, "promesses.html")
    );
    let configuration: Value = serde_json::from_slice(&none["configuration.json"]).unwrap();
    let sources = configuration["sources"].as_str().unwrap();
    assert_eq!(sources.len(), 64, "the program knows what it is made of");
    let results = |sources: &str| {
        json!({
            "form": 1, "program": "aops 0.1.0", "sources": sources, "made": "2026-11-28T10:00:00Z",
            "promises": { "p-rights": { "passed": ["p_rights_a"], "failed": [], "unseen": [] } },
        })
    };
    let own = packed("les-siens", Some(&results(sources)));
    let told = page(&own, "promesses.html");
    assert!(told.contains("sources mêmes") && told.contains("1 réussis"), "{told}");
    assert_eq!(serde_json::from_slice::<Value>(&own["tests.json"]).unwrap(), results(sources));
    let other = packed("autres", Some(&results(&"0".repeat(64))));
    assert!(page(&other, "promesses.html").contains("autre programme"));
    let wrong = gateway.root().join("faux.json");
    fs::write(&wrong, "{}").unwrap();
    let pack = gateway.root().join("faux.zip");
    let arguments = ["admin", "audit", "pack", "--from", "2026-01-01", "--to", today.as_str(), "--tests"];
    let arguments = [&arguments[..], &[wrong.to_str().unwrap(), pack.to_str().unwrap()]].concat();
    let refused = run_with(gateway.command(&arguments), "");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("results of the tests cannot be taken"),
        "{refused:?}"
    );
    assert!(!pack.exists());
}

/// The files of a pack by their names, as Python's own archive reader has them.
fn unpacked(pack: &Path) -> BTreeMap<String, Vec<u8>> {
    let folder = pack.with_extension("unpacked");
    let script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let done = Command::new("python3").args(["-c", script]).arg(pack).arg(&folder).status().unwrap();
    assert!(done.success());
    let read = |entry: fs::DirEntry| {
        let mut bytes = Vec::new();
        fs::File::open(entry.path()).unwrap().read_to_end(&mut bytes).unwrap();
        (entry.file_name().into_string().unwrap(), bytes)
    };
    fs::read_dir(&folder).unwrap().map(|entry| read(entry.unwrap())).collect()
}

/// The same pack with one file otherwise.
fn repacked(pack: &Path, files: &BTreeMap<String, Vec<u8>>, name: &str, bytes: &[u8]) {
    let folder = pack.with_extension("folder");
    fs::create_dir(&folder).unwrap();
    for (file, content) in files {
        let content = if file == name { bytes } else { content };
        fs::File::create(folder.join(file)).unwrap().write_all(content).unwrap();
    }
    let script = "import os, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n for n in os.listdir(sys.argv[2]): z.write(os.path.join(sys.argv[2], n), n)";
    let done = Command::new("python3").args(["-c", script]).arg(pack).arg(&folder).status().unwrap();
    assert!(done.success());
}
