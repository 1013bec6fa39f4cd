//! `POST /compte/cle-acces`: signing in by a passkey alone. It verifies the person, so it stands for password and second
//! factor together.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Router};
use http::HeaderMap;
use serde_json::json;

use super::ceremony::{self, Asked, Occasion};
use crate::accounts::{LocalPath, sessions, sign_in};
use crate::app::{App, SharedApp};
use crate::edge::jails::Offence;
use crate::web::posted::Posted;
use crate::web::{Peer, WebError};

const PAGE: &str = "/compte/cle-acces";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, post(sign_in))
}

/// What the sign-in page asks of whoever has a passkey; nothing when it cannot be asked.
pub(in crate::accounts) fn offered(app: &App) -> Option<Asked> {
    ceremony::asked_of_anybody(app)
        .map_err(|error| tracing::error!(%error, "no passkey can be asked for"))
        .ok()
}

/// `POST /compte/cle-acces`: 303 with a new session, or 401 with the form.
async fn sign_in(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, WebError> {
    if let Err(errors) = posted.check(&["jeton", "reponse", "suite"]).finish() {
        return Ok(sign_in::refused_for(&app, &posted, errors));
    }
    let account = match ceremony::take(&app, None, &posted, Occasion::SignIn).await? {
        Ok(account) if account.verified => account,
        taken => {
            app.jails.saw(Offence::FailedSignIn, peer);
            let code = taken.err().unwrap_or("unverified");
            return Ok(sign_in::refused_for(&app, &posted, [("passkey".into(), code.into())].into()));
        }
    };
    let cookies = sessions::begin(&app, &headers, &account).await?;
    let wanted = posted.fields.get("suite").and_then(|suite| LocalPath::parse(suite));
    let mut response = match posted.wants_json {
        true => axum::Json(json!({})).into_response(),
        false => Redirect::to(wanted.as_ref().map_or(sign_in::AREA, LocalPath::as_str)).into_response(),
    };
    cookies.onto(&mut response);
    Ok(response)
}
