//! The secret that a webhook is signed with, and signatures as Standard Webhooks 1.0 has them: HMAC-SHA-256 over the
//! message's name, the second of the try and the body. One that was replaced signs beside its successor for a day.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::accounts::random::{self, NoRandomness};

/// Before every secret, so that scanners find one that leaked.
const PREFIX: &str = "whsec_";
const BYTES: usize = 32;
/// A secret that was replaced signs so much longer.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// A secret as its owner has it: `whsec_` and base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A new one, of 256 bits.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(super) fn draw() -> Result<Self, NoRandomness> {
        Ok(Self(format!("{PREFIX}{}", STANDARD.encode(random::bytes::<BYTES>()?))))
    }

    /// To be shown once.
    pub(super) fn shown(&self) -> &str {
        &self.0
    }

    fn sign(&self, message: &str, second: i64, body: &str) -> Option<String> {
        let key = STANDARD.decode(self.0.strip_prefix(PREFIX)?).ok()?;
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&key).ok()?;
        mac.update(format!("{message}.{second}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The secret of a webhook, and the one before it for as long as that signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secrets {
    secret: Secret,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    former: Option<Former>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Former {
    secret: Secret,
    until: Timestamp,
}

impl Secrets {
    /// A first one.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(super) fn draw() -> Result<Self, NoRandomness> {
        Ok(Self { secret: Secret::draw()?, former: None })
    }

    /// Another in the place of the one there is, which signs a day longer.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(super) fn renewed(&self, now: Timestamp) -> Result<Self, NoRandomness> {
        let until = now.saturating_add(OVERLAP).unwrap_or(Timestamp::MAX);
        Ok(Self { secret: Secret::draw()?, former: Some(Former { secret: self.secret.clone(), until }) })
    }

    /// The one that is in force.
    pub(super) fn current(&self) -> &Secret {
        &self.secret
    }

    /// Until when the one before signs too, if it does.
    pub(super) fn former_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.former.as_ref().map(|former| former.until).filter(|until| *until > now)
    }

    /// The value of `webhook-signature`: one signature a secret, the newest first.
    pub(super) fn sign(&self, message: &str, now: Timestamp, body: &str) -> String {
        let former = self.former.as_ref().filter(|former| former.until > now).map(|former| &former.secret);
        let signed = [Some(&self.secret), former].into_iter().flatten();
        let signed = signed.filter_map(|secret| secret.sign(message, now.as_second(), body));
        signed.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of Standard Webhooks' own libraries.
        let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_was_replaced_signs_a_day_longer_and_a_new_one_is_never_the_same() {
        let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        let first = Secrets::draw().unwrap();
        assert!(first.current().shown().starts_with(PREFIX));
        assert_eq!(first.sign("m", now, "b").split(' ').count(), 1);
        let second = first.renewed(now).unwrap();
        assert_ne!(second.current(), first.current());
        let hours = |hours| now + SignedDuration::from_hours(hours);
        let old = first.sign("m", hours(23), "b");
        let signed = second.sign("m", hours(23), "b");
        assert_eq!(signed.split(' ').collect::<Vec<_>>()[1], old);
        assert_eq!(second.sign("m", hours(24), "b").split(' ').count(), 1);
        assert_eq!((second.former_until(now), second.former_until(hours(24))), (Some(hours(24)), None));
    }

    #[test]
    fn a_secret_is_in_no_message_of_ours() {
        let secrets = Secrets::draw().unwrap();
        assert!(!format!("{secrets:?}").contains(PREFIX));
    }
}
