//! Turns of calculations: a thousand that wait from fifty organisations, what that costs the readers of static pages,
//! and two workers against one.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use super::{accounts, datasets};
use crate::gateway::Gateway;
use crate::sh;

const ORGANISATIONS: usize = 50;
const EACH: usize = 20;
/// Calculations that workers share, and the scenarios of each.
const SHARED: usize = 16;
const SCENARIOS: u32 = 50_000;
const PROJECTION: &str = include_str!("../../../engine/data/examples/retraite.json");
/// Calculations that a list tells at once.
pub(super) const LISTED: usize = 50;
const PLAN: [&str; 2] = ["--plan", "illimite"];
/// The key and the password of a bench that is gone when it ends.
const MEMBER: [(&str, &str); 2] =
    [("AOPS_MASTER_KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="), ("AOPS_STORE_PASSWORD", "bench")];

/// Prints the figures.
///
/// # Errors
/// When something does not start, or refuses what is asked.
pub(super) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if sh::has("wrk") {
        fair(&runtime)?;
    } else {
        println!("\ncalculations of fifty organisations: NOT measured, install wrk");
    }
    if sh::has("redis-server") && sh::has("taskset") {
        return runtime.block_on(workers());
    }
    println!("\ntwo workers against one: NOT measured, install redis-server and taskset");
    Ok(())
}

/// What each organisation has when half of all is done, and pages meanwhile.
fn fair(runtime: &tokio::runtime::Runtime) -> Result<()> {
    let gateway = runtime.block_on(Gateway::start("release"))?;
    let client = gateway.client()?;
    let mut keys = Vec::new();
    for n in 0..ORGANISATIONS {
        keys.push(datasets::key_of(&gateway, &format!("client{n}@example.org"), &PLAN)?);
    }
    let quiet = accounts::pages(&gateway)?;
    // Whoever asks first asks for all at once, as the last one does.
    for key in &keys {
        runtime.block_on(ask(&client, &gateway, key, EACH, 5_000))?;
    }
    let busy = accounts::pages(&gateway)?;
    let done = runtime.block_on(async {
        loop {
            let mut done = Vec::new();
            for key in &keys {
                done.push(ended(&client, &gateway, key).await?);
            }
            if done.iter().sum::<usize>() * 2 >= ORGANISATIONS * EACH {
                return anyhow::Ok(done);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })?;
    let (least, most) = (done.iter().min().unwrap_or(&0), done.iter().max().unwrap_or(&0));
    println!(
        "\n| {EACH} calculations of each of {ORGANISATIONS} organisations, half of all done | found |\n| --- | --- |"
    );
    println!("| done of an organisation's: least, most | {least}, {most} |");
    println!("| p99 of static pages: quiet, meanwhile | {quiet:.2?}, {busy:.2?} |");
    Ok(())
}

/// Calculations on a shared queue until the last is done: one worker, then two, each on a processor of its own.
async fn workers() -> Result<()> {
    println!(
        "\n| {SHARED} projections of {SCENARIOS} scenarios, by workers on a processor each | all done |\n| --- | --- |"
    );
    let mut alone = Duration::ZERO;
    for count in [1, 2] {
        let server = Server::start()?;
        let table = format!(
            "[store]\nurls = [\"redis+unix://{}\"]\n\n[calculations]\nworkers = 0\n",
            server.folder.path().join("store.sock").display()
        );
        let gateway = Gateway::launch("release", &["serve"], &MEMBER, &table).await?;
        let mut workers = Vec::new();
        for processor in 0..count {
            let worker = Gateway::launch("release", &["worker", "--workers", "1"], &MEMBER, &table).await?;
            accounts::pinned(processor, worker.id())?;
            // The process that calculations come from.
            for part in sh::output(sh::command("pgrep", &["-P", &worker.id().to_string()]))?.lines() {
                accounts::pinned(processor, part.parse()?)?;
            }
            workers.push(worker);
        }
        let key = datasets::key(&gateway, &PLAN)?;
        let client = gateway.client()?;
        let began = Instant::now();
        ask(&client, &gateway, &key, SHARED, SCENARIOS).await?;
        while ended(&client, &gateway, &key).await? < SHARED {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed();
        if count == 1 {
            alone = took;
            println!("| one | {took:.2?} |");
        } else {
            println!("| two | {took:.2?}: {:.2} × |", alone.as_secs_f64() / took.as_secs_f64());
        }
    }
    Ok(())
}

/// Asks for so many projections of so many scenarios, each of its own seed.
async fn ask(client: &Client, gateway: &Gateway, key: &str, count: usize, scenarios: u32) -> Result<()> {
    let mut parameters: Value = serde_json::from_str(PROJECTION)?;
    parameters["simulation"]["scenarios"] = json!(scenarios);
    for seed in 0..count {
        parameters["simulation"]["seed"] = json!(seed);
        let body = json!({ "module": "retraite", "parameters": parameters }).to_string();
        let asked = client.post(gateway.url("/api/v1/calculations")).bearer_auth(key);
        let answer = asked.header("content-type", "application/json").body(body).send().await?;
        ensure!(answer.status() == 202, "it was answered {}: {}", answer.status(), answer.text().await?);
    }
    Ok(())
}

/// How many of the last [`LISTED`] calculations of an organisation are done.
pub(super) async fn ended(client: &Client, gateway: &Gateway, key: &str) -> Result<usize> {
    let url = gateway.url(&format!("/api/v1/calculations?limit={LISTED}"));
    let told: Value = serde_json::from_slice(&client.get(url).bearer_auth(key).send().await?.bytes().await?)?;
    let list = told["calculations"].as_array().context("no list of calculations")?;
    Ok(list.iter().filter(|one| one["state"] == "done").count())
}

/// A server of documents on a socket of its own.
struct Server {
    process: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("store.sock");
        let mut command = sh::command(
            "redis-server",
            &["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"],
        );
        command.args(["--requirepass", MEMBER[1].1, "--unixsocket"]).arg(&socket);
        let process = command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).spawn()?;
        let server = Self { process, folder };
        server.listens(&socket)?;
        Ok(server)
    }

    fn listens(&self, socket: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::os::unix::net::UnixStream::connect(socket).is_err() {
            ensure!(Instant::now() < deadline, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
