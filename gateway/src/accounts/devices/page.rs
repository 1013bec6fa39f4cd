//! `/espace-client/appareils`: the sessions that are open, and the end of one or of all others.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use crate::accounts::{self, SignInNeeded, sessions};
use crate::app::SharedApp;
use crate::audit::{self, Event};
use crate::store::Batch;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

pub(super) const PAGE: &str = "/espace-client/appareils";
/// What stands for all sessions but one's own.
const OTHERS: &str = "autres";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(end))
}

/// `GET /espace-client/appareils`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let query = negotiation::query(&uri)?;
    let rows = super::shown(&app, &account, sessions::name(&headers).as_deref()).await?;
    let context = json!({
        "sessions": rows,
        "done": query.get("fait"),
        "idle_minutes": sessions::IDLE.as_mins(),
        "absolute_hours": sessions::ABSOLUTE.as_hours(),
    });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "devices.title", "gateway/appareils.html", context))
}

/// `POST /espace-client/appareils`: ends a session by its name, or all others. No proof is asked for: whoever ends
/// sessions by mistake signs in again.
async fn end(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    let (account, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let checker = posted.check(&["session"]);
    if checker.finish().is_err() {
        return Err(WebError::BadRequest("a field is not known").into());
    }
    let named = posted.fields.get("session").map_or("", String::as_str);
    if named == OTHERS {
        let mut batch = Batch::new(&account.organisation);
        sessions::end_all(&app, &mut batch, &account.id).await?;
        audit::note(&mut batch, &Event::of(&app, &account, "sessions ended", &account.id))?;
        app.store.commit(batch).await.map_err(WebError::from)?;
        let cookies = sessions::again(&app, &headers, &session, &account).await?;
        let mut response = posted.accepted(&format!("{PAGE}?fait={OTHERS}"));
        cookies.onto(&mut response);
        return Ok(response);
    }
    if !super::end(&app, &account, named).await? {
        return Err(WebError::NotFound.into());
    }
    audit::record(&app, &Event::of(&app, &account, "session ended", &account.id)).await?;
    Ok(posted.accepted(&format!("{PAGE}?fait=une")))
}
