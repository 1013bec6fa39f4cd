//! The gateway by itself: what a connection at rest holds, what a ban-heavy hour leaves, how fast a large site is ready.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{BARE, OURS, resident};
use crate::bench::{PORTS, Running, generator, is_ready};
use crate::sh;

const CONNECTIONS: usize = 10_000;
const PAGES: usize = 10_000;

/// Prints the table.
///
/// # Errors
/// When something cannot be started.
pub(super) fn run(ours: Running, bare: Running, idle: &Path, scratch: &Path) -> Result<()> {
    println!("\n| alone | |\n| --- | --- |");
    println!("| resident memory after all of this | {:.0} MB |", resident(ours.id())? / 1e6);
    for (whose, server, port) in [("", &ours, OURS), (", by hyper and rustls alone", &bare, BARE)] {
        let each = rest(server, port, idle)? / 1e3;
        println!("| an h2 connection over TLS that rests, of {CONNECTIONS}{whose} | {each:.1} kB |");
    }
    drop((ours, bare));
    println!("| from the start to ready, {PAGES} pages | {:.0} ms |", ready(scratch)?.as_secs_f64() * 1e3);
    Ok(())
}

/// Bytes of the server for each connection that does nothing.
fn rest(server: &Running, port: u16, idle: &Path) -> Result<f64> {
    let before = resident(server.id())?;
    let mut client = Command::new(idle)
        .args([format!("127.0.0.1:{port}"), CONNECTIONS.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let told = client.stdout.take().context("the client tells nothing")?;
    let mut line = String::new();
    BufReader::new(told).read_line(&mut line)?;
    let after = resident(server.id())?;
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
        while !is_ready(&PORTS) {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(60), "it was not ready within a minute");
            std::thread::sleep(Duration::from_millis(2));
        }
        times.push(begun.elapsed());
        drop(server);
    }
    Ok(crate::bench::median(times))
}
