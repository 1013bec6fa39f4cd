//! Third phase: TLS 1.2 and 1.3 by rustls (`p-transport-encryption`).
//!
//! Certificates are in [`certificates`], which changes them while connections go on; [`development`] makes one of our
//! own where none is configured.

pub mod certificates;
mod development;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use self::certificates::Certificates;
use crate::config::{Environment, Settings};

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
    /// Certificate and key are not of one pair.
    #[error("{certificate} and {key} do not belong together: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// Production without a certificate.
    #[error("production needs [gateway.tls] certificate and key in site.toml")]
    Missing,
}

/// The certificates of the configuration; in development one of our own where none is named.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn certificates(settings: &Settings) -> Result<Certificates, TlsError> {
    let sources = match (&settings.gateway.tls, settings.environment) {
        (Some(tls), _) => tls.sources(),
        (None, Environment::Development) => vec![development::certificate(settings)?],
        (None, Environment::Production) => return Err(TlsError::Missing),
    };
    // A developer's tools may ask by address, which bears no name (RFC 6066 § 3).
    let nameless = settings.environment == Environment::Development;
    Certificates::load(sources, &settings.gateway.hosts, nameless)
}

/// Whether the files of the configuration could be taken; nothing is written.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn check(settings: &Settings) -> Result<(), TlsError> {
    let Some(tls) = &settings.gateway.tls else { return Ok(()) };
    Certificates::check(&tls.sources(), &settings.gateway.hosts)
}

/// The configuration of the TLS listener, with `h2` before `http/1.1`.
///
/// Suites are those of rustls: AEAD and forward secrecy alone, X25519MLKEM768 first; tickets change their key by
/// themselves every six hours.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn server_config(settings: &Settings, certificates: Arc<Certificates>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let authority = settings.gateway.tls.as_ref().and_then(|tls| tls.staff_authority.as_deref());
    let builder = match authority {
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| pem(path, "authority", &error))?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path, &read(path)?)? {
        roots.add(certificate).map_err(|error| pem(path, "authority", &error))?;
    }
    Ok(roots)
}

/// The certificates of a PEM file, at least one.
fn chain(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| pem(path, "certificate", &error))?;
    if chain.is_empty() { Err(pem(path, "certificate", &"the file holds none")) } else { Ok(chain) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn pem(path: &Path, what: &'static str, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::Pem { path: path.to_owned(), what, why: why.to_string() }
}
