//! Which certificate a client gets, by the name that it asks for; taken anew when a file changes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use metrics::{counter, gauge};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::{TlsError, chain, pem, read};
use crate::config::{Settings, TlsConfig, TlsFiles};

/// How often files are looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// How errors name what came from an authority.
const OBTAINED: &str = "the authority's answer";

/// The certificates in force; ECDSA and RSA may stand side by side, each client gets one that it can verify.
#[derive(Debug)]
pub struct Certificates {
    followed: ArcSwap<Followed>,
    /// How the files stood just before they were read first: what changes from then on is read again.
    first: Stamps,
    /// Whether a client that names nobody is answered.
    nameless: bool,
    pairs: ArcSwap<Vec<Pair>>,
}

/// Where they come from, and the names that they are for.
#[derive(Debug)]
struct Followed {
    sources: Vec<TlsFiles>,
    hosts: Vec<String>,
}

/// A certificate with its key.
#[derive(Debug, Clone)]
struct Pair {
    key: Arc<CertifiedKey>,
    /// Which of the hosts it covers.
    covers: Vec<String>,
    until: Timestamp,
}

impl Certificates {
    /// Reads every pair of files.
    ///
    /// # Errors
    /// [`TlsError`], with the file.
    pub fn load(sources: Vec<TlsFiles>, hosts: &[String], nameless: bool) -> Result<Self, TlsError> {
        let hosts: Vec<_> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let first = stamps(&sources);
        let pairs = pairs(&sources, &hosts)?;
        let followed = ArcSwap::from_pointee(Followed { sources, hosts });
        let certificates = Self { followed, first, nameless, pairs: ArcSwap::from_pointee(pairs) };
        certificates.tell_expiry();
        Ok(certificates)
    }

    /// Whether these could be taken.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn check(sources: &[TlsFiles], hosts: &[String]) -> Result<(), TlsError> {
        pairs(sources, hosts).map(drop)
    }

    /// Other files or names from now on, taken at the next [`Self::reload`].
    pub fn adopt(&self, settings: &Settings) {
        let hosts = settings.gateway.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let configured = settings.gateway.tls.as_ref().map(TlsConfig::sources);
        // Without files of its own, development's certificate or the authority's goes on.
        let configured = configured.filter(|sources| !sources.is_empty());
        let sources = configured.unwrap_or_else(|| self.followed.load().sources.clone());
        self.followed.store(Arc::new(Followed { sources, hosts }));
    }

    /// Puts a chain (PEM, leaf first) and its key in force for these names instead of what was there; open connections
    /// go on.
    ///
    /// # Errors
    /// [`TlsError`], for a chain too that leaves out one of the names: what was there stays then.
    pub fn put(&self, chain: &str, key: PrivateKeyDer<'static>, names: &[String]) -> Result<(), TlsError> {
        let origin = Path::new(OBTAINED);
        let chain = super::chain(origin, chain.as_bytes())?;
        let (covers, until) = told(origin, &chain, names)?;
        if let Some(left_out) = names.iter().find(|name| !covers.contains(name)) {
            return Err(pem(origin, "certificate", &format!("it leaves out {left_out}")));
        }
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?;
        self.pairs.store(Arc::new(vec![Pair { key: Arc::new(key), covers, until }]));
        self.tell_expiry();
        Ok(())
    }

    /// When the first of them ends.
    pub fn until(&self) -> Option<Timestamp> {
        self.pairs.load().iter().map(|pair| pair.until).min()
    }

    /// Reads the files again when they change, for ever.
    pub async fn follow(&self) {
        let mut seen = self.first.clone();
        loop {
            tokio::time::sleep(PERIOD).await;
            self.tell_expiry();
            let found = stamps(&self.followed.load().sources);
            if found != seen {
                seen = found;
                self.reload();
            }
        }
    }

    /// Reads the files again; wrong ones change nothing and are told.
    pub fn reload(&self) {
        let followed = self.followed.load_full();
        // What an authority gave has no files.
        if followed.sources.is_empty() {
            return;
        }
        match pairs(&followed.sources, &followed.hosts) {
            Ok(pairs) => {
                self.pairs.store(Arc::new(pairs));
                self.tell_expiry();
                counter!("certificate_reloads_total", "outcome" => "taken").increment(1);
                tracing::info!("the certificates were read again");
            }
            Err(error) => {
                counter!("certificate_reloads_total", "outcome" => "refused").increment(1);
                tracing::error!(%error, "the certificates were not taken; those before stay in force");
            }
        }
    }

    fn tell_expiry(&self) {
        for pair in self.pairs.load().iter() {
            let left = pair.until.duration_since(Timestamp::now()).as_secs_f64();
            for host in &pair.covers {
                gauge!("certificate_expiry_seconds", "name" => host.clone()).set(left);
            }
        }
    }

    /// The pair for a name, among those that the client can verify.
    fn choose(
        &self,
        name: Option<&str>,
        verifies: impl Fn(&CertifiedKey) -> bool,
    ) -> Option<Arc<CertifiedKey>> {
        let pairs = self.pairs.load();
        let name = name.map(str::to_ascii_lowercase);
        let fits = |pair: &&Pair| match &name {
            Some(name) => pair.covers.contains(name),
            None => self.nameless,
        };
        let found = pairs.iter().filter(fits).find(|pair| verifies(&pair.key));
        if found.is_none() {
            counter!("handshakes_failed_total", "why" => "name").increment(1);
        }
        found.map(|pair| Arc::clone(&pair.key))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), |key| key.key.choose_scheme(hello.signature_schemes()).is_some())
    }
}

fn pairs(sources: &[TlsFiles], hosts: &[String]) -> Result<Vec<Pair>, TlsError> {
    sources.iter().map(|files| pair(files, hosts)).collect()
}

fn pair(files: &TlsFiles, hosts: &[String]) -> Result<Pair, TlsError> {
    let chain = chain(&files.certificate, &read(&files.certificate)?)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|error| pem(&files.key, "private key", &error))?;
    let (covers, until) = told(&files.certificate, &chain, hosts)?;
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|source| {
        TlsError::Pair { certificate: files.certificate.clone(), key: files.key.clone(), source }
    })?;
    Ok(Pair { key: Arc::new(key), covers, until })
}

/// Which of the hosts a chain covers, at least one, and when it ends.
fn told(
    origin: &Path,
    chain: &[CertificateDer<'_>],
    hosts: &[String],
) -> Result<(Vec<String>, Timestamp), TlsError> {
    let wrong = |why: &dyn std::fmt::Display| pem(origin, "certificate", why);
    let leaf = chain.first().ok_or_else(|| wrong(&"the file holds none"))?;
    let (_, told) = x509_parser::parse_x509_certificate(leaf).map_err(|error| wrong(&error))?;
    let until =
        Timestamp::from_second(told.validity().not_after.timestamp()).map_err(|error| wrong(&error))?;
    let parsed = ParsedCertificate::try_from(leaf).map_err(|error| wrong(&error))?;
    let covers = |host: &&String| {
        ServerName::try_from(host.as_str())
            .is_ok_and(|name| rustls::client::verify_server_name(&parsed, &name).is_ok())
    };
    let covers = hosts.iter().filter(covers).cloned().collect::<Vec<_>>();
    if covers.is_empty() {
        return Err(wrong(&format!("none that covers any of {}", hosts.join(", "))));
    }
    Ok((covers, until))
}

/// How files stand, each certificate's and then its key's.
type Stamps = Vec<Option<(SystemTime, u64)>>;

fn stamps(sources: &[TlsFiles]) -> Stamps {
    sources.iter().flat_map(|files| [&files.certificate, &files.key]).map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};
    use rustls::{SignatureAlgorithm as Signs, SignatureScheme};

    use super::*;

    fn made(folder: &Path, name: &str, host: &str, algorithm: &'static SignatureAlgorithm) -> TlsFiles {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::new([host.to_owned()]).unwrap().self_signed(&key).unwrap();
        let files = TlsFiles {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    fn chosen(certificates: &Certificates, name: Option<&str>, scheme: SignatureScheme) -> Option<Signs> {
        let key = certificates.choose(name, |key| key.key.choose_scheme(&[scheme]).is_some())?;
        Some(key.key.algorithm())
    }

    #[test]
    fn each_client_gets_a_certificate_of_its_name_that_it_can_verify() {
        let folder = tempfile::tempdir().unwrap();
        let sources = vec![
            made(folder.path(), "ec", "aops.fr", &PKCS_ECDSA_P256_SHA256),
            made(folder.path(), "rsa", "aops.fr", &PKCS_RSA_SHA256),
        ];
        let certificates = Certificates::load(sources, &["aops.fr".into()], false).unwrap();
        let (ec, rsa) = (SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256);
        assert_eq!(chosen(&certificates, Some("AOPS.fr"), ec), Some(Signs::ECDSA));
        assert_eq!(chosen(&certificates, Some("aops.fr"), rsa), Some(Signs::RSA));
        assert_eq!(chosen(&certificates, Some("example.com"), ec), None, "a name that is not ours");
        assert_eq!(chosen(&certificates, None, ec), None, "no name");
    }

    #[test]
    fn rubbish_and_a_key_of_another_pair_are_not_taken_and_what_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = made(folder.path(), "a", "localhost", &PKCS_ECDSA_P256_SHA256);
        let other = made(folder.path(), "b", "localhost", &PKCS_ECDSA_P256_SHA256);
        let certificates = Certificates::load(vec![files.clone()], &["localhost".into()], true).unwrap();
        let ec = SignatureScheme::ECDSA_NISTP256_SHA256;
        std::fs::copy(&other.key, &files.key).unwrap();
        assert!(matches!(pair(&files, &["localhost".into()]), Err(TlsError::Pair { .. })));
        std::fs::write(&files.certificate, "rubbish").unwrap();
        certificates.reload();
        assert_eq!(chosen(&certificates, None, ec), Some(Signs::ECDSA));
        assert!(Certificates::load(vec![files], &["localhost".into()], true).is_err());
        assert!(Certificates::load(vec![other], &["aops.fr".into()], true).is_err(), "covers no name");
    }

    #[test]
    fn what_an_authority_gave_is_served_for_all_its_names_or_not_at_all() {
        let names = ["aops.fr".to_owned(), "www.aops.fr".to_owned()];
        let certificates = Certificates::load(Vec::new(), &names, false).unwrap();
        let ec = SignatureScheme::ECDSA_NISTP256_SHA256;
        assert_eq!(chosen(&certificates, Some("aops.fr"), ec), None, "none yet");
        let given = |names: &[String]| {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            let chain = CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem();
            (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        };
        let (chain, key) = given(&names);
        certificates.put(&chain, key, &names).unwrap();
        let (half, key) = given(&names[..1]);
        let error = certificates.put(&half, key, &names).unwrap_err().to_string();
        assert!(error.contains("it leaves out www.aops.fr"), "{error}");
        let (_, others) = given(&names);
        assert!(certificates.put(&chain, others, &names).is_err(), "the key of another");
        assert!(certificates.put("rubbish", given(&names).1, &names).is_err());
        // Nothing is read from files, where there are none.
        certificates.reload();
        for name in ["aops.fr", "www.aops.fr"] {
            assert_eq!(chosen(&certificates, Some(name), ec), Some(Signs::ECDSA), "{name}");
        }
    }
}
