//! What we answer while an authority looks whether a name is ours: HTTP-01 (RFC 8555 § 8.3) and TLS-ALPN-01 (RFC 8737).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use instant_acme::KeyAuthorization;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::ClientHello;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::edge::tls::TlsError;

/// The protocol of TLS-ALPN-01, never spoken otherwise.
const PROTOCOL: &[u8] = b"acme-tls/1";

/// The challenges that are open just now.
#[derive(Debug, Default)]
pub struct Challenges {
    /// For HTTP-01, by token.
    tokens: Mutex<HashMap<String, String>>,
    /// For TLS-ALPN-01, by name.
    names: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

/// One challenge that is answered for as long as this lives.
pub(super) struct Answered {
    challenges: Arc<Challenges>,
    what: Place,
}

enum Place {
    Token(String),
    Name(String),
}

impl Challenges {
    /// The answer to an HTTP-01 request.
    pub fn http(&self, token: &str) -> Option<String> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// Whether a handshake may be an authority's; if not, none is looked at twice.
    pub fn expects_handshakes(&self) -> bool {
        !self.names.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// How to go on with a handshake that offers `acme-tls/1` and nothing else, for a name under challenge.
    pub fn tls(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let mut offered = hello.alpn()?;
        let alone = offered.next() == Some(PROTOCOL) && offered.next().is_none();
        let name = hello.server_name().filter(|_| alone)?.to_ascii_lowercase();
        self.names.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }

    /// Answers HTTP-01 from now on.
    pub(super) fn answer_http(self: &Arc<Self>, token: &str, answer: &KeyAuthorization) -> Answered {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.to_owned(), answer.as_str().to_owned());
        Answered { challenges: Arc::clone(self), what: Place::Token(token.to_owned()) }
    }

    /// Answers TLS-ALPN-01 from now on.
    pub(super) fn answer_tls(
        self: &Arc<Self>,
        name: &str,
        answer: &KeyAuthorization,
    ) -> Result<Answered, TlsError> {
        let name = name.to_ascii_lowercase();
        let config = Arc::new(proof(&name, answer.digest().as_ref())?);
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), config);
        Ok(Answered { challenges: Arc::clone(self), what: Place::Name(name) })
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        let challenges = &self.challenges;
        match &self.what {
            Place::Token(token) => {
                challenges.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
            }
            Place::Name(name) => {
                challenges.names.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
            }
        }
    }
}

/// A self-signed certificate whose critical `acmeIdentifier` holds the digest (RFC 8737 § 3).
fn proof(name: &str, digest: &[u8]) -> Result<ServerConfig, TlsError> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider.key_provider.load_private_key(key)?;
    // Not `from_der`, which reads the certificate and refuses what is critical in it.
    let pair = CertifiedKey::new(vec![certificate.der().clone()], key);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Nothing of it is ever resumed.
    config.send_tls13_tickets = 0;
    Ok(config)
}
