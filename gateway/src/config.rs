//! What the gateway is told: the typed parts of `site.toml` that concern it, and secrets from the environment.

mod offers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::audience::AudienceConfig;
use crate::blobs::BlobsConfig;
use crate::calculations::CalculationsConfig;
use crate::clock::Clock;
use crate::consent::Registry;
use crate::edge::address_filter::CountriesConfig;
use crate::edge::feeds::FeedConfig;
use crate::edge::jails::JailsConfig;
use crate::edge::tls::acme::AcmeConfig;
use crate::mail::SmtpConfig;
use crate::processors::Processor;
use crate::retention::Terms;
use crate::tax::TaxConfig;
use crate::valkey::StoreConfig;

pub use self::offers::{Metered, Offer, OfferFault, Period, Seats, check as check_offers};

/// Everything the gateway needs to start; the binary puts it together from `site.toml` and the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether real visitors come.
    pub environment: Environment,
    /// The site's address, where links in letters of the site lead, without a slash at the end.
    pub base_url: String,
    /// The platform's address: accounts, the client area, orders and the API; the site's own where one name serves all.
    pub platform_url: String,
    /// The folder of everything that lives: store, keys, certificates, mail.
    pub data: PathBuf,
    /// The folder of the built site.
    pub public: PathBuf,
    /// The `[gateway]` table.
    pub gateway: GatewayConfig,
    /// The `[valkey]` table.
    pub valkey: Option<ValkeyConfig>,
    /// The `[store]` table; without it documents are in a file of the data folder.
    pub store: Option<StoreConfig>,
    /// The `[blobs]` table; without it contents are in the store.
    pub blobs: Option<BlobsConfig>,
    /// The `[traces]` table.
    pub traces: Option<TracesConfig>,
    /// The `[mail]` table.
    pub mail: MailConfig,
    /// The `[retention]` table.
    pub retention: Terms,
    /// The `[company]` table, handed to templates as it is.
    pub company: BTreeMap<String, String>,
    /// The `[[offers]]`.
    pub offers: Vec<Offer>,
    /// The `[tax]` table; without it prices are charged as they stand.
    pub tax: Option<TaxConfig>,
    /// The services that the theme may call and what may be kept in a browser.
    pub consent: Registry,
    /// The `[audience]` table.
    pub audience: AudienceConfig,
    /// The `[calculations]` table.
    pub calculations: CalculationsConfig,
    /// To whom data may go, as the site's data file has it.
    pub processors: Vec<Processor>,
    /// What must never stand in a file of the repository.
    pub secrets: Secrets,
    /// Where time comes from.
    pub clock: Clock,
    /// Multiplies every rate limit; 1 but for load tests.
    pub limits_factor: u32,
    /// Places on this machine that webhooks may be sent to, which none may in production: for tests.
    pub webhooks_here: Vec<SocketAddr>,
}

/// Whether real visitors come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Certificates, keys and payments of our own making.
    #[default]
    Development,
    /// Nothing is improvised: what is missing is refused at start.
    Production,
}

/// The `[gateway]` table of `site.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// The TLS listener.
    #[serde(default = "GatewayConfig::default_https")]
    pub https: SocketAddr,
    /// HTTP/3 over UDP, told to clients of the TLS listener; needs a binary built with the feature `http3`.
    #[serde(default)]
    pub http3: Option<SocketAddr>,
    /// The plain listener, which only redirects to https.
    #[serde(default = "GatewayConfig::default_http")]
    pub http: SocketAddr,
    /// Health and metrics, plain HTTP, for the machine itself.
    #[serde(default = "GatewayConfig::default_operations")]
    pub operations: SocketAddr,
    /// The names served; any other is refused with 421.
    pub hosts: Vec<String>,
    /// The platform's address, where it has a name of its own; without it, that of `[company] platform` when `hosts`
    /// lists it, and else the site's.
    #[serde(default)]
    pub platform_url: Option<String>,
    /// CIDR blocks to refuse before the handshake, one a line; read again when it changes.
    #[serde(default)]
    pub blocklist: Option<PathBuf>,
    /// CIDR blocks never to refuse, one a line; read again when it changes.
    #[serde(default)]
    pub allowlist: Option<PathBuf>,
    /// Lists of blocks that others keep, fetched now and then.
    #[serde(default)]
    pub feeds: Vec<FeedConfig>,
    /// Countries to refuse; none without a table.
    #[serde(default)]
    pub countries: Option<CountriesConfig>,
    /// What misbehaviour costs.
    #[serde(default)]
    pub jails: JailsConfig,
    /// How a listed address is refused.
    #[serde(default)]
    pub refusal: Refusal,
    /// Balancers, which begin each connection with a PROXY protocol header, and proxies, whose `Forwarded` is believed.
    #[serde(default)]
    pub trusted: Trusted,
    /// What `aops firewall` lets in beside our ports.
    #[serde(default)]
    pub firewall: FirewallConfig,
    /// Certificates, from files or from an authority; without either, development makes its own.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// Connections held at once, in all and from one address.
    #[serde(default)]
    pub connections: Connections,
    /// Rate limits by class of route.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// How long open requests may go on when the gateway stops or another follows it, in seconds.
    #[serde(default = "GatewayConfig::default_drain", deserialize_with = "drain")]
    pub drain_seconds: u64,
    /// How far this process is bounded after its start.
    #[serde(default)]
    pub sandbox: Sandbox,
}

impl GatewayConfig {
    /// Whether the staff's pages need a client certificate.
    pub fn staff_is_certified(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.staff_authority.is_some())
    }

    /// The authority that gives certificates, if one does.
    pub fn acme(&self) -> Option<&AcmeConfig> {
        self.tls.as_ref().and_then(|tls| tls.acme.as_ref())
    }

    fn default_https() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 8443))
    }

    fn default_http() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 8080))
    }

    fn default_operations() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 9090))
    }

    fn default_drain() -> u64 {
        20
    }
}

/// The longest that open requests may hold up an end.
const LONGEST_DRAIN: u64 = 600;

fn drain<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=LONGEST_DRAIN).contains(&seconds) {
        return Ok(seconds);
    }
    Err(serde::de::Error::custom(format_args!("{seconds} seconds; from 1 to {LONGEST_DRAIN} are possible")))
}

/// How far Landlock and seccomp bound this process after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    /// As far as configured, or there is no start.
    Enforce,
    /// As far as the kernel can.
    #[default]
    BestEffort,
    /// Not at all.
    Off,
}

/// How a listed address is refused, before the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// The connection is reset.
    #[default]
    Reset,
    /// Nothing is said; the peer waits for a while.
    Silent,
}

/// The `[gateway.firewall]` table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FirewallConfig {
    /// Where SSH may come from; slowly from everywhere when empty.
    pub ssh_from: Vec<ipnet::IpNet>,
}

/// Who may say for whom it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trusted {
    /// From these a PROXY protocol header is required; from nobody else is one understood.
    pub balancers: Vec<ipnet::IpNet>,
    /// From these `Forwarded` and `X-Forwarded-For` are believed.
    pub proxies: Vec<ipnet::IpNet>,
}

/// The `[gateway.tls]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The chain in PEM, leaf first.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The private key.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// Further pairs: RSA beside ECDSA, other names.
    #[serde(default)]
    pub also: Vec<TlsFiles>,
    /// Staff paths are open only to clients with a certificate of this authority.
    #[serde(default)]
    pub staff_authority: Option<PathBuf>,
    /// Certificates from an authority instead of files.
    #[serde(default)]
    pub acme: Option<AcmeConfig>,
}

impl TlsConfig {
    /// Every pair, in order of preference.
    pub fn sources(&self) -> Vec<TlsFiles> {
        let first = self.certificate.clone().zip(self.key.clone());
        let first = first.map(|(certificate, key)| TlsFiles { certificate, key });
        first.into_iter().chain(self.also.iter().cloned()).collect()
    }
}

/// PEM files of the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How many connections are held at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// From everybody.
    pub total: usize,
    /// From one IPv4 address or one IPv6 /64.
    pub per_prefix: usize,
    /// From one IPv4 /24 or one IPv6 /48.
    pub per_network: usize,
    /// In handshake.
    pub handshakes: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self { total: 16_384, per_prefix: 256, per_network: 1_024, handshakes: 512 }
    }
}

/// Rate limits by class of route, each per IPv4 address or IPv6 /64.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Pages and files.
    pub pages: Rate,
    /// Newsletter and contact posts.
    pub forms: Rate,
    /// Sign-in and what else tries a password or a token.
    pub sign_in: Rate,
    /// Orders.
    pub checkout: Rate,
    /// The public calculators.
    pub calculators: Rate,
    /// The API, before the key is known.
    pub api: Rate,
    /// Calculations of the API for one key, in units of their cost.
    pub api_key: Rate,
    /// The same for all keys of one organisation.
    pub api_account: Rate,
    /// By offer: what its organisations get instead of `api_account`.
    pub plans: BTreeMap<String, Rate>,
    /// Calls of our processors, as long as their signature is not known to be good.
    pub webhooks: Rate,
    /// How many gateways share these limits, over the server of `[valkey]`.
    pub gateways: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            pages: Rate { per_minute: 6_000, burst: 400 },
            forms: Rate { per_minute: 12, burst: 20 },
            sign_in: Rate { per_minute: 10, burst: 10 },
            checkout: Rate { per_minute: 12, burst: 10 },
            calculators: Rate { per_minute: 120, burst: 30 },
            api: Rate { per_minute: 3_000, burst: 200 },
            api_key: Rate { per_minute: 1_200, burst: 100 },
            api_account: Rate { per_minute: 2_400, burst: 400 },
            plans: BTreeMap::new(),
            webhooks: Rate { per_minute: 3_000, burst: 200 },
            gateways: 1,
        }
    }
}

/// The `[valkey]` table of `site.toml`: the server that gateways share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValkeyConfig {
    /// `rediss://host:port`; without TLS (`redis://`, `redis+unix://`) on this machine alone. Several are a cluster.
    pub urls: Vec<String>,
    /// The user of its access list; the password is `AOPS_VALKEY_PASSWORD`.
    #[serde(default)]
    pub user: Option<String>,
    /// The authority of its certificate, in PEM, instead of those that the system trusts.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// Our certificate and key, in PEM, where the server asks for one.
    #[serde(default)]
    pub certificate: Option<TlsFiles>,
}

/// The `[traces]` table of `site.toml`: the collector that is told of requests; it needs a binary built with the
/// feature `otlp`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// Where it takes traces by OTLP over HTTP, the whole address: `https://collector.example:4318/v1/traces`; without
    /// TLS on this machine alone. What it asks of `Authorization` is `AOPS_OTLP_AUTHORIZATION`.
    #[serde(deserialize_with = "url")]
    pub otlp: Url,
    /// The part of the traces that begin here which it is told, from 0 to 1. One that a listed proxy began follows that
    /// proxy's choice.
    #[serde(default = "TracesConfig::all", deserialize_with = "ratio")]
    pub ratio: f64,
    /// The authority of its certificate, in PEM, instead of those that the system trusts.
    #[serde(default)]
    pub authority: Option<PathBuf>,
}

impl TracesConfig {
    fn all() -> f64 {
        1.0
    }
}

fn url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    match Url::parse(&text) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "https" | "http") => Ok(url),
        _ => Err(serde::de::Error::custom(format_args!(
            "`{text}` is no address; write https://host/v1/traces"
        ))),
    }
}

fn ratio<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let ratio = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&ratio) {
        return Ok(ratio);
    }
    Err(serde::de::Error::custom(format_args!("{ratio} is no part of the whole; from 0 to 1 is")))
}

/// A steady rate and how far a client may run ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests a minute in the long run; at least 1.
    pub per_minute: u32,
    /// Requests at once; at least 1.
    pub burst: u32,
}

/// The `[mail]` table of `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The sender's address.
    pub from: String,
    /// The sender's name.
    pub from_name: String,
    /// Where notices for the firm go.
    pub staff: String,
    /// A mail server of our own choice, instead of SendGrid.
    #[serde(default)]
    pub smtp: Option<SmtpConfig>,
    /// Readers of an issue of the newsletter written to in a second, at most.
    #[serde(default = "MailConfig::default_rate")]
    pub readers_per_second: u32,
}

impl MailConfig {
    fn default_rate() -> u32 {
        500
    }
}

/// Secrets and addresses of processors, from the environment (`NAME`, or the file that `NAME_FILE` names).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// `AOPS_MASTER_KEY`: one or several, comma-separated, the current one first.
    pub master_key: Option<String>,
    /// `STRIPE_SECRET_KEY`.
    pub stripe_key: Option<String>,
    /// `STRIPE_WEBHOOK_SECRET`: several, comma-separated, while rolling.
    pub stripe_webhook_secrets: Vec<String>,
    /// `STRIPE_API_BASE`.
    pub stripe_base: Option<String>,
    /// `SENDGRID_API_KEY`.
    pub sendgrid_key: Option<String>,
    /// `SENDGRID_API_BASE`.
    pub sendgrid_base: Option<String>,
    /// `SENDGRID_WEBHOOK_KEY`: public keys of the event webhook, comma-separated while one replaces another.
    pub sendgrid_webhook_keys: Vec<String>,
    /// `AOPS_SMTP_PASSWORD`.
    pub smtp_password: Option<String>,
    /// `AOPS_VALKEY_PASSWORD`.
    pub valkey_password: Option<String>,
    /// `AOPS_STORE_PASSWORD`.
    pub store_password: Option<String>,
    /// `AOPS_BLOBS_SECRET`.
    pub blobs_secret: Option<String>,
    /// `AOPS_OTLP_AUTHORIZATION`.
    pub otlp_authorization: Option<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}
