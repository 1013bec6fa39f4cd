//! What happens once it is known who asks: an objection and a restriction are in force at once, a copy is made ready,
//! directives are kept; the rest is the officer's to judge. What is about a client's data goes to the client.

use jiff::{SignedDuration, Timestamp};

use super::copy;
use super::form;
use super::letters;
use super::request::{self, Forwarded, Request, Right, State, Told};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audit::{self, Event};
use crate::inventory;
use crate::newsletter;
use crate::outbox;
use crate::records::RecordError;
use crate::store::Address;
use crate::suppression::{self, Reason};

/// How somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// By the link of a letter.
    Link,
    /// By being signed in, with a recent proof.
    Session,
    /// To staff, who say how; a document that was shown is not kept (`p-rights`).
    Staff(String),
}

impl Way {
    fn words(&self) -> String {
        match self {
            Self::Link => "link of a letter".into(),
            Self::Session => "signed in".into(),
            Self::Staff(how) => how.clone(),
        }
    }
}

/// Goes on with a request whose author is known now; none when it was proved before, or is no more.
pub(super) async fn proved(app: &App, address: &Address, way: Way) -> Result<Option<Request>, RecordError> {
    let Some(found) = request::read(app, address).await? else { return Ok(None) };
    if found.request.state != State::Unproved {
        return Ok(None);
    }
    // In force before it is said, and once more should this be interrupted.
    at_once(app, &found.request, &address.key).await?;
    let now = app.clock.now();
    let state = outcome(&found.request);
    let id = address.key.as_str();
    let link = copied(&found.request).then(|| copy_link(app, &found.request, id)).transpose()?;
    let proof = Told { at: now, why: way.words() };
    let change = |before: &Request| {
        (before.state == State::Unproved).then(|| Request {
            state,
            proved: Some(proof.clone()),
            closed: (state == State::Fulfilled).then(|| Told { at: now, why: "at once".into() }),
            ..before.clone()
        })
    };
    request::step(app, address, change, |batch, key, after| {
        audit::note(batch, &Event::new(app, "rights request proved", id))?;
        let told = match (&link, state) {
            (Some(_), _) => "copy",
            (None, State::Fulfilled) => "fulfilled",
            _ => "received",
        };
        outbox::enqueue(app, batch, key, &letters::answer(id, after, told, "", link.as_deref()))?;
        outbox::enqueue(app, batch, key, &letters::officer(app, id, after, "new"))
    })
    .await
}

/// Sends a request that names a client to it at once, if one client alone has this name: before anybody proved
/// anything, as the policy says (`p-rights-forward`); who asks is then for the client to know.
pub(super) async fn forwarded_at_once(app: &App, id: &str, request: &Request) -> Result<bool, RecordError> {
    let Some(name) = &request.client else { return Ok(false) };
    let owners = accounts::owners_of_named(app, name).await?;
    let Some(first) = owners.first() else { return Ok(false) };
    let now = app.clock.now();
    let forwarded = Forwarded { organisation: first.organisation.clone(), at: now, price_cents: None };
    let request = Request {
        state: State::Forwarded,
        forwarded: Some(forwarded),
        closed: Some(Told { at: now, why: "forwarded".into() }),
        ..request.clone()
    };
    request::keep(app, id, &request, |batch, key| {
        audit::note(batch, &forwarding(app, &first.organisation, id))?;
        for owner in &owners {
            outbox::enqueue(app, batch, key, &to_client(app, id, &request, owner, now, None))?;
        }
        outbox::enqueue(app, batch, key, &letters::answer(id, &request, "forwarded", "", None))
    })
    .await?;
    Ok(true)
}

pub(super) fn forwarding(app: &App, organisation: &str, id: &str) -> Event {
    Event::new(app, "rights request forwarded", id).concerning(organisation)
}

/// The letter to one of a client's owners, in their language.
pub(super) fn to_client(
    app: &App,
    id: &str,
    request: &Request,
    owner: &Account,
    at: Timestamp,
    price: Option<u32>,
) -> outbox::Mail {
    let request = Request { language: owner.language, ..request.clone() };
    letters::client(app, id, &request, &owner.email, at, price)
}

/// What needs nobody's judgement; doing it twice does no harm.
pub(super) async fn at_once(app: &App, request: &Request, id: &str) -> Result<(), RecordError> {
    let (email, now) = (request.email()?, app.clock.now());
    match request.right {
        Right::Objection => {
            suppression::add(app, &email, Reason::Unsubscribe, now).await?;
            newsletter::withdraw(app, &email, now).await?;
        }
        Right::Restriction => {
            suppression::add(app, &email, Reason::Restriction, now).await?;
            inventory::restrict(app, &email, id).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Where a request stands once it is proved: whatever they wrote beside it is read by the officer.
fn outcome(request: &Request) -> State {
    match request.right {
        Right::Access | Right::Portability | Right::Objection if request.said.is_empty() => State::Fulfilled,
        Right::Directives => State::Fulfilled,
        _ => State::Open,
    }
}

/// Whether a copy answers it.
pub(super) fn copied(request: &Request) -> bool {
    matches!(request.right, Right::Access | Right::Portability)
}

/// The link of a letter by which a copy is had.
pub(super) fn copy_link(app: &App, request: &Request, id: &str) -> Result<String, RecordError> {
    const LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);
    form::link(app, "copie", copy::PURPOSE, request, id, LASTS)
}
