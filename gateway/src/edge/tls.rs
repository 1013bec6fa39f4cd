//! Third phase: TLS 1.2 and 1.3 by rustls (`p-transport-encryption`), with a local authority in development.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{Environment, Settings, TlsFiles};
use crate::files::write_private;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}; check that it exists and that this user may read it")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no PEM of the expected kind.
    #[error("{path}: no {what} in PEM form: {why}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What the parser says.
        why: String,
    },
    /// Certificate and key do not fit each other or the protocol.
    #[error("the certificate cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
    /// The development certificate cannot be made.
    #[error("the development certificate cannot be made: {0}")]
    Making(#[from] rcgen::Error),
    /// Production without a certificate.
    #[error("production needs [gateway.tls] certificate and key in site.toml")]
    Missing,
}

/// The configuration of the TLS listener, with `h2` before `http/1.1`.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn server_config(settings: &Settings) -> Result<ServerConfig, TlsError> {
    let files = match (&settings.gateway.tls, settings.environment) {
        (Some(files), _) => files.clone(),
        (None, Environment::Development) => development_certificate(settings)?,
        (None, Environment::Production) => return Err(TlsError::Missing),
    };
    let chain = CertificateDer::pem_slice_iter(&read(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| pem(&files.certificate, "certificate", &error))?;
    if chain.is_empty() {
        return Err(pem(&files.certificate, "certificate", &"the file holds none"));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|error| pem(&files.key, "private key", &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

/// A certificate for our names, signed by a local authority under `data/tls/` that a developer may trust.
///
/// The authority stays; the certificate is made anew at each start, so that it never runs out.
fn development_certificate(settings: &Settings) -> Result<TlsFiles, TlsError> {
    let folder = settings.data.join("tls");
    fs::create_dir_all(&folder).map_err(|source| TlsError::File { path: folder.clone(), source })?;
    let authority_key = authority_key(&folder)?;
    let authority = Issuer::new(authority_params(), authority_key);

    let mut names = settings.gateway.hosts.clone();
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned(), settings.gateway.https.ip().to_string()]);
    names.retain(|name| {
        name.parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified()) || name.parse::<IpAddr>().is_err()
    });
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("AOPS (développement)");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    // Browsers refuse server certificates that last longer than 398 days.
    // Clients judge it by their own clocks: the machine's time counts, not the clock port's.
    let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let day = |days: i64| {
        let date = today.saturating_add(jiff::Span::new().days(days));
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(-1);
    params.not_after = day(390);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;

    let files = TlsFiles { certificate: folder.join("localhost.pem"), key: folder.join("localhost.key") };
    write(&files.certificate, certificate.pem().as_bytes())?;
    write(&files.key, key.serialize_pem().as_bytes())?;
    Ok(files)
}

fn authority_key(folder: &Path) -> Result<KeyPair, TlsError> {
    let path = folder.join("ca.key");
    if path.exists() && folder.join("ca.pem").exists() {
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        return KeyPair::from_pem(&text).map_err(|error| pem(&path, "private key", &error));
    }
    let key = KeyPair::generate()?;
    let certificate = authority_params().self_signed(&key)?;
    write(&path, key.serialize_pem().as_bytes())?;
    write(&folder.join("ca.pem"), certificate.pem().as_bytes())?;
    Ok(key)
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("AOPS, autorité locale de développement");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    write_private(path, bytes).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn pem(path: &Path, what: &'static str, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::Pem { path: path.to_owned(), what, why: why.to_string() }
}
