//! A second factor: codes of an authenticator (TOTP, RFC 6238) and codes of recovery, each good for one sign-in.

mod enrolment;
mod sign_in;
mod taken_away;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::accounts::{Account, random};
use crate::app::{App, SharedApp};

pub(super) use self::sign_in::ask;
pub use self::taken_away::{NotTaken, take_away};

/// Codes of recovery that are given out at once.
const RECOVERY_CODES: usize = 10;
/// Characters of such a code: 49 bits, and tries are slowed down.
const RECOVERY_LENGTH: usize = 10;
/// What is not mistaken for something else when it is copied by hand.
const CLEAR: &str = "abcdefghjkmnpqrstuvwxyz23456789";
/// RFC 4226 § 4 recommends 160 bits.
const SECRET_BYTES: usize = 20;
/// Seconds that a code is shown (RFC 6238 § 5.2).
const STEP: u64 = 30;

/// What an account asks beside the password, sealed with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The secret, in base 32.
    secret: String,
    /// Since when.
    pub since: Timestamp,
    /// The step of the last code that was taken: it and those before are of no more use (RFC 6238 § 5.2).
    step: u64,
    /// Keyed hashes of the codes of recovery that are left.
    recovery: Vec<String>,
}

/// How a code was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Of the authenticator.
    Authenticator,
    /// Of recovery; it serves no more.
    Recovery,
}

/// The routes of this folder.
pub(super) fn routes() -> axum::Router<SharedApp> {
    sign_in::routes().merge(enrolment::routes())
}

impl SecondFactor {
    /// How many codes of recovery are left.
    pub(super) fn recovery_left(&self) -> usize {
        self.recovery.len()
    }

    /// The same for another account of the same person: codes of recovery are hashed for one account.
    pub(super) fn without_recovery(self) -> Self {
        Self { recovery: Vec::new(), ..self }
    }

    /// What is left of it once a code was taken; none when the code is wrong, or was taken before.
    fn taking(&self, app: &App, account: &str, typed: &str) -> Option<(Self, Proof)> {
        let typed: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let typed = typed.to_lowercase();
        if let Some(step) = step_of(&self.secret, &typed, app.clock.now()).filter(|step| *step > self.step) {
            return Some((Self { step, ..self.clone() }, Proof::Authenticator));
        }
        let hash = recovery_hash(app, account, &typed);
        let recovery: Vec<String> = self.recovery.iter().filter(|known| **known != hash).cloned().collect();
        let known = recovery.len() < self.recovery.len();
        known.then_some((Self { recovery, ..self.clone() }, Proof::Recovery))
    }

    /// Codes of recovery that are left.
    fn left(&self) -> usize {
        self.recovery.len()
    }
}

/// A secret, in base 32.
fn draw() -> Result<String, random::NoRandomness> {
    Ok(Secret::from(random::bytes::<SECRET_BYTES>()?.to_vec()).to_base32())
}

/// The step whose code this is, if it is one of now or of a step beside: clocks of telephones differ.
fn step_of(secret: &str, code: &str, now: Timestamp) -> Option<u64> {
    totp(secret, "-")?.check(code, u64::try_from(now.as_second()).ok()?)
}

/// The generator of codes, for the authenticator of a holder.
fn totp(secret: &str, holder: &str) -> Option<Totp> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP)
        .with_skew(1)
        .with_secret(Secret::try_from_base32(secret).ok()?)
        .with_issuer(Some("AOPS Conseil"))
        .with_account_name(holder)
        .build()
        .ok()
}

/// New codes of recovery, to be shown once, and their keyed hashes.
fn recovery_codes(app: &App, account: &str) -> Result<(Vec<String>, Vec<String>), random::NoRandomness> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    while codes.len() < RECOVERY_CODES {
        let drawn = random::base62(64)?;
        let code: String = drawn.chars().filter(|c| CLEAR.contains(*c)).take(RECOVERY_LENGTH).collect();
        if code.len() == RECOVERY_LENGTH {
            codes.push(code);
        }
    }
    let hashes = codes.iter().map(|code| recovery_hash(app, account, code)).collect();
    let (half, told) = (RECOVERY_LENGTH / 2, codes.iter());
    Ok((told.map(|code| format!("{}-{}", &code[..half], &code[half..])).collect(), hashes))
}

fn recovery_hash(app: &App, account: &str, code: &str) -> String {
    app.sealer.lookup("recovery-code", &format!("{account}:{code}"))
}

impl Account {
    /// Whether signing in asks for a second factor.
    pub fn has_second_factor(&self) -> bool {
        self.second_factor.is_some()
    }
}

#[cfg(test)]
pub(super) mod tests;
