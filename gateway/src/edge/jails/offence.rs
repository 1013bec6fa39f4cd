//! What a client may do wrong, and how much of it is too much.

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// One kind of misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Offence {
    /// Asking for a page that does not exist.
    NotFound,
    /// Asking for what only an intruder looks for.
    Trap,
    /// A call whose signature is not good.
    BadSignature,
    /// A password that is not right.
    FailedSignIn,
    /// A key of the API that is none of ours.
    RefusedKey,
    /// What no honest client sends in HTTP.
    Malformed,
    /// Going on past a limit.
    Limited,
    /// A handshake that failed.
    FailedHandshake,
}

impl Offence {
    /// The label in metrics, in the configuration and in lists of bans.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Trap => "trap",
            Self::BadSignature => "bad_signature",
            Self::FailedSignIn => "failed_sign_in",
            Self::RefusedKey => "refused_key",
            Self::Malformed => "malformed",
            Self::Limited => "limited",
            Self::FailedHandshake => "failed_handshake",
        }
    }

    /// In words, before "at least 3 times".
    pub fn told(self) -> &'static str {
        match self {
            Self::NotFound => "asked for what does not exist",
            Self::Trap => "asked for what only intruders look for",
            Self::BadSignature => "sent a badly signed call",
            Self::FailedSignIn => "failed to sign in",
            Self::RefusedKey => "tried keys of the API",
            Self::Malformed => "broke the protocol",
            Self::Limited => "went on past a limit",
            Self::FailedHandshake => "failed the handshake",
        }
    }
}

/// A rule for each offence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    not_found: Rule,
    trap: Rule,
    bad_signature: Rule,
    failed_sign_in: Rule,
    refused_key: Rule,
    malformed: Rule,
    limited: Rule,
    failed_handshake: Rule,
}

/// So many times within so long, and the first term is so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// At least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub count: u32,
    /// From the first of them on.
    #[serde(deserialize_with = "positive")]
    pub within: SignedDuration,
    /// For the first time.
    #[serde(deserialize_with = "positive")]
    pub term: SignedDuration,
}

impl Rules {
    /// The rule of an offence.
    pub fn of(&self, offence: Offence) -> Rule {
        match offence {
            Offence::NotFound => self.not_found,
            Offence::Trap => self.trap,
            Offence::BadSignature => self.bad_signature,
            Offence::FailedSignIn => self.failed_sign_in,
            Offence::RefusedKey => self.refused_key,
            Offence::Malformed => self.malformed,
            Offence::Limited => self.limited,
            Offence::FailedHandshake => self.failed_handshake,
        }
    }
}

impl Default for Rules {
    /// What an office behind one address does on a bad day stays below each of them.
    fn default() -> Self {
        let rule = |count, within, term| Rule {
            count,
            within: SignedDuration::from_mins(within),
            term: SignedDuration::from_mins(term),
        };
        Self {
            not_found: rule(60, 1, 10),
            trap: rule(3, 10, 60),
            // A secret of ours that is out of step makes an honest processor look so too.
            bad_signature: rule(20, 10, 10),
            failed_sign_in: rule(30, 10, 15),
            // A client's program goes on with a key that was withdrawn until somebody looks.
            refused_key: rule(100, 10, 15),
            malformed: rule(10, 10, 30),
            limited: rule(300, 1, 10),
            failed_handshake: rule(100, 1, 5),
        }
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let count = u32::deserialize(deserializer)?;
    if count == 0 {
        Err(D::Error::custom("a count of 0 would jail everybody; write at least 1"))
    } else {
        Ok(count)
    }
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let duration = SignedDuration::deserialize(deserializer)?;
    if duration.is_positive() {
        Ok(duration)
    } else {
        Err(D::Error::custom("a duration above 0, such as 10m"))
    }
}
