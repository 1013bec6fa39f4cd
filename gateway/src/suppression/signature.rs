//! Whether events come from SendGrid: its signature over the time and the raw bytes, by the clock port.
//!
//! ECDSA on P-256 with SHA-256, the signature in ASN.1, the public key as the X.509 SubjectPublicKeyInfo that
//! SendGrid shows in base64 (“Getting Started with the Event Webhook Security Features”).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use jiff::Timestamp;

/// The header field of the signature, in base64.
pub(super) const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
/// The header field of the time at which it was made, in seconds.
pub(super) const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";
/// How far from now a signature may have been made, either way.
const WINDOW_SECONDS: u64 = 300;

/// The public keys in use: several while one replaces another.
#[derive(Debug, Clone, Default)]
pub struct WebhookKeys(Vec<ParsedPublicKey>);

/// Not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "SENDGRID_WEBHOOK_KEY: not a public key of ECDSA on P-256 in base64; copy it from SendGrid's settings"
)]
pub struct NotAKey;

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    /// A field is missing, or stands twice.
    #[error("a field of the signature is missing or stands twice")]
    Missing,
    /// No key of ours fits.
    #[error("the signature is made with none of our keys")]
    Forged,
    /// Made too long before or after now.
    #[error("the signature is more than {WINDOW_SECONDS} s away from now")]
    Late,
}

impl WebhookKeys {
    /// These keys, each in base64, with or without PEM around it.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn new(keys: &[String]) -> Result<Self, NotAKey> {
        keys.iter().map(|key| parsed(key)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of the keys signed these bytes, lately.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub(super) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let time = only(headers, TIMESTAMP)?;
        let signature = STANDARD.decode(only(headers, SIGNATURE)?).map_err(|_| SignatureError::Forged)?;
        let signed = [time.as_bytes(), body].concat();
        if !self.0.iter().any(|key| key.verify_sig(&signed, &signature).is_ok()) {
            return Err(SignatureError::Forged);
        }
        let made: i64 = time.parse().map_err(|_| SignatureError::Late)?;
        if now.as_second().abs_diff(made) > WINDOW_SECONDS {
            return Err(SignatureError::Late);
        }
        Ok(())
    }
}

fn parsed(key: &str) -> Result<ParsedPublicKey, NotAKey> {
    let lines = key.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).map_err(|_| NotAKey)?;
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, der).map_err(|_| NotAKey)
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, SignatureError> {
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => field.to_str().map_err(|_| SignatureError::Forged),
        _ => Err(SignatureError::Missing),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    pub(crate) fn pair() -> (EcdsaKeyPair, String) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = STANDARD.encode(der.as_ref());
        (pair, public)
    }

    pub(crate) fn signed(pair: &EcdsaKeyPair, body: &[u8], at: i64) -> HeaderMap {
        let bytes = [at.to_string().as_bytes(), body].concat();
        let signature = pair.sign(&SystemRandom::new(), &bytes).unwrap();
        HeaderMap::from_iter([
            (SIGNATURE.parse().unwrap(), STANDARD.encode(signature).parse().unwrap()),
            (TIMESTAMP.parse().unwrap(), at.to_string().parse().unwrap()),
        ])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn sendgrid_s_own_example_verifies() {
        // The vector of its own library's tests: npm @sendgrid/eventwebhook 7.2.6.
        let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA==";
        let signature = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0=";
        let headers = HeaderMap::from_iter([
            (SIGNATURE.parse().unwrap(), signature.parse().unwrap()),
            (TIMESTAMP.parse().unwrap(), "1588788367".parse().unwrap()),
        ]);
        let body = br#"{"category":"example_payload","event":"test_event","message_id":"message_id"}"#;
        let keys = WebhookKeys::new(&[key.into()]).unwrap();
        assert_eq!(keys.verify(&headers, body, at(1_588_788_367)), Ok(()));
    }

    #[test]
    fn only_what_one_of_the_keys_signed_lately_is_believed() {
        let ((old, old_public), (new, new_public)) = (pair(), pair());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{new_public}\n-----END PUBLIC KEY-----\n");
        let keys = WebhookKeys::new(&[old_public.clone(), pem]).unwrap();
        for pair in [&old, &new] {
            let headers = signed(pair, b"[]", 1_000);
            for (now, judged) in [
                (1_000, Ok(())),
                (1_300, Ok(())),
                (700, Ok(())),
                (1_301, Err(SignatureError::Late)),
                (699, Err(SignatureError::Late)),
            ] {
                assert_eq!(keys.verify(&headers, b"[]", at(now)), judged, "{now}");
            }
            assert_eq!(keys.verify(&headers, b"[ ]", at(1_000)), Err(SignatureError::Forged));
            let mut moved = headers.clone();
            moved.insert(TIMESTAMP, "1001".parse().unwrap());
            assert_eq!(keys.verify(&moved, b"[]", at(1_000)), Err(SignatureError::Forged));
            let mut twice = headers.clone();
            twice.append(TIMESTAMP, "1000".parse().unwrap());
            assert_eq!(keys.verify(&twice, b"[]", at(1_000)), Err(SignatureError::Missing));
        }
        let stranger = signed(&pair().0, b"[]", 1_000);
        assert_eq!(keys.verify(&stranger, b"[]", at(1_000)), Err(SignatureError::Forged));
        let none = WebhookKeys::default();
        assert_eq!(none.verify(&signed(&old, b"[]", 1_000), b"[]", at(1_000)), Err(SignatureError::Forged));
        assert!(WebhookKeys::new(&["AAAA".into()]).is_err());
        assert!(WebhookKeys::new(&["pas une clé".into()]).is_err());
    }
}
