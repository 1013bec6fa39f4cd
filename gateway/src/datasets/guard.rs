//! For whom data sets are asked, by a program or by a person. Whether they may was decided before (`authorisation`).

use http::HeaderMap;

use crate::accounts::api_keys::ApiClient;
use crate::accounts::{self, SignInNeeded};
use crate::app::App;

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
