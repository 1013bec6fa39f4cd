//! `/espace-client/adresse`: the new address is typed, by who proved a moment ago who they are (`p-relogin`).

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Moving, TO_CONFIRM, confirm, letter_to};
use crate::accounts::{self, Account, SignInNeeded, even, notified, password_reset, sign_up};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::email::Email;
use crate::outbox;
use crate::store::{Batch, StoreError};
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

const PAGE: &str = "/espace-client/adresse";
const TEMPLATE: &str = "gateway/adresse.html";
const TITLE: &str = "address.title";

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page).post(ask))
}

/// `GET /espace-client/adresse`.
async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (account, _) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    let query = negotiation::query(&uri)?;
    let language = negotiation::language(&uri, &headers);
    let context = shown(&app, &account, query.get("fait").map(String::as_str), None, &BTreeMap::new());
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// `POST /espace-client/adresse`: 303, whoever has the new address.
async fn ask(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let since = tokio::time::Instant::now();
    let (account, version) = accounts::require_proved_account(&app, &headers, PAGE).await?;
    let mut checker = posted.check(&["email"]);
    let email = checker.email("email");
    if email.as_ref().is_some_and(|email| account.answers_to(email)) {
        checker.fault("email", "email_same");
    }
    let email = match (checker.finish(), email) {
        (Ok(()), Some(email)) => email,
        (Err(errors), _) => return Ok(refused(&app, &account, &posted, &errors)),
        (Ok(()), None) => return Err(WebError::Internal("a wrong address passed".into()).into()),
    };
    let asked = app.clock.now();
    let account = Account { moving: Some(Moving { email: email.clone(), asked }), ..account };
    let mut batch = Batch::new(&account.organisation);
    let key = accounts::put(&app, &mut batch, &account, version).await?;
    audit::note(&mut batch, &Event::of(&app, &account, "address change asked", &account.id))?;
    let language = posted.language;
    let forgotten = sign_up::link(&app, password_reset::ASK, language);
    let context = json!({ "new": email.as_str(), "forgotten": forgotten });
    outbox::enqueue(
        &app,
        &mut batch,
        &key,
        &accounts::letter(&account, "adresse_demandee", language, context),
    )?;
    if notified::may_write(&app, &email).await? {
        let mail = match accounts::find(&app, &email).await? {
            None => letter_to(
                &account,
                email.as_str(),
                "adresse_confirmation",
                language,
                confirmation(&app, &account, &email, asked, language),
            ),
            Some(_) => {
                let link = sign_up::link(&app, "/compte/connexion", language);
                letter_to(
                    &account,
                    email.as_str(),
                    "compte_existant",
                    language,
                    json!({ "link": link, "forgotten": forgotten }),
                )
            }
        };
        outbox::enqueue(&app, &mut batch, &key, &mail)?;
    }
    match app.store.commit(batch).await {
        Ok(()) => {
            app.outbox.wake();
            even::step(since).await;
            Ok(posted.accepted(&format!("{PAGE}?fait=demandee")))
        }
        Err(StoreError::Conflict(_)) => Ok(posted.accepted(PAGE)),
        Err(error) => Err(WebError::from(error).into()),
    }
}

fn confirmation(app: &App, account: &Account, email: &Email, asked: Timestamp, language: Language) -> Value {
    let until = asked.saturating_add(TO_CONFIRM).unwrap_or(Timestamp::MAX);
    let token = app.tokens.sign(confirm::PURPOSE, &confirm::confirming(account, email, asked), until);
    let link = sign_up::link(app, &format!("{}?jeton={token}", confirm::PAGE), language);
    json!({ "link": link, "hours": TO_CONFIRM.as_hours() })
}

fn refused(app: &App, account: &Account, posted: &Posted, errors: &BTreeMap<String, String>) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return (status, axum::Json(json!({ "errors": errors }))).into_response();
    }
    let typed = posted.fields.get("email").map(String::as_str);
    let title = fault_title(app, posted.language, TITLE);
    render_titled(app, status, posted.language, &title, TEMPLATE, shown(app, account, None, typed, errors))
}

fn shown(
    app: &App,
    account: &Account,
    done: Option<&str>,
    typed: Option<&str>,
    errors: &BTreeMap<String, String>,
) -> Value {
    let waits = |moving: &&Moving| app.clock.now().duration_since(moving.asked) < TO_CONFIRM;
    json!({
        "email": account.email,
        "moving": account.moving.as_ref().filter(waits).map(|moving| moving.email.as_str()),
        "done": done,
        "form": { "values": { "email": typed.unwrap_or_default() }, "errors": errors, "action": PAGE },
    })
}
