//! Calculations as a service, as a client's program meets it: indemnities of 100,000 people from the request to the
//! result, their reports, and small calculations one after another.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{area, datasets};
use crate::gateway::Gateway;
use crate::sh;

const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at a calculation, which are part of what is measured.
const LOOK: Duration = Duration::from_millis(5);
/// A life annuity, as the documentation's example asks for it.
const ANNUITY: &str = include_str!("../../../engine/data/examples/rente.json");
const INDEMNITY: &str = include_str!("../../../engine/data/examples/ifc.json");

/// Prints the figures.
///
/// # Errors
/// When the gateway does not start, or refuses what is asked.
pub(super) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let gateway = runtime.block_on(Gateway::start("release"))?;
    let key = datasets::key(&gateway, &["--plan", "illimite"])?;
    runtime.block_on(portfolio(&gateway, &key))?;
    runtime.block_on(area::run(&gateway, &key))?;
    small(&gateway, &key)
}

/// A large portfolio: the result, then each form of the report, the quickest of some rounds.
async fn portfolio(gateway: &Gateway, key: &str) -> Result<()> {
    let client = gateway.client()?;
    let dataset = datasets::send(gateway, key, "text/csv", datasets::csv()).await?;
    let mut parameters: Value = serde_json::from_str(INDEMNITY)?;
    parameters.as_object_mut().context("no request")?.remove("employees");
    let asked = json!({ "module": "ifc", "dataset": dataset, "parameters": parameters });
    println!("\n| indemnities of 100,000 people | time | size | memory at most |\n| --- | --- | --- | --- |");
    let (mut place, mut best, mut most) = (String::new(), Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let url = gateway.url("/api/v1/calculations");
        let answer = client
            .post(url)
            .bearer_auth(key)
            .header("content-type", "application/json")
            .body(asked.to_string())
            .send()
            .await?;
        ensure!(answer.status() == 202, "it was answered {}: {}", answer.status(), answer.text().await?);
        place = answer.headers()["location"].to_str()?.to_owned();
        loop {
            let answer = client.get(gateway.url(&place)).bearer_auth(key).send().await?;
            let told: Value = serde_json::from_slice(&answer.bytes().await?)?;
            most = most.max(gateway.resident()?);
            match told["state"].as_str() {
                Some("done") => break,
                Some("queued" | "running") if began.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                _ => bail!("it ended otherwise: {told}"),
            }
        }
        best = best.min(began.elapsed());
    }
    println!("| asked to result ready | {best:.0?} | – | {most} MB |");
    for form in ["json", "xlsx", "pdf"] {
        let (mut best, mut size, mut most) = (Duration::MAX, 0, 0);
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let answer =
                client.get(gateway.url(&format!("{place}/report.{form}"))).bearer_auth(key).send().await?;
            ensure!(answer.status() == 200, "report.{form} was answered {}", answer.status());
            size = answer.bytes().await?.len();
            best = best.min(began.elapsed());
            most = most.max(gateway.resident()?);
        }
        println!("| report.{form} | {best:.0?} | {:.1} MB | {most} MB |", size as f64 / 1e6);
    }
    Ok(())
}

/// Small calculations over connections that are kept, the gateway on one processor.
fn small(gateway: &Gateway, key: &str) -> Result<()> {
    if !sh::has("wrk") || !sh::has("taskset") {
        println!("\nsmall calculations: NOT measured, install wrk and taskset");
        return Ok(());
    }
    sh::output(sh::command("taskset", &["-a", "-c", "-p", "0", &gateway.id().to_string()]))?;
    let scratch = tempfile::tempdir()?;
    let script = scratch.path().join("posts.lua");
    let body = ANNUITY.replace(['\n', '\r'], " ");
    std::fs::write(
        &script,
        format!(
            "wrk.method = \"POST\"\nwrk.body = [==[{body}]==]\n\
             wrk.headers[\"Content-Type\"] = \"application/json\"\n\
             wrk.headers[\"Authorization\"] = \"Bearer {key}\"\n"
        ),
    )?;
    let mut wrk = sh::command("taskset", &["-c", "1", "wrk", "-t1", "-c64", "-d10s", "--latency", "-s"]);
    wrk.arg(&script).arg(gateway.url("/api/v1/compute/rente"));
    let told = sh::output(wrk)?;
    ensure!(!told.contains("Non-2xx"), "calculations were refused:\n{told}");
    let line = |begins: &str| {
        told.lines().find_map(|line| line.trim().strip_prefix(begins)).map_or("?", str::trim).to_owned()
    };
    println!(
        "\n| compute/rente, 64 connections, one processor | a second | p50 | p99 |\n| --- | --- | --- | --- |"
    );
    println!(
        "| with key, limits and quota | {} | {} | {} |",
        line("Requests/sec:"),
        line("50%"),
        line("99%")
    );
    Ok(())
}
