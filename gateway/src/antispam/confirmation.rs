//! The way that needs no script: a doubtful post is shown again with a token in its form, which serves once, and
//! only after the moment that a person needs to read the page.

use jiff::{SignedDuration, Timestamp};

use super::once;
use crate::app::App;
use crate::records::RecordError;
use crate::sealing;

const PURPOSE: &str = "form confirmation";
/// How long the page may be left open.
const LIFETIME: SignedDuration = SignedDuration::from_hours(2);
/// Nobody reads the page and presses its button in less.
const WAIT: SignedDuration = SignedDuration::from_secs(3);

/// A token for the page that shows a post again.
///
/// # Errors
/// [`RecordError`]: no randomness.
pub(super) fn token(app: &App, form: &str, now: Timestamp) -> Result<String, RecordError> {
    let until = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    let subject = format!("{}:{form}:{}", sealing::hex(&sealing::random::<12>()?), now.as_second());
    Ok(app.tokens.sign(PURPOSE, &subject, until))
}

/// Whether a token was given by that page for this form, long enough ago, and not used before.
///
/// # Errors
/// [`RecordError`]: the store could not tell.
pub(super) async fn accepted(
    app: &App,
    form: &str,
    token: &str,
    now: Timestamp,
) -> Result<bool, RecordError> {
    let Ok(subject) = app.tokens.verify(PURPOSE, token, now) else {
        return Ok(false);
    };
    let Some((given, second)) = subject.rsplit_once(':') else {
        return Ok(false);
    };
    let given_at = second.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    let Some((name, given_at)) = given.strip_suffix(&format!(":{form}")).zip(given_at) else {
        return Ok(false);
    };
    if now.duration_since(given_at) < WAIT {
        return Ok(false);
    }
    once(app, name, given_at.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_confirmation_serves_its_form_once_after_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
        let now = app.clock.now();
        let later = now + SignedDuration::from_secs(4);
        let given = token(&app, "contact", now).unwrap();
        assert!(!accepted(&app, "contact", &given, now).await.unwrap(), "too soon");
        assert!(!accepted(&app, "newsletter", &given, later).await.unwrap(), "another form");
        assert!(!accepted(&app, "contact", "", later).await.unwrap());
        assert!(accepted(&app, "contact", &given, later).await.unwrap());
        assert!(!accepted(&app, "contact", &given, later).await.unwrap(), "used");
        let end = now + LIFETIME;
        assert!(!accepted(&app, "contact", &token(&app, "contact", now).unwrap(), end).await.unwrap());
    }
}
