//! What `site.toml` says of an authority and of how we show it that a name is ours.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use url::Url;

use crate::email::Email;

/// The `[gateway.tls.acme]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcmeConfig {
    /// The authority's directory, https alone.
    #[serde(deserialize_with = "https")]
    pub directory: Url,
    /// Whom the authority may write to.
    #[serde(default)]
    pub contact: Option<Email>,
    /// The root of the authority's own server, in PEM, where this machine does not know it.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// How we show that a name is ours: the first is tried first, the next after a failure.
    #[serde(default = "AcmeConfig::default_challenges", deserialize_with = "some")]
    pub challenges: Vec<Challenge>,
    /// The operator has read the authority's terms of service, and agrees.
    #[serde(deserialize_with = "agreed")]
    pub terms_agreed: bool,
}

/// How an authority sees that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Challenge {
    /// A file on the plain listener (RFC 8555 § 8.3).
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate on the TLS listener (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

impl Challenge {
    /// What to look at when it fails.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Http01 => {
                "port 80 of every name must lead to [gateway] http: look at the A and AAAA records, the firewall, \
                 lists of refused addresses and whatever forwards the port"
            }
            Self::TlsAlpn01 => {
                "port 443 of every name must lead to [gateway] https with no other TLS server between: look at the A \
                 and AAAA records, the firewall, lists of refused addresses and whatever forwards the port"
            }
        }
    }
}

impl AcmeConfig {
    fn default_challenges() -> Vec<Challenge> {
        vec![Challenge::Http01, Challenge::TlsAlpn01]
    }
}

fn https<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    let url = Url::parse(&text).map_err(|error| D::Error::custom(format_args!("`{text}`: {error}")))?;
    if url.scheme() == "https" {
        return Ok(url);
    }
    Err(D::Error::custom(format_args!("`{url}` must begin with https:// (RFC 8555 § 6.1)")))
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Challenge>, D::Error> {
    let challenges = Vec::deserialize(deserializer)?;
    if challenges.is_empty() {
        return Err(D::Error::custom("at least one of \"http-01\" and \"tls-alpn-01\" is needed"));
    }
    Ok(challenges)
}

fn agreed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    if bool::deserialize(deserializer)? {
        return Ok(true);
    }
    Err(D::Error::custom(
        "read the authority's terms of service; without terms_agreed = true it gives nothing",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_no_authority_would_take_is_refused_when_it_is_read() {
        let read = |change: Value| {
            let mut given = json!({ "directory": "https://ca.example/dir", "terms_agreed": true });
            for (key, value) in change.as_object().unwrap() {
                given[key] = value.clone();
            }
            serde_json::from_value::<AcmeConfig>(given).map_err(|error| error.to_string())
        };
        let good = read(json!({})).unwrap();
        assert_eq!(good.challenges, [Challenge::Http01, Challenge::TlsAlpn01]);
        for (change, told) in [
            (json!({ "directory": "http://ca.example/dir" }), "must begin with https://"),
            (json!({ "directory": "ca.example" }), "relative URL"),
            (json!({ "terms_agreed": false }), "terms of service"),
            (json!({ "challenges": [] }), "at least one"),
            (json!({ "challenges": ["dns-01"] }), "unknown variant `dns-01`"),
            (json!({ "contact": "nobody" }), "not an e-mail address"),
            (json!({ "email": "a@b.fr" }), "unknown field `email`"),
        ] {
            let error = read(change).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
