//! How far a gateway reaches: the files and ports that its configuration names.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::Url;

use crate::config::Settings;
use crate::mail::SmtpConfig;
use crate::valkey::StoreConfig;

/// What the resolver reads, and the authorities that a machine trusts; what is not there is passed over.
const SYSTEM: [&str; 13] = [
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ld.so.cache",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/usr/lib",
    "/lib",
    // How many processors a container is given.
    "/proc/self/cgroup",
    "/sys/fs/cgroup",
];
/// Where the machine says who resolves names.
const RESOLVER: &str = "/etc/resolv.conf";
/// The port of Valkey where none is named.
const VALKEY: u16 = 6_379;
/// Devices without a state.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];

/// What may be opened, connected to and run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Files, and folders with all beneath them, that may be read.
    pub reads: Vec<PathBuf>,
    /// Folders in which anything may be done but running it.
    pub writes: Vec<PathBuf>,
    /// TCP ports that may be connected to.
    pub connects: BTreeSet<u16>,
    /// Whether programs may be started: watching a site asks git.
    pub runs_programs: bool,
}

impl Reach {
    /// Of a gateway that serves a built site of `root`; `secrets` are files that are read again at a reload.
    pub fn serving(settings: &Settings, root: &Path, secrets: &[PathBuf]) -> Self {
        let gateway = &settings.gateway;
        let tls = gateway.tls.iter().flat_map(|tls| {
            let pairs = tls.sources().into_iter().flat_map(|files| [files.certificate, files.key]);
            let authority = tls.acme.as_ref().and_then(|acme| acme.authority.clone());
            pairs.chain(tls.staff_authority.clone()).chain(authority)
        });
        let countries = gateway.countries.as_ref().map(|countries| countries.table.clone());
        let lists = [&gateway.blocklist, &gateway.allowlist, &settings.audience.country_table, &countries];
        let store = settings.store.as_ref().map(StoreConfig::server);
        let valkey = settings.valkey.iter().chain(&store).flat_map(|valkey| {
            let pair = valkey.certificate.iter().flat_map(|files| [&files.certificate, &files.key]);
            pair.chain(&valkey.authority).cloned().collect::<Vec<_>>()
        });
        let mail = settings.mail.smtp.iter().filter_map(|smtp| smtp.authority.clone());
        let traces = settings.traces.iter().filter_map(|traces| traces.authority.clone());
        let blobs = settings.blobs.iter().filter_map(|blobs| blobs.authority.clone());
        let authorities = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os);
        let files = tls
            .chain(lists.into_iter().flatten().cloned())
            .chain(valkey)
            .chain(mail)
            .chain(traces)
            .chain(blobs)
            .chain(secrets.iter().cloned());
        // A file that is replaced is another file to the kernel: its folder is what stays.
        let mut reads: Vec<_> = files.flat_map(|file| folders(&file)).collect();
        reads.extend(authorities.map(PathBuf::from));
        reads.extend([root.to_owned(), root.join("content"), root.join("themes"), settings.public.clone()]);
        reads.extend(SYSTEM.iter().chain(&DEVICES).map(PathBuf::from));
        // As above, but where another folder holds the file, the rest of /etc is nobody's business.
        reads.extend(
            Path::new(RESOLVER).canonicalize().ok().and_then(|file| file.parent().map(Path::to_owned)),
        );
        let writes = vec![settings.data.clone(), "/dev/null".into()];
        Self { reads, writes, connects: outbound_ports(settings), runs_programs: false }
    }

    /// Of a worker: it calls the server that holds the documents, that of contents, and nobody else.
    pub fn working(settings: &Settings, root: &Path, secrets: &[PathBuf]) -> Self {
        let connects = store_ports(settings).chain(blob_port(settings)).chain([53]).collect();
        Self { connects, ..Self::serving(settings, root, secrets) }
    }

    /// Of a gateway that rebuilds its site as it is written, on its editor's own machine: it writes in `root` and
    /// its own folders alone.
    pub fn watching(settings: &Settings, root: &Path) -> Self {
        let writes = [root, &root.join(".cache"), &settings.public, &settings.data, Path::new("/dev/null")];
        Self {
            reads: vec!["/".into()],
            writes: writes.map(Path::to_owned).to_vec(),
            connects: outbound_ports(settings),
            runs_programs: true,
        }
    }
}

/// The ports of every service that the gateway calls: what is to be called in future is added here.
pub fn outbound_ports(settings: &Settings) -> BTreeSet<u16> {
    let bases = [&settings.secrets.stripe_base, &settings.secrets.sendgrid_base];
    let bases = bases.into_iter().flatten().filter_map(|base| Url::parse(base).ok());
    let feeds = settings.gateway.feeds.iter().map(|feed| feed.url.clone());
    let mail = settings.mail.smtp.as_ref().map(SmtpConfig::port);
    let authority = settings.gateway.acme().map(|acme| acme.directory.clone());
    let traces = settings.traces.as_ref().map(|traces| traces.otlp.clone());
    let webhooks = settings.webhooks_here.iter().map(SocketAddr::port);
    let called =
        bases.chain(feeds).chain(authority).chain(traces).filter_map(|url| url.port_or_known_default());
    let called = called.chain(blob_port(settings));
    let valkey = ports(settings.valkey.iter().flat_map(|valkey| &valkey.urls));
    // HTTPS, and names whose answer is too long for a datagram.
    called.chain(valkey).chain(store_ports(settings)).chain(mail).chain(webhooks).chain([443, 53]).collect()
}

fn store_ports(settings: &Settings) -> impl Iterator<Item = u16> {
    ports(settings.store.iter().flat_map(|store| &store.urls))
}

fn blob_port(settings: &Settings) -> Option<u16> {
    settings.blobs.as_ref().and_then(|blobs| blobs.endpoint.port_or_known_default())
}

fn ports<'a>(urls: impl Iterator<Item = &'a String>) -> impl Iterator<Item = u16> {
    urls.filter_map(|url| Some(Url::parse(url).ok()?.port().unwrap_or(VALKEY)))
}

/// The folder of a file, and the one of what it links to.
fn folders(file: &Path) -> Vec<PathBuf> {
    let target = file.canonicalize().ok();
    [Some(file.to_owned()), target]
        .into_iter()
        .flatten()
        .filter_map(|path| path.parent().map(Path::to_owned))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::testing;

    /// Proves p-subprocessor-terms.
    #[test]
    fn the_services_that_are_configured_can_be_called_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        assert_eq!(outbound_ports(&settings), [53, 443].into());
        settings.secrets.stripe_base = Some("http://127.0.0.1:4711".into());
        settings.secrets.sendgrid_base = Some("http://localhost".into());
        assert_eq!(outbound_ports(&settings), [53, 80, 443, 4711].into());
        settings.mail.smtp = Some(toml::from_str("host = \"smtp.example.org\"").unwrap());
        assert_eq!(outbound_ports(&settings), [53, 80, 443, 465, 4711].into());
        let acme = json!({ "acme": { "directory": "https://ca.example:14000/dir", "terms_agreed": true } });
        settings.gateway.tls = Some(serde_json::from_value(acme).unwrap());
        assert_eq!(outbound_ports(&settings), [53, 80, 443, 465, 4711, 14_000].into());
        settings.store = Some(toml::from_str("urls = [\"rediss://store.internal\"]").unwrap());
        assert_eq!(outbound_ports(&settings), [53, 80, 443, 465, 4711, 6379, 14_000].into());
        assert_eq!(Reach::working(&settings, folder.path(), &[]).connects, [53, 6379].into());
        settings.blobs = Some(
            toml::from_str(
                "endpoint = \"https://s3.internal:9000\"\nregion = \"r\"\nbucket = \"b\"\naccess_key = \"k\"",
            )
            .unwrap(),
        );
        assert_eq!(outbound_ports(&settings), [53, 80, 443, 465, 4711, 6379, 9000, 14_000].into());
        assert_eq!(Reach::working(&settings, folder.path(), &[]).connects, [53, 6379, 9000].into());
        (settings.store, settings.blobs) = (None, None);
        settings.traces = Some(toml::from_str("otlp = \"http://localhost:4318/v1/traces\"").unwrap());
        assert_eq!(outbound_ports(&settings), [53, 80, 443, 465, 4318, 4711, 14_000].into());
    }

    #[test]
    fn a_file_that_is_a_link_is_reached_with_the_folder_that_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        for name in ["live", "archive"] {
            std::fs::create_dir(folder.join(name)).unwrap();
        }
        std::fs::write(folder.join("archive/list"), "").unwrap();
        std::os::unix::fs::symlink("../archive/list", folder.join("live/list")).unwrap();
        let mut settings = testing::settings(&folder, SignedDuration::ZERO);
        settings.gateway.blocklist = Some(folder.join("live/list"));
        let reach = Reach::serving(&settings, &folder, &[]);
        assert!(reach.reads.contains(&folder.join("live")) && reach.reads.contains(&folder.join("archive")));
        assert!(!reach.reads.contains(&PathBuf::from("/")));
    }
}
