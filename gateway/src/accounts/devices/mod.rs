//! The devices of an account: those that are known, the sessions that are open on each, and a letter when one is new.
//!
//! A device is known by a cookie of its own, of which the account keeps a keyed hash: neither an address nor anything
//! measured of the machine.

mod agent;
mod page;
#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::agent::Agent;
use crate::accounts::{self, Account, password_reset, random, sessions, sign_up};
use crate::app::{App, SharedApp};
use crate::outbox;
use crate::records::{self, RecordError};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::{WebError, cookies};

/// A device that signed in before.
pub const KNOWN: Retention = Retention {
    what: "known device",
    term: Term::Months(12),
    from: "last sign in",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};

pub(super) const DEVICES: &str = "account_devices";
/// Tells the devices of an account apart; bound to the host and kept from scripts as the session is.
const COOKIE: &str = "__Host-appareil";
/// How long the browser keeps it, from the last sign-in.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Devices of an account that are known; past it, the one that was not used for longest is forgotten.
const AT_MOST: usize = 30;
/// Sessions of an account that are open at once; past it, the oldest ends.
const OPEN: usize = 50;
/// Sign-ins of one account at the same moment.
const TRIES: usize = 16;

/// The devices of an account and the sessions on them, sealed under its key.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Devices {
    known: Vec<Known>,
    open: Vec<Open>,
}

impl records::Document for Devices {}

/// A device that signed in.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    /// A keyed hash of its cookie.
    mark: String,
    agent: Agent,
    first: Timestamp,
    last: Timestamp,
}

/// A session that began on a device.
#[derive(Clone, Serialize, Deserialize)]
struct Open {
    /// Its name in the store.
    session: String,
    mark: String,
    since: Timestamp,
}

/// The routes of this folder.
pub(super) fn routes() -> axum::Router<SharedApp> {
    page::routes()
}

/// Notes that a session begins on the device of a request, with a letter to the holder if that is a new one; answers
/// the device's `Set-Cookie`.
///
/// # Errors
/// [`WebError`]: nothing was written.
pub(super) async fn entered(
    app: &App,
    headers: &HeaderMap,
    account: &Account,
    session: &str,
) -> Result<HeaderValue, WebError> {
    let shown = cookies::sole(headers, COOKIE).filter(|token| sessions::is_token(token));
    let token = shown.map_or_else(random::token, |token| Ok(token.to_owned()))?;
    let (mark, agent) = (marked(app, account, &token), Agent::of(headers));
    for _ in 0..TRIES {
        let (mut devices, expect) = read(app, account).await?;
        let now = app.clock.now();
        // Whoever signs in for the first time need not be told.
        let new = !devices.knows(&mark) && (account.seen.is_some() || !devices.known.is_empty());
        let ended = devices.enter(app, &mark, agent, session, now);
        let mut batch = Batch::new(&account.organisation);
        let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
        let end = app.settings.retention.end(&KNOWN, now);
        records::put_sealed(&mut batch, &key, DEVICES, &account.id, expect, &devices, Some(end))?;
        if new {
            let language = account.language;
            let context = json!({
                "agent": agent,
                "at": now,
                "link": sign_up::link(app, page::PAGE, language),
                "forgotten": sign_up::link(app, password_reset::ASK, language),
            });
            let letter = accounts::letter(account, "nouvel_appareil", language, context);
            outbox::enqueue(app, &mut batch, &key, &letter)?;
        }
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                for session in ended {
                    sessions::end_named(app, &session).await?;
                }
                return cookie(&token);
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("too many sign-ins of one account at once; retry in a few seconds".into()))
}

/// What a page shows of the sessions of an account, the newest first.
async fn shown(app: &App, account: &Account, own: Option<&str>) -> Result<Vec<Value>, RecordError> {
    let (devices, _) = read(app, account).await?;
    let mut rows = Vec::new();
    for open in devices.open.iter().rev() {
        let Some(session) = sessions::alive(app, account, &open.session).await? else { continue };
        let device = devices.known.iter().find(|known| known.mark == open.mark);
        rows.push(json!({
            "id": open.session,
            "agent": device.map(|device| device.agent),
            "first": device.map(|device| device.first),
            "since": session.signed_in,
            "used": sessions::used(&session),
            "own": own == Some(open.session.as_str()),
        }));
    }
    Ok(rows)
}

/// Whether a session is one of an account's, and if so ends it.
async fn end(app: &App, account: &Account, session: &str) -> Result<bool, RecordError> {
    let (devices, _) = read(app, account).await?;
    if !devices.open.iter().any(|open| open.session == session) {
        return Ok(false);
    }
    // Its line goes with the next sign-in; nobody sees it until then.
    sessions::end_named(app, session).await?;
    Ok(true)
}

async fn read(app: &App, account: &Account) -> Result<(Devices, Expect), RecordError> {
    let address = Address::new(DEVICES, &account.organisation, &account.id);
    let found = records::read_sealed::<Devices>(app, &address, &account.id).await?;
    Ok(found.map_or((Devices::default(), Expect::Absent), |(devices, version)| {
        (devices, Expect::Version(version))
    }))
}

impl Devices {
    fn knows(&self, mark: &str) -> bool {
        self.known.iter().any(|known| known.mark == mark)
    }

    /// Adds a session on a device; answers those that end for it.
    fn enter(&mut self, app: &App, mark: &str, agent: Agent, session: &str, now: Timestamp) -> Vec<String> {
        self.known.retain(|known| app.settings.retention.end(&KNOWN, known.last) > now);
        match self.known.iter_mut().find(|known| known.mark == mark) {
            Some(known) => (known.agent, known.last) = (agent, now),
            None => self.known.push(Known { mark: mark.to_owned(), agent, first: now, last: now }),
        }
        self.known.sort_by_key(|known| known.last);
        self.known.drain(..self.known.len().saturating_sub(AT_MOST));
        self.open.retain(|open| now.duration_since(open.since) < sessions::ABSOLUTE);
        self.open.push(Open { session: session.to_owned(), mark: mark.to_owned(), since: now });
        let past = self.open.len().saturating_sub(OPEN);
        self.open.drain(..past).map(|open| open.session).collect()
    }
}

/// Under which a device is known to an account, and to no other.
fn marked(app: &App, account: &Account, token: &str) -> String {
    app.sealer.lookup("device", &format!("{}:{token}", account.id))
}

fn cookie(token: &str) -> Result<HeaderValue, WebError> {
    let seconds = LIFETIME.as_secs();
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).map_err(|error| WebError::Internal(error.to_string()))
}
