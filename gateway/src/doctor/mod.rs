//! What is wrong with a configuration and its machine, each with what to do about it; nothing is changed.

pub mod dns;
mod machine;

use std::path::Path;

use jiff::Timestamp;

use crate::blobs::Objects;
use crate::config::{Environment, Settings};
use crate::edge::address_filter::{AddressFilter, CountriesConfig, Files};
use crate::edge::feeds::Feeds;
use crate::edge::tls;
use crate::edge::tls::acme::Line;
use crate::staff;
use crate::store::ValkeyStore;
use crate::valkey::Valkey;
use crate::web::Site;

/// Certificates that end sooner should have been renewed.
const CERTIFICATE_DAYS: i64 = 21;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What it concerns: `certificate`, `data`, `ports`, …
    pub subject: &'static str,
    /// What is wrong, where, and what to do.
    pub what: String,
}

/// Looks at everything that can be looked at from here.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let running = staff::answers(&settings.data.join("admin.sock")).await;
    let mut findings = Vec::new();
    let mut found = |subject, what: String| findings.push(Finding { subject, what });
    configuration(settings, &mut found);
    certificate(settings, &mut found);
    if settings.gateway.acme().is_some() {
        authority(settings, running, &mut found).await;
    }
    lists(settings, &mut found);
    shared(settings, &mut found).await;
    contents(settings, &mut found).await;
    traces(settings, &mut found).await;
    site(&settings.public, &mut found);
    machine::sandbox(settings, &mut found);
    machine::data(settings, running, &mut found);
    machine::limits(settings, &mut found);
    if !running {
        machine::ports(settings, &mut found);
    }
    store(settings, running, &mut found).await;
    findings
}

/// What only matters once real visitors come.
fn configuration(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    if settings.environment == Environment::Development {
        return;
    }
    let secrets = &settings.secrets;
    for (missing, name) in [
        (secrets.master_key.is_none(), "AOPS_MASTER_KEY"),
        (secrets.stripe_key.is_none(), "STRIPE_SECRET_KEY"),
        (secrets.stripe_webhook_secrets.is_empty(), "STRIPE_WEBHOOK_SECRET"),
        (secrets.sendgrid_key.is_none(), "SENDGRID_API_KEY"),
    ] {
        if missing {
            found(
                "secrets",
                format!("{name} is missing; set it, or {name}_FILE, in the service's environment"),
            );
        }
    }
    for offer in settings.offers.iter().filter(|offer| offer.example) {
        found("offers", format!("the price of `{}` is an example; set it in site.toml", offer.id));
    }
    let local = |host: &&String| *host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
    for host in settings.gateway.hosts.iter().filter(local) {
        found("hosts", format!("[gateway] hosts serves `{host}`; name the site's own names alone"));
    }
    if !settings.base_url.starts_with("https://") {
        found("base_url", format!("`{}` is not https; links in mails would not be", settings.base_url));
    }
}

fn certificate(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    // Development makes its own at each start.
    if settings.gateway.tls.is_none() && settings.environment == Environment::Development {
        return;
    }
    let until = match tls::certificates(settings) {
        Ok(certificates) => certificates.until(),
        Err(error) => return found("certificate", error.to_string()),
    };
    if let Some(until) = until {
        lasts(until, found);
    }
}

fn lasts(until: Timestamp, found: &mut impl FnMut(&'static str, String)) {
    match until.duration_since(Timestamp::now()).as_hours() / 24 {
        days if days < 0 => found("certificate", format!("it ended {} days ago; renew it", -days)),
        days if days < CERTIFICATE_DAYS => {
            found("certificate", format!("it ends in {days} days; renew it"));
        }
        _ => {}
    }
}

/// What an authority gave, as far as a running gateway tells, and what would keep it from looking.
async fn authority(settings: &Settings, running: bool, found: &mut impl FnMut(&'static str, String)) {
    if running {
        let told = staff::call(&settings.data.join("admin.sock"), &staff::Command::CertificateList).await;
        // A gateway that stops meanwhile tells nothing.
        let lines = told.ok().and_then(|told| serde_json::from_value::<Vec<Line>>(told).ok());
        for line in lines.into_iter().flatten() {
            if let Some(fault) = line.fault() {
                found("certificate", format!("the last order failed: {fault}"));
            }
            // How long before its end it is renewed is the authority's advice: that is told if it fails.
            if line.until().is_some_and(|until| until < Timestamp::now()) {
                found("certificate", "it has ended; see `aops admin certificate list`".into());
            }
        }
    }
    let whole = |countries: &CountriesConfig| !countries.block.is_empty() && countries.classes.is_empty();
    if settings.gateway.countries.as_ref().is_some_and(whole) {
        let what = "[gateway.countries] refuses whole countries, and an authority looks from several of them; name \
                    [gateway.countries] classes, or put the certificates in files";
        found("certificate", what.into());
    }
}

fn lists(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    let gateway = &settings.gateway;
    for (name, path) in [("blocklist", &gateway.blocklist), ("allowlist", &gateway.allowlist)] {
        if let Some(path) = path.as_deref().filter(|path| !path.exists()) {
            found("lists", format!("[gateway] {name}: {} does not exist", path.display()));
        }
    }
    if let Err(error) = AddressFilter::new(Files::of(gateway), Vec::new()) {
        found("lists", error.to_string());
    }
    if let Err(error) = Feeds::new(settings) {
        found("feeds", error.to_string());
    }
}

/// The server that gateways share answers, and takes our password.
async fn shared(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    let Some(config) = &settings.valkey else {
        if settings.gateway.limits.gateways > 1 {
            found("valkey", "[gateway.limits] gateways is above 1; name their server in [valkey]".into());
        }
        return;
    };
    match Valkey::new(config, settings.secrets.valkey_password.as_deref()) {
        Ok(valkey) => {
            if let Err(error) = valkey.connect().await {
                found("valkey", format!("{error}; look at [valkey] urls and AOPS_VALKEY_PASSWORD"));
            }
        }
        Err(error) => found("valkey", format!("[valkey] {error}")),
    }
}

/// The store opens, or its server is what it must be.
async fn store(settings: &Settings, running: bool, found: &mut impl FnMut(&'static str, String)) {
    let (server, config) = match (Valkey::of_store(settings), &settings.store) {
        (Ok(Some(server)), Some(config)) => (server, config),
        (Err(error), _) => return found("store", format!("[store] {error}")),
        _ if running => return,
        _ => return machine::store(settings, found),
    };
    match ValkeyStore::faults(&server, config.replicas, &settings.data).await {
        Ok(faults) => faults.into_iter().for_each(|fault| found("store", fault)),
        Err(error) => found("store", format!("{error}; look at [store] urls and AOPS_STORE_PASSWORD")),
    }
}

/// Whether the bucket of contents can be written, read and removed from.
async fn contents(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    match Objects::on_trial(settings) {
        Ok(None) => {}
        Ok(Some(objects)) => {
            if let Err(error) = objects.try_out().await {
                found("blobs", error.to_string());
            }
        }
        Err(error) => found("blobs", error.to_string()),
    }
}

/// Whether a collector takes what it will be told.
async fn traces(settings: &Settings, found: &mut impl FnMut(&'static str, String)) {
    let Some(config) = &settings.traces else { return };
    #[cfg(feature = "otlp")]
    match crate::trace::otlp::Collector::of(settings) {
        Ok(Some(collector)) => {
            if let Err(error) = collector.try_out().await {
                let host = config.otlp.host_str().unwrap_or_default();
                found("traces", format!("{host}: {error}; look at [traces] and AOPS_OTLP_AUTHORIZATION"));
            }
        }
        Ok(None) => {}
        Err(error) => found("traces", error.to_string()),
    }
    #[cfg(not(feature = "otlp"))]
    found(
        "traces",
        format!("[traces] otlp = \"{}\": this binary is built without `--features otlp`", config.otlp),
    );
}

/// A site that has not been built is built at the start; one that is there must be whole.
fn site(public: &Path, found: &mut impl FnMut(&'static str, String)) {
    if !public.join(aops_manifest::FILE_NAME).exists() {
        return;
    }
    if let Err(error) = Site::load(public, false) {
        found("site", error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jiff::SignedDuration;

    use super::*;
    use crate::testing;

    async fn subjects(settings: &Settings) -> Vec<&'static str> {
        examine(settings).await.into_iter().map(|finding| finding.subject).collect()
    }

    fn fine(folder: &Path) -> Settings {
        let mut settings = testing::settings(folder, SignedDuration::ZERO);
        for address in
            [&mut settings.gateway.https, &mut settings.gateway.http, &mut settings.gateway.operations]
        {
            address.set_port(0);
        }
        settings.gateway.connections.total = 64;
        settings
    }

    #[tokio::test]
    async fn a_fresh_development_folder_has_nothing_wrong() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(examine(&fine(folder.path())).await, []);
    }

    #[tokio::test]
    async fn each_thing_wrong_is_told_by_its_subject() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = fine(folder.path());
        std::fs::create_dir(&settings.data).unwrap();
        std::fs::set_permissions(&settings.data, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(subjects(&settings).await, ["data"]);
        std::fs::set_permissions(&settings.data, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(settings.data.join("master.key"), "x").unwrap();
        std::fs::set_permissions(settings.data.join("master.key"), std::fs::Permissions::from_mode(0o644))
            .unwrap();
        assert_eq!(subjects(&settings).await, ["data"]);
        std::fs::remove_file(settings.data.join("master.key")).unwrap();

        std::fs::write(settings.data.join("aops.redb"), "rubbish").unwrap();
        assert_eq!(subjects(&settings).await, ["store"]);
        std::fs::remove_file(settings.data.join("aops.redb")).unwrap();

        let list = folder.path().join("list");
        settings.gateway.blocklist = Some(list.clone());
        assert_eq!(subjects(&settings).await, ["lists"]);
        std::fs::write(&list, "300.1.1.1").unwrap();
        assert_eq!(subjects(&settings).await, ["lists"]);
        settings.gateway.blocklist = None;

        std::fs::create_dir_all(&settings.public).unwrap();
        std::fs::write(settings.public.join(aops_manifest::FILE_NAME), "{}").unwrap();
        assert_eq!(subjects(&settings).await, ["site"]);
        std::fs::remove_dir_all(&settings.public).unwrap();

        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        settings.gateway.http = taken.local_addr().unwrap();
        assert_eq!(subjects(&settings).await, ["ports"]);
        settings.gateway.http.set_port(0);

        settings.gateway.connections.total = usize::MAX / 4;
        assert_eq!(subjects(&settings).await, ["limits"]);
    }

    #[tokio::test]
    async fn production_needs_its_secrets_prices_names_and_a_certificate_that_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = fine(folder.path());
        settings.environment = Environment::Production;
        let told = subjects(&settings).await;
        for subject in ["secrets", "hosts", "certificate"] {
            assert!(told.contains(&subject), "{subject}: {told:?}");
        }
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        let soon = today.saturating_add(jiff::Span::new().days(9));
        params.not_after =
            rcgen::date_time_ymd(soon.year().into(), soon.month().unsigned_abs(), soon.day().unsigned_abs());
        let (certificate, private) = (folder.path().join("a.pem"), folder.path().join("a.key"));
        std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&private, key.serialize_pem()).unwrap();
        let tls = serde_json::json!({ "certificate": certificate, "key": private });
        settings.gateway.tls = Some(serde_json::from_value(tls).unwrap());
        let ends: Vec<_> =
            examine(&settings).await.into_iter().filter(|finding| finding.subject == "certificate").collect();
        assert!(ends[0].what.starts_with("it ends in "), "{ends:?}");

        // From an authority: nothing to say, but of what would keep it from looking.
        let acme =
            serde_json::json!({ "acme": { "directory": "https://ca.example/dir", "terms_agreed": true } });
        settings.gateway.tls = Some(serde_json::from_value(acme).unwrap());
        settings.gateway.hosts = vec!["aops.fr".into()];
        assert!(!subjects(&settings).await.contains(&"certificate"));
        let table = folder.path().join("countries.csv");
        std::fs::write(&table, "192.0.2.0,192.0.2.255,FR\n").unwrap();
        let countries = serde_json::json!({ "table": table, "block": ["FR"] });
        settings.gateway.countries = Some(serde_json::from_value(countries).unwrap());
        assert!(subjects(&settings).await.contains(&"certificate"));
    }
}
