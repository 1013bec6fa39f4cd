//! API keys: how a program says for which organisation it asks. It decides nothing about plans or limits.
//!
//! A key is `aops_` and 50 letters and digits: 12 of name, 32 of secret (190 bits) and 6 of checksum, so that
//! secret scanners find it by form and drop what only looks like it. The store keeps a SHA-256 of the whole.

use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::accounts::{self, Account, Role, random};
use crate::app::App;
use crate::audit::{self, Event};
use crate::authorisation::{Actor, Scope};
use crate::records;
use crate::store::{Address, Batch, Expect};
use crate::web::WebError;

const PREFIX: &str = "aops_";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
pub(super) const API_KEYS: &str = "api_keys";

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

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    digest: String,
    organisation: String,
    account: String,
    created: Timestamp,
    /// What it opens; keys of before there were scopes open everything.
    #[serde(default = "every_scope")]
    scopes: Vec<Scope>,
}

fn every_scope() -> Vec<Scope> {
    Scope::ALL.to_vec()
}

impl records::Document for Record {}

/// Makes a key for an account.
///
/// # Errors
/// [`WebError`] when it cannot be drawn or recorded.
pub async fn create(app: &App, account: &Account) -> Result<NewKey, WebError> {
    let key = draw()?;
    let id = key.get(PREFIX.len()..PREFIX.len() + ID_LENGTH).unwrap_or_default().to_owned();
    let record = Record {
        digest: digest(&key),
        organisation: account.organisation.clone(),
        account: account.id.clone(),
        created: app.clock.now(),
        scopes: every_scope(),
    };
    let address = address(&id);
    let mut batch = Batch::new(&address.partition);
    records::put_plain(&mut batch, API_KEYS, &address.key, Expect::Absent, &record, None)?;
    audit::note(&mut batch, &Event::of(app, account, "key created", &id))?;
    app.store.commit(batch).await?;
    Ok(NewKey { id, key })
}

/// Who asks, by `Authorization: Bearer` (RFC 6750).
///
/// # Errors
/// [`WebError::Unauthorized`] when no key is given, none of ours, or one of somebody who has left.
pub async fn authenticate(app: &App, headers: &HeaderMap) -> Result<ApiClient, WebError> {
    let key = bearer(headers).and_then(well_formed).ok_or(WebError::Unauthorized)?;
    let id = &key[PREFIX.len()..PREFIX.len() + ID_LENGTH];
    let Some((record, _)) = records::read_plain::<Record>(app, &address(id)).await? else {
        return Err(WebError::Unauthorized);
    };
    if !bool::from(digest(key).as_bytes().ct_eq(record.digest.as_bytes())) {
        return Err(WebError::Unauthorized);
    }
    // Whoever made it must still be of the organisation: with them, their keys end.
    let maker = accounts::read(app, &record.organisation, &record.account).await?;
    let maker = maker.ok_or(WebError::Unauthorized)?;
    Ok(ApiClient {
        key: id.to_owned(),
        organisation: record.organisation,
        account: record.account,
        role: maker.role,
        scopes: record.scopes,
    })
}

fn draw() -> Result<String, random::NoRandomness> {
    let body = random::base62(ID_LENGTH + SECRET_LENGTH)?;
    Ok(format!("{PREFIX}{body}{}", checksum(&body)))
}

/// The key, if it has the form and the checksum of one: a mistyped key costs no look-up.
fn well_formed(key: &str) -> Option<&str> {
    let rest = key.strip_prefix(PREFIX)?;
    let plausible = rest.len() == ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH
        && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    if !plausible {
        return None;
    }
    let (body, sum) = rest.split_at(ID_LENGTH + SECRET_LENGTH);
    (checksum(body) == sum).then_some(key)
}

/// The first 32 bits of the SHA-256 of the text, in base 62, most significant first.
fn checksum(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let mut value = digest.iter().take(4).fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
    let mut letters = [0_u8; CHECKSUM_LENGTH];
    for letter in letters.iter_mut().rev() {
        *letter = random::BASE62[value % 62];
        value /= 62;
    }
    letters.into_iter().map(char::from).collect()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (field, None) = (fields.next()?, fields.next()) else {
        return None;
    };
    let (scheme, key) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn digest(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn address(id: &str) -> Address {
    Address::new(API_KEYS, format!("api-keys-{}", id.get(..1).unwrap_or_default()), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_form_that_scanners_find_and_a_checksum_that_typing_errors_break() {
        let key = draw().unwrap();
        assert_eq!(key.len(), 55);
        assert_eq!(well_formed(&key), Some(key.as_str()));
        let mut broken = 0;
        for at in PREFIX.len()..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            broken += usize::from(well_formed(std::str::from_utf8(&bytes).unwrap()).is_none());
        }
        assert_eq!(broken, 50);
        for other in ["", "aops_", "sk_test_1", &key[1..], &format!("{key}0"), &key.replace("aops_", "AOPS_")]
        {
            assert_eq!(well_formed(other), None, "{other}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_documentation() {
        // SHA-256("abc") begins ba7816bf = 3128432319 = 3 25 44 36 9 49 in base 62.
        assert_eq!(checksum("abc"), "3Pia9n");
    }

    #[test]
    fn a_key_is_read_from_one_bearer_field_only() {
        let headers = |fields: &[&str]| {
            let field = |text: &&str| (header::AUTHORIZATION, http::HeaderValue::from_str(text).unwrap());
            fields.iter().map(field).collect::<HeaderMap>()
        };
        assert_eq!(bearer(&headers(&["Bearer k"])), Some("k"));
        assert_eq!(bearer(&headers(&["bearer k"])), Some("k"));
        for fields in [&[][..], &["Basic k"], &["k"], &["Bearer a", "Bearer b"]] {
            assert_eq!(bearer(&headers(fields)), None, "{fields:?}");
        }
    }
}
