//! Who may have to do with data sets. This is the one place that says so.

use http::HeaderMap;

use crate::accounts::{self, SignInNeeded, api_keys};
use crate::app::App;
use crate::web::WebError;

/// Who asks, and for which organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) organisation: String,
    pub(super) account: String,
}

/// A program, by its key.
///
/// # Errors
/// [`WebError::Unauthorized`].
pub(super) async fn program(app: &App, headers: &HeaderMap) -> Result<Who, WebError> {
    let client = api_keys::authenticate(app, headers).await?;
    Ok(Who { organisation: client.organisation, account: client.account })
}

/// Whoever is signed in; others are sent to sign in and then to `wanted`.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
pub(super) async fn person(app: &App, headers: &HeaderMap, wanted: &str) -> Result<Who, SignInNeeded> {
    let session = accounts::require(app, headers, wanted).await?;
    Ok(Who { organisation: session.organisation, account: session.account })
}
