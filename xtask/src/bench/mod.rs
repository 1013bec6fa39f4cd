//! `cargo xtask bench`: the figures of this machine, on a release build; nothing here passes or fails.

mod accounts;
mod area;
mod data;
mod datasets;
mod edge;
mod engine;
mod generator;
mod payments;
mod policy;
mod service;
mod turns;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::sh;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The gateway beside nginx.
    Edge,
    /// The store beside SQLite, subscriptions, a million subscribers, the recovery drill, an issue to 100,000.
    Data,
    /// Sign-ins beside static pages, the check of a session.
    Accounts,
    /// The issue to 100,000 readers alone.
    Newsletter,
    /// Webhooks of the payment processor.
    Payments,
    /// Files of 100,000 employees, received and checked.
    Datasets,
    /// Calculations asked for by a program, and their reports.
    Service,
    /// The order in which calculations of many take their turns, and one worker against two.
    Turns,
    /// One person's rights among a million records, an evidence pack.
    Policy,
}

/// Measures builds and edits of a site, calculations, pages a second, and data at rest; or one part alone.
///
/// # Errors
/// When something cannot be built or started.
pub(crate) fn run(only: Option<Part>) -> Result<()> {
    if only == Some(Part::Newsletter) {
        return data::measured("a_hundred_thousand_readers");
    }
    if only == Some(Part::Policy) {
        return policy::run();
    }
    build()?;
    match only {
        Some(Part::Edge) => edge::run(),
        Some(Part::Payments) => payments::run(),
        Some(Part::Datasets) => datasets::run(),
        Some(Part::Service) => service::run(),
        Some(Part::Turns) => turns::run(),
        Some(Part::Accounts) => accounts::run(),
        Some(_) => data::run(),
        None => {
            generator::run()?;
            engine::run()?;
            edge::run()?;
            payments::run()?;
            datasets::run()?;
            service::run()?;
            turns::run()?;
            accounts::run()?;
            data::run()?;
            policy::run()
        }
    }
}

/// Records where the cold build of 10,000 pages spends its time.
///
/// # Errors
/// When something cannot be built or started.
pub(crate) fn flame() -> Result<()> {
    build()?;
    generator::flame()
}

/// Counts the allocations of a request.
///
/// # Errors
/// When something cannot be built or started.
pub(crate) fn allocations() -> Result<()> {
    edge::allocations::run()
}

/// The whole workspace at once: each other choice of packages has other features, and compiles everything anew.
fn build() -> Result<()> {
    sh::run(sh::command("cargo", &["build", "--release", "--workspace", "--bins", "--examples"]))
}

/// Where a gateway under measure listens.
struct Ports {
    https: u16,
    http: u16,
    operations: u16,
}

/// The ports of the gateway, and of one more beside it.
const PORTS: Ports = Ports { https: 18443, http: 18080, operations: 19090 };
const BESIDE: Ports = Ports { https: 18446, http: 18081, operations: 19091 };

struct Running(Child);

impl Running {
    /// Starts a gateway on ports of its own.
    fn serve(serve: Command, data: &Path) -> Result<Self> {
        Self::serve_at(&PORTS, "warn,access=info", serve, data)
    }

    fn serve_at(ports: &Ports, log: &str, mut serve: Command, data: &Path) -> Result<Self> {
        let loopback = |port| format!("127.0.0.1:{port}");
        serve
            .env("AOPS_DATA", data)
            .env("AOPS_LIMITS_FACTOR", "100000")
            .env("AOPS_HTTPS", loopback(ports.https))
            .env("AOPS_HTTP", loopback(ports.http))
            .env("AOPS_OPERATIONS", loopback(ports.operations))
            .env("RUST_LOG", log)
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
fn wait_until_ready(ports: &Ports) -> Result<()> {
    // The first build compresses as hard as it can.
    for _ in 0..1_800 {
        if is_ready(ports) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the gateway was not ready within three minutes")
}

fn is_ready(ports: &Ports) -> bool {
    use std::io::{Read, Write};
    let operations = ("127.0.0.1", ports.operations);
    let Ok(mut stream) = std::net::TcpStream::connect(operations) else { return false };
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
