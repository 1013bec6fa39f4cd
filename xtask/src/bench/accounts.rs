//! Accounts: what 64 sign-ins at once cost the readers of static pages and the memory, and what the check of a session
//! costs.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::data::measured;
use crate::gateway::Gateway;
use crate::sh;

const AT_ONCE: usize = 64;
const ROUNDS: usize = 5;
const PASSWORD: &str = "Cheval-correct-agrafe-9";

/// Prints the figures.
///
/// # Errors
/// When something cannot be built or started.
pub(super) fn run() -> Result<()> {
    beside_pages()?;
    measured("a_session_is_checked")
}

/// Static pages alone, and while 64 clients sign in without a pause: rounds of each in turns.
fn beside_pages() -> Result<()> {
    if !sh::has("wrk") || !sh::has("taskset") {
        println!("\nsign-ins beside static pages: NOT measured, install wrk and taskset");
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let gateway = Arc::new(runtime.block_on(Gateway::start_with("release", &[]))?);
    for n in 0..AT_ONCE {
        account(&gateway, n)?;
    }
    // The gateway on one processor, all its clients on the other: what is compared is what it does to itself.
    pinned(0, gateway.id())?;
    pinned(1, std::process::id())?;
    let before = gateway.resident()?;
    let (mut quiet, mut busy, mut most, mut rate) = (Vec::new(), Vec::new(), 0, 0.0);
    for _ in 0..ROUNDS {
        quiet.push(pages(&gateway)?);
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let begun = Instant::now();
        let signing: Vec<_> = (0..AT_ONCE)
            .map(|n| runtime.spawn(sign_in(Arc::clone(&gateway), n, Arc::clone(&stop), Arc::clone(&done))))
            .collect();
        busy.push(pages(&gateway)?);
        most = most.max(gateway.resident()?);
        stop.store(true, Ordering::Relaxed);
        for one in signing {
            runtime.block_on(one)??;
        }
        rate += done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64() / ROUNDS as f64;
    }
    quiet.sort_unstable();
    busy.sort_unstable();
    println!(
        "\n| static pages over TLS from one processor, 4 connections, rounds of 5 s in turns | p99 |\n| --- | --- |"
    );
    println!("| quiet | {:.2?} |", quiet[ROUNDS / 2]);
    println!("| beside {AT_ONCE} clients that sign in ({rate:.0} sign-ins/s) | {:.2?} |", busy[ROUNDS / 2]);
    println!("| memory, MB: before, and at most | {before}, {most} |");
    Ok(())
}

/// Keeps every thread of a process on one processor; what it starts later stays there too.
pub(super) fn pinned(processor: u32, process: u32) -> Result<()> {
    let arguments = ["-a", "-c", "-p", &processor.to_string(), &process.to_string()];
    sh::output(sh::command("taskset", &arguments)).map(drop)
}

fn account(gateway: &Gateway, n: usize) -> Result<()> {
    let email = email(n);
    let arguments = ["admin", "account", "create", "--password-stdin", "--verified", "--email", &email];
    let mut child = gateway.command(&arguments)?.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().context("no standard input")?;
    writeln!(input, "{PASSWORD}")?;
    drop(input);
    ensure!(child.wait()?.success(), "no account was made");
    Ok(())
}

fn email(n: usize) -> String {
    format!("client{n}@example.org")
}

/// Signs in again and again until it is told to stop.
async fn sign_in(gateway: Arc<Gateway>, n: usize, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Result<()> {
    let client = gateway.client()?;
    let form = format!("email={}&mot_de_passe={PASSWORD}", email(n).replace('@', "%40"));
    while !stop.load(Ordering::Relaxed) {
        let post = client
            .post(gateway.url("/compte/connexion"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form.clone());
        let status = post.send().await?.status();
        // Past its patience a sign-in is sent away, to come back.
        ensure!(status.is_success() || status.as_u16() == 503, "a sign-in was answered {status}");
        done.fetch_add(u64::from(status.is_success()), Ordering::Relaxed);
    }
    Ok(())
}

/// The slowest hundredth of the pages of five seconds.
pub(super) fn pages(gateway: &Gateway) -> Result<Duration> {
    let mut wrk = sh::command("wrk", &["-t1", "-c4", "-d5s", "--latency"]);
    wrk.arg(gateway.url("/"));
    let told = sh::output(wrk)?;
    let p99 =
        told.lines().find_map(|line| line.trim().strip_prefix("99%")).context("wrk told no p99")?.trim();
    let (number, unit) = p99.split_at(p99.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(p99.len()));
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        _ => 1.0,
    };
    Ok(Duration::from_secs_f64(number.parse::<f64>()? * scale))
}
