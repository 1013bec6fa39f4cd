//! One order, from the names to the chain (RFC 8555 § 7.4).

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use zeroize::Zeroizing;

use super::AcmeError;
use super::challenges::{Answered, Challenges};
use super::config::Challenge;
use super::error::is;

/// How the order's state is asked for: an authority looks from several places, in its own time.
const POLLS: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.4)
    .timeout(Duration::from_secs(180));
/// How often a step is done again for a nonce that the authority refuses; the library tries three each time.
const NONCES: usize = 24;

/// What an order brings.
pub(super) struct Issued {
    /// The chain in PEM, leaf first.
    pub(super) chain: String,
    /// The key, in PKCS #8.
    pub(super) key: Zeroizing<Vec<u8>>,
}

/// Orders a certificate for all names with a new key, ECDSA on P-256.
///
/// # Errors
/// [`AcmeError`], with what the authority says of each name.
pub(super) async fn issue(
    account: &Account,
    names: &[String],
    wanted: &[Challenge],
    challenges: &Arc<Challenges>,
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<Issued, AcmeError> {
    let identifiers: Vec<_> = names.iter().cloned().map(Identifier::Dns).collect();
    let mut new = NewOrder::new(&identifiers);
    if let Some(replaced) = replaces {
        new = new.replaces(replaced);
    }
    let mut nonces = Nonces::default();
    let mut order = loop {
        let done = account.new_order(&new).await;
        if !nonces.refused(&done) {
            break done?;
        }
    };
    let mut by = Vec::new();
    // Answered until the authority has looked.
    let answered = match answer(&mut order, wanted, challenges, &mut by, &mut nonces).await {
        // The first name is looked at while the others are answered: the whole order may be refused already.
        Err(AcmeError::Authority(error))
            if !by.is_empty() && UNPROVED.iter().any(|kind| is(&error, kind)) =>
        {
            return Err(AcmeError::Refused { told: format!("{}: {error}", names.join(", ")), by });
        }
        answered => answered?,
    };
    if order.state().status != OrderStatus::Ready {
        let looked = loop {
            let done = order.poll_ready(&POLLS).await;
            if !nonces.refused(&done) {
                break done;
            }
        };
        match looked {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => return Err(AcmeError::Refused { told: reasons(&mut order).await, by }),
            Err(Error::Api(problem)) => {
                let told = format!("{}: {problem}; {}", names.join(", "), reasons(&mut order).await);
                return Err(AcmeError::Refused { told, by });
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(answered);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key)?;
    loop {
        let done = order.finalize_csr(request.der()).await;
        if !nonces.refused(&done) {
            break done?;
        }
    }
    let chain = loop {
        let done = order.poll_certificate(&POLLS).await;
        if !nonces.refused(&done) {
            break done?;
        }
    };
    Ok(Issued { chain, key: Zeroizing::new(key.serialize_der()) })
}

/// Takes up a challenge for each name that the authority does not know to be ours yet; `by` tells of which kinds.
async fn answer(
    order: &mut Order,
    wanted: &[Challenge],
    challenges: &Arc<Challenges>,
    by: &mut Vec<Challenge>,
    nonces: &mut Nonces,
) -> Result<Vec<Answered>, AcmeError> {
    // What was fetched before a refused nonce is not fetched again.
    loop {
        let done = fetch(order).await;
        if !nonces.refused(&done) {
            break done?;
        }
    }
    let mut answered = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => {
                let told = format!("{name}: its authorization is {status:?} at once");
                return Err(AcmeError::Refused { told, by: by.clone() });
            }
        }
        let offers = |kind: &&Challenge| {
            authorization.challenges.iter().any(|offered| offered.r#type == named(**kind))
        };
        let kind = wanted.iter().find(offers).copied().ok_or_else(|| AcmeError::NoChallenge(name.clone()))?;
        let mut challenge =
            authorization.challenge(named(kind)).ok_or_else(|| AcmeError::NoChallenge(name.clone()))?;
        let proof = challenge.key_authorization();
        answered.push(match kind {
            Challenge::Http01 => challenges.answer_http(&challenge.token, &proof),
            Challenge::TlsAlpn01 => challenges.answer_tls(&name, &proof)?,
        });
        if !by.contains(&kind) {
            by.push(kind);
        }
        loop {
            let done = challenge.set_ready().await;
            if !nonces.refused(&done) {
                break done?;
            }
        }
    }
    Ok(answered)
}

async fn fetch(order: &mut Order) -> Result<(), Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        authorization?;
    }
    Ok(())
}

/// What an authority calls a name that it did not find to be ours (RFC 8555 § 6.7).
const UNPROVED: [&str; 5] = ["unauthorized", "connection", "dns", "tls", "incorrectResponse"];

/// Nonces that the authority refused: the step is to be done again then (RFC 8555 § 6.5), but not for ever.
#[derive(Debug, Default)]
pub(super) struct Nonces(usize);

impl Nonces {
    /// Whether a step failed for its nonce alone.
    pub(super) fn refused<T>(&mut self, done: &Result<T, Error>) -> bool {
        let refused = done.as_ref().is_err_and(|error| is(error, "badNonce"));
        self.0 += usize::from(refused);
        refused && self.0 < NONCES
    }
}

/// What the authority says of each name that it did not find to be ours.
async fn reasons(order: &mut Order) -> String {
    let mut nonces = Nonces::default();
    let mut told = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let refreshed = loop {
            let done = authorization.refresh().await.map(drop);
            if !nonces.refused(&done) {
                break done;
            }
        };
        if refreshed.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let faults = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        told.extend(faults.map(|problem| format!("{name}: {problem}")));
    }
    if told.is_empty() { "it does not say why".to_owned() } else { told.join("; ") }
}

fn named(kind: Challenge) -> ChallengeType {
    match kind {
        Challenge::Http01 => ChallengeType::Http01,
        Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}

#[cfg(test)]
mod tests {
    use instant_acme::Problem;

    use super::*;

    fn refused(kind: &str) -> Error {
        let problem = serde_json::json!({ "type": format!("urn:ietf:params:acme:error:{kind}") });
        serde_json::from_value::<Problem>(problem).unwrap().into()
    }

    #[test]
    fn a_step_is_done_again_for_a_bad_nonce_and_for_nothing_else_and_not_for_ever() {
        let mut nonces = Nonces::default();
        assert!(!nonces.refused(&Ok(())));
        assert!(!nonces.refused::<()>(&Err(refused("rateLimited"))));
        assert!(!nonces.refused::<()>(&Err(Error::Str("no answer"))));
        let again = (0..100).take_while(|_| nonces.refused::<()>(&Err(refused("badNonce")))).count();
        assert_eq!(again, NONCES - 1);
    }
}
