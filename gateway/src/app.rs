//! Everything that a handler may reach, made once at start.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::accounts::refused::RefusedSignIns;
use crate::accounts::{PasswordError, Passwords, Throttle};
use crate::antispam::Antispam;
use crate::audience::{Audience, AudienceError};
use crate::blobs::{Objects, ObjectsError};
use crate::calculations::Calculations;
use crate::checkout::Dues;
use crate::clock::Clock;
use crate::config::Settings;
use crate::datasets;
use crate::edge::address_filter::{AddressFilter, BlocklistError};
use crate::edge::feeds::Feeds;
use crate::edge::jails::Jails;
use crate::edge::limits::Limits;
use crate::edge::open_connections::OpenConnections;
use crate::edge::tls::acme::Acme;
use crate::live::Live;
use crate::mail::{Mailer, MailerError};
use crate::newsletter::Newsletter;
use crate::outbox::Outbox;
use crate::payments::{Payments, PaymentsError};
use crate::sealing::{SealError, Sealer};
use crate::store::{Store, StoreError};
use crate::suppression::{NotAKey, WebhookKeys};
use crate::tokens::Tokens;
use crate::valkey::{Valkey, ValkeyError};
use crate::web::hosts::Hosts;
use crate::web::live_reload::LiveReload;
use crate::web::site::{Site, SiteError};
use crate::webhooks::{Webhooks, WebhooksError};

/// The application: configuration, ports, and the built site.
pub struct App {
    /// What `site.toml` and the environment say.
    pub settings: Settings,
    /// What may change while the gateway runs.
    pub live: ArcSwap<Live>,
    /// The names served.
    pub hosts: Hosts,
    /// Where time comes from.
    pub clock: Clock,
    /// Where documents live.
    pub store: Arc<dyn Store>,
    /// The bucket of contents; without one they are in the store.
    pub blobs: Option<Objects>,
    /// Encryption at rest.
    pub sealer: Sealer,
    /// Signed links.
    pub tokens: Tokens,
    /// Where mail leaves.
    pub mailer: Box<dyn Mailer>,
    /// Where payments happen.
    pub payments: Box<dyn Payments>,
    /// The built site; swapped whole when it is built anew.
    pub site: ArcSwap<Site>,
    /// Letters on their way.
    pub outbox: Outbox,
    /// Clients whose payments are to be fetched anew.
    pub dues: Dues,
    /// What wakes the sending of issues.
    pub newsletter: Newsletter,
    /// Who may tell us what became of them.
    pub webhook_keys: WebhookKeys,
    /// Addresses refused.
    pub blocklist: AddressFilter,
    /// Lists of addresses that others keep.
    pub feeds: Feeds,
    /// What misbehaviour costs.
    pub jails: Jails,
    /// What this process measures of itself, once it listens.
    pub metrics: OnceLock<PrometheusHandle>,
    /// The connections that are open.
    pub connections: OpenConnections,
    /// Rate limits by class of route, key and account.
    pub limits: Limits,
    /// The server that gateways share.
    pub valkey: Option<Valkey>,
    /// What keeps robots out of the public forms.
    pub antispam: Antispam,
    /// Turns for hashing passwords.
    pub passwords: Passwords,
    /// What slows down the guessing of passwords.
    pub throttle: Throttle,
    /// Refused sign-ins on their way into the audit log.
    pub refused_sign_ins: RefusedSignIns,
    /// Turns for the engine.
    pub calculations: Calculations,
    /// Turns for files of data.
    pub datasets: datasets::Turns,
    /// What calls clients' servers.
    pub webhooks: Webhooks,
    /// Our own audience figures.
    pub audience: Audience,
    /// What obtains certificates, in a gateway that runs and is told to.
    pub acme: Option<Acme>,
    /// Tells open pages to load again, while the site is watched.
    pub live_reload: Option<LiveReload>,
}

/// The application as handlers hold it.
pub type SharedApp = Arc<App>;

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made.
    #[error("{path}: {source}; the data folder must be writable")]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key is missing or wrong.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The built site cannot be read.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The blocklist is wrong.
    #[error(transparent)]
    Blocklist(#[from] BlocklistError),
    /// A feed is configured wrongly.
    #[error(transparent)]
    Feed(#[from] crate::edge::feeds::FeedError),
    /// Mail cannot be set up.
    #[error(transparent)]
    Mail(#[from] MailerError),
    /// A key of the mail webhook is none.
    #[error(transparent)]
    WebhookKey(#[from] NotAKey),
    /// The server that gateways share cannot be reached as it is told.
    #[error("[valkey] {0}")]
    Valkey(#[from] ValkeyError),
    /// The server that holds the documents cannot be reached as it is told.
    #[error("[store] {0}")]
    StoreServer(ValkeyError),
    /// The bucket of contents cannot be reached as it is told.
    #[error(transparent)]
    Blobs(#[from] ObjectsError),
    /// Documents stand where the configuration does not look for them.
    #[error("{0}")]
    Elsewhere(&'static str),
    /// Payments cannot be set up.
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    /// The audience cannot be counted.
    #[error(transparent)]
    Audience(#[from] AudienceError),
    /// Clients' servers cannot be called.
    #[error(transparent)]
    Webhooks(#[from] WebhooksError),
    /// Passwords cannot be hashed on this machine.
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] crate::edge::tls::TlsError),
    /// No name can be drawn.
    #[error(transparent)]
    Random(#[from] crate::accounts::random::NoRandomness),
    /// Nothing more can be computed here.
    #[error("{0}")]
    Barren(String),
    /// Nobody would compute anything.
    #[error(
        "[calculations] workers = 0 leaves calculations to `aops worker`, which needs a server that both reach: [store]"
    )]
    Uncalculated,
    /// The log cannot be written.
    #[error("the thread that writes the access log cannot be started: {0}")]
    Log(std::io::Error),
    /// HTTP/3 is asked of a binary without it.
    #[error(
        "[gateway] http3 = \"{0}\": this binary is built without HTTP/3; build it with `--features http3`, or take \
         the key out of site.toml (and AOPS_HTTP3 out of the environment)"
    )]
    Without(std::net::SocketAddr),
    /// HTTP/3 cannot be listened for.
    #[cfg(feature = "http3")]
    #[error(transparent)]
    Http3(#[from] crate::edge::http3::ListenError),
    /// A collector is named to a binary that tells none.
    #[error(
        "[traces]: this binary is built without OTLP; build it with `--features otlp`, or take the table out of site.toml"
    )]
    Untraced,
    /// The collector of traces cannot be reached as it is told.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Traces(#[from] crate::trace::otlp::CollectorError),
    /// There is nothing to listen on.
    #[error(transparent)]
    Sockets(#[from] crate::edge::sockets::SocketsError),
    /// A listener cannot be taken into use.
    #[error("a socket cannot be listened on: {0}")]
    Listen(std::io::Error),
}
