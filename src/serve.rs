//! `aops serve`: builds the site, then runs the gateway until it is told to stop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aops_gateway::app::StartError;
use aops_gateway::calculations::{Bounds, Nursery};
use aops_gateway::edge::sockets::Sockets;
use aops_gateway::handover::{self, Predecessor};
use aops_gateway::reload::Reread;
use aops_gateway::sandbox::{self, InForce, Reach};
use aops_gateway::web::live_reload::{LiveReload, News};
use aops_gateway::{App, Ending, Server, Settings, server};
use aops_generator::{Session, Watcher};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::{self, Configuration};
use crate::{follow, log};

/// Arguments of `aops serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Rebuild what changes and reload open pages
    #[arg(long)]
    watch: bool,

    /// Show drafts too
    #[arg(long)]
    drafts: bool,

    /// Take over from the gateway that runs on the same data folder, without refusing a connection
    #[arg(long, conflicts_with = "watch")]
    replace: bool,
}

/// How long runtimes may take to let go of what they hold.
const FAREWELL: Duration = Duration::from_secs(20);
/// How long the store may be held by an admin command that came between two gateways.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// A site that is being written, and what tells its changes.
type Watched = (Watcher, Session);

/// Builds and serves.
///
/// # Errors
/// What keeps the site from being built or the gateway from starting.
pub(crate) fn run(root: &Path, args: &ServeArgs) -> Result<ExitCode> {
    log::to_stderr();
    let configuration = Configuration::read(root)?;
    let settings = configuration.settings(root)?;
    let Some(session) = build(root, args)? else {
        return Ok(ExitCode::FAILURE);
    };
    server::prepare(&settings)?;
    let (sockets, mut predecessor) = sockets(&settings, args.replace)?;
    let mut sockets = Arc::new(sockets);
    // Before this process gives up starting others.
    let nursery = match settings.calculations.here() {
        0 => None,
        _ => Some(
            Nursery::start(Bounds::of(&settings)).context("no process can be started for calculations")?,
        ),
    };
    let in_force = sandbox::enter(settings.gateway.sandbox, &reach(root, &settings, args.watch)?)?;
    if let Some(predecessor) = &mut predecessor {
        predecessor.take()?;
    }
    let mut running = Running {
        root,
        settings,
        drafts: args.drafts,
        in_force,
        nursery,
        session,
        predecessor,
        app: Weak::new(),
    };
    loop {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ending = runtime.block_on(running.serve(sockets));
        // Whatever still holds the store goes with its tasks.
        runtime.shutdown_timeout(FAREWELL);
        let Ending::Relieved(successor, kept) = ending? else { return Ok(ExitCode::SUCCESS) };
        // What could not be ended in time holds the store: the end of this process frees it.
        if running.app.strong_count() > 0 || successor.relieve() {
            return Ok(ExitCode::SUCCESS);
        }
        sockets = kept;
        tracing::error!("the gateway that was to follow does not serve: this one starts again");
        if args.watch {
            bail!("a site that was watched is not taken up again; start anew");
        }
    }
}

/// Those of the gateway that runs if it is to be replaced, those that systemd holds, and what is left to bind.
fn sockets(settings: &Settings, replace: bool) -> Result<(Sockets, Option<Predecessor>)> {
    if replace {
        // Whatever is wrong is told before the other is asked for anything.
        server::check(settings)?;
        if let Some((given, predecessor)) = handover::ask(&settings.data)? {
            let wanted = handover::still_wanted(given, &settings.gateway);
            return Ok((Sockets::complete(wanted, &settings.gateway)?, Some(predecessor)));
        }
    }
    Ok((Sockets::open(&settings.gateway)?, None))
}

fn reach(root: &Path, settings: &Settings, watch: bool) -> Result<Reach> {
    if watch {
        return Ok(Reach::watching(settings, root));
    }
    Ok(Reach::serving(settings, root, &config::secret_files()?))
}

/// A gateway's process, from one run to the next.
struct Running<'a> {
    root: &'a Path,
    settings: Settings,
    drafts: bool,
    in_force: InForce,
    nursery: Option<Nursery>,
    session: Option<Watched>,
    predecessor: Option<Predecessor>,
    app: Weak<App>,
}

impl Running<'_> {
    async fn serve(&mut self, sockets: Arc<Sockets>) -> Result<Ending> {
        let session = self.session.take();
        let live_reload = session.is_some().then(|| watch::channel(News::default()).0);
        let server = self.start(sockets, live_reload.clone()).await?;
        self.in_force.tell();
        if let Some(predecessor) = self.predecessor.take() {
            predecessor.serving();
        }
        let app = server.app();
        println!("Site        {}/", app.settings.base_url);
        println!("Operations  http://{}/readyz", app.settings.gateway.operations);
        println!("Data        {}", app.settings.data.display());
        let authority = app.settings.data.join("tls/ca.pem");
        if authority.exists() {
            println!("Certificate of a local authority; to trust it: {}", authority.display());
        }
        self.app = Arc::downgrade(&app);
        drop(app);
        if let (Some(live_reload), Some(session)) = (live_reload, session) {
            follow::start(self.root, self.drafts, session, server.app(), live_reload)?;
        }
        Ok(server.run(stopped(), reread(self.root.to_owned())).await?)
    }

    /// Starts; behind another gateway, an admin command may hold the store for a moment.
    async fn start(&self, sockets: Arc<Sockets>, live_reload: Option<LiveReload>) -> Result<Server> {
        let begun = Instant::now();
        loop {
            let (settings, nursery) = (self.settings.clone(), self.nursery.clone());
            match Server::start(settings, Arc::clone(&sockets), nursery, live_reload.clone()).await {
                Err(StartError::Store(error))
                    if self.predecessor.is_some() && begun.elapsed() < STORE_PATIENCE =>
                {
                    tracing::warn!(%error, "the store is not free yet");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                started => return started.context("the gateway does not start"),
            }
        }
    }
}

/// Reads `site.toml` and the environment's files again.
fn reread(root: PathBuf) -> Reread {
    Arc::new(move || {
        let configuration = Configuration::read(&root).map_err(|error| error.to_string())?;
        configuration.settings(&root).map_err(|error| format!("{error:#}"))
    })
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
pub(crate) async fn stopped() {
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
