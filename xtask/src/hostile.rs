//! Debian's tools that judge a server by abusing it: `testssl.sh` its TLS, `slowhttptest` its patience.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::gateway::Gateway;
use crate::sh;

/// Findings of `testssl.sh` that say something of the certificate made for `localhost`, not of the gateway: the
/// beginning of their id, and why.
const LOCAL: [(&str, &str); 7] = [
    ("cert_chain_of_trust", "the local authority is in no browser"),
    ("cert_trust", "the local authority is in no browser"),
    ("cert_revocation", "the local authority publishes no list"),
    ("cert_crlDistributionPoints", "the local authority publishes no list"),
    ("cert_ocspURL", "the local authority answers no OCSP"),
    ("cert_extlifeSpan", "a development certificate is valid for longer than browsers take"),
    ("DNS_CAArecord", "`localhost` has no records"),
];

/// A mode of `slowhttptest`, and what it holds.
const MODES: [(&str, &[&str]); 4] = [
    ("slow heads", &["-H", "-i", "5"]),
    ("slow bodies", &["-B", "-i", "5", "-s", "8192"]),
    ("slow reading", &["-X", "-w", "1", "-y", "2", "-n", "5", "-z", "1", "-k", "3"]),
    ("ranges", &["-R", "-a", "5", "-b", "3000"]),
];

/// One of the tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tool {
    /// Judges TLS; some minutes.
    Testssl,
    /// Holds connections, in each of its modes.
    Slowhttptest,
}

/// The tool, or both.
///
/// # Errors
/// What they found.
pub(crate) fn run(only: Option<Tool>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let gateway = Gateway::start("debug").await?;
        if only != Some(Tool::Slowhttptest) {
            testssl(&gateway)?;
        }
        if only != Some(Tool::Testssl) {
            for (name, mode) in MODES {
                slowhttptest(&gateway, name, mode).await?;
            }
        }
        Ok(())
    })
}

/// No finding of medium or above but those of [`LOCAL`].
fn testssl(gateway: &Gateway) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let told = scratch.path().join("testssl.json");
    let mut command = sh::command("testssl", &["--quiet", "--color", "0", "--warnings", "off"]);
    command.args(["--nodns", "min", "--sneaky", "--ip", "127.0.0.1", "--jsonfile"]);
    command.arg(&told).arg(format!("localhost:{}", gateway.https().port()));
    // Its own exit code counts findings; they are read from the file.
    let begun = Instant::now();
    let output = command.output().context("testssl cannot be started")?;
    println!("\n$ testssl localhost: {:.0} s", begun.elapsed().as_secs_f64());
    let text = std::fs::read_to_string(&told)
        .with_context(|| format!("testssl told nothing:\n{}", String::from_utf8_lossy(&output.stdout)))?;
    let findings: Vec<Value> = serde_json::from_str(&text).context("testssl wrote no JSON")?;
    judge(&findings)
}

fn judge(findings: &[Value]) -> Result<()> {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let severe = |finding: &&Value| {
        matches!(text(finding, "severity").as_str(), "MEDIUM" | "HIGH" | "CRITICAL" | "FATAL")
    };
    let local = |finding: &Value| LOCAL.iter().find(|(id, _)| text(finding, "id").starts_with(id));
    let mut wrong = Vec::new();
    for finding in findings.iter().filter(severe) {
        let line =
            format!("{} {}: {}", text(finding, "severity"), text(finding, "id"), text(finding, "finding"));
        match local(finding) {
            Some((_, why)) => println!("  {line} (excepted: {why})"),
            None => wrong.push(line),
        }
    }
    // A run that was cut short finds nothing.
    for ids in [&["TLS1_3"][..], &["heartbleed"], &["ROBOT"], &["HSTS_time"], &["FS", "PFS"]] {
        let reached = findings.iter().any(|finding| ids.contains(&text(finding, "id").as_str()));
        ensure!(reached, "testssl did not get to {}", ids[0]);
    }
    ensure!(wrong.is_empty(), "testssl found:\n{}", wrong.join("\n"));
    println!("  {} findings, none of medium or above but those of the local certificate", findings.len());
    Ok(())
}

/// One mode; a client of ours asks meanwhile, and every answer must come.
async fn slowhttptest(gateway: &Gateway, name: &str, mode: &[&str]) -> Result<()> {
    let prefix = tempfile::tempdir()?;
    let output = prefix.path().join("slow");
    let mut command = sh::command("timeout", &["-k", "5", "180", "slowhttptest"]);
    command.args(mode).args(["-c", "1000", "-r", "200", "-l", "40", "-p", "5", "-g", "-o"]);
    command.arg(&output).arg("-u").arg(gateway.url("/"));
    let done = Arc::new(AtomicBool::new(false));
    let client = tokio::spawn(asked_until(gateway.client()?, gateway.url("/"), Arc::clone(&done)));
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    done.store(true, Ordering::Relaxed);
    let ran = ran?.context("slowhttptest cannot be started")?;
    let mut times = client.await??;
    times.sort_unstable();
    let (count, p99) = (times.len(), times.get(times.len() * 99 / 100).copied().unwrap_or_default());
    ensure!(count >= 10, "{name}: only {count} requests were answered beside it");
    ensure!(ran.status.success(), "{name}: slowhttptest ended with {}", ran.status);
    available(&output)?;
    println!("  slowhttptest, {name}: available throughout; {count} others answered beside, p99 {p99:.0?}");
    Ok(())
}

/// What the tool's own probe saw: its table says in each second whether service was available.
fn available(output: &Path) -> Result<()> {
    let table =
        std::fs::read_to_string(output.with_extension("csv")).context("slowhttptest wrote no table")?;
    let mut lines = table.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
    let at = names.iter().position(|name| name.trim().eq_ignore_ascii_case("Service Available"));
    let at = at.with_context(|| format!("slowhttptest's table has no availability: {names:?}"))?;
    let rows: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    ensure!(!rows.is_empty(), "slowhttptest's table is empty");
    for row in rows {
        let told = row.split(',').nth(at).map(str::trim);
        if told.is_none_or(|told| told == "0") {
            bail!("service was not available: {row}");
        }
    }
    Ok(())
}

/// Asks on new connections, one after another; how long each took.
async fn asked_until(client: reqwest::Client, url: String, done: Arc<AtomicBool>) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answer = client.get(&url).send().await.context("no answer beside slowhttptest")?;
        ensure!(answer.status() == 200, "{} beside slowhttptest", answer.status());
        answer.bytes().await?;
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(times)
}
