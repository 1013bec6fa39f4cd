//! Signed links: a token says what it is for, about whom, and until when; nobody else can make one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::sealing::{Sealer, authenticated};

/// The longest token that is looked at, in bytes.
const LENGTH_LIMIT: usize = 2048;
const MAC_BYTES: usize = 32;

/// Signs and verifies tokens.
pub struct Tokens {
    key: Zeroizing<[u8; 32]>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not one of ours, altered, or made for something else.
    #[error("the token is not valid")]
    Invalid,
    /// It was good until an instant that has passed.
    #[error("the token has expired")]
    Expired,
}

impl Tokens {
    /// Tokens under a key that follows from the store's root, and thus outlives a roll of the master key.
    pub fn new(sealer: &Sealer) -> Self {
        Self { key: sealer.derive("tokens") }
    }

    /// A token for one purpose, fit for a URL.
    pub fn sign(&self, purpose: &'static str, subject: &str, expires: Timestamp) -> String {
        let end = expires.as_second().to_be_bytes();
        let mac = authenticated(&self.key, &[purpose.as_bytes(), &end, subject.as_bytes()]);
        URL_SAFE_NO_PAD.encode([mac.as_slice(), &end, subject.as_bytes()].concat())
    }

    /// The subject of a token made for this purpose.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, purpose: &'static str, token: &str, now: Timestamp) -> Result<String, TokenError> {
        if token.len() > LENGTH_LIMIT {
            return Err(TokenError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError::Invalid)?;
        let (mac, rest) = bytes.split_first_chunk::<MAC_BYTES>().ok_or(TokenError::Invalid)?;
        let (end, subject) = rest.split_first_chunk::<8>().ok_or(TokenError::Invalid)?;
        let expected = authenticated(&self.key, &[purpose.as_bytes(), end, subject]);
        if !bool::from(expected.ct_eq(mac)) {
            return Err(TokenError::Invalid);
        }
        if now.as_second() >= i64::from_be_bytes(*end) {
            return Err(TokenError::Expired);
        }
        String::from_utf8(subject.to_vec()).map_err(|_| TokenError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sealing::MasterKey;

    fn tokens() -> Tokens {
        let key = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "test").unwrap();
        Tokens::new(&Sealer::new(vec![key]).unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_serves_its_purpose_until_its_end() {
        let tokens = tokens();
        let token = tokens.sign("confirm", "someone", at(100));
        assert_eq!(tokens.verify("confirm", &token, at(99)), Ok("someone".into()));
        assert_eq!(tokens.verify("confirm", &token, at(100)), Err(TokenError::Expired));
        assert_eq!(tokens.verify("unsubscribe", &token, at(99)), Err(TokenError::Invalid));
        for bad in ["", "x", "é", &token[1..], &"A".repeat(10_000)] {
            assert_eq!(tokens.verify("confirm", bad, at(99)), Err(TokenError::Invalid));
        }
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "[A-Za-z0-9_-]{0,120}") {
            prop_assert_eq!(tokens().verify("confirm", &text, at(0)), Err(TokenError::Invalid));
        }
    }
}
