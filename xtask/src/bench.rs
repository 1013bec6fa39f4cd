//! `cargo xtask bench`: the figures of this machine, on a release build; nothing here passes or fails.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::sh;

/// How often each whole command is timed; the median is told.
const ROUNDS: usize = 5;

/// Measures the build of a site, annuities, and pages a second.
///
/// # Errors
/// When something cannot be built or started.
pub(crate) fn run() -> Result<()> {
    sh::run(sh::command("cargo", &["build", "--release", "--bin", "aops"]))?;
    sh::run(sh::command("cargo", &["build", "--release", "--package", "aops-generator", "--examples"]))?;
    println!("\nbuild of 1,000 synthetic pages, --plain: {}", build_of(1_000)?);
    sh::run(sh::command("cargo", &["bench", "--package", "aops-engine", "--bench", "annuities"]))?;
    requests_per_second()
}

/// The median time of a whole plain build over a corpus of so many pages, in a process of its own.
fn build_of(pages: usize) -> Result<String> {
    let examples = sh::binary("release")?.with_file_name("examples");
    let scratch = tempfile::tempdir()?;
    let (corpus, build) = (examples.join("corpus"), examples.join("build_site"));
    sh::output({
        let mut make = sh::command(&corpus.to_string_lossy(), &[]);
        make.arg(scratch.path()).arg(pages.to_string());
        make
    })?;
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        sh::output({
            let mut command = sh::command(&build.to_string_lossy(), &[]);
            command.arg(scratch.path());
            command
        })?;
        times.push(started.elapsed());
        fs::remove_dir_all(scratch.path().join("public"))?;
    }
    times.sort();
    Ok(format!("{:.3} s (median of {ROUNDS})", times[ROUNDS / 2].as_secs_f64()))
}

/// Pages a second over TLS on keep-alive connections, by Debian's `wrk`, server and client on the same machine.
fn requests_per_second() -> Result<()> {
    if !sh::has("wrk") {
        println!("\npages a second: NOT measured, install Debian's package wrk");
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let mut serve = sh::command(&sh::binary("release")?.to_string_lossy(), &["serve"]);
    serve
        .env("AOPS_DATA", scratch.path())
        .env("AOPS_LIMITS_FACTOR", "100000")
        .env("AOPS_HTTPS", "127.0.0.1:18443")
        .env("AOPS_HTTP", "127.0.0.1:18080")
        .env("AOPS_OPERATIONS", "127.0.0.1:19090")
        .env("RUST_LOG", "warn")
        .stdout(Stdio::null());
    let _server = Running(serve.spawn()?);
    wait_for("127.0.0.1:19090")?;
    sh::run(sh::command("wrk", &["-t1", "-c64", "-d10s", "--latency", "https://localhost:18443/offres/"]))
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(address: &str) -> Result<()> {
    let address = address.parse().context("an address")?;
    for _ in 0..300 {
        if std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the gateway did not start within half a minute")
}
