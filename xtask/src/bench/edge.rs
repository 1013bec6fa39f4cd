//! The gateway beside nginx, both on one processor and the client on another, in turns of the same run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Running, wait_for};
use crate::sh;

const ROUNDS: usize = 3;
const OURS: u16 = 18443;
const THEIRS: u16 = 18444;

/// What is measured: a name, and the client's command without its address.
const WORK: [(&str, &[&str], &str); 6] = [
    ("10 kB page, h1, 64 connections", &["wrk", "-t1", "-c64", "-d4s"], "/themes/"),
    ("10 kB page, h2, 16 × 10 streams", &["h2load", "-t1", "-c16", "-m10", "-D4"], "/themes/"),
    ("the same in brotli, h1", &["wrk", "-t1", "-c64", "-d4s", "-H", "accept-encoding: br"], "/themes/"),
    ("404, h1", &["wrk", "-t1", "-c64", "-d4s"], "/nowhere/"),
    ("404, h2", &["h2load", "-t1", "-c16", "-m10", "-D4"], "/nowhere/"),
    ("new TLS 1.3 connections", &["openssl", "s_time", "-new", "-tls1_3", "-time", "4", "-connect"], ""),
];

/// Prints the paired table: requests a second, the median of alternating rounds, and their ratio.
///
/// # Errors
/// When something cannot be built or started.
pub(super) fn run() -> Result<()> {
    println!();
    let example = ["run", "--release", "--quiet", "--package", "aops-gateway", "--example", "limits"];
    sh::run(sh::command("cargo", &example))?;
    let missing: Vec<_> =
        ["nginx", "wrk", "h2load", "openssl", "taskset"].into_iter().filter(|name| !sh::has(name)).collect();
    if !missing.is_empty() {
        println!("\nbeside nginx: NOT measured, install {}", missing.join(", "));
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let ours = sh::command("taskset", &["-c", "0", &sh::binary("release")?.to_string_lossy(), "serve"]);
    let ours = Running::serve(ours, scratch.path())?;
    wait_for("127.0.0.1:19090")?;
    let theirs = nginx(scratch.path())?;
    wait_for(&format!("127.0.0.1:{THEIRS}"))?;
    println!("\n| work | requests/s | nginx | ratio | µs of server a request | nginx | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (name, client, path) in WORK {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            a.push(measured(client, OURS, path, ours.id())?);
            b.push(measured(client, THEIRS, path, theirs.id())?);
        }
        let (a, b) = (middle(a), middle(b));
        let (rates, costs) = (a.0 / b.0, b.1 / a.1);
        println!("| {name} | {:.0} | {:.0} | {rates:.2} | {:.1} | {:.1} | {costs:.2} |", a.0, b.0, a.1, b.1);
    }
    Ok(())
}

/// Requests a second, and microseconds of the server's processor a request: where the client is the slower of the
/// two, only the second tells them apart.
fn measured(client: &[&str], port: u16, path: &str, server: u32) -> Result<(f64, f64)> {
    let (before, begun) = (processor_seconds(server)?, Instant::now());
    let rate = rate(client, port, path)?;
    let spent = processor_seconds(server)? - before;
    Ok((rate, spent / (rate * begun.elapsed().as_secs_f64()) * 1e6))
}

/// What a process and its children have used (proc(5), `stat`: parent, then fields 14 and 15).
fn processor_seconds(process: u32) -> Result<f64> {
    const TICKS_A_SECOND: f64 = 100.0;
    let mut ticks = 0.0;
    for entry in std::fs::read_dir("/proc")? {
        // Others may end while they are looked at.
        let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<f64> =
            rest.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
        let id = name.split(' ').next().and_then(|id| id.parse::<u32>().ok());
        if let [parent, ..] = fields[..]
            && (id == Some(process) || parent == f64::from(process))
        {
            ticks += fields.get(10).unwrap_or(&0.0) + fields.get(11).unwrap_or(&0.0);
        }
    }
    Ok(ticks / TICKS_A_SECOND)
}

/// nginx with the same files, certificate, protocols and fields, and a limiter as ours has one.
fn nginx(scratch: &Path) -> Result<Running> {
    let root = sh::repository().join("public");
    let fields = [
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'",
        ),
        ("cache-control", "public, no-cache"),
    ];
    let fields: String =
        fields.iter().map(|(name, value)| format!("add_header {name} \"{value}\" always;\n")).collect();
    let config = format!(
        "user root; worker_processes 1; daemon off; pid nginx.pid; error_log error.log;
         events {{ worker_connections 20000; }}
         http {{
           include /etc/nginx/mime.types; access_log access.log; sendfile on; tcp_nopush on;
           open_file_cache max=1000 inactive=60s; keepalive_requests 1000000000; gzip_static on;
           limit_req_zone $binary_remote_addr zone=a:10m rate=1000000r/s;
           server {{
             listen 127.0.0.1:{THEIRS} ssl http2 backlog=4096; server_name localhost; root {};
             ssl_certificate tls/localhost.pem; ssl_certificate_key tls/localhost.key;
             ssl_protocols TLSv1.2 TLSv1.3; limit_req zone=a burst=1000 nodelay;
             {fields}
           }}
         }}",
        root.display()
    );
    let path = scratch.join("nginx.conf");
    std::fs::write(&path, config)?;
    let mut nginx = Command::new("taskset");
    nginx.args(["-c", "0", "nginx", "-p"]).arg(scratch).arg("-c").arg(&path);
    Running::start(nginx.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Requests a second, as the client tells them.
fn rate(client: &[&str], port: u16, path: &str) -> Result<f64> {
    let address = match client[0] {
        "openssl" => format!("localhost:{port}"),
        _ => format!("https://localhost:{port}{path}"),
    };
    std::thread::sleep(Duration::from_millis(300));
    let output = Command::new("taskset").args(["-c", "1"]).args(client).arg(&address).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let number = told.lines().find_map(|line| {
        if let Some(rest) = line.strip_prefix("Requests/sec:") {
            return rest.trim().parse().ok();
        }
        if let Some((connections, seconds)) = line.split_once(" connections in ") {
            let seconds = seconds.strip_suffix(" real seconds, 0 bytes read per connection")?;
            return Some(connections.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?);
        }
        let (_, rest) = line.strip_prefix("finished in")?.split_once(", ")?;
        rest.split(' ').next()?.parse().ok()
    });
    number.with_context(|| format!("{} told no rate:\n{told}", client[0]))
}

/// The round of the middle rate.
fn middle(mut rates: Vec<(f64, f64)>) -> (f64, f64) {
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    rates[rates.len() / 2]
}
