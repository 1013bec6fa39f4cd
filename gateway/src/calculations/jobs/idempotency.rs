//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a request that is sent again is answered by what the
//! first one made. The key is noted in the batch that makes the calculation, so that there is no time between the two.

use http::HeaderMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use super::records::ONCE;
use crate::app::App;
use crate::records::{self, Document, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect};
use crate::web::WebError;

/// How long a key is known.
const KNOWN: SignedDuration = SignedDuration::from_hours(24);
/// The longest key.
const LONGEST: usize = 255;

/// A request that was answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Once {
    /// SHA-256 of its body.
    body: String,
    /// What it made.
    pub(super) calculation: String,
}

impl Document for Once {}

/// A key with the request that it names.
#[derive(Debug, Clone)]
pub(in crate::calculations) struct Key {
    name: String,
    body: String,
}

impl Key {
    /// Of a request; nothing where none is given.
    ///
    /// # Errors
    /// [`WebError::BadRequest`] for what is no key.
    pub(super) fn of(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Option<Self>, WebError> {
        let mut given = headers.get_all("idempotency-key").iter();
        let Some(key) = given.next() else { return Ok(None) };
        let wrong = WebError::BadRequest("the Idempotency-Key is not one text of 1 to 255 characters");
        let text = key.to_str().map_err(|_| wrong.clone())?.trim();
        if given.next().is_some() || text.is_empty() || text.len() > LONGEST {
            return Err(wrong);
        }
        let name = app.sealer.lookup("idempotency", text);
        Ok(Some(Self { name, body: sealing::hex(&Sha256::digest(body)) }))
    }

    /// What an earlier request of the same key made.
    ///
    /// # Errors
    /// [`WebError::Unprocessable`] when that was another request.
    pub(super) async fn earlier(&self, app: &App, organisation: &str) -> Result<Option<String>, WebError> {
        let address = Address::new(ONCE, organisation, &self.name);
        let Some((once, _)) = records::read_plain::<Once>(app, &address).await? else { return Ok(None) };
        if once.body != self.body {
            let told = json!({ "pointer": "", "code": "idempotency_key_reused", "message": REUSED });
            return Err(WebError::Unprocessable(Map::from_iter([("faults".into(), json!([told]))])));
        }
        Ok(Some(once.calculation))
    }

    /// Notes in a batch what the request makes.
    pub(super) fn note(&self, app: &App, batch: &mut Batch, calculation: &str) -> Result<(), RecordError> {
        let once = Once { body: self.body.clone(), calculation: calculation.to_owned() };
        let until = app.clock.now().saturating_add(KNOWN).ok();
        records::put_plain(batch, ONCE, &self.name, Expect::Absent, &once, until)
    }
}

/// For programs, as problem types are.
const REUSED: &str = "This Idempotency-Key was sent with another body within 24 hours; use a new key.";
