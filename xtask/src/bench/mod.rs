//! `cargo xtask bench`: the figures of this machine, on a release build; nothing here passes or fails.

mod generator;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::sh;

/// Measures builds and edits of a site, annuities, and pages a second.
///
/// # Errors
/// When something cannot be built or started.
pub(crate) fn run(flame: bool) -> Result<()> {
    sh::run(sh::command("cargo", &["build", "--release", "--bin", "aops"]))?;
    sh::run(sh::command("cargo", &["build", "--release", "--package", "aops-generator", "--examples"]))?;
    if flame {
        return generator::flame();
    }
    generator::run()?;
    sh::run(sh::command("cargo", &["bench", "--package", "aops-engine", "--bench", "annuities"]))?;
    requests_per_second()
}

/// Pages a second over TLS on keep-alive connections, by Debian's `wrk`, server and client on the same machine.
fn requests_per_second() -> Result<()> {
    if !sh::has("wrk") {
        println!("\npages a second: NOT measured, install Debian's package wrk");
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let serve = sh::command(&sh::binary("release")?.to_string_lossy(), &["serve"]);
    let _server = Running::serve(serve, scratch.path())?;
    wait_for("127.0.0.1:19090")?;
    sh::run(sh::command("wrk", &["-t1", "-c64", "-d10s", "--latency", "https://localhost:18443/offres/"]))
}

struct Running(Child);

impl Running {
    /// Starts a gateway on ports of its own.
    fn serve(mut serve: Command, data: &Path) -> Result<Self> {
        serve
            .env("AOPS_DATA", data)
            .env("AOPS_LIMITS_FACTOR", "100000")
            .env("AOPS_HTTPS", "127.0.0.1:18443")
            .env("AOPS_HTTP", "127.0.0.1:18080")
            .env("AOPS_OPERATIONS", "127.0.0.1:19090")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null());
        Ok(Self(serve.spawn()?))
    }
}

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

/// The one in the middle.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
