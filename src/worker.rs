//! `aops worker`: takes calculations from the queue that gateways share, until it is told to stop.

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aops_gateway::calculations::{Bounds, Nursery};
use aops_gateway::sandbox::{self, Reach};
use aops_gateway::{server, working};
use clap::Args;

use crate::config::{self, Configuration};
use crate::{log, serve};

/// Arguments of `aops worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// How many calculations run at once; as many as there are processors where nothing is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
}

/// How long the runtime may take to let go of what it holds.
const FAREWELL: Duration = Duration::from_secs(5);

/// Works.
///
/// # Errors
/// What keeps it from starting, or from computing any more.
pub(crate) fn run(root: &Path, args: &WorkerArgs) -> Result<ExitCode> {
    log::to_stderr();
    let mut settings = Configuration::read(root)?.settings(root)?;
    if settings.store.is_none() {
        bail!(
            "a worker takes calculations from the server of [store], which site.toml does not name; without one, \
             `aops serve` computes them itself"
        );
    }
    // `[calculations] workers` is the gateways'.
    settings.calculations.workers = args.workers;
    server::prepare(&settings)?;
    let address = settings.gateway.operations;
    let health = TcpListener::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    let health = health.with_context(|| {
        format!("[gateway] operations = \"{address}\" cannot be listened on; AOPS_OPERATIONS names another address")
    })?;
    // Before this process gives up starting others.
    let nursery =
        Nursery::start(Bounds::of(&settings)).context("no process can be started for calculations")?;
    let in_force =
        sandbox::enter(settings.gateway.sandbox, &Reach::working(&settings, root, &config::secret_files()?))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let worked = runtime.block_on(async {
        in_force.tell();
        working::run(settings, health, nursery, serve::stopped()).await
    });
    runtime.shutdown_timeout(FAREWELL);
    worked?;
    Ok(ExitCode::SUCCESS)
}
