//! `cargo xtask bench`: the figures of this machine, on a release build; nothing here passes or fails.

mod edge;
mod engine;
mod generator;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::sh;

/// Measures builds and edits of a site, calculations, and pages a second.
///
/// # Errors
/// When something cannot be built or started.
pub(crate) fn run(flame: bool, only_edge: bool, allocations: bool) -> Result<()> {
    if allocations {
        return edge::allocations::run();
    }
    // The whole workspace at once: each other choice of packages has other features, and compiles everything anew.
    sh::run(sh::command("cargo", &["build", "--release", "--workspace", "--bins", "--examples"]))?;
    if only_edge {
        return edge::run();
    }
    if flame {
        return generator::flame();
    }
    generator::run()?;
    engine::run()?;
    edge::run()
}

/// Sends an issue to 100,000 readers over the SendGrid side, to a stand-in on this machine.
///
/// # Errors
/// When it cannot be built or fails.
pub(crate) fn newsletter() -> Result<()> {
    let measure = "a_hundred_thousand_readers";
    let test = ["test", "--release", "--workspace", "--lib", "--", "--ignored", "--nocapture", measure];
    sh::run(sh::command("cargo", &test))
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
            .env("RUST_LOG", "warn,access=info")
            .stdout(Stdio::null());
        Self::start(&mut serve)
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked, not killed: nginx ends its workers. It may have ended already; there is nobody to tell.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Waits until the gateway serves: it listens before it does.
fn wait_until_ready() -> Result<()> {
    // The first build compresses as hard as it can.
    for _ in 0..1_800 {
        if is_ready() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the gateway was not ready within three minutes")
}

fn is_ready() -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect("127.0.0.1:19090") else { return false };
    let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

fn wait_for(address: &str) -> Result<()> {
    let address = address.parse().context("an address")?;
    for _ in 0..300 {
        if std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("nothing listens on {address} after half a minute")
}

/// The one in the middle.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
