//! What the officer does with requests, and enters those that came on paper, by telephone or by mail.

use aops_manifest::Language;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::carried_out::{self, Way};
use super::directives::{CarriedOut, Witness};
use super::due::{due, may_extend};
use super::request::{self, Channel, Forwarded, Found, Request, Right, State, Told};
use super::{directives, erasure, form, letters};
use crate::accounts;
use crate::app::App;
use crate::audit::{self, Event};
use crate::email::Email;
use crate::outbox;
use crate::records::{self, RecordError, Use};
use crate::store::Address;
use crate::suppression::{self, Reason};

/// An act, as it goes over the socket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "rights", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// `rights open`: answers the request's line.
    Open {
        /// Whose data it is about.
        email: String,
        /// What is asked.
        right: Right,
        /// How it came.
        channel: Channel,
        /// How staff know who asks; without it, a letter asks for the proof.
        proved: Option<String>,
        /// The language of the letters.
        language: Language,
        /// What they wrote or said.
        said: String,
        /// The client whose data it is about, as they named it.
        client: Option<String>,
        /// When it came in, if that was before now: the month runs from there.
        received: Option<Timestamp>,
    },
    /// `rights list`.
    List,
    /// `rights fulfil`.
    Fulfil {
        /// The request.
        id: String,
        /// How staff know who asks, where nothing proved it yet.
        proved: Option<String>,
        /// What is told with it.
        text: String,
    },
    /// `rights extend`.
    Extend {
        /// The request.
        id: String,
        /// Why a month is not enough.
        reason: String,
    },
    /// `rights refuse`.
    Refuse {
        /// The request.
        id: String,
        /// Why, in the words of the letter.
        reason: String,
    },
    /// `rights forward`.
    Forward {
        /// The request.
        id: String,
        /// The address of an account of the client.
        client: String,
        /// What our help costs it, agreed beforehand.
        price_cents: Option<u32>,
    },
    /// `rights carry-out --hand-over`: answers the request's line and, in base64, the copy that directives ask for.
    HandOver {
        /// The request.
        id: String,
        /// Who proved the death, and by what.
        witness: Witness,
    },
    /// `rights carry-out --erase`: an erasure that directives ask for.
    EraseDirected {
        /// The request.
        id: String,
        /// Who proved the death, and by what.
        witness: Witness,
    },
    /// `rights lift`: a restriction ends, and its holder is told before.
    Lift {
        /// The request.
        id: String,
        /// Why.
        reason: String,
    },
}

impl Act {
    /// Its words in the audit log, and the request that it is about.
    pub fn told(&self) -> (&'static str, &str) {
        match self {
            Self::Open { .. } => ("rights open", "all"),
            Self::List => ("rights list", "all"),
            Self::Fulfil { id, .. } => ("rights fulfil", id),
            Self::Extend { id, .. } => ("rights extend", id),
            Self::Refuse { id, .. } => ("rights refuse", id),
            Self::Forward { id, .. } => ("rights forward", id),
            Self::HandOver { id, .. } | Self::EraseDirected { id, .. } => ("rights carry-out", id),
            Self::Lift { id, .. } => ("rights lift", id),
        }
    }
}

/// Why an act did nothing.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Not an address.
    #[error("`{0}` is no e-mail address")]
    Email(String),
    /// Nothing of this name.
    #[error("there is no request `{0}`; see `aops admin rights list`")]
    None(String),
    /// It is not in a state for this.
    #[error("`{0}` is answered already, or not at that point; see `aops admin rights list`")]
    Answered(String),
    /// Nobody knows who asks.
    #[error(
        "nobody has proved that `{0}` is theirs: wait for the link of the letter, or say how you know (--proved)"
    )]
    Unproved(String),
    /// Too late, or twice.
    #[error("`{0}` cannot be extended: once, and within the first month (GDPR art. 12.3)")]
    Late(String),
    /// No reason.
    #[error("a refusal, an extension or a lifting needs its reason (GDPR art. 12)")]
    Unreasoned,
    /// Nobody answers for the client.
    #[error("no account has the address `{0}`; see `aops admin account list`")]
    NoClient(String),
    /// Others would be left alone.
    #[error("they alone answer for an organisation in which others work: it is to be handed over first")]
    LastOwner,
    /// Not directives, or erased.
    #[error(
        "`{0}` is no request with directives that are still to be carried out; see `aops admin rights list`"
    )]
    NoDirectives(String),
    /// No proof.
    #[error(
        "a proof of death has who brought it, on one line of at most 200 characters, and the day that it bears: not before the directives, and not to come"
    )]
    Witness,
    /// No copy.
    #[error("the copy cannot be written: {0}")]
    Copy(String),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A request, as staff and its author see it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    id: String,
    right: Right,
    /// The word by which the theme knows the right.
    word: &'static str,
    email: String,
    channel: Channel,
    state: State,
    created: Timestamp,
    due: Timestamp,
    late: bool,
    extended: bool,
    proved: Option<String>,
    client: Option<String>,
    forwarded: Option<String>,
    price_cents: Option<u32>,
    closed: Option<Timestamp>,
    reason: Option<String>,
    said: String,
    /// What was done for directives, and on whose proof.
    carried_out: Vec<CarriedOut>,
}

impl Line {
    pub(super) fn of(app: &App, found: &Found) -> Self {
        let request = found.request.clone();
        let due = due(&request);
        Self {
            id: found.address.key.clone(),
            right: request.right,
            word: request.right.word(),
            late: request.is_open() && due < app.clock.now(),
            extended: request.extended.is_some(),
            email: request.email,
            channel: request.channel,
            state: request.state,
            created: request.created,
            due,
            proved: request.proved.map(|proof| proof.why),
            client: request.client,
            price_cents: request.forwarded.as_ref().and_then(|forwarded| forwarded.price_cents),
            forwarded: request.forwarded.map(|forwarded| forwarded.organisation),
            closed: request.closed.as_ref().map(|closed| closed.at),
            reason: request.closed.map(|closed| closed.why),
            said: request.said,
            carried_out: request.carried_out,
        }
    }
}

/// Carries an act out: the request's line, or an array of them.
///
/// # Errors
/// [`DeskError`], a sentence for whoever typed it.
pub async fn act(app: &App, act: Act) -> Result<Value, DeskError> {
    records::reading_for(Use::Rights, done(app, act)).await
}

async fn done(app: &App, act: Act) -> Result<Value, DeskError> {
    let id = match act {
        Act::List => {
            let all = request::all(app, None).await?;
            return Ok(all.iter().map(|found| json!(Line::of(app, found))).collect());
        }
        Act::Open { .. } => opened(app, act).await?,
        Act::Fulfil { id, proved, text } => fulfilled(app, id, proved, &text).await?,
        Act::Extend { id, reason } => extended(app, id, &reasoned(&reason)?).await?,
        Act::Refuse { id, reason } => refused(app, id, &reasoned(&reason)?).await?,
        Act::Forward { id, client, price_cents } => forwarded(app, id, client, price_cents).await?,
        Act::HandOver { id, witness } => {
            let copy = directives::hand_over(app, &id, witness).await?;
            let found = find(app, &id).await?;
            let mut told = json!(Line::of(app, &found));
            told["bytes"] = json!(STANDARD.encode(copy));
            return Ok(told);
        }
        Act::EraseDirected { id, witness } => {
            directives::erase(app, &id, witness).await?;
            id
        }
        Act::Lift { id, reason } => lifted(app, id, &reasoned(&reason)?).await?,
    };
    let found = request::find(app, &id).await?.ok_or(DeskError::None(id))?;
    Ok(json!(Line::of(app, &found)))
}

async fn opened(app: &App, act: Act) -> Result<String, DeskError> {
    let Act::Open { email, right, channel, proved, language, said, client, received } = act else {
        return Err(DeskError::Unreasoned);
    };
    let email = Email::parse(&email).map_err(|_| DeskError::Email(email))?;
    let now = app.clock.now();
    let created = received.map_or(now, |received| received.min(now));
    let request = Request { said, client, ..Request::new(right, &email, language, channel, created) };
    let id = request::new_id()?;
    if carried_out::forwarded_at_once(app, &id, &request).await? {
        return Ok(id);
    }
    let link = form::confirmation_link(app, &request, &id)?;
    request::keep(app, &id, &request, |batch, key| {
        audit::note(batch, &Event::new(app, "rights request received", &id))?;
        if proved.is_none() {
            outbox::enqueue(app, batch, key, &letters::confirmation(&id, &request, &link))?;
        }
        Ok(())
    })
    .await?;
    if let Some(how) = proved {
        let address = Address::new(request::REQUESTS, request::partition(app, &email), &id);
        carried_out::proved(app, &address, Way::Staff(how)).await?;
    }
    Ok(id)
}

async fn fulfilled(app: &App, id: String, proved: Option<String>, text: &str) -> Result<String, DeskError> {
    let mut found = find(app, &id).await?;
    if found.request.state == State::Unproved {
        let how = proved.ok_or_else(|| DeskError::Unproved(found.request.email.clone()))?;
        carried_out::proved(app, &found.address, Way::Staff(how)).await?;
        found = find(app, &id).await?;
        if found.request.state == State::Fulfilled {
            return Ok(id);
        }
    }
    if !found.request.is_open() {
        return Err(DeskError::Answered(id));
    }
    if found.request.right == Right::Erasure {
        let account = accounts::find(app, &found.request.email()?).await?;
        if let Some(account) = account
            && accounts::last_owner_of_others(app, &account).await?
        {
            return Err(DeskError::LastOwner);
        }
        erasure::run(app, &found.address, text).await?;
        return Ok(id);
    }
    carried_out::at_once(app, &found.request, &id).await?;
    let copied = carried_out::copied(&found.request);
    let link = copied.then(|| carried_out::copy_link(app, &found.request, &id)).transpose()?;
    let state = if copied { "copy" } else { "fulfilled" };
    let now = app.clock.now();
    let change = |before: &Request| {
        let closed = Some(Told { at: now, why: text.to_owned() });
        (before.state == State::Open).then(|| Request { state: State::Fulfilled, closed, ..before.clone() })
    };
    answered(app, &found, change, |after| letters::answer(&id, after, state, text, link.as_deref())).await?;
    Ok(id)
}

async fn extended(app: &App, id: String, why: &str) -> Result<String, DeskError> {
    let found = find(app, &id).await?;
    let now = app.clock.now();
    if !found.request.is_open() {
        return Err(DeskError::Answered(id));
    }
    if !may_extend(&found.request, now) {
        return Err(DeskError::Late(id));
    }
    let change = |before: &Request| {
        let extended = Some(Told { at: now, why: why.to_owned() });
        may_extend(before, now).then(|| Request { extended, reminded: 0, ..before.clone() })
    };
    answered(app, &found, change, |after| letters::answer(&id, after, "extended", why, None)).await?;
    Ok(id)
}

async fn refused(app: &App, id: String, why: &str) -> Result<String, DeskError> {
    let found = find(app, &id).await?;
    let now = app.clock.now();
    let change = |before: &Request| {
        let closed = Some(Told { at: now, why: why.to_owned() });
        let open = matches!(before.state, State::Open | State::Unproved);
        open.then(|| Request { state: State::Refused, closed, ..before.clone() })
    };
    answered(app, &found, change, |after| letters::answer(&id, after, "refused", why, None)).await?;
    if found.request.right == Right::Restriction {
        // It was in force while it was judged.
        opened_again(app, &found, &id).await?;
    }
    Ok(id)
}

async fn forwarded(app: &App, id: String, client: String, price: Option<u32>) -> Result<String, DeskError> {
    let found = find(app, &id).await?;
    let email = Email::parse(&client).map_err(|_| DeskError::Email(client.clone()))?;
    let account = accounts::find(app, &email).await?.ok_or(DeskError::NoClient(client))?;
    let now = app.clock.now();
    let organisation = account.organisation.clone();
    let change = |before: &Request| {
        // One that went at once may be sent again, with what was agreed since.
        let open = matches!(before.state, State::Open | State::Unproved | State::Forwarded);
        open.then(|| Request {
            state: State::Forwarded,
            forwarded: Some(Forwarded { organisation: organisation.clone(), at: now, price_cents: price }),
            closed: Some(Told { at: now, why: "forwarded".into() }),
            ..before.clone()
        })
    };
    let done = request::step(app, &found.address, change, |batch, key, after| {
        audit::note(batch, &carried_out::forwarding(app, &organisation, &id))?;
        outbox::enqueue(app, batch, key, &carried_out::to_client(app, &id, after, &account, now, price))?;
        if found.request.state == State::Forwarded {
            return Ok(());
        }
        outbox::enqueue(app, batch, key, &letters::answer(&id, after, "forwarded", "", None))
    })
    .await?;
    done.map(|_| id.clone()).ok_or(DeskError::Answered(id))
}

/// A restriction ends; its holder hears of it in the same batch (GDPR art. 18.3).
async fn lifted(app: &App, id: String, why: &str) -> Result<String, DeskError> {
    let found = find(app, &id).await?;
    if found.request.right != Right::Restriction || found.request.state == State::Refused {
        return Err(DeskError::Answered(id));
    }
    let now = app.clock.now();
    let change = |before: &Request| {
        let closed = Some(Told { at: now, why: why.to_owned() });
        Some(Request { state: State::Fulfilled, closed, ..before.clone() })
    };
    answered(app, &found, change, |after| letters::answer(&id, after, "lifted", why, None)).await?;
    opened_again(app, &found, &id).await?;
    Ok(id)
}

/// What was restricted may be used again.
async fn opened_again(app: &App, found: &Found, id: &str) -> Result<(), RecordError> {
    suppression::remove(app, &found.request.email()?, Some(Reason::Restriction)).await?;
    records::lift(app, id).await
}

/// A step with its letter and its line of the audit log.
async fn answered(
    app: &App,
    found: &Found,
    change: impl Fn(&Request) -> Option<Request>,
    letter: impl Fn(&Request) -> outbox::Mail,
) -> Result<(), DeskError> {
    let id = found.address.key.as_str();
    let done = request::step(app, &found.address, change, |batch, key, after| {
        audit::note(batch, &Event::new(app, "rights request answered", id))?;
        outbox::enqueue(app, batch, key, &letter(after))
    })
    .await?;
    done.map(drop).ok_or_else(|| DeskError::Answered(id.to_owned()))
}

async fn find(app: &App, id: &str) -> Result<Found, DeskError> {
    request::find(app, id).await?.ok_or_else(|| DeskError::None(id.to_owned()))
}

fn reasoned(reason: &str) -> Result<String, DeskError> {
    let reason = reason.trim();
    if reason.is_empty() { Err(DeskError::Unreasoned) } else { Ok(reason.to_owned()) }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
