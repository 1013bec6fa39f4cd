//! The data at rest: the store beside SQLite, subscriptions over TLS, a million subscribers with the recovery drill, an
//! issue to 100,000 readers.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::gateway::Gateway;
use crate::sh;

const ROUNDS: usize = 3;
/// A subscription by each request, of an address of its own.
const POSTS: &str = r#"
local n = 0
local fields = { ["content-type"] = "application/x-www-form-urlencoded" }
request = function()
  n = n + 1
  return wrk.format("POST", nil, fields, "email=reader" .. n .. "-ROUND%40example.org")
end
"#;

/// Prints the figures.
///
/// # Errors
/// When something cannot be built or started.
pub(super) fn run() -> Result<()> {
    sh::run(Command::new(sh::binary("release")?.with_file_name("examples").join("store")))?;
    subscriptions()?;
    measured("a_million_subscribers")?;
    measured("a_hundred_thousand_readers")
}

/// A measure among the tests of the gateway, where what it needs of the features can be reached.
pub(super) fn measured(name: &str) -> Result<()> {
    let test = ["test", "--release", "--workspace", "--lib", "--", "--ignored", "--nocapture", name];
    sh::run(sh::command("cargo", &test))
}

/// 64 connections that post subscriptions: answered once they are on the disk.
fn subscriptions() -> Result<()> {
    if !sh::has("wrk") {
        println!("\nsubscriptions over TLS: NOT measured, install wrk");
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Nothing listens there: as when the mail processor is away. What is asked is the durable write, and letters that
    // leave meanwhile would be measured with it.
    let away = ("SENDGRID_API_BASE", "http://127.0.0.1:9");
    let environments: [(&str, &[(&str, &str)]); 2] =
        [("letters wait", &[away, ("SENDGRID_API_KEY", "SG.none")]), ("letters leave, into files", &[])];
    println!(
        "\n| subscriptions over TLS, 64 connections | answers/s | p50 | p99 |\n| --- | --- | --- | --- |"
    );
    for (name, environment) in environments {
        let gateway = runtime.block_on(Gateway::start_with("release", environment))?;
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let script = scratch.path().join("posts.lua");
            fs::write(&script, POSTS.replace("ROUND", &round.to_string()))?;
            let mut wrk = sh::command("wrk", &["-t1", "-c64", "-d5s", "--latency", "-s"]);
            wrk.arg(&script).arg(gateway.url("/newsletter"));
            let told = sh::output(wrk)?;
            ensure!(
                !told.contains("Non-2xx") && !told.contains("Socket errors"),
                "not all was taken:\n{told}"
            );
            rounds.push(Told::of(&told).with_context(|| format!("wrk told no figures:\n{told}"))?);
        }
        rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let Told { rate, p50, p99 } = rounds.swap_remove(ROUNDS / 2);
        println!("| {name} | {rate:.0} | {p50} | {p99} |");
    }
    Ok(())
}

/// What wrk tells of a round.
struct Told {
    rate: f64,
    p50: String,
    p99: String,
}

impl Told {
    fn of(told: &str) -> Option<Self> {
        let after = |begin: &str| told.lines().find_map(|line| Some(line.trim().strip_prefix(begin)?.trim()));
        Some(Self {
            rate: after("Requests/sec:")?.parse().ok()?,
            p50: after("50%")?.to_owned(),
            p99: after("99%")?.to_owned(),
        })
    }
}
