//! The keys of an organisation as its people know them: name, scopes, maker, end. A key is first put on the list, which
//! has so many places, then made; it is first unmade, then struck off. Whoever dies between leaves a line of nothing.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::form::{digest, draw, name_in};
use super::{API_KEYS, Mode, NewKey, Record, address, kept, put};
use crate::accounts::{self, Account, Role, letter, people, random, sign_up};
use crate::app::App;
use crate::audit::{self, Event};
use crate::authorisation::Scope;
use crate::outbox;
use crate::records::{self, Document, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::web::WebError;

pub(in crate::accounts) const LISTS: &str = "api_key_lists";
/// The most keys of an organisation.
pub(super) const MOST: usize = 20;
/// A key that was replaced works so much longer: programs take the new one meanwhile.
pub(super) const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
const TRIES: usize = 32;

/// The keys of an organisation, the oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::accounts) struct Listed {
    pub(super) keys: Vec<Line>,
}

impl Document for Listed {}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scopes: Vec<Scope>,
    #[serde(default)]
    pub(super) mode: Mode,
    /// The account that made it.
    pub(super) by: String,
    pub(super) created: Timestamp,
    /// For so many days; for good when absent.
    pub(super) days: Option<u16>,
    pub(super) expires: Option<Timestamp>,
}

/// What is asked of a new key.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) scopes: Vec<Scope>,
    pub(super) mode: Mode,
    pub(super) days: Option<u16>,
}

/// Who makes a key, and so how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// As many as they like; they hand a key over themselves, and nobody is told of it by letter.
    Staff,
    /// [`MOST`] at most, and whoever answers for the organisation is told.
    Holder,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    /// Every place is taken.
    #[error("an organisation has {MOST} keys at most")]
    Full,
    /// No key of this name.
    #[error("no key of this name")]
    Unknown,
    /// Too many change the list at once.
    #[error("too many keys come and go at once")]
    Busy,
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<random::NoRandomness> for KeyError {
    fn from(error: random::NoRandomness) -> Self {
        Self::Record(error.into())
    }
}

impl From<StoreError> for KeyError {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}

impl From<KeyError> for WebError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => Self::NotFound,
            KeyError::Full => Self::Forbidden("an organisation has twenty keys at most"),
            KeyError::Busy => Self::Unavailable(error.to_string()),
            KeyError::Record(error) => error.into(),
        }
    }
}

/// The keys of an organisation that have not ended.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn of(app: &App, organisation: &str) -> Result<Vec<Line>, RecordError> {
    Ok(read(app, organisation).await?.0.keys)
}

/// Makes a key; its organisation's owners are told by letter.
///
/// # Errors
/// [`KeyError`].
pub(super) async fn add(
    app: &App,
    account: &Account,
    wanted: &Wanted,
    maker: Maker,
) -> Result<NewKey, KeyError> {
    let key = draw(wanted.mode)?;
    let id = name_in(&key).to_owned();
    let now = app.clock.now();
    let expires = wanted.days.map(|days| after(now, SignedDuration::from_hours(24 * i64::from(days))));
    let line = Line {
        id: id.clone(),
        name: wanted.name.clone(),
        scopes: wanted.scopes.clone(),
        mode: wanted.mode,
        by: account.id.clone(),
        created: now,
        days: wanted.days,
        expires,
    };
    change(app, account, "key created", &id, |listed| {
        if maker == Maker::Holder && listed.keys.len() >= MOST {
            return Err(KeyError::Full);
        }
        listed.keys.push(line.clone());
        Ok(())
    })
    .await?;
    let record = Record {
        digest: digest(&key),
        organisation: account.organisation.clone(),
        account: account.id.clone(),
        created: now,
        scopes: wanted.scopes.clone(),
        mode: wanted.mode,
        expires,
        used: None,
    };
    app.store.commit(put(Batch::new(address(&id).partition), &id, Expect::Absent, &record)?).await?;
    if maker == Maker::Holder {
        tell(app, account, &id, wanted).await?;
    }
    Ok(NewKey { id, key })
}

/// Makes a key in the place of another, which works a day longer.
///
/// # Errors
/// [`KeyError`].
pub(super) async fn replace(app: &App, account: &Account, id: &str) -> Result<NewKey, KeyError> {
    let line = line(app, &account.organisation, id).await?;
    let Some((record, version)) = kept(app, id).await? else { return Err(KeyError::Unknown) };
    let wanted = Wanted { name: line.name, scopes: line.scopes, mode: line.mode, days: line.days };
    let new = add(app, account, &wanted, Maker::Holder).await?;
    let end = after(app.clock.now(), OVERLAP);
    let end = record.expires.map_or(end, |expires| expires.min(end));
    let record = Record { expires: Some(end), ..record };
    app.store.commit(put(Batch::new(address(id).partition), id, Expect::Version(version), &record)?).await?;
    change(app, account, "key replaced", id, |listed| {
        listed.keys.iter_mut().filter(|line| line.id == id).for_each(|line| line.expires = Some(end));
        Ok(())
    })
    .await?;
    Ok(new)
}

/// Ends a key at once.
///
/// # Errors
/// [`KeyError`].
pub(super) async fn revoke(app: &App, account: &Account, id: &str) -> Result<(), KeyError> {
    line(app, &account.organisation, id).await?;
    let at = address(id);
    app.store.commit(Batch::new(&at.partition).delete(API_KEYS, id, Expect::Anything)).await?;
    change(app, account, "key revoked", id, |listed| {
        listed.keys.retain(|line| line.id != id);
        Ok(())
    })
    .await
}

async fn line(app: &App, organisation: &str, id: &str) -> Result<Line, KeyError> {
    of(app, organisation).await?.into_iter().find(|line| line.id == id).ok_or(KeyError::Unknown)
}

async fn read(app: &App, organisation: &str) -> Result<(Listed, Expect), RecordError> {
    let at = Address::new(LISTS, organisation, organisation);
    let found = records::read_sealed::<Listed>(app, &at, organisation).await?;
    let (mut listed, expect) = found
        .map_or((Listed::default(), Expect::Absent), |(listed, version)| (listed, Expect::Version(version)));
    let now = app.clock.now();
    listed.keys.retain(|line| line.expires.is_none_or(|end| end > now));
    Ok((listed, expect))
}

async fn change(
    app: &App,
    account: &Account,
    action: &str,
    id: &str,
    act: impl Fn(&mut Listed) -> Result<(), KeyError>,
) -> Result<(), KeyError> {
    let organisation = &account.organisation;
    for _ in 0..TRIES {
        let (mut listed, expect) = read(app, organisation).await?;
        // Keys of those who left open nothing; they take no place either.
        let (roster, _) = people::of(app, organisation).await?;
        listed.keys.retain(|line| roster.has(&line.by));
        act(&mut listed)?;
        let mut batch = Batch::new(organisation);
        let key = records::subject_key(app, organisation, organisation, &mut batch).await?;
        records::put_sealed(&mut batch, &key, LISTS, organisation, expect, &listed, None)?;
        audit::note(&mut batch, &Event::of(app, account, action, id))?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(KeyError::Busy)
}

/// Writes to those who answer for the organisation.
async fn tell(app: &App, maker: &Account, id: &str, wanted: &Wanted) -> Result<(), KeyError> {
    let (roster, _) = people::of(app, &maker.organisation).await?;
    let mut batch = Batch::new(&maker.organisation);
    for owner in roster.with(Role::Owner) {
        let Some(owner) = accounts::read(app, &maker.organisation, owner).await? else { continue };
        let context = json!({
            "beginning": super::form::beginning(id, wanted.mode),
            "by": maker.email,
            "scopes": wanted.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
            "link": sign_up::link(app, super::page::PAGE, owner.language),
        });
        let key = records::subject_key(app, &owner.organisation, &owner.id, &mut batch).await?;
        outbox::enqueue(app, &mut batch, &key, &letter(&owner, "cle_api", owner.language, context))?;
    }
    if !batch.writes.is_empty() {
        app.store.commit(batch).await?;
        app.outbox.wake();
    }
    Ok(())
}

fn after(start: Timestamp, time: SignedDuration) -> Timestamp {
    start.saturating_add(time).unwrap_or(Timestamp::MAX)
}
