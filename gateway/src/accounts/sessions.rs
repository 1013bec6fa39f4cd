//! Sessions: a cookie that names a document, and the two limits after which one signs in again
//! (`p-relogin`). It checks no password.
//!
//! The cookie holds 256 random bits; the store knows only their SHA-256, so a stolen store opens no session.

use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accounts::{Account, LocalPath, random};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::{WebError, cookies};

/// The cookie; the prefix binds it to this very host, over TLS (RFC 6265bis § 4.1.3.2).
pub const COOKIE: &str = "__Host-session";
/// Without a request for so long, one signs in again.
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// So long after signing in, one signs in again.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);

const SESSIONS: &str = "sessions";
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
    /// When its password was checked.
    pub signed_in: Timestamp,
    /// When it was last written.
    touched: Timestamp,
    /// How often the account's password had been changed: a session of an earlier one is over.
    #[serde(default)]
    generation: u32,
}

/// Nobody is signed in, or the store cannot tell.
#[derive(Debug)]
pub enum SignInNeeded {
    /// To the sign-in page, and back to this path after it.
    To(Option<LocalPath>),
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

/// Begins a session and answers its `Set-Cookie`; the one that the request came with ends, whoever's it was,
/// so that a planted cookie is worth nothing after sign-in.
///
/// # Errors
/// [`WebError`] when it cannot be recorded.
pub async fn begin(app: &App, headers: &HeaderMap, account: &Account) -> Result<HeaderValue, WebError> {
    end_current(app, headers).await?;
    let token = random::token()?;
    let now = app.clock.now();
    let session = Session {
        organisation: account.organisation.clone(),
        account: account.id.clone(),
        signed_in: now,
        touched: now,
        generation: generation(app, &account.organisation, &account.id).await?.0,
    };
    let address = address(&token);
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, SESSIONS, &address.key, Expect::Absent, &session, Some(end(&session)))?;
    app.store.commit(batch).await?;
    cookie(&token, ABSOLUTE.as_secs())
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
    let token = cookies::sole(headers, COOKIE)?;
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let whole = token.len() == TOKEN_LENGTH && token.bytes().all(known);
    whole.then(|| address(token))
}

fn address(token: &str) -> Address {
    let name: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    // Spread over 256 partitions, so that no single one holds every session.
    Address::new(SESSIONS, format!("sessions-{}", name.get(..2).unwrap_or_default()), name)
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn with_cookie(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(text).unwrap())])
    }

    #[test]
    fn a_session_is_named_by_one_whole_cookie_and_stored_under_its_hash() {
        let token = random::token().unwrap();
        let address = named(&with_cookie(&format!("a=b; {COOKIE}={token}; c=d"))).unwrap();
        assert!(!address.to_string().contains(&token));
        assert_eq!(address.key.len(), 64);
        for other in [
            String::new(),
            format!("{COOKIE}="),
            format!("{COOKIE}={token}x"),
            format!("session={token}"),
            format!("{COOKIE}={token}; {COOKIE}={token}"),
        ] {
            assert_eq!(named(&with_cookie(&other)), None, "{other}");
        }
    }

    #[test]
    fn the_cookie_is_bound_to_the_host_to_tls_and_kept_from_scripts() {
        let text = cookie("t", 60).unwrap();
        assert_eq!(text, "__Host-session=t; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn p_relogin_a_session_ends_at_the_first_of_its_two_limits() {
        let signed_in = Timestamp::UNIX_EPOCH;
        let mut session = Session {
            organisation: "org_a".into(),
            account: "acc_a".into(),
            signed_in,
            touched: signed_in,
            generation: 0,
        };
        assert_eq!(end(&session), signed_in + IDLE);
        session.touched = signed_in + SignedDuration::from_hours(11);
        assert_eq!(end(&session), session.touched + IDLE);
        session.touched = signed_in + SignedDuration::from_mins(11 * 60 + 50);
        assert_eq!(end(&session), signed_in + ABSOLUTE);
    }

    #[tokio::test]
    async fn p_relogin_a_session_lives_by_the_clock_and_is_another_after_each_sign_in() {
        let folder = tempfile::tempdir().unwrap();
        let later = |minutes| crate::testing::app(folder.path(), SignedDuration::from_mins(minutes));
        let account = Account {
            id: "acc_a".into(),
            organisation: "org_a".into(),
            email: "a@example.com".into(),
            password: String::new(),
            role: crate::accounts::Role::Owner,
            verified: true,
            created: Timestamp::UNIX_EPOCH,
            holder: None,
            accepted: Vec::new(),
            seen: None,
        };
        let app = later(0).await;
        let first = sent_back(&begin(&app, &HeaderMap::new(), &account).await.unwrap());
        let second = sent_back(&begin(&app, &first, &account).await.unwrap());
        assert_eq!(current(&app, &first).await.unwrap(), None);
        assert_eq!(current(&app, &second).await.unwrap().unwrap().account, "acc_a");
        drop(app);
        // 29 minutes at a time, it lives on; 31 minutes of rest end it.
        for minutes in [29, 58] {
            assert!(current(&later(minutes).await, &second).await.unwrap().is_some(), "{minutes}");
        }
        assert_eq!(current(&later(89).await, &second).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_session_that_ended_by_sign_out_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
        let new = crate::accounts::NewAccount {
            email: crate::email::Email::parse("a@example.com").unwrap(),
            password: String::from("Vr7!kd0#QzpL").into(),
            role: crate::accounts::Role::Owner,
            verified: true,
        };
        let account = crate::accounts::create(&app, new).await.unwrap();
        let headers = sent_back(&begin(&app, &HeaderMap::new(), &account).await.unwrap());
        assert!(require(&app, &headers, "/espace-client/").await.is_ok());
        let forget = end_current(&app, &headers).await.unwrap();
        assert!(forget.to_str().unwrap().starts_with("__Host-session=; Path=/; Max-Age=0;"));
        assert!(require(&app, &headers, "/espace-client/").await.is_err());
    }

    /// The request fields of a browser that got this `Set-Cookie`.
    fn sent_back(set_cookie: &HeaderValue) -> HeaderMap {
        with_cookie(set_cookie.to_str().unwrap().split(';').next().unwrap())
    }

    #[test]
    fn the_way_back_after_sign_in_is_told_in_the_redirect() {
        let response = SignInNeeded::To(LocalPath::parse("/espace-client/?a=1")).into_response();
        assert_eq!(response.status(), 303);
        assert_eq!(response.headers()[header::LOCATION], "/compte/connexion?suite=/espace-client/%3Fa%3D1");
    }
}
