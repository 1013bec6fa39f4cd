//! Giving somebody another role, making them the owner, removing them. Nobody gives or takes more than they have, nobody
//! does it to themselves, and what was true when it was decided is true when it is written.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use http::HeaderMap;

use super::roster::{self, Roster};
use super::{PAGE, invitation, told};
use crate::accounts::{self, Account, Role, SignInNeeded, closing, letter};
use crate::app::{App, SharedApp};
use crate::audit::{self, Event};
use crate::outbox;
use crate::records::RecordError;
use crate::store::{Batch, Expect, StoreError};
use crate::web::WebError;
use crate::web::posted::Posted;

/// Others who change the people of an organisation at once, before one is asked to come again.
const TRIES: usize = 32;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/espace-client/personnes/{id}/role", post(role))
        .route("/espace-client/personnes/{id}/retrait", post(remove))
        .route("/espace-client/personnes/{id}/propriete", post(hand_over))
        .route("/espace-client/invitations/{id}/retrait", post(withdraw))
}

/// Why people are as they were.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    /// Nobody of this name in the organisation.
    #[error("nobody of this name")]
    Unknown,
    /// Not to be given or taken by whoever asks.
    #[error("not theirs to give or take")]
    Refused,
    /// Too many change people at once.
    #[error("too many changes at once")]
    Busy,
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}

impl From<ChangeError> for SignInNeeded {
    fn from(error: ChangeError) -> Self {
        Self::Failed(match error {
            ChangeError::Unknown => WebError::NotFound,
            ChangeError::Refused => WebError::Forbidden("nobody gives or takes more than they have"),
            ChangeError::Busy => WebError::Unavailable(error.to_string()),
            ChangeError::Record(error) => error.into(),
        })
    }
}

/// `POST /espace-client/personnes/{id}/role`: `role`.
async fn role(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    let known = posted.check(&["role"]).finish().is_ok();
    let role = posted.fields.get("role").filter(|_| known).and_then(|word| Role::of_client(word));
    let role = role.ok_or(WebError::BadRequest("the form names no role of clients"))?;
    set_role(&app, &me, &id, role).await?;
    Ok(posted.accepted(&format!("{PAGE}?fait=role")))
}

/// `POST /espace-client/personnes/{id}/propriete`: they become the owner, and whoever hands over a manager.
async fn hand_over(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    empty(&posted)?;
    make_owner(&app, &me, &id).await?;
    Ok(posted.accepted(&format!("{PAGE}?fait=propriete")))
}

/// `POST /espace-client/personnes/{id}/retrait`: their account is ended, with its sessions and keys.
async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    empty(&posted)?;
    expel(&app, &me, &id).await?;
    Ok(posted.accepted(&format!("{PAGE}?fait=retrait")))
}

/// `POST /espace-client/invitations/{id}/retrait`: its link opens nothing any more.
async fn withdraw(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let (me, _) = accounts::require_account(&app, &headers, PAGE).await?;
    empty(&posted)?;
    let found = invitation::read(&app, &me.organisation, &id).await?;
    let (invitation, version) = found.ok_or(WebError::NotFound)?;
    if !me.role.gives(invitation.role) {
        return Err(ChangeError::Refused.into());
    }
    let mut batch = invitation::without(Batch::new(&me.organisation), &invitation, version);
    audit::note(&mut batch, &Event::of(&app, &me, "invitation withdrawn", &id))?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(posted.accepted(&format!("{PAGE}?fait=invitation-retiree"))),
        // It was taken, or withdrawn, at the same moment.
        Err(StoreError::Conflict(_)) => Err(WebError::NotFound.into()),
        Err(error) => Err(WebError::from(error).into()),
    }
}

fn empty(posted: &Posted) -> Result<(), WebError> {
    let fields = posted.check(&[]).finish();
    fields.map_err(|_| WebError::BadRequest("the form has fields that are not known"))
}

/// Gives somebody another role.
///
/// # Errors
/// [`ChangeError`].
pub(super) async fn set_role(app: &App, me: &Account, id: &str, role: Role) -> Result<(), ChangeError> {
    for _ in 0..TRIES {
        let (mut roster, expect) = roster::of(app, &me.organisation).await?;
        let (mine, theirs) = roles(&roster, me, id)?;
        if !mine.gives(theirs) || !mine.gives(role) {
            return Err(ChangeError::Refused);
        }
        if theirs == role {
            return Ok(());
        }
        let mut batch = Batch::new(&me.organisation);
        turn(app, &mut batch, &mut roster, id, role).await?;
        audit::note(&mut batch, &Event::of(app, me, "role changed", id))?;
        if written(app, batch, &roster, expect).await? {
            return Ok(());
        }
    }
    Err(ChangeError::Busy)
}

/// Makes somebody the owner in one's own place.
///
/// # Errors
/// [`ChangeError`].
pub(super) async fn make_owner(app: &App, me: &Account, id: &str) -> Result<(), ChangeError> {
    for _ in 0..TRIES {
        let (mut roster, expect) = roster::of(app, &me.organisation).await?;
        let (Role::Owner, _) = roles(&roster, me, id)? else { return Err(ChangeError::Refused) };
        let mut batch = Batch::new(&me.organisation);
        turn(app, &mut batch, &mut roster, id, Role::Owner).await?;
        turn(app, &mut batch, &mut roster, &me.id, Role::Manager).await?;
        audit::note(&mut batch, &Event::of(app, me, "ownership handed over", id))?;
        if written(app, batch, &roster, expect).await? {
            return Ok(());
        }
    }
    Err(ChangeError::Busy)
}

/// Ends the account of somebody.
///
/// # Errors
/// [`ChangeError`].
pub(super) async fn expel(app: &App, me: &Account, id: &str) -> Result<(), ChangeError> {
    for _ in 0..TRIES {
        let (roster, expect) = roster::of(app, &me.organisation).await?;
        let (mine, theirs) = roles(&roster, me, id)?;
        if !mine.gives(theirs) {
            return Err(ChangeError::Refused);
        }
        let Some(account) = accounts::read(app, &me.organisation, id).await? else {
            return Err(ChangeError::Unknown);
        };
        let Some(mut batch) = closing::ended(app, &account).await? else { continue };
        // The roster that it writes must be the one by which it was decided.
        if roster::expected(&batch) != Some(expect) {
            continue;
        }
        audit::note(&mut batch, &Event::of(app, me, "person removed", id))?;
        let context = told(app, &account).await?;
        let batch = closing::farewell(app, batch, &account, "personne_retiree", context)?;
        if closing::commit(app, &account, batch).await? {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Err(ChangeError::Busy)
}

/// What whoever asks is, and what the other is, who is somebody else.
fn roles(roster: &Roster, me: &Account, id: &str) -> Result<(Role, Role), ChangeError> {
    let theirs = roster.role(id).ok_or(ChangeError::Unknown)?;
    match roster.role(&me.id) {
        Some(mine) if me.id != id => Ok((mine, theirs)),
        _ => Err(ChangeError::Refused),
    }
}

/// Puts into a batch that somebody is now another thing, with a letter that tells them.
async fn turn(
    app: &App,
    batch: &mut Batch,
    roster: &mut Roster,
    id: &str,
    role: Role,
) -> Result<(), ChangeError> {
    let found = accounts::versioned(app, &batch.partition, id).await?;
    let (account, version) = found.ok_or(ChangeError::Unknown)?;
    let account = Account { role, ..account };
    let key = accounts::put(app, batch, &account, version).await?;
    let mail = letter(&account, "personne_role", account.language, told(app, &account).await?);
    outbox::enqueue(app, batch, &key, &mail)?;
    if let Some(person) = roster.people.get_mut(id) {
        person.role = role;
    }
    Ok(())
}

/// Whether a batch was written with its roster; false when others changed people at the same moment.
async fn written(app: &App, mut batch: Batch, roster: &Roster, expect: Expect) -> Result<bool, ChangeError> {
    roster::put(app, &mut batch, roster, expect)?;
    match app.store.commit(batch).await {
        Ok(()) => {
            app.outbox.wake();
            Ok(true)
        }
        Err(StoreError::Conflict(_)) => {
            tokio::task::yield_now().await;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
