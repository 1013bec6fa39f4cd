//! `aops serve`: builds the site, then runs the gateway until it is told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use aops_gateway::web::Site;
use aops_gateway::web::live_reload::LiveReload;
use aops_gateway::{Server, Settings, SharedApp};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::config::Configuration;

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

/// Builds and serves.
///
/// # Errors
/// What keeps the site from being built or the gateway from starting.
pub(crate) fn run(root: &Path, args: &ServeArgs) -> Result<ExitCode> {
    log_to_stderr();
    let configuration = Configuration::read(root)?;
    let settings = configuration.settings(root)?;
    if !build(root, args)? {
        return Ok(ExitCode::FAILURE);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(root, settings, args))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(root: &Path, settings: Settings, args: &ServeArgs) -> Result<()> {
    let live_reload = args.watch.then(|| watch::channel(0).0);
    let addresses = (settings.base_url.clone(), settings.gateway.operations, settings.data.clone());
    let server = Server::start(settings, live_reload.clone()).await?;
    println!("Site        {}/", addresses.0);
    println!("Operations  http://{}/readyz", addresses.1);
    println!("Data        {}", addresses.2.display());
    let authority = addresses.2.join("tls/ca.pem");
    if authority.exists() {
        println!("Certificate of a local authority; to trust it: {}", authority.display());
    }
    if let Some(live_reload) = live_reload {
        follow(root, args, server.app(), live_reload)?;
    }
    server.run(stopped()).await;
    Ok(())
}

/// Rebuilds on every change, in a thread of its own; a faulty change is told and the last good site stays.
fn follow(root: &Path, args: &ServeArgs, app: SharedApp, live_reload: LiveReload) -> Result<()> {
    let args = ServeArgs { watch: args.watch, drafts: args.drafts };
    let owned = root.to_owned();
    let watcher = aops_generator::Watcher::new(root)?;
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        for change in watcher {
            tracing::info!(files = change.len(), "rebuilding");
            match build(&owned, &args) {
                Ok(true) => match Site::load(&app.settings.public, true) {
                    Ok(site) => {
                        app.site.store(Arc::new(site));
                        live_reload.send_modify(|build| *build += 1);
                    }
                    Err(error) => tracing::error!(%error, "the new site was not taken"),
                },
                Ok(false) => {}
                Err(error) => tracing::error!("{error:#}"),
            }
        }
    })?;
    Ok(())
}

/// Builds the site; faults are printed, and mean `false`.
fn build(root: &Path, args: &ServeArgs) -> Result<bool> {
    crate::build::for_serving(root, args.watch, args.drafts)
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
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
