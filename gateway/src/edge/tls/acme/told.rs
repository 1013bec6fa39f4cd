//! A certificate as it is told to staff, and what is read in its leaf.

use instant_acme::CertificateIdentifier;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::AcmeError;
use super::kept::KeptCertificate;
use crate::sealing;

/// What there is of a certificate, and what comes next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub(super) names: Vec<String>,
    pub(super) state: State,
    /// In hexadecimal.
    pub(super) serial: Option<String>,
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) directory: String,
    pub(super) obtained: Option<Timestamp>,
    /// When the next order is due, as far as the running gateway knows.
    pub(super) next: Option<Timestamp>,
    /// Why the last order failed.
    pub(super) fault: Option<String>,
}

/// Where a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is none yet.
    Missing,
    /// Clients are given it.
    InForce,
    /// Clients are given it until another takes its place.
    Revoked,
}

impl Line {
    /// Of what is kept.
    pub(super) fn of(kept: &KeptCertificate) -> Result<Self, AcmeError> {
        let (from, until) = life(&kept.chain)?;
        Ok(Self {
            names: kept.names.clone(),
            state: if kept.revoked { State::Revoked } else { State::InForce },
            serial: Some(serial(&kept.chain)?),
            from: Some(from),
            until: Some(until),
            directory: kept.directory.clone(),
            obtained: Some(kept.obtained),
            next: None,
            fault: None,
        })
    }

    /// When it ends; none where there is none.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Why the last order failed.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

pub(super) fn leaf(chain: &str) -> Result<CertificateDer<'static>, AcmeError> {
    CertificateDer::from_pem_slice(chain.as_bytes()).map_err(|error| AcmeError::Kept(error.to_string()))
}

/// From when, and until when.
pub(super) fn life(chain: &str) -> Result<(Timestamp, Timestamp), AcmeError> {
    let leaf = leaf(chain)?;
    let wrong = |error: &dyn std::fmt::Display| AcmeError::Kept(error.to_string());
    let (_, told) = x509_parser::parse_x509_certificate(&leaf).map_err(|error| wrong(&error))?;
    let moment = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_second(time.timestamp()).map_err(|error| wrong(&error))
    };
    Ok((moment(told.validity().not_before)?, moment(told.validity().not_after)?))
}

/// The name under which an authority advises on renewal (RFC 9773 § 4.1).
pub(super) fn identifier(chain: &str) -> Option<CertificateIdentifier<'static>> {
    let leaf = leaf(chain).ok()?;
    CertificateIdentifier::try_from(&leaf).ok().map(CertificateIdentifier::into_owned)
}

fn serial(chain: &str) -> Result<String, AcmeError> {
    let leaf = leaf(chain)?;
    let (_, told) =
        x509_parser::parse_x509_certificate(&leaf).map_err(|error| AcmeError::Kept(error.to_string()))?;
    Ok(sealing::hex(told.raw_serial()))
}
