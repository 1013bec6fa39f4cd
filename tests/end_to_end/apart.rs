//! Calculations in processes of their own, against the built binary: what passes its bounds, what is stopped, and what
//! stays when a gateway is killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::calculations::{ALL, ask, asked, example, over};
use crate::support::{Gateway, children, eventually};

/// A gateway whose `site.toml` has this table of `[calculations]`.
async fn bounded(table: &str) -> Gateway {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let with = text.replace("\n[mail]\n", &format!("\n[calculations]\n{table}\n\n[mail]\n"));
    assert_ne!(text, with);
    fs::write(&config, with).unwrap();
    gateway.launch().await;
    gateway
}

/// A calculation that takes a while.
fn long() -> Value {
    let mut long = example("retraite");
    long["parameters"]["simulation"]["scenarios"] = json!(100_000);
    long
}

/// The process that starts those of calculations.
fn nursery(gateway: &Gateway) -> u32 {
    let found = children(gateway.process_id());
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

/// The process of a calculation that runs.
async fn running(gateway: &Gateway) -> u32 {
    let nursery = nursery(gateway);
    eventually("calculation", || children(nursery).first().copied()).await
}

fn is_there(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|told| !told.contains(") Z"))
}

/// What a process has open.
fn open(process: &str) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
    files.filter_map(|file| fs::read_link(file.ok()?.path()).ok())
}

/// What the log says of a calculation that failed: the incident that its client is told, and the reasons.
fn reasons(gateway: &Gateway, told: &Value) -> String {
    assert_eq!(told["state"], "failed", "{told}");
    let incident = told["incident"].as_str().unwrap();
    let log = gateway.log();
    assert!(log.contains(incident), "{incident} in {log}");
    log.lines().filter(|line| line.contains("took its process down")).collect()
}

#[tokio::test]
async fn what_takes_too_much_time_fails_with_an_incident_and_the_gateway_goes_on() {
    for (table, told_in_log) in [
        ("processor_seconds = 1", "more than 1 s of processor time"),
        ("seconds = 1", "it took longer than 1 s"),
    ] {
        let gateway = bounded(table).await;
        let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
        let id = asked(&gateway, &key, &long()).await;
        let told = over(&gateway, &key, &id).await;
        let reasons = reasons(&gateway, &told);
        assert_eq!(reasons.matches(told_in_log).count(), 3, "{reasons}");
        let id = asked(&gateway, &key, &example("courbe")).await;
        assert_eq!(over(&gateway, &key, &id).await["state"], "done");
    }
}

#[tokio::test]
async fn what_takes_too_much_memory_fails_with_an_incident_and_the_gateway_goes_on() {
    let gateway = bounded("memory_mib = 64").await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    // A figure a year of each scenario: above 300 MB.
    let mut large = long();
    large["parameters"]["simulation"]["scenarios"] = json!(1_300_000);
    let id = asked(&gateway, &key, &large).await;
    let told = over(&gateway, &key, &id).await;
    let reasons = reasons(&gateway, &told);
    assert_eq!(reasons.matches("64 MiB of memory").count(), 3, "{reasons}");
    let id = asked(&gateway, &key, &example("courbe")).await;
    assert_eq!(over(&gateway, &key, &id).await["state"], "done", "what is small fits");
}

#[tokio::test]
async fn what_is_deleted_ends_at_once_and_its_process_had_nothing_of_the_gateways() {
    let gateway = bounded("").await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let mut shortest = Duration::MAX;
    for _ in 0..3 {
        let id = asked(&gateway, &key, &long()).await;
        let process = running(&gateway).await;
        let environment = fs::read_to_string(format!("/proc/{process}/environ")).unwrap();
        assert!(!environment.contains("AOPS_"), "{environment}");
        // What it speaks by, nothing, and the log; before its program begins it has the nursery's.
        let few = || {
            let own: BTreeSet<_> = open("self").collect();
            (open(&process.to_string()).filter(|file| !own.contains(file)).collect::<BTreeSet<_>>().len()
                <= 3)
                .then_some(())
        };
        eventually("process without another's descriptors", few).await;
        let path = format!("{ALL}/{id}");
        assert_eq!(ask(&gateway, &key, Method::DELETE, &path, None).await.status(), 204);
        let answered = Instant::now();
        while is_there(process) {
            assert!(answered.elapsed() < Duration::from_secs(5), "it runs on");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        shortest = shortest.min(answered.elapsed());
    }
    // The machine may be busy with other tests once, not always.
    assert!(shortest < Duration::from_millis(50), "{shortest:?}");
}

#[tokio::test]
async fn a_killed_gateway_leaves_no_process_behind_and_a_killed_process_no_gateway() {
    let mut gateway = bounded("").await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let id = asked(&gateway, &key, &long()).await;
    let (nursery, calculation) = (nursery(&gateway), running(&gateway).await);
    gateway.kill();
    eventually("end of both", || (!is_there(nursery) && !is_there(calculation)).then_some(())).await;
    gateway.launch().await;
    // Told to end by somebody, it is begun again, and that is not its doing; killed once, it is begun again as well.
    for signal in ["-TERM", "-KILL"] {
        let process = running(&gateway).await;
        assert!(
            std::process::Command::new("kill")
                .args([signal, &process.to_string()])
                .status()
                .unwrap()
                .success()
        );
        eventually("end", || (!is_there(process)).then_some(())).await;
    }
    assert_eq!(over(&gateway, &key, &id).await["state"], "done");
    assert_eq!(gateway.log().matches("took its process down").count(), 1);
    assert!(gateway.stop().success());
}

#[tokio::test]
async fn without_the_process_that_starts_others_pages_are_served_and_calculations_wait_for_the_next_gateway()
{
    let mut gateway = bounded("").await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let id = asked(&gateway, &key, &long()).await;
    running(&gateway).await;
    let nursery = nursery(&gateway).to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &nursery]).status().unwrap().success());
    eventually("word of it", || {
        gateway.log().contains("they wait until this one is started again").then_some(())
    })
    .await;
    assert_eq!(gateway.get("/").await.status(), 200);
    let told: Value =
        ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}"), None).await.json().await.unwrap();
    assert!(["queued", "running"].contains(&told["state"].as_str().unwrap()), "{told}");
    gateway.kill();
    gateway.launch().await;
    assert_eq!(over(&gateway, &key, &id).await["state"], "done");
}
