//! `aops serve`: builds the site, then runs the gateway until it is told to stop.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use aops_gateway::web::live_reload::News;
use aops_gateway::{Server, Settings};
use aops_generator::{Session, Watcher};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::config::Configuration;
use crate::follow;

/// Arguments of `aops serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Rebuild what changes and reload open pages
    #[arg(long)]
    watch: bool,

    /// Show drafts too
    #[arg(long)]
    drafts: bool,
}

/// A site that is being written, and what tells its changes.
type Watched = (Watcher, Session);

/// Builds and serves.
///
/// # Errors
/// What keeps the site from being built or the gateway from starting.
pub(crate) fn run(root: &Path, args: &ServeArgs) -> Result<ExitCode> {
    log_to_stderr();
    let configuration = Configuration::read(root)?;
    let settings = configuration.settings(root)?;
    let Some(session) = build(root, args)? else {
        return Ok(ExitCode::FAILURE);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(root, settings, args, session))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(root: &Path, settings: Settings, args: &ServeArgs, session: Option<Watched>) -> Result<()> {
    let live_reload = session.is_some().then(|| watch::channel(News::default()).0);
    let addresses = (settings.base_url.clone(), settings.gateway.operations, settings.data.clone());
    let server = Server::start(settings, live_reload.clone()).await?;
    println!("Site        {}/", addresses.0);
    println!("Operations  http://{}/readyz", addresses.1);
    println!("Data        {}", addresses.2.display());
    let authority = addresses.2.join("tls/ca.pem");
    if authority.exists() {
        println!("Certificate of a local authority; to trust it: {}", authority.display());
    }
    if let (Some(live_reload), Some(session)) = (live_reload, session) {
        follow::start(root, args.drafts, session, server.app(), live_reload)?;
    }
    server.run(stopped()).await?;
    Ok(())
}

/// Builds the site; with `--watch` what it was made from is kept. `None` when something is at fault, which is told.
fn build(root: &Path, args: &ServeArgs) -> Result<Option<Option<Watched>>> {
    if args.watch {
        let watcher = Watcher::new(root)?;
        return Ok(crate::build::session(root, args.drafts)?.map(|session| Some((watcher, session))));
    }
    Ok(crate::build::for_serving(root, args.drafts)?.then_some(None))
}

/// Ends at SIGTERM or SIGINT.
async fn stopped() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; stop with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// JSON lines on standard error; `RUST_LOG` chooses what is told.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        // It would be told on standard error, which is what cannot be written.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
