//! API keys: how a program says for which organisation it asks, and what of it. It decides nothing about plans or limits.
//!
//! The store keeps a SHA-256 of a key under its name; what its people call it, and when it ends, stands on the list of
//! the organisation ([`list`]).

mod form;
mod list;
mod page;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use self::form::{digest, name_in, well_formed};
use crate::accounts::{self, Account, Role};
use crate::app::{App, SharedApp};
use crate::authorisation::{Actor, Scope};
use crate::records::{self, Older, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::WebError;

pub(super) use self::list::{LISTS, Listed};

pub(super) const API_KEYS: &str = "api_keys";

/// What a key is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Real calculations.
    #[default]
    Live,
    /// Trying the API out: sample data, nothing that counts, gone after a day.
    Test,
}

impl Mode {
    /// The scopes that a key of this kind may have: sample data are nobody's to load, and a webhook is no trial.
    pub fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Live => &Scope::ALL,
            Self::Test => {
                &[Scope::Compute, Scope::CalculationsRead, Scope::CalculationsWrite, Scope::AccountRead]
            }
        }
    }
}

/// A new key; the only time that it is shown.
#[derive(Clone, Serialize)]
pub struct NewKey {
    /// Its name, not secret.
    pub id: String,
    /// The key itself.
    pub key: String,
}

/// The program that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiClient {
    /// The key's name.
    pub key: String,
    /// For whom it asks.
    pub organisation: String,
    /// Whose key it is.
    pub account: String,
    /// What they are now.
    pub role: Role,
    /// What the key opens of it.
    pub scopes: Vec<Scope>,
    /// What it is for.
    pub mode: Mode,
}

/// Who asks, as the guard found out before the handler.
impl FromRequestParts<SharedApp> for ApiClient {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedApp) -> Result<Self, WebError> {
        parts.extensions.get::<Self>().cloned().ok_or(WebError::Unauthorized)
    }
}

impl ApiClient {
    /// Who it is that asks, for [`may`](crate::authorisation::may).
    pub fn actor(&self) -> Actor<'_> {
        Actor {
            account: &self.account,
            organisation: &self.organisation,
            role: self.role,
            elevated: None,
            scopes: Some(&self.scopes),
        }
    }
}

/// What is kept of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    digest: String,
    organisation: String,
    account: String,
    created: Timestamp,
    scopes: Vec<Scope>,
    #[serde(default)]
    mode: Mode,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires: Option<Timestamp>,
    /// The last day on which it was used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    used: Option<Date>,
}

/// What was kept of a key before there were scopes: it opened everything.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    digest: String,
    organisation: String,
    account: String,
    created: Timestamp,
}

impl records::Document for First {}

impl records::Document for Record {
    const SCHEMA: u16 = 1;

    fn upgraded(older: Older<'_>) -> Result<Self, RecordError> {
        let First { digest, organisation, account, created } = older.read()?;
        Ok(Self {
            digest,
            organisation,
            account,
            created,
            scopes: Scope::ALL.to_vec(),
            mode: Mode::Live,
            expires: None,
            used: None,
        })
    }
}

/// The routes of this folder.
pub(super) fn routes() -> Router<SharedApp> {
    page::routes()
}

/// Makes a key for an account that opens all that its holder may do, as staff do.
///
/// # Errors
/// [`WebError`] when it cannot be drawn or recorded.
pub async fn create(app: &App, account: &Account) -> Result<NewKey, WebError> {
    let wanted =
        list::Wanted { name: String::new(), scopes: Scope::ALL.to_vec(), mode: Mode::Live, days: None };
    Ok(list::add(app, account, &wanted, list::Maker::Staff).await?)
}

/// Makes a key for trying out, as its page does.
#[cfg(test)]
pub(crate) async fn create_for_trials(app: &App, account: &Account) -> Result<NewKey, WebError> {
    let scopes = Mode::Test.scopes().to_vec();
    let wanted = list::Wanted { name: "Essai".into(), scopes, mode: Mode::Test, days: None };
    Ok(list::add(app, account, &wanted, list::Maker::Staff).await?)
}

/// Who asks, by `Authorization: Bearer` (RFC 6750). The day is noted, once a day.
///
/// # Errors
/// [`WebError::Unauthorized`] when no key is given, none of ours, or one of somebody who has left.
pub async fn authenticate(app: &App, headers: &HeaderMap) -> Result<ApiClient, WebError> {
    let key = bearer(headers).and_then(well_formed).ok_or(WebError::Unauthorized)?;
    let id = name_in(key);
    let Some((record, version)) = records::read_plain::<Record>(app, &address(id)).await? else {
        return Err(WebError::Unauthorized);
    };
    if !bool::from(digest(key).as_bytes().ct_eq(record.digest.as_bytes())) {
        return Err(WebError::Unauthorized);
    }
    // Whoever made it must still be of the organisation: with them, their keys end.
    let maker = accounts::read(app, &record.organisation, &record.account).await?;
    let maker = maker.ok_or(WebError::Unauthorized)?;
    note_use(app, id, &record, version).await?;
    Ok(ApiClient {
        key: id.to_owned(),
        organisation: record.organisation,
        account: record.account,
        role: maker.role,
        scopes: record.scopes,
        mode: record.mode,
    })
}

async fn note_use(app: &App, id: &str, record: &Record, version: u64) -> Result<(), RecordError> {
    let today = app.clock.now().to_zoned_datetime(TimeZone::UTC).date();
    if record.used == Some(today) {
        return Ok(());
    }
    let used = Record { used: Some(today), ..record.clone() };
    match app.store.commit(put(Batch::new(address(id).partition), id, Expect::Version(version), &used)?).await
    {
        // Another request of today noted it, or somebody revoked it, a moment ago.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What is kept of a key, and its version.
async fn kept(app: &App, id: &str) -> Result<Option<(Record, u64)>, RecordError> {
    records::read_plain(app, &address(id)).await
}

fn put(mut batch: Batch, id: &str, expect: Expect, record: &Record) -> Result<Batch, RecordError> {
    records::put_plain(&mut batch, API_KEYS, id, expect, record, record.expires)?;
    Ok(batch)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (field, None) = (fields.next()?, fields.next()) else {
        return None;
    };
    let (scheme, key) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn address(id: &str) -> Address {
    Address::new(API_KEYS, format!("api-keys-{}", id.get(..1).unwrap_or_default()), id)
}
