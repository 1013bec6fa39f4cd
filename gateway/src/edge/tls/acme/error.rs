//! Why there is no new certificate, and what to do about it.

use super::config::Challenge;
use crate::edge::tls::TlsError;
use crate::sealing::SealError;
use crate::store::StoreError;

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The authority, or the way to it.
    #[error("the authority gives nothing: {}", chained(.0))]
    Authority(#[from] instant_acme::Error),
    /// The authority did not find a name to be ours.
    #[error("the authority does not find that the names are ours: {told}; {}", advice(.by))]
    Refused {
        /// What it says of each name.
        told: String,
        /// How we tried to show it.
        by: Vec<Challenge>,
    },
    /// None of our challenges is offered.
    #[error("for {0} the authority offers none of [gateway.tls.acme] challenges")]
    NoChallenge(String),
    /// It takes too long.
    #[error("the authority did not answer in time; ask again")]
    Slow,
    /// The last order failed so.
    #[error("{0}")]
    Failed(String),
    /// The key or the request cannot be made.
    #[error("the certificate's request cannot be made: {0}")]
    Making(#[from] rcgen::Error),
    /// What came cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What is kept cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept is not what was written.
    #[error("what is kept of [gateway.tls.acme] cannot be read: {0}")]
    Kept(String),
    /// Nothing to revoke.
    #[error("no certificate has been obtained yet")]
    Nothing,
    /// No such table, or no gateway that runs.
    #[error("this needs a running gateway with the table [gateway.tls.acme] in site.toml")]
    NotRunning,
}

impl AcmeError {
    /// Whether the authority names this kind of problem (RFC 8555 § 6.7).
    pub(super) fn is(&self, kind: &str) -> bool {
        matches!(self, Self::Authority(error) if is(error, kind))
    }
}

/// Whether an error is the authority's problem of this kind (RFC 8555 § 6.7).
pub(super) fn is(error: &instant_acme::Error, kind: &str) -> bool {
    let instant_acme::Error::Api(problem) = error else { return false };
    let told = problem.r#type.as_deref().and_then(|told| told.strip_prefix("urn:ietf:params:acme:error:"));
    told == Some(kind)
}

fn advice(by: &[Challenge]) -> String {
    by.iter().map(|kind| kind.advice()).collect::<Vec<_>>().join("; ")
}

/// An error with what caused it: "client error (Connect)" alone helps nobody.
fn chained(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_told = cause.to_string();
        if !told.contains(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        source = cause.source();
    }
    told
}
