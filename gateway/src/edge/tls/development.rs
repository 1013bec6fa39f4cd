//! A certificate of our own making for development, signed by a local authority that a developer may trust.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use super::{TlsError, pem, read};
use crate::config::{Settings, TlsFiles};
use crate::files::write_private;

/// A certificate for our names, signed by a local authority under `data/tls/` that a developer may trust.
///
/// The authority stays; the certificate is made anew at each start, so that it never runs out.
pub(super) fn certificate(settings: &Settings) -> Result<TlsFiles, TlsError> {
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

fn write(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    write_private(path, bytes).map_err(|source| TlsError::File { path: path.to_owned(), source })
}
