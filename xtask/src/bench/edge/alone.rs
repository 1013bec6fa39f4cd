//! The gateway by itself: what a connection at rest holds, what a ban-heavy hour leaves, how fast a large site is ready.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{OURS, resident};
use crate::bench::{Running, generator, is_ready};
use crate::sh;

const CONNECTIONS: usize = 10_000;
const PAGES: usize = 10_000;

/// Prints the table.
///
/// # Errors
/// When something cannot be started.
pub(super) fn run(ours: Running, idle: &Path, scratch: &Path) -> Result<()> {
    println!("\n| alone | |\n| --- | --- |");
    println!("| resident memory after all of this | {:.0} MB |", resident(ours.id())? / 1e6);
    println!(
        "| an h2 connection over TLS that rests, of {CONNECTIONS} | {:.1} kB |",
        rest(&ours, idle)? / 1e3
    );
    drop(ours);
    println!("| from the start to ready, {PAGES} pages | {:.0} ms |", ready(scratch)?.as_secs_f64() * 1e3);
    Ok(())
}

/// Bytes of the server for each connection that does nothing.
fn rest(ours: &Running, idle: &Path) -> Result<f64> {
    let before = resident(ours.id())?;
    let mut client = Command::new(idle)
        .args([format!("127.0.0.1:{OURS}"), CONNECTIONS.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let told = client.stdout.take().context("the client tells nothing")?;
    let mut line = String::new();
    BufReader::new(told).read_line(&mut line)?;
    let after = resident(ours.id())?;
    drop(client.stdin.take());
    client.wait()?;
    anyhow::ensure!(line.trim() == "ready", "the connections were not all opened");
    Ok((after - before) / CONNECTIONS as f64)
}

/// From the start of `serve` on a built site of many pages to `/readyz`.
fn ready(scratch: &Path) -> Result<Duration> {
    let root = generator::corpus(scratch, PAGES, "")?;
    let aops = sh::binary("release")?;
    let mut build = sh::command(&aops.to_string_lossy(), &["build", "--root"]);
    build.arg(&root).stdout(Stdio::null());
    sh::run(build)?;
    let mut times = Vec::new();
    for _ in 0..3 {
        let mut serve = sh::command(&aops.to_string_lossy(), &["serve", "--root"]);
        serve.arg(&root);
        let begun = Instant::now();
        let server = Running::serve(serve, &scratch.join("data"))?;
        while !is_ready() {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(60), "it was not ready within a minute");
            std::thread::sleep(Duration::from_millis(2));
        }
        times.push(begun.elapsed());
        drop(server);
    }
    Ok(crate::bench::median(times))
}
