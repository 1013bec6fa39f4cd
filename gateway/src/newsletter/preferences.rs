//! The page to which every letter leads: the language of the letters, staying, leaving, coming back.

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use super::pages::{token, verified};
use super::subscriber::{self, LEAVE, State as Standing, read};
use crate::app::{App, SharedApp};
use crate::email::Email;
use crate::tokens::TokenError;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

const PATH: &str = "/newsletter/preferences";

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(page).post(change))
}

/// `GET /newsletter/preferences`: where the subscription of the letter's reader stands; nothing is changed.
async fn page(app: State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let language = negotiation::language(&uri, &headers);
    match verified(&app, LEAVE, &uri) {
        Ok(id) => shown(&app, &id, language, &uri, "").await,
        Err(error) => Ok(refused(&app, error, language)),
    }
}

/// `POST /newsletter/preferences`: `action` is `langue` (with `langue`), `rester`, `quitter` or `reprendre`.
async fn change(State(app): State<SharedApp>, uri: Uri, posted: Posted) -> Result<Response, WebError> {
    let id = match verified(&app, LEAVE, &uri) {
        Ok(id) => id,
        Err(error) => return Ok(refused(&app, error, posted.language)),
    };
    let field = |name: &str| posted.fields.get(name).map(String::as_str);
    let done = match (field("action"), field("langue")) {
        (Some("langue"), Some(tag)) => {
            let language = Language::ALL.into_iter().find(|language| language.tag() == tag);
            let language = language.ok_or(WebError::BadRequest("no such language"))?;
            subscriber::choose(&app, &id, Some(language)).await?;
            "langue"
        }
        (Some("rester"), _) => {
            subscriber::choose(&app, &id, None).await?;
            "rester"
        }
        (Some("quitter"), _) => {
            subscriber::leave(&app, &id, None).await?;
            "quitter"
        }
        // As from the form: a letter asks for the confirmation.
        (Some("reprendre"), _) => {
            if let (Some(found), _) = read(&app, &id).await?
                && let Ok(email) = Email::parse(&found.email)
            {
                subscriber::ask(&app, &email, found.language, PATH).await?;
            }
            "reprendre"
        }
        _ => return Err(WebError::BadRequest("no such choice")),
    };
    shown(&app, &id, posted.language, &uri, done).await
}

async fn shown(app: &App, id: &str, language: Language, uri: &Uri, done: &str) -> Result<Response, WebError> {
    let (found, _) = read(app, id).await?;
    let state = match found.as_ref().map(|found| found.state) {
        Some(Standing::Confirmed) => "confirmed",
        Some(Standing::Pending) => "pending",
        Some(Standing::Unsubscribed) => "left",
        None => "none",
    };
    let context = json!({
        "state": state,
        "done": done,
        "token": token(uri),
        "email": found.as_ref().map(|found| found.email.as_str()),
        "chosen": found.as_ref().map(|found| found.language.tag()),
    });
    let title = "newsletter_preferences.title";
    Ok(render(app, StatusCode::OK, language, title, "gateway/newsletter_preferences.html", context))
}

fn refused(app: &App, error: TokenError, language: Language) -> Response {
    let (status, state) = match error {
        TokenError::Expired => (StatusCode::GONE, "expired"),
        TokenError::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let title = format!("newsletter_desinscription.{state}.title");
    let context = json!({ "state": state, "token": "" });
    render(app, status, language, &title, "gateway/newsletter_desinscription.html", context)
}
