//! `site.toml` read again at SIGHUP, while the gateway runs: checked as a whole before anything of it is taken.

use std::sync::Arc;

use metrics::counter;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::SharedApp;
use crate::config::{GatewayConfig, LimitsConfig, Settings};
use crate::edge::address_filter::{AddressFilter, Files};
use crate::edge::bounds::Bounds;
use crate::edge::tls::{self, certificates::Certificates};
use crate::live::Live;
use crate::supervisor;

/// Reads the configuration from where it stands; an error is what is wrong with it, with the place.
pub type Reread = Arc<dyn Fn() -> Result<Settings, String> + Send + Sync>;

/// Where what changes is in force.
pub struct Reload {
    /// Limits, lists, names, and what else the application holds.
    pub app: SharedApp,
    /// Connections.
    pub bounds: Bounds,
    /// Certificates.
    pub certificates: Arc<Certificates>,
    /// As read at the start, before sockets that were given replaced its addresses.
    pub configured: Settings,
    /// How it is read again.
    pub reread: Reread,
}

impl Reload {
    /// Reads certificates and configuration again at each SIGHUP, for ever.
    pub async fn follow(mut self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            tracing::error!("SIGHUP cannot be received; a new configuration needs a restart");
            return std::future::pending().await;
        };
        while hangup.recv().await.is_some() {
            supervisor::reloading();
            match self.read().await {
                Ok(settings) => self.take(settings),
                Err(error) => {
                    counter!("configuration_reloads_total", "outcome" => "refused").increment(1);
                    tracing::error!(%error, "the configuration was not taken; the one before stays in force");
                }
            }
            self.certificates.reload();
            supervisor::ready();
        }
    }

    /// The configuration, if everything of it that can be taken is right.
    async fn read(&self) -> Result<Settings, String> {
        let (reread, moved) = (Arc::clone(&self.reread), self.configured.gateway.clone());
        let read = tokio::task::spawn_blocking(move || {
            let settings = reread()?;
            check(&settings, &moved)?;
            Ok(settings)
        });
        read.await.map_err(|error| error.to_string())?
    }

    fn take(&mut self, settings: Settings) {
        let (old, new) = (&self.configured.gateway, &settings.gateway);
        let mut changed = Vec::new();
        let mut differs = |key, same: bool| {
            if !same {
                changed.push(key);
            }
            !same
        };
        if differs("limits", old.limits == new.limits) {
            self.app.limits.adopt(&new.limits, settings.limits_factor);
        }
        if differs("connections", old.connections == new.connections) {
            self.bounds.adopt(new.connections, settings.limits_factor);
        }
        if differs("hosts", old.hosts == new.hosts) {
            self.app.hosts.adopt(&new.hosts);
        }
        let live = [
            differs("refusal", old.refusal == new.refusal),
            differs("trusted", old.trusted == new.trusted),
            differs("drain_seconds", old.drain_seconds == new.drain_seconds),
        ];
        if live.contains(&true) {
            self.app.live.store(Arc::new(Live::new(new)));
        }
        if differs("blocklist, allowlist, countries", Files::of(old) == Files::of(new)) {
            self.app.blocklist.adopt(Files::of(new));
        }
        if differs("jails", old.jails == new.jails) || old.trusted != new.trusted {
            self.app.jails.adopt(new.jails, &new.trusted);
        }
        self.app.feeds.adopt(new);
        let named = old.tls.as_ref().map(|tls| tls.sources()) == new.tls.as_ref().map(|tls| tls.sources());
        let origin = old.acme().is_some() == new.acme().is_some();
        if (differs("tls", named) || old.hosts != new.hosts) && origin {
            self.certificates.adopt(&settings);
        }
        let acme = differs("tls.acme", old.acme() == new.acme()) || old.hosts != new.hosts;
        if let (Some(running), Some(config), true) = (&self.app.acme, new.acme(), acme) {
            running.adopt(config, &new.hosts);
        }
        counter!("configuration_reloads_total", "outcome" => "taken").increment(1);
        tracing::info!(?changed, "the configuration was read again");
        for key in waiting(&self.app.settings, &self.configured, &settings) {
            tracing::warn!(
                "{key} changed in site.toml or the environment; it is taken by `aops serve --replace` or a restart"
            );
        }
        // What waits is told again at each reload until it is taken.
        self.configured.gateway = GatewayConfig {
            https: self.configured.gateway.https,
            http: self.configured.gateway.http,
            operations: self.configured.gateway.operations,
            sandbox: self.configured.gateway.sandbox,
            feeds: self.configured.gateway.feeds.clone(),
            limits: LimitsConfig {
                gateways: self.configured.gateway.limits.gateways,
                ..settings.gateway.limits.clone()
            },
            ..settings.gateway
        };
    }
}

/// What a gateway would be refused for at its start, as far as a running one takes it up.
fn check(settings: &Settings, before: &GatewayConfig) -> Result<(), String> {
    let gateway = &settings.gateway;
    // One that is there and wrong is refused; a list that was there and is gone would be taken for an empty one.
    for path in [&gateway.blocklist, &gateway.allowlist].into_iter().flatten() {
        let named = [&before.blocklist, &before.allowlist].contains(&&Some(path.clone()));
        if !named && let Err(error) = std::fs::File::open(path) {
            return Err(reachable(format!("{}: {error}", path.display())));
        }
    }
    AddressFilter::new(Files::of(gateway), Vec::new()).map_err(|error| reachable(error.to_string()))?;
    tls::check(settings).map_err(|error| reachable(error.to_string()))
}

/// A file that the sandbox keeps from this process was not there at its start.
fn reachable(told: String) -> String {
    if told.contains("Permission denied") {
        return format!(
            "{told}; a folder that site.toml did not name at the start is out of reach: `aops serve --replace` or \
             a restart takes it"
        );
    }
    told
}

/// What a running gateway cannot take up, by the name of the key.
fn waiting(started: &Settings, configured: &Settings, new: &Settings) -> Vec<&'static str> {
    let (old, gateway) = (&configured.gateway, &new.gateway);
    let authority =
        |gateway: &GatewayConfig| gateway.tls.as_ref().and_then(|tls| tls.staff_authority.clone());
    let acme =
        |gateway: &GatewayConfig| gateway.acme().map(|acme| (acme.directory.clone(), acme.authority.clone()));
    let same = [
        ("[gateway] https", old.https == gateway.https),
        ("[gateway] http", old.http == gateway.http),
        ("[gateway] operations", old.operations == gateway.operations),
        ("[gateway] sandbox", old.sandbox == gateway.sandbox),
        ("[gateway.tls] staff_authority", authority(&started.gateway) == authority(gateway)),
        ("[gateway.tls.acme] directory, authority", acme(&started.gateway) == acme(gateway)),
        ("[[gateway.feeds]]", old.feeds == gateway.feeds),
        ("[gateway.limits] gateways", old.limits.gateways == gateway.limits.gateways),
        ("[valkey]", started.valkey == new.valkey),
        ("[store]", started.store == new.store),
        ("[blobs]", started.blobs == new.blobs),
        ("[traces]", started.traces == new.traces),
        ("environment", started.environment == new.environment),
        ("base_url", configured.base_url == new.base_url),
        ("[gateway] platform_url", configured.platform_url == new.platform_url),
        ("AOPS_DATA", started.data == new.data),
        ("[mail]", started.mail == new.mail),
        ("[company]", started.company == new.company),
        ("[[offers]]", started.offers == new.offers),
        ("the list of processors", started.processors == new.processors),
        ("[consent]", started.consent == new.consent),
        ("[audience]", started.audience == new.audience),
        ("[calculations]", started.calculations == new.calculations),
        ("a secret", started.secrets == new.secrets),
        ("AOPS_LIMITS_FACTOR", started.limits_factor == new.limits_factor),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}
