//! The `[blobs]` table: where contents stand when they do not stand in the store.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

/// The `[blobs]` table of `site.toml`: a bucket of a server that speaks S3. Without it contents are in the store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobsConfig {
    /// The server, without the bucket: `https://fra1.digitaloceanspaces.com`; without TLS on this machine alone.
    #[serde(deserialize_with = "endpoint")]
    pub endpoint: Url,
    /// Its region, which signatures name.
    pub region: String,
    /// The bucket: of contents alone, which nobody but this service reads.
    pub bucket: String,
    /// The public half of the key; the secret one is `AOPS_BLOBS_SECRET`.
    pub access_key: String,
    /// The authority of the server's certificate, in PEM, instead of those that the system trusts.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// The longest that one call is waited for with its retries, in seconds, from 1 to 300.
    #[serde(default = "BlobsConfig::default_patience", deserialize_with = "patience")]
    pub patience_seconds: u64,
}

impl BlobsConfig {
    /// The longest that one call is waited for.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }

    fn default_patience() -> u64 {
        15
    }
}

fn endpoint<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    match Url::parse(&text) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "https" | "http") && url.path() == "/" => Ok(url),
        _ => Err(serde::de::Error::custom(format_args!(
            "`{text}` is no server; write https://host, the bucket apart in `bucket`"
        ))),
    }
}

fn patience<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=300).contains(&seconds) {
        return Ok(seconds);
    }
    Err(serde::de::Error::custom(format_args!("{seconds} seconds; from 1 to 300 are possible")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(endpoint: &str, more: &str) -> Result<BlobsConfig, toml::de::Error> {
        toml::from_str(&format!(
            "endpoint = \"{endpoint}\"\nregion = \"fra1\"\nbucket = \"contents\"\naccess_key = \"DO00\"\n{more}"
        ))
    }

    #[test]
    fn a_table_names_a_server_a_bucket_and_a_key() {
        let config = parsed("https://fra1.digitaloceanspaces.com", "").unwrap();
        assert_eq!(config.patience(), Duration::from_secs(15));
        for wrong in ["fra1.digitaloceanspaces.com", "ftp://a.example", "https://a.example/bucket", ""] {
            let told = parsed(wrong, "").unwrap_err().to_string();
            assert!(told.contains("write https://host"), "{told}");
        }
        assert!(parsed("https://a.example", "patience_seconds = 0").is_err());
        assert!(parsed("https://a.example", "secret = \"x\"").is_err(), "secrets stand in no file of ours");
    }
}
