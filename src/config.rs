//! `site.toml`, typed, with what the environment overrides and the secrets that only it holds.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use aops_gateway::audience::AudienceConfig;
use aops_gateway::blobs::BlobsConfig;
use aops_gateway::calculations::CalculationsConfig;
use aops_gateway::clock::Clock;
use aops_gateway::config::{
    Environment, GatewayConfig, MailConfig, Offer, Secrets, Settings, TlsFiles, TracesConfig, ValkeyConfig,
    check_offers,
};
use aops_gateway::consent::{ConsentConfig, Registry, Services};
use aops_gateway::inventory;
use aops_gateway::processors::{self, Processor};
use aops_gateway::retention::Terms;
use aops_gateway::tax::TaxConfig;
use aops_gateway::valkey::StoreConfig;
use aops_generator::{Diagnostics, SiteConfig};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

/// The file's name in the root folder.
pub(crate) const FILE_NAME: &str = "site.toml";
/// The services that a theme may call, in its folder.
const SERVICES: &str = "services.toml";

/// What `site.toml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    #[serde(default)]
    environment: Environment,
    pub(crate) site: SiteConfig,
    #[serde(default)]
    company: BTreeMap<String, String>,
    /// Only serving needs it; a site alone is built without.
    gateway: Option<GatewayConfig>,
    /// As the gateway's.
    mail: Option<MailConfig>,
    valkey: Option<ValkeyConfig>,
    store: Option<StoreConfig>,
    blobs: Option<BlobsConfig>,
    traces: Option<TracesConfig>,
    #[serde(default)]
    retention: Terms,
    #[serde(default)]
    offers: Vec<Offer>,
    tax: Option<TaxConfig>,
    #[serde(default)]
    audience: AudienceConfig,
    #[serde(default)]
    calculations: CalculationsConfig,
    /// A site without it has no services but its own.
    consent: Option<ConsentConfig>,
}

/// `site.toml` cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// There is none, or it cannot be read.
    #[error("{path}: {source}; run aops in the folder of the site, or name it with --root")]
    File {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is wrong, with the places.
    #[error("{0}")]
    Content(Diagnostics),
}

impl Configuration {
    /// Reads `site.toml` of a root folder.
    ///
    /// # Errors
    /// [`ConfigurationError`], with line and column.
    pub(crate) fn read(root: &Path) -> Result<Self, ConfigurationError> {
        let path = root.join(FILE_NAME);
        let source = fs::read_to_string(&path).map_err(|source| ConfigurationError::File { path, source })?;
        toml::from_str(&source).map_err(|error| {
            ConfigurationError::Content(aops_generator::diagnostics::from_toml(FILE_NAME, &source, &error))
        })
    }

    /// The tables that templates may read.
    pub(crate) fn template_data(&self, root: &Path) -> Result<Map<String, Value>> {
        let mut data = Map::new();
        data.insert("company".into(), serde_json::to_value(&self.company)?);
        data.insert("offers".into(), serde_json::to_value(&self.offers)?);
        data.insert("taxed".into(), self.tax.is_some().into());
        data.insert("retention".into(), serde_json::to_value(inventory::declared(&self.retention)?)?);
        data.insert("consent".into(), serde_json::to_value(self.registry(root)?)?);
        Ok(data)
    }

    /// The services of the theme that `[consent]` switches on.
    ///
    /// # Errors
    /// [`ConfigurationError::Content`] with the place in `services.toml`, or what is wrong with `[consent]`.
    pub(crate) fn registry(&self, root: &Path) -> Result<Registry> {
        let Some(consent) = self.consent.clone() else {
            return Ok(Registry::default());
        };
        let name = format!("themes/{}/{SERVICES}", self.site.theme);
        let path = root.join(&name);
        let source = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|source| ConfigurationError::File { path, source })?,
        };
        let services: Services = toml::from_str(&source).map_err(|error| {
            ConfigurationError::Content(aops_generator::diagnostics::from_toml(&name, &source, &error))
        })?;
        Ok(Registry::new(services, consent)?)
    }

    /// What the gateway is told, the environment included.
    pub(crate) fn settings(&self, root: &Path) -> Result<Settings> {
        let missing = |table| format!("{FILE_NAME}: the table [{table}] is missing; the gateway needs it");
        let mut gateway = self.gateway.clone().with_context(|| missing("gateway"))?;
        let mut mail = self.mail.clone().with_context(|| missing("mail"))?;
        for (name, address) in [
            ("AOPS_HTTPS", &mut gateway.https),
            ("AOPS_HTTP", &mut gateway.http),
            ("AOPS_OPERATIONS", &mut gateway.operations),
        ] {
            if let Some(given) = parsed::<SocketAddr>(name, "an address such as 127.0.0.1:8443")? {
                *address = given;
            }
        }
        if let Some(given) = parsed::<SocketAddr>("AOPS_HTTP3", "an address such as 127.0.0.1:8443")? {
            gateway.http3 = Some(given);
        }
        gateway.blocklist = gateway.blocklist.map(|path| root.join(path));
        gateway.allowlist = gateway.allowlist.map(|path| root.join(path));
        if let Some(countries) = &mut gateway.countries {
            countries.table = root.join(&countries.table);
        }
        if let Some(tls) = &mut gateway.tls {
            let also = tls.also.iter_mut().flat_map(|files| [&mut files.certificate, &mut files.key]);
            let acme = tls.acme.iter_mut().filter_map(|acme| acme.authority.as_mut());
            let own = [&mut tls.certificate, &mut tls.key, &mut tls.staff_authority].into_iter().flatten();
            for path in own.chain(also).chain(acme) {
                *path = root.join(&path);
            }
        }
        let limits_factor = parsed::<u32>("AOPS_LIMITS_FACTOR", "a whole number")?;
        let offset = parsed::<i64>("AOPS_NOW_OFFSET", "a whole number of seconds")?;
        let webhooks_here = parsed::<SocketAddr>("AOPS_WEBHOOKS_HERE", "an address such as 127.0.0.1:4711")?;
        if webhooks_here.is_some_and(|address| !address.ip().is_loopback()) {
            bail!("AOPS_WEBHOOKS_HERE is no address of this machine; write 127.0.0.1:PORT");
        }
        let for_tests = limits_factor.is_some() || offset.is_some() || webhooks_here.is_some();
        if self.environment == Environment::Production && for_tests {
            bail!(
                "AOPS_LIMITS_FACTOR, AOPS_NOW_OFFSET and AOPS_WEBHOOKS_HERE are refused when site.toml says \
                 environment = \"production\""
            );
        }
        Ok(Settings {
            environment: self.environment,
            base_url: self.base_url(gateway.https),
            platform_url: self.platform_url(&gateway)?,
            data: variable("AOPS_DATA")?.map_or_else(|| root.join("data"), PathBuf::from),
            public: public(root)?,
            gateway,
            valkey: self.valkey.clone().map(|mut valkey| {
                below(root, &mut valkey.certificate, &mut valkey.authority);
                valkey
            }),
            store: self.store.clone().map(|mut store| {
                below(root, &mut store.certificate, &mut store.authority);
                store
            }),
            blobs: self.blobs.clone().map(|mut blobs| {
                blobs.authority = blobs.authority.map(|path| root.join(path));
                blobs
            }),
            traces: self.traces.clone().map(|mut traces| {
                traces.authority = traces.authority.map(|path| root.join(path));
                traces
            }),
            mail: {
                if let Some(authority) = mail.smtp.as_mut().and_then(|smtp| smtp.authority.as_mut()) {
                    *authority = root.join(&authority);
                }
                mail
            },
            company: self.company.clone(),
            retention: self.retention.clone(),
            offers: {
                check_offers(&self.offers)?;
                self.offers.clone()
            },
            tax: self.tax.clone(),
            processors: processors(root)?,
            consent: self.registry(root)?,
            audience: AudienceConfig {
                country_table: self.audience.country_table.as_ref().map(|path| root.join(path)),
            },
            calculations: self.calculations,
            secrets: secrets()?,
            clock: Clock::shifted(SignedDuration::from_secs(offset.unwrap_or_default())),
            limits_factor: limits_factor.unwrap_or(1).max(1),
            webhooks_here: webhooks_here.into_iter().collect(),
        })
    }

    /// The site's address; in development links follow the port that is really listened on.
    pub(crate) fn base_url(&self, https: SocketAddr) -> String {
        let configured = self.site.base_url.trim_end_matches('/');
        if self.environment == Environment::Development && configured.starts_with("https://localhost") {
            return format!("https://localhost:{}", https.port());
        }
        configured.to_owned()
    }

    /// The platform's address: as configured; else at the platform's name, where that is served, as the site is at its
    /// own; else the site's.
    ///
    /// # Errors
    /// When what is configured is no https address of a name served.
    fn platform_url(&self, gateway: &GatewayConfig) -> Result<String> {
        let site = self.base_url(gateway.https);
        let served = |name: &str| gateway.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        if let Some(configured) = &gateway.platform_url {
            let url = Url::parse(configured).ok().filter(|url| {
                url.scheme() == "https" && url.path() == "/" && url.host_str().is_some_and(served)
            });
            if url.is_none() {
                bail!(
                    "{FILE_NAME}: [gateway] platform_url = \"{configured}\" is no address of one of `hosts`; \
                     write https://name"
                );
            }
            return Ok(configured.trim_end_matches('/').to_owned());
        }
        let (Some(platform), Ok(mut url)) = (self.company.get("platform"), Url::parse(&site)) else {
            return Ok(site);
        };
        if !served(platform) || url.set_host(Some(platform)).is_err() {
            return Ok(site);
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }
}

/// Files of a server's TLS are named from the root folder.
fn below(root: &Path, certificate: &mut Option<TlsFiles>, authority: &mut Option<PathBuf>) {
    let pair = certificate.iter_mut().flat_map(|files| [&mut files.certificate, &mut files.key]);
    for path in pair.chain(authority) {
        *path = root.join(&path);
    }
}

/// The declared processors; a site without the file has none.
///
/// # Errors
/// What is wrong with the file, with its line.
pub(crate) fn processors(root: &Path) -> Result<Vec<Processor>> {
    let path = root.join(processors::FILE);
    match fs::read_to_string(&path) {
        Ok(source) => Ok(processors::declared(&source)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(ConfigurationError::File { path, source }.into()),
    }
}

fn secrets() -> Result<Secrets> {
    let several = |list: Option<String>| -> Vec<String> {
        list.iter()
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect()
    };
    Ok(Secrets {
        master_key: secret("AOPS_MASTER_KEY")?,
        stripe_key: secret("STRIPE_SECRET_KEY")?,
        stripe_webhook_secrets: several(secret("STRIPE_WEBHOOK_SECRET")?),
        stripe_base: variable("STRIPE_API_BASE")?,
        sendgrid_key: secret("SENDGRID_API_KEY")?,
        sendgrid_base: variable("SENDGRID_API_BASE")?,
        sendgrid_webhook_keys: several(secret("SENDGRID_WEBHOOK_KEY")?),
        smtp_password: secret("AOPS_SMTP_PASSWORD")?,
        valkey_password: secret("AOPS_VALKEY_PASSWORD")?,
        store_password: secret("AOPS_STORE_PASSWORD")?,
        blobs_secret: secret("AOPS_BLOBS_SECRET")?,
        otlp_authorization: secret("AOPS_OTLP_AUTHORIZATION")?,
    })
}

/// The files that secrets are read from.
pub(crate) fn secret_files() -> Result<Vec<PathBuf>> {
    let names = [
        "AOPS_MASTER_KEY",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "SENDGRID_API_KEY",
        "AOPS_VALKEY_PASSWORD",
        "AOPS_STORE_PASSWORD",
        "AOPS_BLOBS_SECRET",
        "AOPS_OTLP_AUTHORIZATION",
    ];
    let files = names.iter().map(|name| variable(&format!("{name}_FILE")));
    Ok(files.collect::<Result<Vec<_>>>()?.into_iter().flatten().map(PathBuf::from).collect())
}

/// A secret: the variable itself, or the content of the file that `NAME_FILE` names.
fn secret(name: &str) -> Result<Option<String>> {
    if let Some(value) = variable(name)? {
        return Ok(Some(value));
    }
    let Some(file) = variable(&format!("{name}_FILE"))? else {
        return Ok(None);
    };
    let value = fs::read_to_string(&file).with_context(|| format!("{name}_FILE={file} cannot be read"))?;
    Ok(Some(value.trim().to_owned()))
}

/// A variable that is set and not empty.
/// Where the built site goes and is served from: `AOPS_PUBLIC`, or `public/` of the root.
pub(crate) fn public(root: &Path) -> Result<PathBuf> {
    Ok(variable("AOPS_PUBLIC")?.map_or_else(|| root.join("public"), PathBuf::from))
}

fn variable(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => bail!("{name} is not UTF-8"),
    }
}

fn parsed<T: FromStr>(name: &str, wanted: &str) -> Result<Option<T>> {
    let Some(value) = variable(name)? else {
        return Ok(None);
    };
    match value.parse() {
        Ok(value) => Ok(Some(value)),
        Err(_) => bail!("{name}={value} is not {wanted}"),
    }
}
