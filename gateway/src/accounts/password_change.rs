//! Changing one's password while signed in: the present one is asked again (`p-relogin`), and every other session ends.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, Uri};

use crate::accounts::{self, SignInNeeded, password_policy, password_reset, sessions};
use crate::app::SharedApp;
use crate::edge::jails::Offence;
use crate::edge::prefix::ClientPrefix;
use crate::web::posted::{self, Posted};
use crate::web::{Peer, WebError, negotiation};

pub(super) const PAGE: &str = "/espace-client/mot-de-passe";
const FORM: &str = "mot_de_passe";
const DONE: &str = "/espace-client/?fait=mot-de-passe";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(PAGE, get(page).post(change))
        .route("/.well-known/change-password", get(password_reset::well_known))
}

/// `GET /espace-client/mot-de-passe`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    accounts::require(&app, &headers, PAGE).await?;
    let language = negotiation::language(&uri, &headers);
    Ok(posted::blank(&app, language, FORM, PAGE, &BTreeMap::new()))
}

/// `POST /espace-client/mot-de-passe`: 303 with a session of its own.
async fn change(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (account, version) = accounts::require_account(&app, &headers, PAGE).await?;
    let mut checker = posted.check(&["mot_de_passe_actuel", "mot_de_passe"]);
    let typed = |name: &str| posted.fields.get(name).map_or("", String::as_str);
    let (present, wanted) = (typed("mot_de_passe_actuel"), typed("mot_de_passe"));
    let client = ClientPrefix::of(peer);
    if let Some(wait) = app.throttle.wait(&account.id, client, Instant::now()) {
        return Err(WebError::TooMany(wait).into());
    }
    let verified = app.passwords.verify(super::sign_in::bounded(present), Some(&account.password)).await;
    if !verified.map_err(WebError::from)? {
        app.throttle.failed(&account.id, client, Instant::now());
        app.jails.saw(Offence::FailedSignIn, peer);
        checker.fault("mot_de_passe_actuel", "password_wrong");
    }
    if let Some(code) = password_policy::fault(wanted, password_reset::known(&account)) {
        checker.fault("mot_de_passe", code);
    }
    if let Err(errors) = checker.finish() {
        return Ok(posted.refused(&app, FORM, PAGE, &errors));
    }
    let changed = password_reset::change(&app, account, version, wanted, posted.language).await?;
    // It changed a moment ago, and the present password is another now.
    let Some(account) = changed else {
        let errors = BTreeMap::from([("mot_de_passe_actuel".to_owned(), "password_wrong".to_owned())]);
        return Ok(posted.refused(&app, FORM, PAGE, &errors));
    };
    app.throttle.succeeded(&account.id, client);
    let cookies = sessions::begin(&app, &headers, &account).await?;
    let mut response = posted.accepted(DONE);
    cookies.onto(&mut response);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn p_relogin_a_change_asks_the_present_password_and_ends_every_other_session() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let (mine, other) =
            (testing::signed_in(&app, &account).await, testing::signed_in(&app, &account).await);
        let change = async |headers: &HeaderMap, present: &str, wanted: &str| {
            let form = format!("mot_de_passe_actuel={present}&mot_de_passe={wanted}");
            testing::post(&app, PAGE, headers, &form).await
        };
        let nobody = change(&HeaderMap::new(), "Vr7!kd0%23QzpL", "Nouveau-secret-9182").await;
        assert_eq!(testing::location(&nobody), format!("/compte/connexion?suite={PAGE}"));
        let wrong = change(&mine, "Faux-mot-de-passe-1", "Nouveau-secret-9182").await;
        assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!testing::text(wrong).await.contains("Nouveau-secret"), "passwords are never sent back");
        let weak = change(&mine, "Vr7!kd0%23QzpL", "azerty").await;
        assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let done = change(&mine, "Vr7!kd0%23QzpL", "Nouveau-secret-9182").await;
        assert_eq!((done.status(), testing::location(&done)), (StatusCode::SEE_OTHER, DONE));
        let new = testing::sent_back(&done);
        assert!(sessions::current(&app, &new).await.unwrap().is_some());
        for ended in [mine, other] {
            assert!(sessions::current(&app, &ended).await.unwrap().is_none());
        }
    }
}
