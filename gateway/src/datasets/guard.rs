//! For whom data sets are asked, by a program or by a person. Whether they may was decided before (`authorisation`).

use http::HeaderMap;

use crate::accounts::api_keys::{self, ApiClient};
use crate::accounts::{self, SignInNeeded};
use crate::app::App;
use crate::web::WebError;

/// Who asks, and for which organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) organisation: String,
    pub(super) account: String,
}

impl From<ApiClient> for Who {
    fn from(client: ApiClient) -> Self {
        Self { organisation: client.organisation, account: client.account }
    }
}

/// Whoever is signed in; others are sent to sign in and then to `wanted`.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
pub(super) async fn person(app: &App, headers: &HeaderMap, wanted: &str) -> Result<Who, SignInNeeded> {
    let session = accounts::require(app, headers, wanted).await?;
    Ok(Who { organisation: session.organisation, account: session.account })
}

/// Refuses a program whose key ended while its file came: nothing is made of what it sent.
///
/// # Errors
/// [`WebError::Unauthorized`].
pub(super) async fn program_still(app: &App, headers: &HeaderMap) -> Result<(), WebError> {
    api_keys::authenticate(app, headers).await.map(drop)
}
