//! `cargo xtask bench`: the figures of this machine, on a release build; nothing here passes or fails.

mod edge;
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
pub(crate) fn run(flame: bool, only_edge: bool) -> Result<()> {
    sh::run(sh::command("cargo", &["build", "--release", "--bin", "aops"]))?;
    if only_edge {
        return edge::run();
    }
    sh::run(sh::command("cargo", &["build", "--release", "--package", "aops-generator", "--examples"]))?;
    if flame {
        return generator::flame();
    }
    generator::run()?;
    sh::run(sh::command("cargo", &["bench", "--package", "aops-engine", "--bench", "annuities"]))?;
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
            .env("RUST_LOG", "warn")
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
