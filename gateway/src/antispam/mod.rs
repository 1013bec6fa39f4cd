//! What keeps robots out of the public forms without a third party and without asking anything of people: a
//! field that only robots fill, a proof of work that the browser finds by itself, and how many posts come from
//! one client. No post is lost: what looks doubtful is shown again, with a button.

pub mod altcha;
mod confirmation;

use std::fmt;
use std::num::NonZeroU32;

use axum::response::Response;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use zeroize::Zeroizing;

pub use self::altcha::routes;
use crate::app::App;
use crate::edge::prefix::ClientPrefix;
use crate::records::RecordError;
use crate::sealing::Sealer;
use crate::web::posted::Posted;

/// The field that people do not see; filled, the post is a robot's.
pub const TRAP: &str = "site_web";
/// The field of the proof of work.
const PROOF: &str = "altcha";
/// The field of the button on the page that shows a doubtful post again.
const CONFIRMATION: &str = "confirmation";
/// What a form that is guarded takes besides its own fields.
pub const FIELDS: [&str; 3] = [TRAP, PROOF, CONFIRMATION];

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
    /// It goes its way.
    Keep,
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
    if score < DOUBTFUL {
        count(form, outcome);
        return Ok(Verdict::Keep);
    }
    let now = app.clock.now();
    let typed = posted.fields.get(CONFIRMATION).map_or("", String::as_str);
    if confirmation::accepted(app, form, typed, now).await? {
        count(form, "confirmed");
        return Ok(Verdict::Keep);
    }
    count(form, "asked");
    let token = confirmation::token(app, form, now)?;
    Ok(Verdict::Ask(Box::new(posted.to_confirm(app, form, action, &token))))
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

fn count(form: &'static str, outcome: &'static str) {
    metrics::counter!("aops_form_posts_total", "form" => form, "outcome" => outcome).increment(1);
}
