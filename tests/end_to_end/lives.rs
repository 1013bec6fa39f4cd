//! Whole lives of what is kept, with a clock that moves over years, on both sides of the store: nothing goes before its
//! day, nothing is there after it, no file ever shows it, and a backup from before brings nothing back.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::calculations::{ask, asked, over};
use crate::distributed::Server;
use crate::support::{Gateway, REPOSITORY, link};

const PASSWORD: &str = "Cheval-correct-agrafe-9";

/// Where documents are kept.
#[derive(Debug, Clone, Copy)]
enum Side {
    File,
    Server,
}

/// A gateway at an instant of its own, and the server that keeps its documents, where one does.
struct Life {
    gateway: Gateway,
    server: Option<Server>,
    serves: bool,
}

impl Life {
    async fn begins(side: Side, at: &str) -> Self {
        let (gateway, server) = match side {
            Side::File => (Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]), None),
            Side::Server => {
                let server = Server::start();
                (server.gateway(), Some(server))
            }
        };
        let mut life = Self { gateway, server, serves: false };
        life.serves_at(at).await;
        life
    }

    /// The same house at another instant, in which no gateway runs: commands open the store themselves.
    fn is_at(&mut self, at: &str) {
        self.rest();
        let at: Timestamp = at.parse().unwrap();
        let ahead = at.as_second() - Timestamp::now().as_second();
        self.gateway.set("AOPS_NOW_OFFSET", &ahead.to_string());
    }

    /// The same, in which a gateway runs that did not in between.
    async fn serves_at(&mut self, at: &str) {
        self.is_at(at);
        self.gateway.launch().await;
        self.serves = true;
    }

    fn rest(&mut self) {
        if self.serves {
            self.gateway.stop();
            self.serves = false;
        }
    }

    fn backed_up(&self) -> PathBuf {
        let file = self.gateway.root().join("before.backup");
        self.gateway.admin(&["backup", file.to_str().unwrap()]);
        file
    }

    /// Everything was lost, and a backup is restored, now.
    fn restored(&mut self, backup: &Path) {
        self.rest();
        match &mut self.server {
            None => fs::remove_file(self.gateway.data().join("aops.redb")).unwrap(),
            Some(server) => server.forget(),
        }
        self.gateway.admin(&["restore", backup.to_str().unwrap()]);
    }

    /// The templates of the letters to an address that wait to leave.
    fn waiting(&self, email: &str) -> Vec<String> {
        let letters = self.gateway.admin(&["outbox", "list"]);
        let theirs = letters.as_array().unwrap().iter().filter(|letter| letter["to"] == email);
        let mut templates: Vec<String> =
            theirs.map(|letter| letter["template"].as_str().unwrap().to_owned()).collect();
        templates.sort();
        templates
    }

    /// Carries out what is due; how much was done until now by each of these declarations.
    fn carried_out<const COUNT: usize>(&self, declarations: [&str; COUNT]) -> [u64; COUNT] {
        self.gateway.admin(&["retention", "run"]);
        assert_eq!(self.gateway.admin(&["retention", "run"]), json!([]), "nothing is done twice");
        let proofs = self.gateway.admin(&["retention", "proofs"]);
        declarations.map(|what| {
            let of = proofs.as_array().unwrap().iter().filter(|proof| proof["what"] == what);
            of.map(|proof| proof["count"].as_u64().unwrap()).sum()
        })
    }

    async fn status(&self, path: &str, cookie: &str) -> u16 {
        let get = self.gateway.client().get(self.gateway.url(path)).header("cookie", cookie);
        get.send().await.unwrap().status().as_u16()
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)], cookie: &str) -> String {
        let answer = self.gateway.post_as(path, fields, Some(cookie)).await;
        assert_eq!(answer.status(), 303, "{path}");
        answer.headers()["location"].to_str().unwrap().replace(&self.gateway.url(""), "")
    }

    /// How many lines a list of `aops admin` has.
    fn count(&self, list: &str) -> usize {
        self.gateway.admin(&[list, "list"]).as_array().unwrap().len()
    }

    /// No database, blob, log or backup shows one of these words; what left the house does.
    fn shows_nothing(mut self, planted: &[&str]) {
        self.rest();
        let mut folders = vec![self.gateway.root().to_owned()];
        folders.extend(self.server.as_ref().map(|server| server.folder().to_owned()));
        let mut files = Vec::new();
        folders.iter().for_each(|folder| walk(folder, &mut files));
        // What left the house: letters, and what the stand-in for the payment processor was told.
        let left = [self.gateway.data().join("mail"), self.gateway.data().join("embedded_payments.json")];
        let (letters, kept): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| left.iter().any(|left| file.starts_with(left)));
        assert!(kept.iter().any(|file| file.ends_with("serve.log")), "{kept:?}");
        let shown = |files: &[PathBuf]| -> Vec<String> {
            let one = |file: &PathBuf| {
                let bytes = fs::read(file).unwrap();
                let found = planted.iter().filter(move |word| stands(&bytes, word));
                found.map(|word| format!("{word} in {}", file.display())).collect::<Vec<_>>()
            };
            files.iter().flat_map(one).collect()
        };
        assert_eq!(shown(&kept), Vec::<String>::new());
        // Lives that begin with an address begin with a letter to it.
        if planted[0].contains('@') {
            assert!(!shown(&letters).is_empty(), "the search finds what is there");
        }
    }
}

/// Every file below a folder but those of the built site; what is shared with the repository is linked.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && entry.file_name() != "public" {
            walk(&entry.path(), files);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
}

/// Whether a word stands in some bytes: as it is, as a form or an address writes it, or within base64.
fn stands(bytes: &[u8], word: &str) -> bool {
    let mut address = reqwest::Url::parse("http://form/").unwrap();
    address.query_pairs_mut().append_key_only(word);
    let escaped = address.query().unwrap().as_bytes().to_vec();
    let mut forms = vec![word.as_bytes().to_vec(), escaped];
    for before in 0..3 {
        // The digits that hold a part of what stands before or after the word are left out.
        let padded = [&vec![0; before][..], word.as_bytes()].concat();
        let whole = STANDARD_NO_PAD.encode(&padded);
        forms.push(whole.as_bytes()[(before * 8).div_ceil(6)..padded.len() * 8 / 6].to_vec());
    }
    forms.iter().any(|form| bytes.windows(form.len()).any(|part| part == form.as_slice()))
}

#[test]
fn a_word_is_found_however_it_is_written() {
    let word = "plantée@example.org";
    for before in ["", "a", "ab", "abc"] {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{before}{word} et la suite"));
        assert!(stands(encoded.as_bytes(), word), "{before}");
    }
    assert!(stands(b"email=plant%C3%A9e%40example.org&x=y", word));
    assert!(stands("… plantée@example.org …".as_bytes(), word) && !stands(b"plantee@example.org", word));
}

const EMPLOYEE: &str = "MATRICULE-PLANTE-0042";
const ORGANISATION: &str = "client-plante@example.org";

/// Loads one employee, and has a calculation made of them: the paths of both.
async fn calculated(gateway: &Gateway, key: &str) -> [String; 2] {
    let file = format!(
        "id;Nom;sex;birth_date;hire_date;annual_salary\n{EMPLOYEE};Salariée-Plantée;F;12/05/1980;01/09/2010;32000\n"
    );
    let post = gateway.client().post(gateway.url("/api/v1/datasets?module=ifc&warranty=accepted"));
    let post = post.bearer_auth(key).header("content-type", "text/csv").body(file);
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let data: Value = answer.json().await.unwrap();
    let example = format!("{REPOSITORY}/engine/data/examples/ifc.json");
    let mut parameters: Value = serde_json::from_str(&fs::read_to_string(example).unwrap()).unwrap();
    parameters.as_object_mut().unwrap().remove("employees");
    let body = json!({ "module": "ifc", "dataset": data["id"], "parameters": parameters });
    let id = asked(gateway, key, &body).await;
    assert_eq!(over(gateway, key, &id).await["state"], "done");
    let paths =
        [format!("/api/v1/datasets/{}", data["id"].as_str().unwrap()), format!("/api/v1/calculations/{id}")];
    for path in [&paths[0], &paths[1], &format!("{}/report.pdf", paths[1])] {
        assert_eq!(ask(gateway, key, Method::GET, path, None).await.status(), 200, "{path}");
    }
    paths
}

/// What a client loaded on the last day of August is there until the last day of February, at the minute, and not after.
async fn data_of_six_months(side: Side) {
    let mut life = Life::begins(side, "2027-08-31T10:00:00Z").await;
    let (_, key) = life.gateway.client_account(ORGANISATION, Some("illimite"));
    let answers = async |life: &Life, paths: &[String; 2], status: u16| {
        for path in [&paths[0], &paths[1], &format!("{}/report.pdf", paths[1])] {
            let answer = ask(&life.gateway, &key, Method::GET, path, None).await;
            assert_eq!(answer.status(), status, "{path}");
        }
    };
    let first = calculated(&life.gateway, &key).await;
    let backup = life.backed_up();
    life.serves_at("2028-02-29T09:30:00Z").await;
    answers(&life, &first, 200).await;
    life.serves_at("2028-02-29T10:30:00Z").await;
    answers(&life, &first, 404).await;
    assert_eq!(life.carried_out(["calculation", "calculation_data"]), [1, 1]);

    life.serves_at("2028-08-31T10:00:00Z").await;
    let second = calculated(&life.gateway, &key).await;
    life.serves_at("2029-02-28T09:30:00Z").await;
    answers(&life, &second, 200).await;
    // Nothing ran on the day itself, nor for months after it.
    life.serves_at("2029-07-14T00:00:00Z").await;
    answers(&life, &second, 404).await;
    life.carried_out([]);
    let certificate = life.gateway.sign_in(ORGANISATION, PASSWORD).await;
    let answer =
        life.gateway.client().get(life.gateway.url("/espace-client/confidentialite/effacement.html"));
    let certificate = answer.header("cookie", certificate).send().await.unwrap();
    assert_eq!(certificate.status(), 200);

    life.restored(&backup);
    life.serves_at("2029-07-14T01:00:00Z").await;
    answers(&life, &first, 404).await;
    life.carried_out([]);
    life.shows_nothing(&[EMPLOYEE, "Salariée-Plantée", ORGANISATION, &key]);
}

const READER: &str = "lectrice-plantee@example.org";
const MESSAGE: [(&str, &str); 6] = [
    ("nom", "Prospect-Planté"),
    ("prenom", "Prénom-Planté"),
    ("email", READER),
    ("raison_sociale", "Société-Plantée"),
    ("adresse", "3 rue Plantée, 75017 Paris"),
    ("message", "une phrase plantée dans un message"),
];

/// Whoever wrote to us once, on a leap day, is told a month before and forgotten three years later; their choice of
/// cookies after six months.
async fn a_prospect_of_three_years(side: Side) {
    let mut life = Life::begins(side, "2028-02-29T12:00:00Z").await;
    life.gateway.post("/newsletter", &[("email", READER)]).await;
    let mail = life.gateway.mail_with(&[READER, "/newsletter/confirmation?jeton="]).await;
    assert_eq!(life.gateway.get(&link(&mail, "/newsletter/confirmation?jeton=")).await.status(), 200);
    assert_eq!(life.gateway.post("/contact", &MESSAGE).await.status(), 303);
    let chosen = life.gateway.client().post(life.gateway.url("/consentement"));
    let version = json!({ "version": "2026-11-24", "audience": true, "social": true });
    let chosen = chosen.json(&version).send().await.unwrap();
    let cookie = chosen.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let asks = async |life: &Life| {
        let get = life.gateway.client().get(life.gateway.url("/consentement")).header("cookie", &cookie);
        let told: Value =
            get.header("accept", "application/json").send().await.unwrap().json().await.unwrap();
        told["ask"].as_bool().unwrap()
    };
    let backup = life.backed_up();
    life.serves_at("2028-08-29T11:30:00Z").await;
    assert!(!asks(&life).await);
    assert_eq!(life.count("consents"), 1);
    life.serves_at("2028-08-29T12:30:00Z").await;
    assert!(asks(&life).await, "the choice is over and asked anew");
    assert_eq!(life.count("consents"), 0, "its proof is over with it");

    life.is_at("2031-01-29T11:30:00Z");
    assert_eq!(life.carried_out(["warned"]), [0]);
    life.is_at("2031-01-29T12:30:00Z");
    assert_eq!(life.carried_out(["warned"]), [2]);
    assert_eq!(life.waiting(READER), ["contact_echeance", "newsletter_rappel"]);
    life.is_at("2031-02-28T11:30:00Z");
    assert_eq!((life.count("subscribers"), life.count("messages")), (1, 1));
    life.is_at("2031-02-28T12:30:00Z");
    assert_eq!(
        (life.count("subscribers"), life.count("messages")),
        (0, 0),
        "before anything was carried out"
    );
    assert_eq!(life.carried_out(["message_prospect", "subscriber_prospect"]), [1, 1]);

    life.restored(&backup);
    assert_eq!((life.count("subscribers"), life.count("messages")), (0, 0), "a backup brings nobody back");
    life.carried_out([]);
    life.shows_nothing(&[
        READER,
        "Prospect-Planté",
        "Prénom-Planté",
        "Société-Plantée",
        "rue Plantée",
        "phrase plantée",
    ]);
}

const HOLDER: [(&str, &str); 8] = [
    ("nom", "Titulaire-Plantée"),
    ("prenom", "Anaïs-Plantée"),
    ("profession", "Actuaire plantée"),
    ("raison_sociale", "Mutuelle-Plantée"),
    ("adresse", "1 rue Plantée, 75017 Paris"),
    ("email", "titulaire-plantee@example.org"),
    ("mot_de_passe", PASSWORD),
    ("cgu", "accepte"),
];

/// A client from the sign-up to the end of the archive: links and sessions by the minute, the account after five years
/// of silence, what was paid in the archive alone, and after ten years nowhere.
async fn a_client_of_five_years_and_an_archive_of_ten(side: Side) {
    let mut life = Life::begins(side, "2027-08-31T10:00:00Z").await;
    let email = HOLDER[5].1;
    assert_eq!(life.gateway.post("/compte/inscription", &HOLDER).await.status(), 303);
    let mail = life.gateway.mail_with(&[email, "/compte/verification?jeton="]).await;
    assert_eq!(life.gateway.get(&link(&mail, "/compte/verification?jeton=")).await.status(), 200);
    let cookie = life.gateway.sign_in(email, PASSWORD).await;
    assert_eq!(life.gateway.post("/compte/mot-de-passe-oublie", &[("email", email)]).await.status(), 303);
    let mail = life.gateway.mail_with(&[email, "/compte/reinitialisation?jeton="]).await;
    let reset = link(&mail, "/compte/reinitialisation?jeton=");
    let page = life.post("/commande", &[("offre", "rente"), ("cgv", "accepte")], &cookie).await;
    life.post(&page, &[("issue", "payer")], &cookie).await;
    let get = life.gateway.client().get(life.gateway.url("/espace-client/abonnements"));
    let page = get.header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    let way = page.split('"').find(|text| text.ends_with("/resilier")).unwrap();
    life.post(way, &[], &cookie).await;

    life.serves_at("2027-08-31T10:25:00Z").await;
    assert_eq!(life.status("/espace-client/", &cookie).await, 200, "within half an hour of the last page");
    let backup = life.backed_up();
    life.serves_at("2027-08-31T10:53:00Z").await;
    assert_eq!(life.status("/espace-client/", &cookie).await, 200, "each page begins the half hour anew");
    assert_eq!(life.gateway.get(&reset).await.status(), 200, "within its hour");
    life.serves_at("2027-08-31T11:25:00Z").await;
    assert_eq!(life.status("/espace-client/", &cookie).await, 303, "after half an hour one signs in again");
    assert_ne!(life.gateway.get(&reset).await.status(), 200, "its hour is over");

    // The subscription ends with its year; nothing is contact after that.
    life.serves_at("2028-09-01T00:00:00Z").await;
    assert_eq!(life.count("orders"), 1);
    life.is_at("2032-08-10T00:00:00Z");
    assert_eq!(life.carried_out(["warned"]), [1]);
    assert_eq!(life.waiting(email), ["compte_echeance"]);
    life.is_at("2032-08-31T09:30:00Z");
    assert_eq!(life.count("account"), 1);
    life.is_at("2032-08-31T10:30:00Z");
    assert_eq!(life.count("account"), 0, "before anything was carried out");
    assert_eq!(life.carried_out(["account"]), [1]);

    life.is_at("2033-09-10T00:00:00Z");
    life.carried_out([]);
    assert_eq!(
        (life.count("orders"), life.count("archive")),
        (0, 1),
        "what was paid is in the archive alone"
    );
    let archived = life.gateway.admin(&["archive", "list"]).to_string();
    assert!(!archived.contains("lant"), "the archive knows nobody by name: {archived}");
    life.is_at("2037-08-31T09:30:00Z");
    life.carried_out([]);
    assert_eq!(life.count("archive"), 1, "ten years are not over");
    life.is_at("2037-09-01T00:00:00Z");
    assert_eq!(life.carried_out(["archived_order", "invoice"]), [1, 1]);
    assert_eq!(life.count("archive"), 0);

    life.restored(&backup);
    for list in ["account", "orders", "archive"] {
        assert_eq!(life.count(list), 0, "{list} after a backup of the first day");
    }
    life.carried_out([]);
    let planted: Vec<&str> =
        [email].into_iter().chain(HOLDER[..5].iter().map(|(_, value)| *value)).chain([PASSWORD]).collect();
    life.shows_nothing(&planted);
}

/// Staff read of clients while their training and their agreement of secrecy hold, counted from a leap day.
async fn staff_whose_training_ends(side: Side) {
    let mut life = Life::begins(side, "2028-02-29T10:00:00Z").await;
    let email = "dpo-plante@example.org";
    let account = ["account", "create", "--email", email, "--password-stdin", "--verified", "--role", "dpo"];
    let dates = ["--trained", "2028-02-29", "--secrecy", "2028-02-29"];
    life.gateway.admin_with(&[&account[..], &dates].concat(), &format!("{PASSWORD}\n"));
    let reads = async |life: &Life| {
        let cookie = life.gateway.sign_in(email, PASSWORD).await;
        life.status("/equipe/courrier", &cookie).await
    };
    let trained = |life: &Life, day: &str| {
        life.gateway.admin(&["staff", "note", "--email", email, "--trained", day]);
    };
    assert_eq!(reads(&life).await, 200);
    life.serves_at("2029-02-28T00:10:00Z").await;
    assert_eq!(reads(&life).await, 403, "the training is over");
    trained(&life, "2029-02-28");
    assert_eq!(reads(&life).await, 200);
    life.serves_at("2031-02-27T23:00:00Z").await;
    assert_eq!(reads(&life).await, 403);
    trained(&life, "2031-02-27");
    assert_eq!(reads(&life).await, 200);
    life.serves_at("2031-02-28T00:10:00Z").await;
    assert_eq!(reads(&life).await, 403, "the agreement of secrecy is three years old");
    life.shows_nothing(&[PASSWORD, email]);
}

#[tokio::test]
async fn p_delete_6_months_data_and_reports_go_with_the_day_over_month_ends_and_leap_days_in_a_file() {
    data_of_six_months(Side::File).await;
}

#[tokio::test]
async fn p_delete_6_months_data_and_reports_go_with_the_day_over_month_ends_and_leap_days_on_a_server() {
    data_of_six_months(Side::Server).await;
}

#[tokio::test]
async fn p_retention_a_silent_prospect_is_forgotten_after_three_years_in_a_file() {
    a_prospect_of_three_years(Side::File).await;
}

#[tokio::test]
async fn p_retention_a_silent_prospect_is_forgotten_after_three_years_on_a_server() {
    a_prospect_of_three_years(Side::Server).await;
}

#[tokio::test]
async fn p_legal_archive_a_silent_client_goes_after_five_years_and_the_archive_after_ten_in_a_file() {
    a_client_of_five_years_and_an_archive_of_ten(Side::File).await;
}

#[tokio::test]
async fn p_legal_archive_a_silent_client_goes_after_five_years_and_the_archive_after_ten_on_a_server() {
    a_client_of_five_years_and_an_archive_of_ten(Side::Server).await;
}

#[tokio::test]
async fn p_staff_secrecy_staff_read_while_their_duties_hold_to_the_day_in_a_file() {
    staff_whose_training_ends(Side::File).await;
}

#[tokio::test]
async fn p_staff_secrecy_staff_read_while_their_duties_hold_to_the_day_on_a_server() {
    staff_whose_training_ends(Side::Server).await;
}
