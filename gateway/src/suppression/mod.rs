//! Addresses that are not written to any more, found by a keyed hash: the list outlives the data of the person,
//! so that nobody who objected is written to again (`p-marketing-optout`).

mod event;
mod signature;
mod webhook;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::{App, SharedApp};
use crate::email::Email;
use crate::outbox::Purpose;
use crate::records::{self, KEYS, RecordError, Shape};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

pub use self::signature::{NotAKey, WebhookKeys};

const SUPPRESSIONS: &str = "suppressions";
const PAGE: usize = 500;
const TRIES: usize = 8;

/// An address that is not to be written to.
pub const SUPPRESSED: Retention = Retention {
    what: "suppressed address",
    term: Term::Years(3),
    from: "last event",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};

/// Why an address is not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its reader called a letter of ours spam.
    SpamReport,
    /// Its server refuses it for good.
    Bounce,
    /// The mail processor does not deliver to it.
    Drop,
    /// Staff decided so.
    Staff,
    /// Its reader left the newsletter.
    Unsubscribe,
    /// Its holder asked that what is kept be not used (GDPR art. 18).
    Restriction,
}

impl Reason {
    /// Its word in metrics and to the theme.
    pub fn name(self) -> &'static str {
        match self {
            Self::SpamReport => "spam_report",
            Self::Bounce => "bounce",
            Self::Drop => "drop",
            Self::Staff => "staff",
            Self::Unsubscribe => "unsubscribe",
            Self::Restriction => "restriction",
        }
    }

    /// Whether it keeps a letter of this purpose back. What a contract or somebody's safety needs always passes;
    /// who left the newsletter may still be answered, and may ask for it again.
    pub fn blocks(self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Contract | Purpose::Security | Purpose::Staff => false,
            Purpose::Contact | Purpose::Confirmation => !matches!(self, Self::Unsubscribe | Self::Restriction),
            Purpose::Newsletter => true,
        }
    }
}

/// What is kept of addresses that are not written to.
pub const SHAPES: &[Shape] = &[Shape::plain::<Suppressed>(SUPPRESSIONS), Shape::plain::<()>(webhook::EVENTS)];

/// What is kept of an address: why and since when, and the address itself sealed under a key of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Suppressed {
    reasons: BTreeMap<Reason, Timestamp>,
    sealed: String,
}

impl records::Document for Suppressed {}

/// What staff see of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The address; none when only its hash is left.
    pub email: Option<String>,
    /// The keyed hash by which it is found.
    pub id: String,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Since when.
    pub since: Timestamp,
}

/// The routes of this folder.
pub fn routes() -> axum::Router<SharedApp> {
    webhook::routes()
}

/// Why a letter of this purpose may not be sent to an address, if it may not.
///
/// # Errors
/// [`RecordError`].
pub async fn blocks(app: &App, email: &Email, purpose: Purpose) -> Result<Option<Reason>, RecordError> {
    let (found, _) = read(app, &id(app, email)).await?;
    Ok(found.reasons.into_keys().find(|reason| reason.blocks(purpose)))
}

/// Puts an address on the list; what stands there already stays.
///
/// # Errors
/// [`RecordError`].
pub async fn add(app: &App, email: &Email, reason: Reason, at: Timestamp) -> Result<(), RecordError> {
    let id = id(app, email);
    let mut tries = 0;
    loop {
        let mut batch = Batch::new(partition(&id));
        put(app, &mut batch, &id, email, reason, at).await?;
        match app.store.commit(batch).await {
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            other => return Ok(other?),
        }
    }
}

/// Takes an address off the list, for one reason or for all; whether it stood there.
///
/// # Errors
/// [`RecordError`].
pub async fn remove(app: &App, email: &Email, reason: Option<Reason>) -> Result<bool, RecordError> {
    let id = id(app, email);
    let mut tries = 0;
    loop {
        let (mut found, expect) = read(app, &id).await?;
        let before = found.reasons.len();
        found.reasons.retain(|one, _| reason.is_some_and(|reason| reason != *one));
        if found.reasons.len() == before {
            return Ok(false);
        }
        let mut batch = Batch::new(partition(&id));
        match found.reasons.values().max() {
            Some(last) => {
                let ends = Some(SUPPRESSED.end(*last));
                records::put_plain(&mut batch, SUPPRESSIONS, &id, expect, &found, ends)?;
            }
            None => {
                batch = batch.delete(SUPPRESSIONS, &id, expect);
                records::erase(app, &mut batch, &id).await?;
            }
        }
        match app.store.commit(batch).await {
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            other => return Ok(other.map(|()| true)?),
        }
    }
}

/// Whether what is kept about an address may not be used now (GDPR art. 18).
///
/// # Errors
/// [`RecordError`].
pub async fn is_restricted(app: &App, email: &Email) -> Result<bool, RecordError> {
    let (found, _) = read(app, &id(app, email)).await?;
    Ok(found.reasons.contains_key(&Reason::Restriction))
}

/// Forgets the address of an entry and keeps its hash: who was erased is still not written to.
///
/// # Errors
/// [`RecordError`].
pub async fn keep_hash_alone(app: &App, email: &Email) -> Result<(), RecordError> {
    let id = id(app, email);
    let mut batch = Batch::new(partition(&id));
    records::erase(app, &mut batch, &id).await?;
    if batch.writes.is_empty() {
        return Ok(());
    }
    Ok(app.store.commit(batch).await?)
}

/// The whole list, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let scan =
            Scan { collection: SUPPRESSIONS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let found = records::sound(records::decode::<Suppressed>(&address, &stored.body))?;
            let Some(found) = found else { continue };
            let Some(since) = found.reasons.values().min().copied() else { continue };
            let Some(email) = records::sound(opened(app, &address, &found).await)? else { continue };
            lines.push(Line { email, id: address.key, reasons: found.reasons.into_keys().collect(), since });
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    lines.sort_by_key(|line| line.since);
    Ok(lines)
}

/// Adds a reason to what the batch is to write of an address.
async fn put(
    app: &App,
    batch: &mut Batch,
    id: &str,
    email: &Email,
    reason: Reason,
    at: Timestamp,
) -> Result<(), RecordError> {
    let (mut found, expect) = read(app, id).await?;
    let since = found.reasons.entry(reason).or_insert(at);
    *since = (*since).max(at);
    let key = records::subject_key(app, &partition(id), id, batch).await?;
    let address = Address::new(SUPPRESSIONS, partition(id), id);
    found.sealed = STANDARD.encode(key.seal(&address, email.as_str().as_bytes())?);
    let last = found.reasons.values().max().copied().unwrap_or(at);
    let ends = Some(SUPPRESSED.end(last));
    records::put_plain(batch, SUPPRESSIONS, id, expect, &found, ends)
}

async fn read(app: &App, id: &str) -> Result<(Suppressed, Expect), RecordError> {
    let address = Address::new(SUPPRESSIONS, partition(id), id);
    let found = records::read_plain::<Suppressed>(app, &address).await?;
    Ok(found.map_or((Suppressed::default(), Expect::Absent), |(found, version)| {
        (found, Expect::Version(version))
    }))
}

/// The address, as long as its key is there.
async fn opened(app: &App, address: &Address, found: &Suppressed) -> Result<Option<String>, RecordError> {
    let key = Address::new(KEYS, address.partition.clone(), &address.key);
    let Some(wrapped) = app.store.read(&key).await? else {
        return Ok(None);
    };
    let Ok(sealed) = STANDARD.decode(&found.sealed) else {
        return Ok(None);
    };
    let plain = app.sealer.unwrap(&address.key, &wrapped.body)?.open(address, &sealed)?;
    Ok(String::from_utf8(plain.to_vec()).ok())
}

/// Where what is kept of an address stands.
pub fn place(app: &App, email: &Email) -> records::Place {
    let id = id(app, email);
    records::Place::of(partition(&id), id)
}

fn id(app: &App, email: &Email) -> String {
    app.sealer.lookup("suppression", &email.folded())
}

/// Spread over 256 partitions, as subscribers are.
fn partition(id: &str) -> String {
    format!("suppression-{}", id.get(..2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    /// Proves p-purposes.
    #[test]
    fn p_marketing_optout_only_what_is_necessary_passes_the_list() {
        let blocked = |reason: Reason| -> Vec<&str> {
            use Purpose::{Confirmation, Contact, Contract, Newsletter, Security, Staff};
            let all = [Newsletter, Confirmation, Contact, Contract, Security, Staff];
            all.into_iter().filter(|purpose| reason.blocks(*purpose)).map(Purpose::name).collect()
        };
        for reason in [Reason::SpamReport, Reason::Bounce, Reason::Drop, Reason::Staff] {
            assert_eq!(blocked(reason), ["newsletter", "confirmation", "contact"], "{reason:?}");
        }
        assert_eq!(blocked(Reason::Unsubscribe), ["newsletter"]);
    }

    #[tokio::test]
    async fn an_address_is_found_whatever_its_case_and_leaves_the_list_reason_by_reason() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
        let now = app.clock.now();
        add(&app, &email("A@example.org"), Reason::Bounce, now).await.unwrap();
        add(&app, &email("a@EXAMPLE.org"), Reason::Unsubscribe, now).await.unwrap();
        let listed = list(&app).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].reasons, [Reason::Bounce, Reason::Unsubscribe]);
        let one = email("a@example.org");
        assert_eq!(blocks(&app, &one, Purpose::Contact).await.unwrap(), Some(Reason::Bounce));
        assert!(remove(&app, &one, Some(Reason::Bounce)).await.unwrap());
        assert_eq!(blocks(&app, &one, Purpose::Contact).await.unwrap(), None);
        assert_eq!(blocks(&app, &one, Purpose::Newsletter).await.unwrap(), Some(Reason::Unsubscribe));
        assert!(remove(&app, &one, None).await.unwrap());
        assert!(!remove(&app, &one, None).await.unwrap());
        assert_eq!(list(&app).await.unwrap(), []);
    }

    #[tokio::test]
    async fn p_marketing_optout_the_list_holds_when_the_key_of_the_address_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
        let one = email("a@example.org");
        add(&app, &one, Reason::Unsubscribe, app.clock.now()).await.unwrap();
        let line = list(&app).await.unwrap().remove(0);
        assert_eq!(line.email.as_deref(), Some("a@example.org"));
        let erased = Batch::new(partition(&line.id)).delete(KEYS, &line.id, Expect::Anything);
        app.store.commit(erased).await.unwrap();
        assert_eq!(list(&app).await.unwrap()[0].email, None);
        assert_eq!(blocks(&app, &one, Purpose::Newsletter).await.unwrap(), Some(Reason::Unsubscribe));
    }
}
