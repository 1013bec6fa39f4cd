//! Proof of work by the ALTCHA protocol (altcha.org, “Proof of work”, version 1): the browser looks for the number
//! whose hash, with our salt before it, is the one we gave. It is found without the visitor and without a third
//! party, serves once, and costs us two hashes.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::{App, SharedApp};
use crate::records::RecordError;
use crate::sealing::{self, SealError, authenticated};
use crate::web::WebError;

const ALGORITHM: &str = "SHA-256";
/// The number looked for is no greater: a telephone finds it in a second or two.
const MAX_NUMBER: u32 = 40_000;
/// How long a challenge serves: as long as it takes to write a message.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// Nobody fills in a form in less, from the first field on.
const HASTE: SignedDuration = SignedDuration::from_secs(2);
/// The longest proof that is looked at, in bytes of base64.
const PROOF_LIMIT: usize = 1_024;

/// What the browser is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Challenge {
    algorithm: &'static str,
    challenge: String,
    maxnumber: u32,
    salt: String,
    signature: String,
}

/// What the browser answers, as base64 of JSON.
#[derive(Debug, Deserialize)]
struct Answer {
    algorithm: String,
    challenge: String,
    number: u32,
    salt: String,
    signature: String,
}

/// A proof that holds, before it is known whether it has served already.
#[derive(Debug)]
pub struct Proof {
    challenge: String,
    expires: Timestamp,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was good until an instant that has passed.
    #[error("the proof of work has expired")]
    Expired,
    /// Not one of our challenges, or not its number.
    #[error("the proof of work is not the answer to a challenge of ours")]
    Forged,
}

impl Proof {
    /// Whether the form was posted sooner after its first field was entered than anybody types.
    pub fn hasty(&self, now: Timestamp) -> bool {
        self.expires.duration_since(now) > LIFETIME - HASTE
    }
}

/// The route of the challenge.
pub fn routes() -> Router<SharedApp> {
    Router::new().route("/altcha/defi", get(challenge))
}

/// `GET /altcha/defi`: a challenge of its own for each who asks; nothing is stored.
async fn challenge(State(app): State<SharedApp>) -> Result<Response, WebError> {
    let fault = |error: SealError| WebError::Internal(error.to_string());
    let number = u32::from_be_bytes(sealing::random().map_err(fault)?) % MAX_NUMBER;
    let salt = sealing::random::<12>().map_err(fault)?;
    let challenge = new(&app.antispam.key, &salt, number, app.clock.now());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(challenge)).into_response())
}

/// A challenge whose answer is `number`.
fn new(key: &[u8; 32], random: &[u8; 12], number: u32, now: Timestamp) -> Challenge {
    let expires = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    // The mark at the end keeps digits of the number from passing for digits of the date (CVE-2025-68113).
    let salt = format!("{}?expires={}&", sealing::hex(random), expires.as_second());
    let challenge = hash(&salt, number);
    let signature = sign(key, &challenge);
    Challenge { algorithm: ALGORITHM, challenge, maxnumber: MAX_NUMBER, salt, signature }
}

/// Whether an answer fits a challenge of ours that still serves.
///
/// # Errors
/// [`Refused`].
pub fn verify(key: &[u8; 32], answer: &str, now: Timestamp) -> Result<Proof, Refused> {
    if answer.len() > PROOF_LIMIT {
        return Err(Refused::Forged);
    }
    let bytes = STANDARD.decode(answer).map_err(|_| Refused::Forged)?;
    let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| Refused::Forged)?;
    let signed = sign(key, &answer.challenge);
    let ours = bool::from(signed.as_bytes().ct_eq(answer.signature.as_bytes()));
    let found = hash(&answer.salt, answer.number) == answer.challenge;
    if !ours || !found || answer.algorithm != ALGORITHM {
        return Err(Refused::Forged);
    }
    let end = answer.salt.split_once("?expires=").and_then(|(_, rest)| rest.strip_suffix('&')?.parse().ok());
    let expires = end.and_then(|second| Timestamp::from_second(second).ok()).ok_or(Refused::Forged)?;
    if now >= expires {
        return Err(Refused::Expired);
    }
    Ok(Proof { challenge: answer.challenge, expires })
}

/// Uses a proof; whether it had not been used before.
///
/// # Errors
/// [`RecordError`]: the store could not tell.
pub async fn spend(app: &App, proof: &Proof) -> Result<bool, RecordError> {
    super::once(app, &proof.challenge, proof.expires).await
}

fn hash(salt: &str, number: u32) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(number.to_string()).finalize();
    sealing::hex(&digest)
}

fn sign(key: &[u8; 32], challenge: &str) -> String {
    sealing::hex(&authenticated(key, &[challenge.as_bytes()]))
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The answer of a browser to a challenge.
    pub(crate) fn solved(challenge: &serde_json::Value) -> String {
        let text = |name: &str| challenge[name].as_str().unwrap();
        let number =
            (0..=MAX_NUMBER).find(|number| hash(text("salt"), *number) == text("challenge")).unwrap();
        let answer = json!({
            "algorithm": "SHA-256", "challenge": text("challenge"), "number": number,
            "salt": text("salt"), "signature": text("signature"),
        });
        STANDARD.encode(answer.to_string())
    }

    fn asked() -> serde_json::Value {
        serde_json::to_value(new(&KEY, &[1; 12], 321, at(1_000))).unwrap()
    }

    #[test]
    fn the_number_looked_for_proves_the_work_until_the_challenge_ends() {
        let answer = solved(&asked());
        let proof = verify(&KEY, &answer, at(1_001)).unwrap();
        assert!(proof.hasty(at(1_001)) && !proof.hasty(at(1_002)));
        assert!(verify(&KEY, &answer, at(4_599)).is_ok());
        assert_eq!(verify(&KEY, &answer, at(4_600)).unwrap_err(), Refused::Expired);
        assert_eq!(verify(&[8; 32], &answer, at(1_001)).unwrap_err(), Refused::Forged);
    }

    #[test]
    fn nothing_else_proves_it() {
        let good = String::from_utf8(STANDARD.decode(solved(&asked())).unwrap()).unwrap();
        let altered = [
            good.replace("321", "322"),
            good.replace("SHA-256", "SHA-1"),
            good.replace("?expires=4600&", "?expires=9600&"),
            // The first digit of the number as the last one of the date: the hash would be the same.
            good.replace("4600&", "4600&3").replace("321", "21"),
            "{}".into(),
            String::new(),
        ];
        for answer in altered {
            let answer = STANDARD.encode(&answer);
            assert_eq!(verify(&KEY, &answer, at(1_001)).unwrap_err(), Refused::Forged, "{answer}");
        }
        assert_eq!(verify(&KEY, "é", at(1_001)).unwrap_err(), Refused::Forged);
        assert_eq!(verify(&KEY, &"A".repeat(5_000), at(1_001)).unwrap_err(), Refused::Forged);
    }
}
