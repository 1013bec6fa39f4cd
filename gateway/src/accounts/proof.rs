//! `/compte/confirmation`: whoever is signed in proves again who they are, by password or passkey, before what is
//! delicate (`p-relogin`), and goes on to where they were going.

use std::collections::BTreeMap;
use std::time::Instant;

use aops_manifest::Language;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use crate::accounts::passkeys::{self, Occasion};
use crate::accounts::{self, Account, LocalPath, SignInNeeded, sessions, sign_in};
use crate::app::{App, SharedApp};
use crate::edge::jails::Offence;
use crate::edge::prefix::ClientPrefix;
use crate::web::posted::{Posted, fault_title};
use crate::web::{Peer, WebError, negotiation, render, render_titled};

pub(super) const PAGE: &str = "/compte/confirmation";
const TEMPLATE: &str = "gateway/confirmation.html";
const TITLE: &str = "form.confirmation.title";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(prove))
}

/// `GET /compte/confirmation?suite=`; who proved it a moment ago goes on.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let query = negotiation::query(&uri)?;
    let wanted = query.get("suite").and_then(|suite| LocalPath::parse(suite));
    let to = wanted.as_ref().map_or(sign_in::AREA, LocalPath::as_str);
    let session = accounts::require(&app, &headers, to).await?;
    if accounts::recently_proved(&app, &session) {
        return Ok(Redirect::to(to).into_response());
    }
    let (account, _) = accounts::require_account(&app, &headers, to).await?;
    let language = negotiation::language(&uri, &headers);
    Ok(form(&app, &account, language, wanted.as_ref(), &BTreeMap::new())?)
}

/// `POST /compte/confirmation`: 303 with the session under another name.
async fn prove(
    State(app): State<SharedApp>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let wanted = posted.fields.get("suite").and_then(|suite| LocalPath::parse(suite));
    let to = wanted.as_ref().map_or(sign_in::AREA, LocalPath::as_str);
    let session = accounts::require(&app, &headers, to).await?;
    let (account, _) = accounts::require_account(&app, &headers, to).await?;
    let mut checker = posted.check(&["mot_de_passe_actuel", "jeton", "reponse", "suite"]);
    let client = ClientPrefix::of(peer);
    if let Some(wait) = app.throttle.wait(&account.id, client, Instant::now()) {
        return Err(WebError::TooMany(wait).into());
    }
    if posted.fields.contains_key("reponse") {
        if let Err(code) = passkeys::take(&app, Some(&account), &posted, Occasion::Proof).await? {
            checker.fault("passkey", code);
        }
    } else {
        let typed = posted.fields.get("mot_de_passe_actuel").map_or("", String::as_str);
        let known = app.passwords.verify(sign_in::bounded(typed), Some(&account.password)).await;
        if !known.map_err(WebError::from)? {
            checker.fault("mot_de_passe_actuel", "password_wrong");
        }
    }
    if let Err(errors) = checker.finish() {
        app.throttle.failed(&account.id, client, Instant::now());
        app.jails.saw(Offence::FailedSignIn, peer);
        if posted.wants_json {
            let body = json!({ "errors": errors });
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response());
        }
        return Ok(form(&app, &account, posted.language, wanted.as_ref(), &errors)?);
    }
    app.throttle.succeeded(&account.id, client);
    let cookies = sessions::renew(&app, &headers, &session, &account).await?;
    let mut response = posted.accepted(to);
    cookies.onto(&mut response);
    Ok(response)
}

fn form(
    app: &App,
    account: &Account,
    language: Language,
    wanted: Option<&LocalPath>,
    errors: &BTreeMap<String, String>,
) -> Result<Response, WebError> {
    let context = json!({
        "form": { "values": {}, "errors": errors, "action": PAGE },
        "suite": wanted.map(LocalPath::as_str),
        "passkey": passkeys::asked_of(app, account)?,
        "minutes": sessions::RECENT.as_mins(),
    });
    if errors.is_empty() {
        return Ok(render(app, StatusCode::OK, language, TITLE, TEMPLATE, context));
    }
    let title = fault_title(app, language, TITLE);
    Ok(render_titled(app, StatusCode::UNPROCESSABLE_ENTITY, language, &title, TEMPLATE, context))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{Method, header};
    use jiff::SignedDuration;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn p_relogin_what_is_delicate_asks_the_password_again_and_leads_back_to_where_one_was_going() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let session = testing::signed_in(&app, &account).await;
        drop(app);
        let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_mins(20)).await);
        let wanted = "/espace-client/cles-acces";
        let asked = testing::ask(&app, Method::GET, wanted, &session, Body::empty()).await;
        let to = testing::location(&asked).to_owned();
        assert_eq!(to, format!("{PAGE}?suite={wanted}"));
        let shown = testing::ask(&app, Method::GET, &to, &session, Body::empty()).await;
        assert_eq!(shown.status(), StatusCode::OK);
        for wrong in ["", "mot_de_passe_actuel=faux", "mot_de_passe_actuel=Vr7!kd0%23QzpL&role=owner"] {
            let refused = testing::post(&app, PAGE, &session, wrong).await;
            assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
            assert!(!refused.headers().contains_key(header::SET_COOKIE));
        }
        for (suite, expected) in [(wanted, wanted), ("//evil.example", sign_in::AREA)] {
            let form = format!("mot_de_passe_actuel=Vr7!kd0%23QzpL&suite={suite}");
            let session = testing::signed_in(&app, &account).await;
            let proved = testing::post(&app, PAGE, &session, &form).await;
            assert_eq!((proved.status(), testing::location(&proved)), (StatusCode::SEE_OTHER, expected));
            let new = testing::sent_back(&proved);
            assert!(sessions::current(&app, &session).await.unwrap().is_none(), "it has another name now");
            let opened = testing::ask(&app, Method::GET, wanted, &new, Body::empty()).await;
            assert_eq!(opened.status(), StatusCode::OK);
            let again = testing::ask(&app, Method::GET, &to, &new, Body::empty()).await;
            assert_eq!(testing::location(&again), wanted, "who proved it a moment ago goes on");
        }
        let nobody = testing::post(&app, PAGE, &HeaderMap::new(), "mot_de_passe_actuel=x").await;
        assert_eq!(testing::location(&nobody), "/compte/connexion?suite=/espace-client/");
    }

    #[tokio::test]
    async fn guessing_a_password_through_the_confirmation_is_slowed_down() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let session = testing::signed_in(&app, &account).await;
        let mut statuses = Vec::new();
        for _ in 0..6 {
            let answer = testing::post(&app, PAGE, &session, "mot_de_passe_actuel=faux").await;
            statuses.push(answer.status().as_u16());
        }
        assert_eq!(statuses, [422, 422, 422, 422, 422, 429]);
    }
}
