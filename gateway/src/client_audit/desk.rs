//! What staff do: enter a request that came by letter, accept or refuse the auditor and the days, end an access.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::letters;
use super::limits::Limit;
use super::request::{self, Auditor, Request, State, Wanted};
use crate::accounts::{self, Account, Role};
use crate::app::App;
use crate::audit::{self, Event};
use crate::email::Email;
use crate::outbox;
use crate::records::{self, RecordError, Use};
use crate::working_days;

/// An act, as it goes over the socket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "client-audit", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// `client-audit ask`: one that came by letter.
    Ask {
        /// The address of whoever answers for the client.
        account: String,
        /// The first day.
        first: Date,
        /// One or two working days.
        days: u32,
        /// Whom the client proposes.
        auditor: Auditor,
        /// What is to be looked at.
        scope: String,
        /// When the letter came in, if that was before now: the notice runs from there.
        received: Option<Timestamp>,
    },
    /// `client-audit list`.
    List,
    /// `client-audit accept`: it takes place, and the auditor gets their access.
    Accept {
        /// The request.
        id: String,
    },
    /// `client-audit refuse`.
    Refuse {
        /// The request.
        id: String,
        /// Why, in the words of the letter.
        reason: String,
    },
    /// `client-audit end`: the access ends now.
    End {
        /// The request.
        id: String,
        /// Why, in the words of the letter.
        reason: String,
    },
}

impl Act {
    /// Its words in the audit log, and the request that it is about.
    pub fn told(&self) -> (&'static str, &str) {
        match self {
            Self::Ask { .. } => ("client-audit ask", "all"),
            Self::List => ("client-audit list", "all"),
            Self::Accept { id } => ("client-audit accept", id),
            Self::Refuse { id, .. } => ("client-audit refuse", id),
            Self::End { id, .. } => ("client-audit end", id),
        }
    }
}

/// Why an act did nothing.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Not an address.
    #[error("`{0}` is no e-mail address")]
    Email(String),
    /// Nobody who could ask.
    #[error("no client answers at `{0}`: an audit is asked for by the owner of an organisation")]
    NoClient(String),
    /// Nothing of this name.
    #[error("there is no audit `{0}`; see `aops admin client-audit list`")]
    None(String),
    /// It is not in a state for this.
    #[error("`{0}` was decided already, or its days are over; see `aops admin client-audit list`")]
    Decided(String),
    /// No words.
    #[error("an audit needs its auditor (name and firm) and its scope; a refusal and an end their reason")]
    Unsaid,
    /// What the policy promises, and no more.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Carries an act out: a request's line, or an array of them.
///
/// # Errors
/// [`DeskError`], a sentence for whoever typed it.
pub async fn act(app: &App, act: Act) -> Result<Value, DeskError> {
    records::reading_for(Use::TheirWish, done(app, act)).await
}

async fn done(app: &App, act: Act) -> Result<Value, DeskError> {
    let id = match act {
        Act::List => {
            let mut lines = Vec::new();
            for (organisation, request) in request::all(app).await? {
                lines.push(line(app, &organisation, &request).await?);
            }
            return Ok(lines.into());
        }
        Act::Ask { account, first, days, auditor, scope, received } => {
            let email = Email::parse(&account).map_err(|_| DeskError::Email(account.clone()))?;
            let found = accounts::find(app, &email).await?.filter(|found| found.role == Role::Owner);
            let client = found.ok_or(DeskError::NoClient(account))?;
            let said = [&auditor.name, &auditor.firm, &scope];
            if said.iter().any(|said| said.trim().is_empty()) {
                return Err(DeskError::Unsaid);
            }
            Email::parse(&auditor.email).map_err(|_| DeskError::Email(auditor.email.clone()))?;
            let now = app.clock.now();
            let asked = received.map_or(now, |received| received.min(now));
            let wanted = Wanted { asked, by: client.id.clone(), first, days, auditor, scope };
            ask(app, &client, &wanted).await??.id
        }
        Act::Accept { id } => accepted(app, id).await?,
        Act::Refuse { id, reason } => {
            let before = |request: &Request| request.state == State::Asked;
            decided(app, id, before, (State::Refused, "refused", "client audit refused"), &reason).await?
        }
        Act::End { id, reason } => {
            let now = app.clock.now();
            let before = move |request: &Request| request.state == State::Accepted && now < request.closes();
            decided(app, id, before, (State::Ended, "ended", "client audit ended"), &reason).await?
        }
    };
    let (organisation, request) = find(app, &id).await?;
    Ok(line(app, &organisation, &request).await?)
}

/// Enters a request of a client, with a letter to the firm and one to the client.
pub(super) async fn ask(
    app: &App,
    client: &Account,
    wanted: &Wanted,
) -> Result<Result<Request, Limit>, RecordError> {
    let name = name_of(app, &client.organisation).await?;
    request::enter(app, &client.organisation, wanted, |batch, key, request| {
        audit::note(batch, &Event::of(app, client, "client audit asked", &request.id))?;
        outbox::enqueue(app, batch, key, &letters::to_firm(app, &client.organisation, &name, request))?;
        outbox::enqueue(app, batch, key, &letters::to_client(app, client, request, "received", ""))
    })
    .await
}

async fn accepted(app: &App, id: String) -> Result<String, DeskError> {
    let (organisation, request) = find(app, &id).await?;
    let client = accounts::read(app, &organisation, &request.by).await?;
    let name = name_of(app, &organisation).await?;
    let now = app.clock.now();
    let change = |before: &Request| {
        (before.state == State::Asked && now < before.closes()).then(|| Request {
            state: State::Accepted,
            decided: Some((now, String::new())),
            ..before.clone()
        })
    };
    let noted = Event::new(app, "client audit accepted", &id).concerning(&organisation);
    let language = client.as_ref().map(|client| client.language).unwrap_or_default();
    let done = request::step(app, &organisation, &id, change, |batch, key, after| {
        audit::note(batch, &noted)?;
        let auditor = letters::to_auditor(app, &organisation, &name, after, language);
        outbox::enqueue(app, batch, key, &auditor)?;
        client.as_ref().map_or(Ok(()), |client| {
            outbox::enqueue(app, batch, key, &letters::to_client(app, client, after, "accepted", ""))
        })
    })
    .await?;
    done.map(|_| id.clone()).ok_or(DeskError::Decided(id))
}

/// A decision that needs its reason, where `before` allows it.
async fn decided(
    app: &App,
    id: String,
    before: impl Fn(&Request) -> bool,
    (state, word, action): (State, &str, &str),
    reason: &str,
) -> Result<String, DeskError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(DeskError::Unsaid);
    }
    let (organisation, request) = find(app, &id).await?;
    let client = accounts::read(app, &organisation, &request.by).await?;
    let now = app.clock.now();
    let change = |found: &Request| {
        let decided = Some((now, reason.to_owned()));
        before(found).then(|| Request { state, decided, ..found.clone() })
    };
    let noted = Event::new(app, action, &id).concerning(&organisation);
    let done = request::step(app, &organisation, &id, change, |batch, key, after| {
        audit::note(batch, &noted)?;
        client.as_ref().map_or(Ok(()), |client| {
            outbox::enqueue(app, batch, key, &letters::to_client(app, client, after, word, reason))
        })
    })
    .await?;
    done.map(|_| id.clone()).ok_or(DeskError::Decided(id))
}

async fn find(app: &App, id: &str) -> Result<(String, Request), DeskError> {
    let found = request::all(app).await?.into_iter().find(|(_, request)| request.id == id);
    found.ok_or_else(|| DeskError::None(id.to_owned()))
}

/// The name of an organisation; its id where staff made it and it has none.
pub(super) async fn name_of(app: &App, organisation: &str) -> Result<String, RecordError> {
    let found = accounts::organisation(app, organisation).await?;
    Ok(found.map_or_else(|| organisation.to_owned(), |found| found.raison_sociale))
}

async fn line(app: &App, organisation: &str, request: &Request) -> Result<Value, RecordError> {
    let asked = working_days::today(request.asked);
    let notice = working_days::between(asked.tomorrow().unwrap_or(asked), request.first);
    Ok(json!({
        "id": request.id,
        "state": request.state,
        "client": name_of(app, organisation).await?,
        "asked": request.asked,
        "first": request.first,
        "last": request.last,
        "notice": notice,
        "auditor": request.auditor.name,
        "firm": request.auditor.firm,
        "email": request.auditor.email,
        "scope": request.scope,
        "reason": request.decided.as_ref().map(|(_, why)| why),
        "open": request.is_open(app.clock.now()),
    }))
}

#[cfg(test)]
#[path = "desk_tests.rs"]
pub(super) mod tests;
