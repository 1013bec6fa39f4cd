//! `GET /espace-client/personnes`: who is of the organisation, who is invited, and what may be done about it.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::{PAGE, invitation, name_of, roster};
use crate::accounts::{self, Account, Role, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::authorisation::Action;
use crate::web::posted::{Posted, fault_title};
use crate::web::{WebError, negotiation, render, render_titled};

const TEMPLATE: &str = "gateway/personnes.html";
const TITLE: &str = "people.title";
/// What the page may say that was done.
const DONE: [&str; 5] = ["invitation", "invitation-retiree", "role", "propriete", "retrait"];

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, get(page))
}

async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let query = negotiation::query(&uri)?;
    let done = query.get("fait").filter(|done| DONE.contains(&done.as_str()));
    let language = negotiation::language(&uri, &headers);
    let mut context = shown(&app, &me, language).await?;
    context["done"] = json!(done);
    context["form"] = json!({ "values": {}, "errors": {}, "action": PAGE });
    Ok(render(&app, StatusCode::OK, language, TITLE, TEMPLATE, context))
}

/// 422 with the page, what was typed and what is wrong with it.
///
/// # Errors
/// [`SignInNeeded`], when the page cannot be written.
pub(super) async fn refused(
    app: &App,
    me: &Account,
    posted: &Posted,
    errors: &BTreeMap<String, String>,
) -> Result<Response, SignInNeeded> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if posted.wants_json {
        return Ok((status, axum::Json(json!({ "errors": errors }))).into_response());
    }
    let mut context = shown(app, me, posted.language).await?;
    context["form"] = json!({ "values": posted.fields, "errors": errors, "action": PAGE });
    let title = fault_title(app, posted.language, TITLE);
    Ok(render_titled(app, status, posted.language, &title, TEMPLATE, context))
}

async fn shown(app: &App, me: &Account, language: Language) -> Result<Value, WebError> {
    let (roster, _) = roster::of(app, &me.organisation).await?;
    let manages = me.role.actions().contains(&Action::ManagePeople);
    let mut people = Vec::new();
    for (id, person) in &roster.people {
        let Some(account) = accounts::read(app, &me.organisation, id).await? else { continue };
        let name = account.holder.map(|holder| format!("{} {}", holder.prenom, holder.nom));
        let own = *id == me.id;
        people.push(json!({
            "id": id, "email": account.email, "name": name, "role": person.role, "since": person.since, "own": own,
            "changed": !own && me.role.gives(person.role),
            "owned": !own && me.role == Role::Owner && person.role != Role::Owner,
        }));
    }
    // One's own line first, then by address.
    people.sort_by_key(|line| (line["own"] != true, line["email"].as_str().unwrap_or_default().to_owned()));
    let mut invitations = Vec::new();
    if manages {
        for (invitation, _) in invitation::waiting(app, &me.organisation).await? {
            invitations.push(json!({
                "id": invitation.id, "email": invitation.email, "role": invitation.role, "until": invitation.until,
                "withdrawn": me.role.gives(invitation.role),
            }));
        }
    }
    let others = roster.people.keys().any(|id| *id != me.id);
    Ok(json!({
        "organisation": name_of(app, &me.organisation).await?,
        "people": people,
        "invitations": invitations,
        "manages": manages,
        "roles": me.role.given().map(Role::name).collect::<Vec<_>>(),
        "alone": !others,
        "held": roster.role(&me.id).unwrap_or(me.role),
        "lang": language.tag(),
    }))
}
