//! `cargo xtask soak`: pages, forms, the API, abuse and slow peers for minutes on end; what is held must not grow.
//!
//! Memory, descriptors and threads are read from `/proc` every second. The first third warms caches and allocator. Of
//! the rest the median of the last third of samples may not stand above the median of the first third by more than
//! the bound: a leak grows with every request, and a median does not follow single peaks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;

use crate::gateway::Gateway;

/// What is watched: its name, its unit, and by how much it may grow.
const WATCHED: [(&str, &str, u64); 4] =
    [("memory", "KiB", 16 << 10), ("descriptors", "", 32), ("threads", "", 4), ("connections", "", 32)];

/// Loads the gateway for so many minutes and prints what it held.
///
/// # Errors
/// When something grew, or an honest request was not answered.
pub(crate) fn run(minutes: u64, profile: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(soak(Duration::from_secs(minutes * 60), profile))
}

async fn soak(time: Duration, profile: &str) -> Result<()> {
    let gateway = Gateway::start(profile).await?;
    let answered = Arc::new(AtomicU64::new(0));
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        load.spawn(pages(gateway.client()?, gateway.url(""), Arc::clone(&answered)));
    }
    load.spawn(forms(gateway.client()?, gateway.url(""), Arc::clone(&answered)));
    let abused = gateway.https();
    let stop = Arc::new(AtomicU64::new(0));
    let abusers: Vec<_> = [abuse as fn(SocketAddr, &AtomicU64), linger]
        .into_iter()
        .map(|what| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || what(abused, &stop))
        })
        .collect();
    let begun = Instant::now();
    let mut samples = Vec::new();
    let watched = loop {
        tokio::select! {
            ended = load.join_next() => break ended.context("no load")?.context("a client failed")?,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        samples.push(held(&gateway).await?);
        if begun.elapsed() >= time {
            break Ok(());
        }
    };
    load.abort_all();
    stop.store(1, Ordering::Relaxed);
    for abuser in abusers {
        ensure!(abuser.join().is_ok(), "an abuser failed");
    }
    watched?;
    println!("\n{} honest requests answered in {:.0?}", answered.load(Ordering::Relaxed), begun.elapsed());
    judge(&samples)
}

/// Prints the table; fails where something grew.
fn judge(samples: &[[u64; 4]]) -> Result<()> {
    let warm = &samples[samples.len() / 3..];
    ensure!(warm.len() >= 9, "{} samples are too few to judge", samples.len());
    let third = warm.len() / 3;
    println!("| held | at first | after warm-up | at the end | most | may grow by |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut grown = Vec::new();
    for (at, (name, unit, bound)) in WATCHED.into_iter().enumerate() {
        let of = |samples: &[[u64; 4]]| {
            let mut values: Vec<u64> = samples.iter().map(|sample| sample[at]).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let (before, after) = (of(&warm[..third]), of(&warm[warm.len() - third..]));
        let most = samples.iter().map(|sample| sample[at]).max().unwrap_or_default();
        let first = samples.first().map(|sample| sample[at]).unwrap_or_default();
        println!("| {name} {unit} | {first} | {before} | {after} | {most} | {bound} |");
        if after > before + bound {
            grown.push(format!("{name}: {before} → {after} {unit}"));
        }
    }
    if !grown.is_empty() {
        bail!("what is held grows: {}", grown.join(", "));
    }
    Ok(())
}

/// Memory in KiB, descriptors, threads, open connections.
async fn held(gateway: &Gateway) -> Result<[u64; 4]> {
    let process = gateway.id();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("the gateway ended")?;
    let told = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64;
    let metrics = reqwest::get(gateway.operations("/metrics")).await?.text().await?;
    let connections = metrics.lines().find_map(|line| line.strip_prefix("connections_open "));
    let connections = connections.and_then(|value| value.parse::<f64>().ok()).unwrap_or_default();
    Ok([
        told("VmRSS:").context("no VmRSS")?,
        descriptors,
        told("Threads:").context("no Threads")?,
        connections as u64,
    ])
}

/// Reads pages, files, what has moved and what is nowhere.
async fn pages(client: Client, base: String, answered: Arc<AtomicU64>) -> Result<()> {
    let paths =
        ["/", "/en/", "/offres/", "/favicon.svg", "/nulle-part", "/compte/connexion", "/api/openapi.json"];
    for path in paths.iter().cycle() {
        let answer =
            client.get(format!("{base}{path}")).send().await.with_context(|| format!("GET {path}"))?;
        ensure!(matches!(answer.status().as_u16(), 200 | 404), "GET {path}: {}", answer.status());
        answer.bytes().await?;
        answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Posts forms and calls that are refused, so that nothing has to be stored for good.
async fn forms(client: Client, base: String, answered: Arc<AtomicU64>) -> Result<()> {
    let posts = [
        ("/newsletter", "application/x-www-form-urlencoded", "email=x", 422),
        ("/contact", "application/x-www-form-urlencoded", "nom=a", 422),
        ("/webhooks/stripe", "application/json", "{}", 400),
        ("/api/v1/compute/rente", "application/json", "{}", 401),
    ];
    for (path, kind, body, expected) in posts.iter().cycle() {
        let post = client.post(format!("{base}{path}")).header("origin", &base).header("content-type", *kind);
        let answer = post.body(*body).send().await.with_context(|| format!("POST {path}"))?;
        ensure!(answer.status() == *expected, "POST {path}: {}", answer.status());
        answer.bytes().await?;
        answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Handshakes that are none, at once ended.
fn abuse(gateway: SocketAddr, stop: &AtomicU64) {
    let shapes: [&[u8]; 4] = [
        &[0xaa; 300],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x16, 3, 1, 0xff, 0xff, 1],
        &[0x16, 3, 1, 0, 4, 1, 0, 0, 0],
    ];
    for shape in shapes.iter().cycle() {
        if stop.load(Ordering::Relaxed) != 0 {
            return;
        }
        // A refusal is what is wanted.
        if let Ok(mut stream) = TcpStream::connect(gateway) {
            let _ = stream.write_all(shape);
            let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
            let _ = stream.read(&mut [0; 64]);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sixty connections that say nothing, each until it is ended.
fn linger(gateway: SocketAddr, stop: &AtomicU64) {
    let mut held: Vec<Option<TcpStream>> = (0..60).map(|_| None).collect();
    while stop.load(Ordering::Relaxed) == 0 {
        for place in &mut held {
            let open = place.as_mut().is_some_and(|stream| {
                matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
            });
            if !open {
                *place =
                    TcpStream::connect(gateway).ok().filter(|stream| stream.set_nonblocking(true).is_ok());
            }
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
