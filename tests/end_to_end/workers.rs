//! Calculations computed elsewhere, against the built binary: two gateways, two workers, one server of documents, and
//! each of them killed in turn.

use std::fs;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::calculations::{ALL, ask, asked, example, over};
use crate::distributed::Server;
use crate::support::{Gateway, children, eventually, run_with};

/// Gateways compute nothing themselves.
const ELSEWHERE: &str = "\n[calculations]\nworkers = 0\n";
/// An offer whose calculations are counted.
pub(crate) const COUNTED: &str = r#"
[[offers]]
id = "mesure"
module = "retraite"
price_cents = 9000
currency = "EUR"
period = "month"
metered = { included = 100, price_cents = 150 }
name = { fr = "Retraite au calcul", en = "Pensions by the calculation" }
summary = { fr = "Essai.", en = "Trial." }
"#;

/// A gateway or a worker on the server: all have one configuration.
fn member(server: &Server) -> Gateway {
    member_with(server, "")
}

/// One with more in its table of calculations.
fn member_with(server: &Server, more: &str) -> Gateway {
    let member = server.gateway();
    let config = member.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let table = text.find("\n[[offers]]").unwrap();
    let with = format!("{}{COUNTED}{}", &text[..table], &text[table..])
        .replace("\n[mail]\n", &format!("{ELSEWHERE}{more}\n[mail]\n"));
    fs::write(&config, with).unwrap();
    member
}

async fn worker(server: &Server) -> Gateway {
    let mut worker = member(server);
    worker.launch_with(&["worker"]).await;
    worker
}

fn long(seed: u32) -> Value {
    let mut long = example("retraite");
    long["parameters"]["simulation"]["scenarios"] = json!(20_000);
    long["parameters"]["simulation"]["seed"] = json!(seed);
    long
}

/// Buys the counted offer on the test page.
pub(crate) async fn buy(gateway: &Gateway, email: &str, password: &str) {
    let cookie = gateway.sign_in(email, password).await;
    let order = [("offre", "mesure"), ("cgv", "accepte")];
    let answer = gateway.post_as("/commande", &order, Some(&cookie)).await;
    let page = answer.headers()["location"].to_str().unwrap().replace(&gateway.url(""), "");
    let paid = gateway.post_as(&page, &[("issue", "payer")], Some(&cookie)).await;
    assert_eq!(paid.status(), 303);
}

/// How many calculations were counted.
pub(crate) async fn used(gateway: &Gateway, key: &str) -> Value {
    let told: Value = ask(gateway, key, Method::GET, "/api/v1/usage", None).await.json().await.unwrap();
    told["plans"][0]["used"].clone()
}

/// Processes of calculations of a worker.
fn computing(worker: &Gateway) -> Vec<u32> {
    children(worker.process_id()).into_iter().flat_map(children).collect()
}

#[tokio::test]
async fn whichever_part_is_killed_each_calculation_ends_once_and_is_counted_once() {
    let mut server = Server::start();
    let (mut one, mut first, mut second) = (member(&server), worker(&server).await, worker(&server).await);
    one.launch().await;
    let (password, key) = one.client_account("client@example.org", None);
    buy(&one, "client@example.org", &password).await;
    let mut bought = false;
    for _ in 0..200 {
        bought = used(&one, &key).await == json!(0);
        if bought {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(bought);
    let mut other = member(&server);
    other.launch().await;

    let mut ids = Vec::new();
    for seed in 0..6 {
        ids.push(asked(&one, &key, &long(seed)).await);
    }
    // Followed at another gateway than it was asked at, while a third process computes it.
    let mut progress = 0.0;
    for _ in 0..600 {
        for id in &ids {
            let told = ask(&other, &key, Method::GET, &format!("{ALL}/{id}"), None).await;
            let told: Value = told.json().await.unwrap();
            if told["state"] == "running" {
                progress = told["progress"].as_f64().unwrap().max(progress);
            }
        }
        if progress > 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(progress > 0.0 && progress < 1.0, "{progress}");

    first.kill();
    first.launch_with(&["worker"]).await;
    one.kill();
    server.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.launch();
    one.launch().await;
    second.kill();
    other.kill();
    second.launch_with(&["worker"]).await;
    other.launch().await;

    let mut results = Vec::new();
    for id in &ids {
        let told = over(&other, &key, id).await;
        assert_eq!(told["state"], "done", "{told}");
        results.push(told["result"]["simulation"].to_string());
    }
    results.dedup();
    assert_eq!(results.len(), ids.len(), "each has its own figures");
    let all: Value = ask(&one, &key, Method::GET, ALL, None).await.json().await.unwrap();
    let mut listed: Vec<&str> =
        all["calculations"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    listed.reverse();
    assert_eq!(listed, ids, "each is there once, the newest first");
    assert_eq!(used(&other, &key).await, json!(6));
    for process in [&first, &second] {
        assert!(!process.data().join("admin.sock").exists(), "a worker hears no commands");
    }
}

/// Lines of a chunk, the fewest that there may be.
const CHUNKED: &str = "chunk_lines = 4096\n";

/// Loads the staff of nine chunks and a bit; what asks for its valuation, without a line for each.
async fn portfolio(gateway: &Gateway, key: &str) -> Value {
    let mut lines = String::from("id;sex;birth_date;hire_date;annual_salary\n");
    for n in 0..9 * 4_096 + 100 {
        let (sex, birth, hire) = (["M", "F"][n % 2], 1963 + n % 37, 2003 + n % 21);
        lines += &format!("{n};{sex};{birth}-05-12;{hire}-09-01;{}.37\n", 24_000 + n % 997 * 40);
    }
    let path = gateway.url("/api/v1/datasets?module=ifc&warranty=accepted");
    let post = gateway.client().post(path).bearer_auth(key).header("content-type", "text/csv");
    let loaded: Value = post.body(lines).send().await.unwrap().json().await.unwrap();
    let mut body = example("ifc");
    body["parameters"].as_object_mut().unwrap().remove("employees");
    body["parameters"]["detail"] = json!(false);
    body["dataset"] = json!(loaded["id"].as_str().unwrap_or_else(|| panic!("{loaded}")));
    body
}

/// The report for programs, without the moment at which it was computed.
async fn report(gateway: &Gateway, key: &str, id: &str) -> String {
    let path = format!("{ALL}/{id}/report.json");
    let text = ask(gateway, key, Method::GET, &path, None).await.text().await.unwrap();
    let made = text.find("\"made\":\"").unwrap() + 8;
    let end = made + text[made..].find('"').unwrap();
    format!("{}{}", &text[..made], &text[end..])
}

#[tokio::test]
async fn a_portfolio_in_chunks_of_which_a_worker_was_killed_has_the_bytes_of_one_that_is_not_cut() {
    let server = Server::start();
    let mut gateway = member_with(&server, CHUNKED);
    gateway.launch().await;
    let mut workers = [member(&server), member(&server)];
    for worker in &mut workers {
        worker.launch_with(&["worker", "--workers", "1"]).await;
    }
    let [mut first, second] = workers;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let body = portfolio(&gateway, &key).await;
    let id = asked(&gateway, &key, &body).await;
    let (mut steps, mut killed) = (Vec::new(), false);
    let mut other = false;
    let told = loop {
        let told = ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}"), None).await;
        let told: Value = told.json().await.unwrap();
        if told["state"] == "running" {
            steps.push(told["progress"].as_f64().unwrap() * 11.0);
        }
        other |= !computing(&second).is_empty();
        // Both have computed, and this one is in the middle of a chunk.
        let middle = steps.last().is_some_and(|step| (1.0..9.0).contains(step));
        if !killed && other && middle && !computing(&first).is_empty() {
            first.kill();
            killed = true;
        }
        if !["queued", "running"].contains(&told["state"].as_str().unwrap()) {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(told["state"], "done", "{told}");
    assert!(killed, "{steps:?}");
    // Ten chunks and the whole: what is told before the last are chunks that have ended.
    let odd = steps.iter().find(|step| **step < 9.5 && (**step - step.round()).abs() > 1e-9);
    assert_eq!(odd, None, "{steps:?}");
    let cut = report(&gateway, &key, &id).await;

    gateway.kill();
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(CHUNKED, "chunk_lines = 0\n")).unwrap();
    gateway.launch().await;
    let id = asked(&gateway, &key, &body).await;
    assert_eq!(over(&gateway, &key, &id).await["state"], "done");
    assert!(report(&gateway, &key, &id).await == cut, "the bytes differ");
    let all: Value = ask(&gateway, &key, Method::GET, ALL, None).await.json().await.unwrap();
    assert_eq!(all["calculations"].as_array().unwrap().len(), 2, "chunks are no calculations");
}

#[tokio::test]
async fn what_is_deleted_at_a_gateway_stops_at_a_worker_and_a_worker_that_stops_gives_back_what_it_had() {
    let server = Server::start();
    let (mut gateway, mut first) = (member(&server), worker(&server).await);
    gateway.launch().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let mut very_long = long(1);
    very_long["parameters"]["simulation"]["scenarios"] = json!(100_000);
    let id = asked(&gateway, &key, &very_long).await;
    eventually("calculation", || computing(&first).first().copied()).await;
    let path = format!("{ALL}/{id}");
    assert_eq!(ask(&gateway, &key, Method::DELETE, &path, None).await.status(), 204);
    eventually("end", || computing(&first).is_empty().then_some(())).await;
    assert_eq!(ask(&gateway, &key, Method::GET, &path, None).await.status(), 404);

    let id = asked(&gateway, &key, &long(2)).await;
    eventually("calculation", || computing(&first).first().copied()).await;
    assert!(first.stop().success());
    let second = worker(&server).await;
    // Sooner than the lease of a dead worker ends.
    let given = tokio::time::Instant::now();
    eventually("calculation", || computing(&second).first().copied()).await;
    assert!(given.elapsed() < Duration::from_secs(5), "{:?}", given.elapsed());
    assert_eq!(over(&gateway, &key, &id).await["state"], "done");
}

#[tokio::test]
async fn what_the_queue_has_lost_is_put_back_from_the_store() {
    let server = Server::start();
    let mut gateway = member(&server);
    gateway.launch().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let id = asked(&gateway, &key, &example("courbe")).await;
    // All that the queue holds goes, and the turn of looking with it.
    let script = "for _, name in ipairs(redis.call('KEYS', 'aops:calculations:*')) do redis.call('DEL', name) end return 1";
    let mut command = std::process::Command::new("redis-cli");
    command.args(["-s"]).arg(server.socket()).args(["-a", "right", "--no-auth-warning", "EVAL", script, "0"]);
    assert!(String::from_utf8_lossy(&run_with(command, "").stdout).contains('1'));
    let _worker = worker(&server).await;
    assert_eq!(over(&gateway, &key, &id).await["state"], "done");
}

#[test]
fn a_worker_without_a_shared_store_says_where_calculations_are_computed() {
    let alone = Gateway::prepare(&[]);
    let refused = run_with(alone.command(&["worker"]), "");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`aops serve` computes them itself"));
    let config = alone.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("\n[mail]\n", &format!("{ELSEWHERE}\n[mail]\n"))).unwrap();
    let refused = run_with(alone.command(&["serve"]), "");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("workers = 0"));
}
