//! The site's own audience figures: what staff read of them, and that nothing else can be read.

use std::fs;

use serde_json::{Value, json};

use crate::support::Gateway;

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0-planted-agent";

async fn visit(gateway: &Gateway, path: &str, fields: &[(&str, &str)]) -> u16 {
    let base = [("user-agent", AGENT), ("accept-language", "fr-FR"), ("sec-fetch-dest", "document")];
    let mut request = gateway.client().get(gateway.url(path));
    for (name, value) in base.iter().filter(|(name, _)| fields.iter().all(|(other, _)| other != name)) {
        request = request.header(*name, *value);
    }
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

fn count(lines: &Value, measure: &str, value: &str) -> u64 {
    let lines = lines.as_array().unwrap().iter();
    let found = lines.filter(|line| line["measure"] == measure && line["value"] == value);
    found.map(|line| line["count"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn p_audience_metrics_pages_and_visits_are_counted_and_objections_are_heard() {
    let mut gateway = Gateway::start().await;
    let referrer = ("referer", "https://www.moteur.example/cherche?q=planted-query");
    assert_eq!(visit(&gateway, "/", &[referrer]).await, 200);
    assert_eq!(visit(&gateway, "/contact/", &[]).await, 200);
    assert_eq!(visit(&gateway, "/", &[("user-agent", "Googlebot/2.1")]).await, 200);
    for refused in
        [("sec-gpc", "1"), ("dnt", "1"), ("cookie", "__Host-opposition=1"), ("sec-purpose", "prefetch")]
    {
        visit(&gateway, "/cookies/", &[refused]).await;
    }
    assert_eq!(visit(&gateway, "/planted-path/", &[]).await, 404);
    let lines = gateway.admin(&["audience", "list"]);
    assert_eq!((count(&lines, "page", "/"), count(&lines, "page", "/contact/")), (1, 1));
    assert_eq!((count(&lines, "visit", ""), count(&lines, "robot", "")), (1, 1));
    assert_eq!((count(&lines, "entry", "/"), count(&lines, "referrer", "moteur.example")), (1, 1));
    assert_eq!((count(&lines, "page", "/cookies/"), count(&lines, "page", "/planted-path/")), (0, 0));
    // A stop ends the open visits and stores them.
    gateway.stop();
    let lines = gateway.admin(&["audience", "list"]);
    assert_eq!((count(&lines, "exit", "/contact/"), count(&lines, "depth", "2-3")), (1, 1));
}

#[tokio::test]
async fn p_audience_anonymous_the_data_folder_tells_neither_who_came_nor_which_of_two() {
    let mut gateway = Gateway::start().await;
    visit(&gateway, "/", &[("referer", "https://moteur.example/planted-path?q=planted-query")]).await;
    let once = gateway.admin(&["audience", "list"]);
    let other = ("user-agent", "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36");
    visit(&gateway, "/", &[other, ("referer", "https://moteur.example/")]).await;
    let twice = gateway.admin(&["audience", "list"]);
    gateway.stop();
    // Two visitors of one kind leave the same lines, only with another count.
    let shape = |lines: &Value| -> Vec<(Value, Value)> {
        lines
            .as_array()
            .unwrap()
            .iter()
            .map(|line| (line["measure"].clone(), line["value"].clone()))
            .collect()
    };
    assert_eq!(shape(&once), shape(&twice));
    assert_eq!((count(&once, "visit", ""), count(&twice, "visit", "")), (1, 2));
    let mut bytes = Vec::new();
    for entry in fs::read_dir(gateway.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            bytes.extend(fs::read(path).unwrap());
        }
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("moteur.example"), "what is counted is there");
    for planted in
        ["planted-agent", "planted-path", "planted-query", "127.0.0.1", "127.0.0", "Chrome/140", "fr-FR"]
    {
        assert!(!holds(planted), "{planted}");
    }
}

#[tokio::test]
async fn staff_read_the_figures_clients_and_strangers_do_not() {
    let gateway = Gateway::start().await;
    visit(&gateway, "/", &[]).await;
    let stranger = gateway.get("/equipe/audience").await;
    assert_eq!(stranger.status(), 303);
    assert_eq!(stranger.headers()["location"], "/compte/connexion?suite=/equipe/audience");
    let (password, _) = gateway.client_account("cliente@example.org", None);
    let client = gateway.sign_in("cliente@example.org", &password).await;
    let as_client = gateway.client().get(gateway.url("/equipe/audience")).header("cookie", &client);
    assert_eq!(as_client.send().await.unwrap().status(), 404);
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let arguments = [
        "account",
        "create",
        "--email",
        "dpo@example.org",
        "--password-stdin",
        "--verified",
        "--role",
        "dpo",
        "--trained",
        &today,
        "--secrecy",
        &today,
    ];
    gateway.admin_with(&arguments, &format!("{password}\n"));
    let staff = gateway.sign_in("dpo@example.org", &password).await;
    let get = |path: &str| gateway.client().get(gateway.url(path)).header("cookie", &staff).send();
    let page = get("/equipe/audience?jours=7").await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store");
    let text = page.text().await.unwrap();
    assert!(text.contains("Pages vues") && text.contains("<svg"), "{text}");
    let csv = get("/equipe/audience.csv").await.unwrap();
    assert!(csv.headers()["content-disposition"].to_str().unwrap().ends_with(".csv\""));
    let csv = csv.text().await.unwrap();
    assert!(csv.starts_with("day,measure,value,count\r\n") && csv.contains(",page,/,1\r\n"), "{csv}");
    for wrong in ["?jours=8", "?du=hier", "?du=2026-11-24&au=2026-11-01"] {
        assert_eq!(get(&format!("/equipe/audience{wrong}")).await.unwrap().status(), 400, "{wrong}");
    }
    let none = get("/equipe/audience?du=2020-01-01&au=2020-01-31").await.unwrap().text().await.unwrap();
    assert!(none.contains("Rien n’a été compté"));
}

#[tokio::test]
async fn a_country_table_that_is_wrong_is_told_by_its_line() {
    let gateway = Gateway::prepare(&[]);
    let file = gateway.root().join("site.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[audience]\ncountry_table = \"countries.csv\"\n")).unwrap();
    fs::write(gateway.root().join("countries.csv"), "127.0.0.0,127.0.0.255,FR\nnot a range\n").unwrap();
    let refused = gateway.command(&["serve"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("countries.csv:2: "));
    fs::write(gateway.root().join("countries.csv"), "127.0.0.0,127.0.0.255,FR\n").unwrap();
    let mut gateway = gateway;
    gateway.launch().await;
    visit(&gateway, "/", &[]).await;
    assert_eq!(count(&gateway.admin(&["audience", "list"]), "country", "FR"), 1);
    assert_eq!(gateway.admin(&["audience", "list", "--from", "2099-01-01"]), json!([]));
}
