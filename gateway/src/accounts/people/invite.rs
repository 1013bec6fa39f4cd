//! Inviting somebody by letter. Nobody is looked up: an address that has an account is answered as one that has none.

use std::collections::BTreeMap;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::HeaderMap;
use serde_json::json;

use super::invitation::{self, INVITATIONS, Invitation};
use super::{PAGE, name_of, page, roster};
use crate::accounts::{self, Account, Role, SignInNeeded, notified, sign_up};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, KEYS, RecordError};
use crate::store::{Batch, Expect};
use crate::web::posted::Posted;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PAGE, post(invite))
}

/// `POST /espace-client/personnes`: `email`, `role`.
async fn invite(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let mut checker = posted.check(&["email", "role"]);
    let email = checker.email("email");
    let role = posted.fields.get("role").and_then(|word| Role::of_client(word));
    let role = role.filter(|role| me.role.gives(*role));
    if role.is_none() {
        checker.fault("role", "role");
    }
    if let Some(code) = match &email {
        Some(email) => hindrance(&app, &me, email).await?,
        None => None,
    } {
        checker.fault("email", code);
    }
    let errors = match (checker.finish(), email, role) {
        (Ok(()), Some(email), Some(role)) => {
            if notified::may_write(&app, &email).await? {
                send(&app, &me, &email, role, posted.language).await?;
                return Ok(posted.accepted(&format!("{PAGE}?fait=invitation")));
            }
            BTreeMap::from([("email".to_owned(), "invited_often".to_owned())])
        }
        (Err(errors), ..) => errors,
        (Ok(()), ..) => BTreeMap::from([("email".to_owned(), "email".to_owned())]),
    };
    page::refused(&app, &me, &posted, &errors).await
}

/// Why an address is not invited: as far as one's own organisation tells.
async fn hindrance(app: &App, me: &Account, email: &Email) -> Result<Option<&'static str>, RecordError> {
    let (roster, _) = roster::of(app, &me.organisation).await?;
    if roster.people.len() >= roster::MOST {
        return Ok(Some("people_many"));
    }
    for id in roster.people.keys() {
        let found = accounts::read(app, &me.organisation, id).await?;
        if found.is_some_and(|account| account.answers_to(email)) {
            return Ok(Some("already_here"));
        }
    }
    let waiting = invitation::waiting(app, &me.organisation).await?;
    let others = waiting.iter().filter(|(other, _)| !other.asks(email)).count();
    Ok((others >= invitation::MOST).then_some("invitations_many"))
}

/// Writes the invitation and its letter; an earlier one of the same address is no more.
async fn send(
    app: &App,
    me: &Account,
    email: &Email,
    role: Role,
    language: Language,
) -> Result<(), RecordError> {
    let invitation = Invitation::new(app, &me.organisation, &me.id, email, role, language)?;
    let mut batch = Batch::new(&me.organisation);
    for (earlier, version) in invitation::waiting(app, &me.organisation).await? {
        if earlier.asks(email) {
            batch = invitation::without(batch, &earlier, version);
        }
    }
    let (key, wrapped) = app.sealer.new_subject_key(&invitation.id)?;
    batch = batch.put(KEYS, &invitation.id, Expect::Absent, wrapped, Some(invitation.until));
    let until = Some(invitation.until);
    records::put_sealed(&mut batch, &key, INVITATIONS, &invitation.id, Expect::Absent, &invitation, until)?;
    audit::note(&mut batch, &Event::of(app, me, "person invited", &invitation.id))?;
    let link = sign_up::link(app, &format!("/invitation?jeton={}", invitation.token(app)), language);
    let days = invitation.until.duration_since(invitation.sent).as_hours() / 24;
    let mail = Mail {
        to: invitation.email.clone(),
        reply_to: None,
        template: "invitation".into(),
        language,
        purpose: Purpose::Confirmation,
        context: json!({
            "link": link, "organisation": name_of(app, &me.organisation).await?, "by": me.email, "role": role,
            "days": days,
        }),
        unsubscribe: None,
        subject: invitation.id.clone(),
    };
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    app.store.commit(batch).await?;
    app.outbox.wake();
    Ok(())
}
