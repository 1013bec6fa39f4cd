//! Starting and stopping: the application, its listeners and its tasks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::accounts::refused::{self, RefusedSignIns};
use crate::accounts::{self, Passwords, Throttle};
use crate::antispam::Antispam;
use crate::app::{App, SharedApp, StartError};
use crate::audience::{self, Audience};
use crate::blobs::{self, Objects};
use crate::calculations::{self, Calculations, Nursery};
use crate::checkout::Dues;
use crate::config::Settings;
use crate::edge::address_filter::{self, AddressFilter};
use crate::edge::connection::Connections;
use crate::edge::feeds::{self, Feeds};
#[cfg(feature = "http3")]
use crate::edge::http3;
use crate::edge::jails::Jails;
use crate::edge::limits::{self, Limits, shared};
use crate::edge::open_connections::OpenConnections;
use crate::edge::request::Service;
use crate::edge::sockets::Sockets;
use crate::edge::tls::{self, acme::Acme, certificates::Certificates};
use crate::edge::{accept, access_log, operations, redirect};
use crate::handover::{Offer, Successor};
use crate::live::Live;
use crate::newsletter::Newsletter;
use crate::outbox::Outbox;
use crate::reload::{Reload, Reread};
use crate::sealing::{MasterKey, Sealer};
use crate::store::{RedbStore, Store, ValkeyStore};
use crate::suppression::WebhookKeys;
use crate::tokens::Tokens;
#[cfg(feature = "otlp")]
use crate::trace::otlp;
use crate::valkey::Valkey;
use crate::web::hosts::Hosts;
use crate::web::live_reload::LiveReload;
use crate::web::site::Site;
use crate::webhooks::{self, Webhooks};
use crate::{
    audit, breach, checkout, datasets, inventory, mail, newsletter, outbox, payments, processors, retention,
    rights, staff, supervisor,
};

/// How a gateway's run ended.
#[derive(Debug)]
pub enum Ending {
    /// It was told to stop.
    Stopped,
    /// Another follows: it is told when the store is free, and the sockets are these if it never serves.
    Relieved(Successor, Arc<Sockets>),
}

/// How often expired documents are removed, in seconds.
const SWEEP_SECONDS: u64 = 60;

/// A gateway that listens but does not answer yet.
pub struct Server {
    app: SharedApp,
    /// Held beside those that are accepted from, for whoever follows.
    kept: Arc<Sockets>,
    accepting: Sockets,
    /// As read, before the addresses of the sockets replaced its own.
    configured: Settings,
    tls: TlsAcceptor,
    #[cfg(feature = "http3")]
    http3: Option<quinn::Endpoint>,
    #[cfg(feature = "otlp")]
    collector: Option<otlp::Collector>,
    certificates: Arc<Certificates>,
    metrics: Option<PrometheusHandle>,
}

impl Server {
    /// Opens the store and reads the built site, behind sockets that listen already.
    ///
    /// # Errors
    /// [`StartError`]: what is wrong and what to do about it.
    pub async fn start(
        configured: Settings,
        sockets: Arc<Sockets>,
        nursery: Option<Nursery>,
        live_reload: Option<LiveReload>,
    ) -> Result<Self, StartError> {
        #[cfg(not(feature = "http3"))]
        if let Some(address) = configured.gateway.http3 {
            return Err(StartError::Without(address));
        }
        #[cfg(not(feature = "otlp"))]
        if configured.traces.is_some() {
            return Err(StartError::Untraced);
        }
        #[cfg(feature = "otlp")]
        let collector = otlp::Collector::of(&configured)?;
        let mut settings = configured.clone();
        sockets.rule(&mut settings.gateway);
        #[cfg_attr(not(feature = "http3"), expect(unused_mut, reason = "taken from for HTTP/3 alone"))]
        let mut accepting = sockets.again()?;
        // Before anything is counted.
        let metrics = recorder();
        let certificates = Arc::new(tls::certificates(&settings)?);
        let tls = tls::server_config(&settings, Arc::clone(&certificates))?;
        if settings.store.is_none() && settings.calculations.here() == 0 {
            return Err(StartError::Uncalculated);
        }
        let mut app = open(settings, live_reload).await?;
        app.calculations.nursery = nursery;
        if let Some(config) = app.settings.gateway.acme() {
            let acme = Acme::new(config, &app.settings.gateway.hosts, Arc::clone(&certificates))?;
            acme.restore(&app).await;
            app.acme = Some(acme);
        }
        let app = Arc::new(app);
        if let Some(metrics) = &metrics {
            // It is new: nothing was set.
            let _ = app.metrics.set(metrics.clone());
        }
        #[cfg(feature = "http3")]
        let http3 = match app.settings.gateway.http3 {
            Some(address) => {
                let key = http3::ResetKey::new(&app.sealer);
                Some(http3::listen(accepting.http3.take(), address, &tls, key)?)
            }
            None => None,
        };
        Ok(Self {
            app,
            kept: sockets,
            accepting,
            configured,
            tls: TlsAcceptor::from(Arc::new(tls)),
            #[cfg(feature = "http3")]
            http3,
            #[cfg(feature = "otlp")]
            collector,
            certificates,
            metrics,
        })
    }

    /// The application, for what runs beside the listeners.
    pub fn app(&self) -> SharedApp {
        Arc::clone(&self.app)
    }

    /// Answers until `stop` ends or another gateway follows, then lets open requests end and writes nothing more.
    /// At SIGHUP the configuration is `reread`.
    ///
    /// # Errors
    /// [`StartError::Log`], [`StartError::Listen`].
    pub async fn run(self, stop: impl Future<Output = ()>, reread: Reread) -> Result<Ending, StartError> {
        let (stopping, stopped) = watch::channel(false);
        let app = self.app;
        let connections = Connections::new(Service::new(&app), self.tls);
        let upkeep = self.metrics.clone();
        let log = access_log::start().map_err(StartError::Log)?;
        let socket = app.settings.data.join("admin.sock");
        let (offer, mut taken) = Offer::new(Arc::clone(&self.kept));
        let (app_of_reload, certificates) = (Arc::clone(&app), Arc::clone(&self.certificates));
        let (bounds, configured) = (connections.bounds.clone(), self.configured);
        let reload = Reload { app: app_of_reload, bounds, certificates, configured, reread };
        let mut beside = vec![
            tokio::spawn(outbox::run(Arc::clone(&app), stopped.clone())),
            tokio::spawn(webhooks::follow(Arc::clone(&app), stopped.clone())),
            tokio::spawn(newsletter::run(Arc::clone(&app), stopped.clone())),
            tokio::spawn(checkout::follow(Arc::clone(&app))),
            tokio::spawn(calculations::follow(Arc::clone(&app))),
            tokio::spawn(audit::follow(Arc::clone(&app))),
            tokio::spawn(refused::follow(Arc::clone(&app))),
            tokio::spawn(retention::follow(Arc::clone(&app), &inventory::KEPT)),
            tokio::spawn(blobs::follow(Arc::clone(&app))),
            tokio::spawn(rights::follow(Arc::clone(&app))),
            tokio::spawn(breach::follow(Arc::clone(&app))),
            tokio::spawn(processors::follow(Arc::clone(&app))),
            tokio::spawn(accounts::follow_renewals(Arc::clone(&app))),
            tokio::spawn(staff::serve(Arc::clone(&app), socket, offer, stopped.clone())),
            tokio::spawn(tidy(Arc::clone(&app), upkeep)),
            tokio::spawn(staff::bans::carry_out(Arc::clone(&app))),
            tokio::spawn(feeds::follow(Arc::clone(&app))),
            tokio::spawn(share_limits(Arc::clone(&app))),
            tokio::spawn(certified(Arc::clone(&app))),
            tokio::spawn(async move { self.certificates.follow().await }),
            tokio::spawn(reload.follow()),
        ];
        for socket in listeners(self.accepting.http)? {
            beside.push(tokio::spawn(redirect::serve(socket, Arc::clone(&app), stopped.clone())));
        }
        for socket in listeners(self.accepting.operations)? {
            let (app, metrics) = (Arc::clone(&app), self.metrics.clone());
            beside.push(tokio::spawn(operations::serve(socket, app, metrics, stopped.clone())));
        }
        let (counted, counting) = watch::channel(false);
        #[cfg(feature = "otlp")]
        let telling = self.collector.map(|collector| tokio::spawn(otlp::follow(collector, counting.clone())));
        let counting = tokio::spawn(audience::run(Arc::clone(&app), counting));
        #[cfg(feature = "http3")]
        let quic = self
            .http3
            .map(|endpoint| tokio::spawn(http3::serve(endpoint, connections.clone(), stopped.clone())));
        let serving = tokio::spawn(accept::run(self.accepting.https, connections, stopped));
        supervisor::ready();
        let ending = tokio::select! {
            () = stop => Ending::Stopped,
            Some(successor) = taken.recv() => Ending::Relieved(successor, Arc::clone(&self.kept)),
        };
        // Where nobody follows, a connection that comes now is refused at once.
        drop(self.kept);
        match ending {
            Ending::Stopped => tracing::info!("stopping: open requests may end"),
            Ending::Relieved(..) => tracing::info!("another gateway follows: open requests may end"),
        }
        supervisor::stopping();
        // Nobody listening any more is no fault here.
        let _ = stopping.send(true);
        let _ = serving.await;
        #[cfg(feature = "http3")]
        if let Some(quic) = quic {
            let _ = quic.await;
        }
        for task in beside {
            task.abort();
        }
        calculations::leave(&app).await;
        // What the last requests counted is stored as well.
        let _ = counted.send(true);
        let _ = counting.await;
        if let Err(error) = refused::enter(&app).await {
            tracing::warn!(%error, "refused sign-ins of the last minute are not in the audit log");
        }
        #[cfg(feature = "otlp")]
        if let Some(telling) = telling {
            let _ = telling.await;
        }
        drop(log);
        Ok(ending)
    }
}

/// What a gateway needs of its machine before it is bounded: descriptors, and the data folder.
///
/// # Errors
/// [`StartError::Data`].
pub fn prepare(settings: &Settings) -> Result<(), StartError> {
    raise_descriptors();
    private_folder(settings)
}

/// Whether a gateway could start, as far as it can be told beside one that runs.
///
/// # Errors
/// [`StartError`]: what is wrong and what to do about it.
pub fn check(settings: &Settings) -> Result<(), StartError> {
    let certificates = Arc::new(tls::certificates(settings)?);
    tls::server_config(settings, certificates)?;
    Site::load(&settings.public, false)?;
    payments::payments(settings)?;
    mail::mailer(settings)?;
    MasterKey::load(settings)?;
    Audience::new(&settings.audience)?;
    AddressFilter::new(address_filter::Files::of(&settings.gateway), Vec::new())?;
    Feeds::new(settings)?;
    valkey(settings)?;
    Valkey::of_store(settings).map_err(StartError::StoreServer)?;
    Objects::check(settings)?;
    #[cfg(feature = "otlp")]
    otlp::Collector::of(settings)?;
    Ok(())
}

pub(crate) fn listeners(sockets: Vec<std::net::TcpListener>) -> Result<Vec<TcpListener>, StartError> {
    sockets.into_iter().map(TcpListener::from_std).collect::<Result<_, _>>().map_err(StartError::Listen)
}

/// An application without listeners, with the built site.
///
/// # Errors
/// [`StartError`]; in particular when another process holds the store.
pub async fn open(settings: Settings, live_reload: Option<LiveReload>) -> Result<App, StartError> {
    let site = Site::load(&settings.public, live_reload.is_some())?;
    let outward = Outward { payments: payments::payments(&settings)?, mailer: mail::mailer(&settings)? };
    assemble(settings, site, outward, live_reload).await
}

/// What the admin commands use when no gateway runs: no built site is needed, and a payment key by those that ask the
/// processor alone.
///
/// # Errors
/// [`StartError`]; in particular when another process holds the store.
pub async fn offline(settings: Settings) -> Result<App, StartError> {
    let outward = Outward { payments: payments::offline(&settings)?, mailer: mail::mailer(&settings)? };
    assemble(settings, Site::empty()?, outward, None).await
}

/// What a worker uses: it calls no processor, and needs the key of none.
///
/// # Errors
/// [`StartError`].
pub(crate) async fn working(settings: Settings) -> Result<App, StartError> {
    // A site that was built here has words that an end may tell.
    let site = Site::load(&settings.public, false).or_else(|_| Site::empty())?;
    let outward = Outward { payments: payments::offline(&settings)?, mailer: mail::offline(&settings)? };
    assemble(settings, site, outward, None).await
}

/// Where others are called.
struct Outward {
    payments: Box<dyn payments::Payments>,
    mailer: Box<dyn mail::Mailer>,
}

async fn assemble(
    settings: Settings,
    site: Site,
    outward: Outward,
    live_reload: Option<LiveReload>,
) -> Result<App, StartError> {
    private_folder(&settings)?;
    let store = store(&settings).await?;
    let sealer = Sealer::open(MasterKey::load(&settings)?, store.as_ref()).await?;
    let tokens = Tokens::new(&sealer);
    let bans = staff::bans::remembered(store.as_ref()).await?;
    let gateway = &settings.gateway;
    let jails = Jails::new(gateway.jails, &gateway.trusted, settings.limits_factor, &bans);
    let feeds = Feeds::new(&settings)?;
    let in_force = bans.into_iter().filter(|ban| ban.in_force(settings.clock.now())).collect();
    let blocklist = AddressFilter::new(address_filter::Files::of(gateway), in_force)?;
    blocklist.feed(feeds.blocks());
    Ok(App {
        live: ArcSwap::from_pointee(Live::new(&settings.gateway)),
        hosts: Hosts::of(&settings),
        clock: settings.clock,
        mailer: outward.mailer,
        payments: outward.payments,
        site: ArcSwap::from_pointee(site),
        outbox: Outbox::default(),
        dues: Dues::default(),
        newsletter: Newsletter::default(),
        webhook_keys: WebhookKeys::new(&settings.secrets.sendgrid_webhook_keys)?,
        blocklist,
        feeds,
        jails,
        metrics: OnceLock::new(),
        connections: OpenConnections::default(),
        limits: Limits::new(&settings.gateway.limits, settings.limits_factor, limits_secret(&sealer)),
        valkey: valkey(&settings)?,
        antispam: Antispam::new(&sealer, settings.limits_factor),
        passwords: Passwords::new(sealer.derive("password pepper"))?,
        throttle: Throttle::new(settings.limits_factor),
        refused_sign_ins: RefusedSignIns::default(),
        calculations: Calculations::new(Valkey::of_store(&settings).map_err(StartError::StoreServer)?)?,
        datasets: datasets::Turns::new(),
        webhooks: Webhooks::new(&settings)?,
        audience: Audience::new(&settings.audience)?,
        acme: None,
        blobs: Objects::of(&settings, &sealer)?,
        live_reload,
        store,
        sealer,
        tokens,
        settings,
    })
}

/// Lets this process open as many files as it may: a connection is one.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Makes the data folder, which only this user may enter.
fn private_folder(settings: &Settings) -> Result<(), StartError> {
    let path = &settings.data;
    let fault = |source| StartError::Data { path: path.clone(), source };
    if !path.exists() {
        fs::create_dir_all(path).map_err(fault)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(fault)?;
    }
    Ok(())
}

/// Obtains certificates where an authority gives them.
async fn certified(app: SharedApp) {
    if let Some(acme) = &app.acme {
        acme.run(&app).await;
    }
}

/// Housekeeping that no request waits for.
async fn tidy(app: SharedApp, metrics: Option<PrometheusHandle>) {
    let limits = async {
        loop {
            tokio::time::sleep(limits::SWEEP_PERIOD).await;
            if let Some(metrics) = &metrics {
                // Without it, figures that nobody asks for would gather in memory.
                metrics.run_upkeep();
            }
            app.limits.sweep();
            app.antispam.sweep();
        }
    };
    let expired = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(SWEEP_SECONDS)).await;
            if let Err(error) = app.store.sweep(1_000).await {
                tracing::warn!(%error, "expired documents could not be removed");
            }
        }
    };
    tokio::join!(limits, expired, app.blocklist.follow(&app.connections, || app.clock.now()));
}

/// Shares limits with other gateways, where there are any.
async fn share_limits(app: SharedApp) {
    match &app.valkey {
        Some(valkey) => shared::run(&app.limits, valkey).await,
        None if app.limits.shared().is_some() => {
            tracing::warn!(
                "[gateway.limits] gateways is above 1 without [valkey]: each limit is this gateway's part"
            );
        }
        None => {}
    }
}

/// The side of the store that is configured. Documents that stand on the other side are not passed over in silence.
async fn store(settings: &Settings) -> Result<Arc<dyn Store>, StartError> {
    let file = settings.data.join("aops.redb");
    let Some(server) = Valkey::of_store(settings).map_err(StartError::StoreServer)? else {
        if ValkeyStore::is_known(&settings.data) && !file.exists() {
            return Err(StartError::Elsewhere(
                "the documents of this data folder are on a server and site.toml has no [store]: put it back, or take \
                 data/store.identity away to begin anew",
            ));
        }
        return Ok(Arc::new(RedbStore::open(&file, settings.clock)?));
    };
    if file.exists() && !ValkeyStore::is_known(&settings.data) {
        return Err(StartError::Elsewhere(
            "data/aops.redb holds documents that the server of [store] does not: `aops admin backup` without [store], \
             then `aops admin restore` with it, or move the file away",
        ));
    }
    let replicas = settings.store.as_ref().map_or(0, |store| store.replicas);
    Ok(Arc::new(ValkeyStore::open(&server, replicas, &settings.data, settings.clock).await?))
}

/// The server that gateways share, as configured.
fn valkey(settings: &Settings) -> Result<Option<Valkey>, StartError> {
    let password = settings.secrets.valkey_password.as_deref();
    Ok(settings.valkey.as_ref().map(|config| Valkey::new(config, password)).transpose()?)
}

/// What names clients to limits: the same on every gateway with the same master key.
fn limits_secret(sealer: &Sealer) -> [u8; 16] {
    let mut secret = [0; 16];
    secret.copy_from_slice(&sealer.derive_shared("limits")[..16]);
    secret
}

/// The metrics recorder of this process; none when something else installed one.
pub(crate) fn recorder() -> Option<PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(installed).clone()
}

fn installed() -> Option<PrometheusHandle> {
    const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .ok()?
        .install_recorder()
        .ok()
}
