//! Whether a webhook comes from the payment processor: its signature over the raw bytes, by the clock port.
//!
//! The check is async-stripe's (HMAC-SHA-256, constant time, any `v1` of the field, 300 s either way). Its
//! own parsing of the event is not relied on: it wants every field of one API version, and an event of
//! another version is signed all the same.

use http::HeaderMap;
use jiff::Timestamp;
use stripe_webhook::{Webhook, WebhookError};

use crate::accounts::random::{self, NoRandomness};

/// The header field that bears the signature.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// The signing secrets in use: several while they are rolled.
#[derive(Clone)]
pub struct WebhookSecrets(Vec<zeroize::Zeroizing<String>>);

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature, or several fields of it.
    #[error("the Stripe-Signature field is missing or stands twice")]
    Missing,
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    Body,
    /// No secret of ours made it.
    #[error("the signature is not made with any of our secrets")]
    Forged,
    /// Made more than 300 s before or after now.
    #[error("the signature is more than 300 s away from now")]
    Late,
}

impl WebhookSecrets {
    /// These secrets; empty ones are none.
    pub fn new(secrets: &[String]) -> Self {
        let whole = secrets.iter().map(|secret| secret.trim()).filter(|secret| !secret.is_empty());
        Self(whole.map(|secret| zeroize::Zeroizing::new(secret.to_owned())).collect())
    }

    /// One secret that lives as long as this process.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generated() -> Result<Self, NoRandomness> {
        Ok(Self::new(&[format!("whsec_{}", random::base62(40)?)]))
    }

    /// Whether there is none: nothing is believed then.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body as text, once a secret of ours is known to have signed it.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify<'a>(
        &self,
        headers: &HeaderMap,
        body: &'a [u8],
        now: Timestamp,
    ) -> Result<&'a str, SignatureError> {
        let mut fields = headers.get_all(SIGNATURE_HEADER).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return Err(SignatureError::Missing);
        };
        let field = field.to_str().map_err(|_| SignatureError::Forged)?;
        let text = std::str::from_utf8(body).map_err(|_| SignatureError::Body)?;
        let mut verdict = Err(SignatureError::Forged);
        for secret in &self.0 {
            match Webhook::construct_event_with_timestamp(text, field, secret, now.as_second()) {
                // Parsing comes after the signature and its time, so its failure tells that both are right.
                Ok(_) | Err(WebhookError::BadParse(_)) => return Ok(text),
                Err(WebhookError::BadTimestamp(_)) => verdict = Err(SignatureError::Late),
                Err(_) => {}
            }
        }
        verdict
    }

    /// The signature field of a body, by the first secret; none without a secret.
    pub fn sign(&self, body: &str, now: Timestamp) -> Option<String> {
        Some(Webhook::generate_test_header(body, self.0.first()?, Some(now.as_second())))
    }
}

impl std::fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookSecrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const BODY: &str = r#"{"id":"evt_1","type":"checkout.session.completed","data":{"object":{}}}"#;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn secrets(of: &[&str]) -> WebhookSecrets {
        WebhookSecrets::new(&of.iter().map(|&s| s.to_owned()).collect::<Vec<_>>())
    }

    fn signed(field: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(SIGNATURE_HEADER),
            HeaderValue::from_str(field).unwrap(),
        )])
    }

    #[test]
    fn any_of_the_secrets_in_use_is_believed_and_no_other() {
        let field = secrets(&["whsec_old"]).sign(BODY, at(1_000)).unwrap();
        let rolled = secrets(&["whsec_new", "whsec_old"]);
        assert_eq!(rolled.verify(&signed(&field), BODY.as_bytes(), at(1_000)), Ok(BODY));
        for other in [secrets(&["whsec_new"]), secrets(&[]), secrets(&["", " "])] {
            assert_eq!(
                other.verify(&signed(&field), BODY.as_bytes(), at(1_000)),
                Err(SignatureError::Forged)
            );
        }
    }

    #[test]
    fn a_changed_body_a_changed_time_and_a_malformed_field_are_forged() {
        let ours = secrets(&["whsec_a"]);
        let field = ours.sign(BODY, at(1_000)).unwrap();
        let changed = BODY.replace("evt_1", "evt_2");
        assert_eq!(ours.verify(&signed(&field), changed.as_bytes(), at(1_000)), Err(SignatureError::Forged));
        let moved = field.replace("t=1000", "t=1001");
        for field in
            [moved.as_str(), "", "t=1000", "v1=00", "t=x,v1=00", "t=1000,v1=", "t=1000,v1=zz", "nonsense"]
        {
            let verdict = ours.verify(&signed(field), BODY.as_bytes(), at(1_000));
            assert_eq!(verdict, Err(SignatureError::Forged), "{field}");
        }
        assert_eq!(ours.verify(&HeaderMap::new(), BODY.as_bytes(), at(1_000)), Err(SignatureError::Missing));
        assert_eq!(ours.verify(&signed(&field), &[0xff], at(1_000)), Err(SignatureError::Body));
    }

    #[test]
    fn a_signature_is_good_for_300_seconds_either_way_by_our_clock() {
        let ours = secrets(&["whsec_a"]);
        let field = ours.sign(BODY, at(10_000)).unwrap();
        for (now, expected) in [
            (10_300, Ok(BODY)),
            (9_700, Ok(BODY)),
            (10_301, Err(SignatureError::Late)),
            (9_699, Err(SignatureError::Late)),
        ] {
            assert_eq!(ours.verify(&signed(&field), BODY.as_bytes(), at(now)), expected, "{now}");
        }
    }
}
