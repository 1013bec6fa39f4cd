//! `/espace-client/journal`: the part of the audit log that concerns the organisation.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::accounts::{self, SignInNeeded};
use crate::app::SharedApp;
use crate::audit::{self, Event};
use crate::web::{negotiation, render};

const PAGE: &str = "/espace-client/journal";
/// Digits of the name of an event.
const NAME: usize = 20;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page))
}

/// `GET /espace-client/journal?avant=`: fifty events, the newest first.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let wanted = uri.path_and_query().map_or(PAGE, |path| path.as_str());
    let (account, _) = accounts::require_account(&app, &headers, wanted).await?;
    let query = negotiation::query(&uri)?;
    let named = |name: &&String| name.len() == NAME && name.bytes().all(|byte| byte.is_ascii_digit());
    let older = query.get("avant").filter(named).map(String::as_str);
    // What was done a moment ago is told too.
    audit::settle(&app).await?;
    let part = audit::part(&app, &account.organisation, older).await?;
    let row = |event: &Event| -> Value {
        json!({
            "at": event.at,
            "who": event.actor.kind(&account.id),
            "action": event.action.replace(' ', "_"),
            "object": event.object,
            "from": event.from,
        })
    };
    let events: Vec<Value> = part.events.iter().map(row).collect();
    let context = json!({ "events": events, "older": part.older, "later": older.is_some() });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "journal.title", "gateway/journal.html", context))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Method;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn p_access_control_a_client_reads_its_own_part_of_the_log_and_nothing_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let mine = testing::account(&app, "a@example.com").await;
        let theirs = testing::account(&app, "b@example.com").await;
        for email in ["a", "b"] {
            let form = format!("email={email}%40example.com&mot_de_passe=Vr7!kd0%23QzpL");
            let answer = testing::post(&app, "/compte/connexion", &HeaderMap::new(), &form).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        }
        audit::settle(&app).await.unwrap();
        let nobody = testing::ask(&app, Method::GET, PAGE, &HeaderMap::new(), Body::empty()).await;
        assert_eq!(testing::location(&nobody), format!("/compte/connexion?suite={PAGE}"));
        let signed_in = testing::signed_in(&app, &mine).await;
        let shown = testing::ask(&app, Method::GET, PAGE, &signed_in, Body::empty()).await;
        assert_eq!(shown.status(), StatusCode::OK);
        let page = testing::text(shown).await;
        let told: Vec<&str> = page.lines().filter(|line| line.contains(&mine.id)).collect();
        assert!(told[0].contains(&format!("signed_in self {} ", mine.id)), "the newest first: {told:?}");
        assert!(told[1].contains(&format!("account_created self {} ", mine.id)), "{told:?}");
        assert!(!page.contains(&theirs.id), "{page}");
        for nonsense in
            ["avant=0", "avant=../../x", "avant=%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9"]
        {
            let path = format!("{PAGE}?{nonsense}");
            let shown = testing::ask(&app, Method::GET, &path, &signed_in, Body::empty()).await;
            assert_eq!(shown.status(), StatusCode::OK, "{nonsense}");
        }
    }
}
