//! What may be loaded and what may be kept in a browser: the services of the theme, as far as `site.toml`
//! switches them on. Page, panel, policies of frames and the guard of cookies all read this.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The `[consent]` table of `site.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentConfig {
    /// Whose module asks.
    #[serde(default)]
    pub provider: Provider,
    /// The version of the question: when it changes, everybody is asked anew (`p-policy-updates`).
    pub banner: String,
    /// The version of the privacy policy that a choice refers to.
    pub policy: String,
    /// The measurement id of Google Analytics 4 (`G-…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub google_analytics: Option<String>,
    /// The partner id of LinkedIn's insight tag: digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linkedin_insight: Option<String>,
    /// Where Axeptio's module comes from, when it is the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axeptio: Option<Axeptio>,
}

/// Whose consent module is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Ours: nothing of a third party before the choice.
    #[default]
    Aops,
    /// Axeptio's, with the same kinds and the same gate.
    Axeptio,
}

/// Axeptio's module.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Axeptio {
    /// The project's id.
    pub client: String,
    /// The version of its cookies' configuration.
    pub cookies_version: String,
    /// The address of its script.
    #[serde(default = "Axeptio::default_script")]
    pub script: String,
}

impl Axeptio {
    fn default_script() -> String {
        "https://static.axept.io/sdk.js".into()
    }
}

/// A kind of service; consent is asked for the last two (`p-cookie-categories`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Without it, what was asked for cannot be done (art. 82 of the French data protection act).
    Necessary,
    /// Audience measurement.
    Audience,
    /// Social networks.
    Social,
}

/// Where a service runs once it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runs {
    /// In the hidden frame that the gateway writes.
    Frame,
    /// In a frame of its own, where a page shows it.
    Embed,
}

/// Where something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// A cookie of this site.
    Cookie,
    /// `sessionStorage` of this site.
    Session,
    /// `localStorage` of this site.
    Local,
    /// A cookie on the domain of the service.
    Elsewhere,
}

/// A text by language tag.
type Told = BTreeMap<String, String>;

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The name in forms, records and scripts.
    pub id: String,
    /// What consent it needs.
    pub kind: Kind,
    /// Where it runs; nowhere for what the site itself does.
    #[serde(default)]
    pub runs: Option<Runs>,
    /// The key of `[consent]` without which it does not exist.
    #[serde(default)]
    pub setting: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// By language.
    pub name: Told,
    /// By language.
    pub purpose: Told,
    /// Its owner's policy.
    #[serde(default)]
    pub policy: Option<String>,
    /// Sources that its frame may use, by directive (CSP Level 3).
    #[serde(default)]
    pub csp: BTreeMap<String, Vec<String>>,
    /// What it keeps.
    #[serde(default)]
    pub items: Vec<Item>,
}

/// Something kept in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its name; a `*` at the end stands for anything.
    pub name: String,
    /// Where.
    pub storage: Storage,
    /// By language.
    pub purpose: Told,
    /// By language: how long.
    pub term: Told,
}

/// The services that exist here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Registry {
    /// The `[consent]` table.
    #[serde(flatten)]
    pub config: ConsentConfig,
    /// In the order of the file.
    pub services: Vec<Service>,
}

/// A theme's `services.toml`, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// Every service that the theme knows.
    #[serde(default)]
    pub services: Vec<Service>,
}

/// Why a registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Two services of one id.
    #[error("services.toml: the service `{0}` stands twice")]
    Twice(String),
    /// A value that would end up in a script or a policy.
    #[error("site.toml: [consent] {key} = `{value}` is not {wanted}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// The provider has no table.
    #[error(
        "site.toml: provider = \"axeptio\" needs a table [consent.axeptio] with client and cookies_version"
    )]
    NoAxeptio,
}

impl Registry {
    /// The services of a theme's `services.toml` that `[consent]` switches on.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn new(theme: Services, config: ConsentConfig) -> Result<Self, RegistryError> {
        check(&config)?;
        let Services { services } = theme;
        let mut seen = BTreeSet::new();
        for service in &services {
            if !seen.insert(&service.id) {
                return Err(RegistryError::Twice(service.id.clone()));
            }
        }
        let services = services.into_iter().filter(|service| switched_on(service, &config)).collect();
        Ok(Self { config, services })
    }

    /// The services that need consent.
    pub fn optional(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.kind != Kind::Necessary)
    }

    /// Whether a cookie of this name may be set by this site.
    pub fn knows_cookie(&self, name: &str) -> bool {
        let items = self.services.iter().flat_map(|service| &service.items);
        items.filter(|item| item.storage == Storage::Cookie).any(|item| item.names(name))
    }

    /// The sources of these services by directive, without doubles.
    pub fn sources<'a>(&'a self, ids: &'a [String]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for service in self.services.iter().filter(|service| ids.contains(&service.id)) {
            for (directive, sources) in &service.csp {
                all.entry(directive).or_default().extend(sources.iter().map(String::as_str));
            }
        }
        all
    }

    /// What the pages themselves may load beside their own files: nothing, or the provider's module.
    pub fn page_sources(&self) -> BTreeMap<String, Vec<String>> {
        let Some(axeptio) =
            self.config.axeptio.as_ref().filter(|_| self.config.provider == Provider::Axeptio)
        else {
            return BTreeMap::new();
        };
        let origin = axeptio.script.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let of = |sources: &[&str]| sources.iter().map(|source| (*source).to_owned()).collect();
        BTreeMap::from([
            ("script-src".to_owned(), vec![origin.clone()]),
            (
                "connect-src".to_owned(),
                [vec![origin], of(&["https://api.axept.io", "https://client.axept.io"])].concat(),
            ),
            ("img-src".to_owned(), of(&["https://axeptio.imgix.net", "https://favicons.axept.io"])),
        ])
    }
}

impl Item {
    /// Whether this is the item of a name.
    pub fn names(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => self.name == name,
        }
    }
}

fn switched_on(service: &Service, config: &ConsentConfig) -> bool {
    match service.setting.as_deref() {
        None => true,
        Some("google_analytics") => config.google_analytics.is_some(),
        Some("linkedin_insight") => config.linkedin_insight.is_some(),
        Some("axeptio") => config.provider == Provider::Axeptio,
        Some(_) => false,
    }
}

fn check(config: &ConsentConfig) -> Result<(), RegistryError> {
    let plain = |text: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        (1..=64).contains(&text.len()) && text.bytes().all(known)
    };
    let setting = |key, value: &str, wanted, good: bool| {
        if good { Ok(()) } else { Err(RegistryError::Setting { key, value: value.to_owned(), wanted }) }
    };
    for (key, version) in [("banner", &config.banner), ("policy", &config.policy)] {
        setting(key, version, "a version: letters, digits, points and hyphens", plain(version))?;
    }
    if let Some(id) = &config.google_analytics {
        let good = id.starts_with("G-") && id.len() > 2 && plain(id);
        setting("google_analytics", id, "a measurement id such as G-ABC1234567", good)?;
    }
    if let Some(id) = &config.linkedin_insight {
        let good = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
        setting("linkedin_insight", id, "a partner id: digits", good)?;
    }
    match (&config.axeptio, config.provider) {
        (None, Provider::Axeptio) => Err(RegistryError::NoAxeptio),
        (Some(axeptio), _) => {
            let words = "letters, digits, points and hyphens";
            setting("axeptio.client", &axeptio.client, words, plain(&axeptio.client))?;
            setting(
                "axeptio.cookies_version",
                &axeptio.cookies_version,
                words,
                plain(&axeptio.cookies_version),
            )?;
            let https =
                axeptio.script.starts_with("https://") && !axeptio.script.contains([' ', ';', ',', '"']);
            setting("axeptio.script", &axeptio.script, "an https address", https)
        }
        (None, Provider::Aops) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ConsentConfig {
        ConsentConfig { banner: "1".into(), policy: "1".into(), ..ConsentConfig::default() }
    }

    fn theme() -> Services {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../themes/aops/services.toml");
        toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_service_without_its_setting_does_not_exist() {
        let ids = |config| {
            let registry = Registry::new(theme(), config).unwrap();
            registry.optional().map(|service| service.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(config()), ["youtube", "linkedin"]);
        let with = ConsentConfig { google_analytics: Some("G-ABC123".into()), ..config() };
        assert_eq!(ids(with), ["google_analytics", "youtube", "linkedin"]);
    }

    #[test]
    fn p_cookie_categories_cookies_are_known_by_name_or_by_the_beginning_of_it() {
        let with = ConsentConfig { google_analytics: Some("G-ABC123".into()), ..config() };
        let registry = Registry::new(theme(), with).unwrap();
        for known in [
            "__Host-session",
            "__Host-appareil",
            "__Host-consentement",
            "__Host-opposition",
            "_ga",
            "_ga_ABC123",
        ] {
            assert!(registry.knows_cookie(known), "{known}");
        }
        // What a script keeps, or another site, is no cookie of ours.
        for unknown in ["session", "aops-brouillon-contact", "__stripe_mid", "_gid", ""] {
            assert!(!registry.knows_cookie(unknown), "{unknown}");
        }
        assert!(!Registry::new(theme(), config()).unwrap().knows_cookie("_ga"));
    }

    #[test]
    fn values_that_would_end_up_in_a_policy_are_checked() {
        for id in ["", "UA-1", "G-", "G-A;B", "G-'x'"] {
            let with = ConsentConfig { google_analytics: Some(id.into()), ..config() };
            assert!(
                matches!(Registry::new(Services::default(), with), Err(RegistryError::Setting { .. })),
                "{id}"
            );
        }
        let with = ConsentConfig { linkedin_insight: Some("12a".into()), ..config() };
        assert!(Registry::new(Services::default(), with).is_err());
        let with = ConsentConfig { provider: Provider::Axeptio, ..config() };
        assert!(matches!(Registry::new(Services::default(), with), Err(RegistryError::NoAxeptio)));
    }

    /// Proves p-processors, p-nothing-before.
    #[test]
    fn pages_load_nothing_of_others_unless_the_provider_is_another() {
        assert!(Registry::new(theme(), config()).unwrap().page_sources().is_empty());
        let axeptio = Axeptio {
            client: "abc".into(),
            cookies_version: "aops-fr".into(),
            script: "https://static.axept.io/sdk.js".into(),
        };
        let with = ConsentConfig { provider: Provider::Axeptio, axeptio: Some(axeptio), ..config() };
        let registry = Registry::new(theme(), with).unwrap();
        assert_eq!(registry.page_sources()["script-src"], ["https://static.axept.io"]);
        assert!(registry.knows_cookie("axeptio_cookies"));
    }
}
