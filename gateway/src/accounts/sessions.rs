//! Sessions: a cookie that names a document, and the two limits after which one signs in again
//! (`p-relogin`). It checks no password.
//!
//! The cookie holds 256 random bits; the store knows only their SHA-256, so a stolen store opens no session.
//!
//! What concerns safety, people, keys or money asks more than a session: that its holder proved who they are a moment
//! ago ([`require_proof`]).

use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accounts::{Account, LocalPath, devices, proof, random};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::{WebError, cookies};

/// The cookie; the prefix binds it to this very host, over TLS (RFC 6265bis § 4.1.3.2).
pub const COOKIE: &str = "__Host-session";
/// Without a request for so long, one signs in again.
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// So long after signing in, one signs in again.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);
/// So long after a password or a passkey was given, what is delicate asks for it again.
pub const RECENT: SignedDuration = SignedDuration::from_mins(15);

pub(super) const SESSIONS: &str = "sessions";
/// By account, how often its sessions were all ended.
pub(super) const GENERATIONS: &str = "session_generations";
/// A session is written again only when this much of its idle time is used: not at each request.
const TOUCH_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// 256 bits in base64.
const TOKEN_LENGTH: usize = 43;

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The account's organisation.
    pub organisation: String,
    /// The account.
    pub account: String,
    /// When its holder signed in.
    pub signed_in: Timestamp,
    /// When its holder last proved who they are, since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    proved: Option<Timestamp>,
    /// When it was last written.
    touched: Timestamp,
    /// How often the account's password had been changed: a session of an earlier one is over.
    #[serde(default)]
    generation: u32,
}

impl records::Document for Session {}

/// What a browser is given with a session.
#[derive(Debug)]
pub struct Cookies([HeaderValue; 2]);

impl Cookies {
    /// Has an answer set them.
    pub fn onto(self, response: &mut Response) {
        for cookie in self.0 {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }

    /// What the browser sends back.
    #[cfg(test)]
    pub(crate) fn sent_back(&self) -> HeaderMap {
        let pairs = self.0.iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let pairs = pairs.collect::<Vec<_>>().join("; ");
        HeaderValue::from_str(&pairs).map(|pairs| (header::COOKIE, pairs)).into_iter().collect()
    }
}

/// Nobody is signed in, or not surely enough, or the store cannot tell.
#[derive(Debug)]
pub enum SignInNeeded {
    /// To the sign-in page, and back to this path after it.
    To(Option<LocalPath>),
    /// To the page that asks for the password or a passkey, and back to this path after it.
    Prove(Option<LocalPath>),
    /// The store cannot tell.
    Failed(WebError),
}

impl From<WebError> for SignInNeeded {
    fn from(error: WebError) -> Self {
        Self::Failed(error)
    }
}

impl From<RecordError> for SignInNeeded {
    fn from(error: RecordError) -> Self {
        Self::Failed(error.into())
    }
}

impl IntoResponse for SignInNeeded {
    fn into_response(self) -> Response {
        match self {
            Self::To(None) => Redirect::to("/compte/connexion").into_response(),
            Self::To(Some(path)) => {
                Redirect::to(&format!("/compte/connexion?suite={}", path.encoded())).into_response()
            }
            Self::Prove(None) => Redirect::to(proof::PAGE).into_response(),
            Self::Prove(Some(path)) => {
                Redirect::to(&format!("{}?suite={}", proof::PAGE, path.encoded())).into_response()
            }
            Self::Failed(error) => error.into_response(),
        }
    }
}

/// The session of a request; without one, the client is sent to sign in and then to `wanted`.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
pub async fn require(app: &App, headers: &HeaderMap, wanted: &str) -> Result<Session, SignInNeeded> {
    match current(app, headers).await {
        Ok(Some(session)) => Ok(session),
        Ok(None) => Err(SignInNeeded::To(LocalPath::parse(wanted))),
        Err(error) => Err(SignInNeeded::Failed(error)),
    }
}

/// Whether the holder of a session proved a moment ago who they are, by their password or a passkey: what concerns
/// safety, rights, keys or payment asks for it ([`require_proof`]).
pub fn recently_proved(app: &App, session: &Session) -> bool {
    let proved = session.proved.unwrap_or(session.signed_in);
    app.clock.now().duration_since(proved) < RECENT
}

/// As [`require`], of somebody who [recently proved](recently_proved) who they are; others are sent to prove it and
/// then to `wanted`.
///
/// # Errors
/// [`SignInNeeded`], an answer by itself.
pub async fn require_proof(app: &App, headers: &HeaderMap, wanted: &str) -> Result<Session, SignInNeeded> {
    let session = require(app, headers, wanted).await?;
    match recently_proved(app, &session) {
        true => Ok(session),
        false => Err(SignInNeeded::Prove(LocalPath::parse(wanted))),
    }
}

/// The session that a request's cookie names, if it lives; its idle time begins anew.
///
/// # Errors
/// [`WebError`] when the store cannot tell.
pub async fn current(app: &App, headers: &HeaderMap) -> Result<Option<Session>, WebError> {
    let Some(address) = named(headers) else {
        return Ok(None);
    };
    let Some((mut session, version)) = records::read_plain::<Session>(app, &address).await? else {
        return Ok(None);
    };
    if generation(app, &session.organisation, &session.account).await?.0 != session.generation {
        return Ok(None);
    }
    let now = app.clock.now();
    if now.duration_since(session.touched) >= TOUCH_AFTER {
        session.touched = now;
        let expires = end(&session);
        let mut batch = Batch::new(&address.partition);
        records::put_plain(
            &mut batch,
            SESSIONS,
            &address.key,
            Expect::Version(version),
            &session,
            Some(expires),
        )?;
        match app.store.commit(batch).await {
            // Another request of the same session wrote it, or ended it, a moment ago; the read above stands.
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(session))
}

/// Begins a session and answers its cookies; the one that the request came with ends, whoever's it was, so that a
/// planted cookie is worth nothing after sign-in. The holder is told by letter when the device is new.
///
/// # Errors
/// [`WebError`] when it cannot be recorded.
pub async fn begin(app: &App, headers: &HeaderMap, account: &Account) -> Result<Cookies, WebError> {
    end_current(app, headers).await?;
    let now = app.clock.now();
    start(app, headers, account, now, now).await
}

/// The same session under another name, its holder having proved now who they are; its absolute limit stays.
///
/// # Errors
/// [`WebError`] when it cannot be recorded.
pub(super) async fn renew(
    app: &App,
    headers: &HeaderMap,
    session: &Session,
    account: &Account,
) -> Result<Cookies, WebError> {
    end_current(app, headers).await?;
    start(app, headers, account, session.signed_in, app.clock.now()).await
}

/// The same session under another name and nothing more, after all were ended.
///
/// # Errors
/// [`WebError`] when it cannot be recorded.
pub(super) async fn again(
    app: &App,
    headers: &HeaderMap,
    session: &Session,
    account: &Account,
) -> Result<Cookies, WebError> {
    end_current(app, headers).await?;
    start(app, headers, account, session.signed_in, session.proved.unwrap_or(session.signed_in)).await
}

async fn start(
    app: &App,
    headers: &HeaderMap,
    account: &Account,
    signed_in: Timestamp,
    proved: Timestamp,
) -> Result<Cookies, WebError> {
    let token = random::token()?;
    let now = app.clock.now();
    let session = Session {
        organisation: account.organisation.clone(),
        account: account.id.clone(),
        signed_in,
        proved: Some(proved),
        touched: now,
        generation: generation(app, &account.organisation, &account.id).await?.0,
    };
    let address = address(&token);
    // First among the account's devices: a session that is on no list could not be ended from it.
    let device = devices::entered(app, headers, account, &address.key).await?;
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, SESSIONS, &address.key, Expect::Absent, &session, Some(end(&session)))?;
    app.store.commit(batch).await?;
    let left = ABSOLUTE.saturating_sub(now.duration_since(signed_in));
    Ok(Cookies([cookie(&token, left.as_secs())?, device]))
}

/// Ends the session of a request and answers the `Set-Cookie` that makes the browser forget it.
///
/// # Errors
/// [`WebError`] when the store cannot.
pub async fn end_current(app: &App, headers: &HeaderMap) -> Result<HeaderValue, WebError> {
    if let Some(address) = named(headers) {
        let batch = Batch::new(&address.partition).delete(SESSIONS, &address.key, Expect::Anything);
        app.store.commit(batch).await?;
    }
    cookie("", 0)
}

/// Puts into a batch of the account's partition what ends every session that it has.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn end_all(app: &App, batch: &mut Batch, account: &str) -> Result<(), RecordError> {
    let (generation, expect) = generation(app, &batch.partition.clone(), account).await?;
    let next = generation.wrapping_add(1);
    records::put_plain(batch, GENERATIONS, account, expect, &next, None)
}

/// As [`end_all`], of an account that is no more: nothing of it stays once its sessions would have ended by themselves.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn end_for_good(app: &App, batch: &mut Batch, account: &str) -> Result<(), RecordError> {
    let (generation, expect) = generation(app, &batch.partition.clone(), account).await?;
    let end = app.clock.now().saturating_add(ABSOLUTE).unwrap_or(Timestamp::MAX);
    records::put_plain(batch, GENERATIONS, account, expect, &generation.wrapping_add(1), Some(end))
}

/// A session of an account by its name in the store, if it lives.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn alive(app: &App, account: &Account, name: &str) -> Result<Option<Session>, RecordError> {
    let found = records::read_plain::<Session>(app, &at(name)).await?;
    let (now, last) = (app.clock.now(), generation(app, &account.organisation, &account.id).await?.0);
    let lives =
        |session: &Session| session.account == account.id && session.generation == last && end(session) > now;
    Ok(found.map(|(session, _)| session).filter(lives))
}

/// Ends a session by its name in the store.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn end_named(app: &App, name: &str) -> Result<(), StoreError> {
    let address = at(name);
    let batch = Batch::new(&address.partition).delete(SESSIONS, &address.key, Expect::Anything);
    app.store.commit(batch).await
}

/// The name in the store of the session that a request's cookie names.
pub(super) fn name(headers: &HeaderMap) -> Option<String> {
    named(headers).map(|address| address.key)
}

/// When it was last used, to the minute.
pub(super) fn used(session: &Session) -> Timestamp {
    session.touched
}

/// How often an account's sessions were all ended, and what the document is expected to be.
async fn generation(app: &App, organisation: &str, account: &str) -> Result<(u32, Expect), RecordError> {
    let found = records::read_plain(app, &Address::new(GENERATIONS, organisation, account)).await?;
    Ok(found.map_or((0, Expect::Absent), |(count, version)| (count, Expect::Version(version))))
}

/// When a session ends: at the first of its two limits.
fn end(session: &Session) -> Timestamp {
    let after = |start: Timestamp, limit| start.checked_add(limit).unwrap_or(Timestamp::MAX);
    after(session.touched, IDLE).min(after(session.signed_in, ABSOLUTE))
}

fn cookie(token: &str, max_age_seconds: i64) -> Result<HeaderValue, WebError> {
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={max_age_seconds}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).map_err(|error| WebError::Internal(error.to_string()))
}

/// The document that a request's cookie names.
fn named(headers: &HeaderMap) -> Option<Address> {
    cookies::sole(headers, COOKIE).filter(|token| is_token(token)).map(address)
}

/// Whether a text has the shape of [`random::token`].
pub(super) fn is_token(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() == TOKEN_LENGTH && text.bytes().all(known)
}

fn address(token: &str) -> Address {
    at(&sealing::hex(&Sha256::digest(token.as_bytes())))
}

fn at(name: &str) -> Address {
    // Spread over 256 partitions, so that no single one holds every session.
    Address::new(SESSIONS, format!("sessions-{}", name.get(..2).unwrap_or_default()), name)
}

#[cfg(test)]
mod tests;
