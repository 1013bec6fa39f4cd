//! What keeps robots out of the public forms without a third party and without asking anything of people: a
//! field that only robots fill, a proof of work that the browser finds by itself, and how many posts come from
//! one client. No post is lost: what looks doubtful is shown again, with a button.

pub mod altcha;
mod confirmation;

use std::fmt;
use std::num::NonZeroU32;

use axum::response::Response;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use self::altcha::routes;
use crate::app::App;
use crate::edge::prefix::ClientPrefix;
use crate::records::{self, RecordError};
use crate::sealing::Sealer;
use crate::store::{Batch, Expect, StoreError};
use crate::web::posted::Posted;

/// The field that people do not see; filled, the post is a robot's.
pub const TRAP: &str = "site_web";
/// The field of the proof of work.
const PROOF: &str = "altcha";
/// The field of the button on the page that shows a doubtful post again.
const CONFIRMATION: &str = "confirmation";
/// What a form that is guarded takes besides its own fields.
pub const FIELDS: [&str; 3] = [TRAP, PROOF, CONFIRMATION];

/// Proofs and confirmations that have served, until they end.
const USED: &str = "used_once";
/// Posts an hour from one client before a proof or a confirmation is asked for.
const HOURLY: u32 = 30;
/// Past so many clients remembered, those at rest are forgotten.
const KEYS_BEFORE_SWEEP: usize = 100_000;
/// From this score on, a post is to be confirmed.
const DOUBTFUL: u8 = 2;

/// What the guard remembers, in memory alone: how often each client has posted.
pub struct Antispam {
    posts: DefaultKeyedRateLimiter<ClientPrefix>,
    /// Signs challenges.
    key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Antispam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Antispam").finish_non_exhaustive()
    }
}

/// What is to be done with a post.
#[derive(Debug)]
pub enum Verdict {
    /// It goes its way; what was noticed of it nevertheless, in words.
    Keep(Vec<&'static str>),
    /// It is shown again, to be confirmed.
    Ask(Box<Response>),
}

impl Antispam {
    /// A guard whose hourly limit is multiplied by `factor`.
    pub fn new(sealer: &Sealer, factor: u32) -> Self {
        let hourly = NonZeroU32::new(HOURLY.saturating_mul(factor)).unwrap_or(NonZeroU32::MIN);
        let posts = RateLimiter::dashmap(Quota::per_hour(hourly).allow_burst(hourly));
        Self { posts, key: sealer.derive("altcha") }
    }

    /// Forgets clients whose allowance is whole again, where many are remembered.
    pub fn sweep(&self) {
        if self.posts.len() > KEYS_BEFORE_SWEEP {
            self.posts.retain_recent();
            self.posts.shrink_to_fit();
        }
    }
}

/// Whether the field that people do not see was filled: a robot's post, which is told that all went well, and of
/// which nothing is kept.
pub fn trapped(posted: &Posted, form: &'static str) -> bool {
    let trapped = posted.fields.get(TRAP).is_some_and(|value| !value.trim().is_empty());
    if trapped {
        count(form, "trap");
    }
    trapped
}

/// Judges a post whose fields are right: each doubt adds to a score, and a proof or a confirmation answers it.
///
/// No proof, an old or a used one: 1. Written faster than anybody types: 1. More posts than people send from one
/// client: 1. A proof that we did not ask for: 2.
///
/// # Errors
/// [`RecordError`]: whether a proof was used before could not be told.
pub async fn judge(
    app: &App,
    posted: &Posted,
    form: &'static str,
    action: &str,
) -> Result<Verdict, RecordError> {
    let often = app.antispam.posts.check_key(&ClientPrefix::of(posted.peer)).is_err();
    let (doubt, outcome) = proven(app, posted).await?;
    let score = doubt + u8::from(often);
    let mut doubts: Vec<&'static str> = told(outcome).into_iter().collect();
    if often {
        doubts.push("more posts within an hour than people send from one address (+1)");
    }
    if score < DOUBTFUL {
        count(form, outcome);
        return Ok(Verdict::Keep(doubts));
    }
    let now = app.clock.now();
    let typed = posted.fields.get(CONFIRMATION).map_or("", String::as_str);
    if confirmation::accepted(app, form, typed, now).await? {
        count(form, "confirmed");
        return Ok(Verdict::Keep(doubts));
    }
    count(form, "asked");
    let token = confirmation::token(app, form, now)?;
    Ok(Verdict::Ask(Box::new(posted.to_confirm(app, form, action, &token))))
}

/// What an outcome of the proof is called where staff read it.
fn told(outcome: &str) -> Option<&'static str> {
    match outcome {
        "unproven" => Some("no proof of work: no script ran, or it is a program (+1)"),
        "expired" => Some("a proof of work past its hour (+1)"),
        "forged" => Some("a proof of work that was never asked for, confirmed on a second look (+1)"),
        "used" => Some("a proof of work used before (+1)"),
        "hasty" => Some("filled in faster than anybody types (+1)"),
        _ => None,
    }
}

/// How much doubt the proof leaves, and how metrics call it.
async fn proven(app: &App, posted: &Posted) -> Result<(u8, &'static str), RecordError> {
    let Some(typed) = posted.fields.get(PROOF).filter(|typed| !typed.is_empty()) else {
        return Ok((1, "unproven"));
    };
    let now = app.clock.now();
    match altcha::verify(&app.antispam.key, typed, now) {
        Err(altcha::Refused::Expired) => Ok((1, "expired")),
        Err(altcha::Refused::Forged) => Ok((2, "forged")),
        Ok(proof) if !altcha::spend(app, &proof).await? => Ok((1, "used")),
        Ok(proof) if proof.hasty(now) => Ok((1, "hasty")),
        Ok(_) => Ok((0, "proven")),
    }
}

/// Notes until `expires` that something was used, by a name that says nothing of anybody; whether it had not been.
async fn once(app: &App, name: &str, expires: Timestamp) -> Result<bool, RecordError> {
    let mut batch = Batch::new(format!("used-{}", name.get(..2).unwrap_or_default()));
    records::put_plain(&mut batch, USED, name, Expect::Absent, &(), Some(expires))?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn count(form: &'static str, outcome: &'static str) {
    metrics::counter!("aops_form_posts_total", "form" => form, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
    use jiff::SignedDuration;

    use super::*;
    use crate::app::SharedApp;
    use crate::{contact, testing};

    async fn write(app: &SharedApp, more: &str) -> StatusCode {
        let form = format!("nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message={more}");
        testing::post(app, "/contact", &HeaderMap::new(), &form).await.status()
    }

    async fn proof(app: &SharedApp) -> String {
        let answer = testing::ask(app, Method::GET, "/altcha/defi", &HeaderMap::new(), Body::empty()).await;
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        let challenge = serde_json::from_str(&testing::text(answer).await).unwrap();
        altcha::tests::solved(&challenge).replace('+', "%2B").replace('=', "%3D")
    }

    #[tokio::test]
    async fn a_robot_that_fills_the_hidden_field_is_told_that_all_went_well() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        assert_eq!(write(&app, "m&site_web=https%3A%2F%2Fspam.example").await, StatusCode::SEE_OTHER);
        let answer = testing::post(&app, "/newsletter", &HeaderMap::new(), "email=no&site_web=x").await;
        assert_eq!(testing::location(&answer), "/newsletter/merci");
        assert!(contact::list(&app).await.unwrap().is_empty());
        assert_eq!(write(&app, "m&site_web=").await, StatusCode::SEE_OTHER);
        assert_eq!(contact::list(&app).await.unwrap().len(), 1, "people leave it empty");
    }

    #[tokio::test]
    async fn past_the_hourly_count_a_proof_passes_once_and_others_are_asked_to_confirm() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        for number in 0..HOURLY {
            assert_eq!(write(&app, &format!("m{number}")).await, StatusCode::SEE_OTHER, "{number}");
        }
        assert_eq!(write(&app, "without").await, StatusCode::UNPROCESSABLE_ENTITY);
        // Solved faster than a person types.
        let hasty = proof(&app).await;
        assert_eq!(write(&app, &format!("hasty&altcha={hasty}")).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(contact::list(&app).await.unwrap().len(), HOURLY as usize, "none of them was kept");

        let slow = proof(&app).await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        assert_eq!(write(&app, &format!("slow&altcha={slow}")).await, StatusCode::SEE_OTHER);
        assert_eq!(write(&app, &format!("slow&altcha={slow}")).await, StatusCode::SEE_OTHER, "posted twice");
        assert_eq!(write(&app, &format!("other&altcha={slow}")).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(contact::list(&app).await.unwrap().len(), HOURLY as usize + 1);
    }

    #[tokio::test]
    async fn a_forged_proof_is_asked_to_confirm_and_the_confirmation_keeps_the_message() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        assert_eq!(write(&app, "m&altcha=AAAA").await, StatusCode::UNPROCESSABLE_ENTITY);
        let json = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        let answer = testing::post(&app, "/newsletter", &json, "email=a%40example.org&altcha=AAAA").await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let told: serde_json::Value = serde_json::from_str(&testing::text(answer).await).unwrap();
        assert_eq!(told["errors"]["confirmation"], "confirm");
        let past = app.clock.now() - SignedDuration::from_secs(5);
        let token = confirmation::token(&app, "contact", past).unwrap();
        let confirmed = format!("m&altcha=AAAA&confirmation={token}");
        assert_eq!(write(&app, &confirmed).await, StatusCode::SEE_OTHER);
        assert_eq!(contact::list(&app).await.unwrap().len(), 1);
    }
}
