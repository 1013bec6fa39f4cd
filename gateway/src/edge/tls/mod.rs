//! Third phase: TLS 1.2 and 1.3 by rustls (`p-transport-encryption`).
//!
//! Certificates are in [`certificates`], which changes them while connections go on; [`acme`] obtains them from an
//! authority, and [`development`] makes one of our own where none is configured.

pub mod acme;
pub mod certificates;
mod development;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use self::certificates::Certificates;
use crate::config::{Environment, Settings, TlsFiles};

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
    #[error(
        "production needs certificate and key in [gateway.tls], or the table [gateway.tls.acme], in site.toml"
    )]
    Missing,
    /// A key without a certificate, or the other way round.
    #[error("[gateway.tls] needs both certificate and key, or the table [gateway.tls.acme] instead of them")]
    Half,
    /// Two origins.
    #[error("[gateway.tls] names files and has the table acme; certificates come from one of them")]
    Both,
    /// Nobody can show that this name is his.
    #[error("[gateway] hosts names `{0}`, for which no authority gives a certificate by [gateway.tls.acme]")]
    NoName(String),
    /// The way to the authority cannot be set up.
    #[error("the client of [gateway.tls.acme] cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// The certificates of the configuration; in development one of our own where none is named.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn certificates(settings: &Settings) -> Result<Certificates, TlsError> {
    let sources = match configured(settings)? {
        Some(sources) => sources,
        None => vec![development::certificate(settings)?],
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
    match configured(settings)? {
        Some(sources) if !sources.is_empty() => Certificates::check(&sources, &settings.gateway.hosts),
        _ => Ok(()),
    }
}

/// The files that `site.toml` names; empty where an authority gives what is served, none where development makes its
/// own.
fn configured(settings: &Settings) -> Result<Option<Vec<TlsFiles>>, TlsError> {
    let gateway = &settings.gateway;
    let files = gateway.tls.as_ref().map(|tls| (&tls.certificate, &tls.key, tls.sources()));
    match (files, gateway.acme(), settings.environment) {
        (Some((None, None, files)), Some(acme), _) if files.is_empty() => {
            // What is called much later is wrong now.
            acme.authority.as_deref().map(roots).transpose()?;
            let nobodys = |host: &&String| *host == "localhost" || host.parse::<IpAddr>().is_ok();
            match gateway.hosts.iter().find(nobodys) {
                Some(host) => Err(TlsError::NoName(host.clone())),
                // Until the first is there, every handshake but a challenge's ends with an alert: nobody is taught to
                // trust a certificate that no authority gave.
                None => Ok(Some(Vec::new())),
            }
        }
        (_, Some(_), _) => Err(TlsError::Both),
        (Some((Some(_), Some(_), files)), None, _) => Ok(Some(files)),
        (Some((None, None, files)), None, environment) if files.is_empty() => own(environment),
        (Some(_), None, _) => Err(TlsError::Half),
        (None, None, environment) => own(environment),
    }
}

/// Only development makes a certificate of its own.
fn own(environment: Environment) -> Result<Option<Vec<TlsFiles>>, TlsError> {
    match environment {
        Environment::Development => Ok(None),
        Environment::Production => Err(TlsError::Missing),
    }
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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;

    #[test]
    fn certificates_come_from_files_or_from_an_authority_and_only_development_makes_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        settings.environment = Environment::Production;
        let acme = json!({ "directory": "https://ca.example/dir", "terms_agreed": true });
        let private =
            json!({ "directory": "https://ca/dir", "terms_agreed": true, "authority": "/none.pem" });
        let pair = json!([{ "certificate": "c", "key": "k" }]);
        let cases: [(Value, &str, Result<usize, &str>); 10] = [
            (Value::Null, "aops.fr", Err("production needs")),
            (json!({}), "aops.fr", Err("production needs")),
            (json!({ "certificate": "a", "key": "b" }), "aops.fr", Ok(1)),
            (json!({ "certificate": "a", "key": "b", "also": pair }), "aops.fr", Ok(2)),
            (json!({ "certificate": "a" }), "aops.fr", Err("both certificate and key")),
            (json!({ "also": pair }), "aops.fr", Err("both certificate and key")),
            (json!({ "acme": acme, "staff_authority": "s" }), "aops.fr", Ok(0)),
            (json!({ "acme": acme, "certificate": "a", "key": "b" }), "aops.fr", Err("one of them")),
            (json!({ "acme": acme }), "192.0.2.1", Err("hosts names `192.0.2.1`")),
            (json!({ "acme": private }), "aops.fr", Err("/none.pem: ")),
        ];
        for (tls, host, expected) in cases {
            settings.gateway.tls = serde_json::from_value(tls.clone()).unwrap();
            settings.gateway.hosts = vec![host.into()];
            match (configured(&settings), expected) {
                (Ok(Some(files)), Ok(expected)) => assert_eq!(files.len(), expected, "{tls}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{tls}: {error}")
                }
                (found, _) => panic!("{tls}: {found:?}"),
            }
        }
        settings.environment = Environment::Development;
        settings.gateway.tls = Some(serde_json::from_value(json!({ "staff_authority": "s" })).unwrap());
        assert!(configured(&settings).unwrap().is_none(), "its own");
    }
}
