//! The newsletter's routes.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use crate::app::SharedApp;
use crate::newsletter::{self, Confirmed};
use crate::web::error::WebError;
use crate::web::posted::Posted;
use crate::web::{negotiation, render};

/// `/newsletter`, its thanks, its confirmation and its unsubscription.
pub fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/newsletter", post(subscribe))
        .route("/newsletter/merci", get(thanks))
        .route("/newsletter/confirmation", get(confirm))
        // A mail client posts here by itself (RFC 8058): the signed link is the proof, not the origin.
        .route("/newsletter/desinscription", get(ask_to_leave).post(leave))
}

/// What links of ours bear.
#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default)]
    jeton: String,
}

async fn subscribe(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    let mut check = posted.check(&["email"]);
    let email = check.email("email");
    match (check.finish(), email) {
        (Ok(()), Some(email)) => {
            newsletter::subscribe(&app, &email, posted.language).await?;
            Ok(posted.accepted("/newsletter/merci"))
        }
        (Err(errors), _) => Ok(posted.refused(&app, "newsletter", "/newsletter", &errors)),
        // A checker without errors has given the address.
        (Ok(()), None) => Err(WebError::BadRequest("no address")),
    }
}

async fn thanks(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    let context = json!({ "kind": "newsletter" });
    render(&app, StatusCode::OK, language, "merci.newsletter.title", "gateway/merci.html", context)
}

async fn confirm(
    State(app): State<SharedApp>,
    Query(link): Query<Link>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let (status, state) = match newsletter::confirm(&app, &link.jeton).await? {
        Confirmed::Yes => (StatusCode::OK, "confirmed"),
        Confirmed::Expired => (StatusCode::GONE, "expired"),
        Confirmed::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let language = negotiation::language(&uri, &headers);
    let title = format!("newsletter_confirmation.{state}.title");
    let context = json!({ "state": state });
    Ok(render(&app, status, language, &title, "gateway/newsletter_confirmation.html", context))
}

async fn ask_to_leave(
    State(app): State<SharedApp>,
    Query(link): Query<Link>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let good = newsletter::may_unsubscribe(&app, &link.jeton);
    let (status, state) = if good { (StatusCode::OK, "ask") } else { (StatusCode::BAD_REQUEST, "invalid") };
    told_of_leaving(&app, status, state, &link.jeton, &uri, &headers)
}

async fn leave(
    State(app): State<SharedApp>,
    Query(link): Query<Link>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let left = newsletter::unsubscribe(&app, &link.jeton).await?;
    if left && negotiation::wants_json(&headers) {
        return Ok((StatusCode::OK, axum::Json(json!({}))).into_response());
    }
    let (status, state) = if left { (StatusCode::OK, "done") } else { (StatusCode::BAD_REQUEST, "invalid") };
    Ok(told_of_leaving(&app, status, state, &link.jeton, &uri, &headers))
}

fn told_of_leaving(
    app: &SharedApp,
    status: StatusCode,
    state: &str,
    token: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response {
    let language = negotiation::language(uri, headers);
    let title = format!("newsletter_desinscription.{state}.title");
    let context = json!({ "state": state, "token": token });
    render(app, status, language, &title, "gateway/newsletter_desinscription.html", context)
}
