//! The roster of an organisation: which accounts are of it, as what, since when. Where none was ever written, its
//! accounts are, each with the role that it was made with: of most organisations, one owner.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::accounts::{self, ACCOUNTS, Role};
use crate::app::App;
use crate::checkout;
use crate::records::{self, Document, RecordError};
use crate::store::{Address, Batch, Change, Expect, Scan};

pub(in crate::accounts) const ROSTERS: &str = "rosters";
/// The most people of an organisation.
pub(super) const MOST: usize = 500;
/// An empty roster says that the organisation is no more, until no invitation of it is left.
const ENDED: SignedDuration = SignedDuration::from_hours(8 * 24);

/// The people of an organisation, by account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::accounts) struct Roster {
    pub(super) people: BTreeMap<String, Person>,
}

impl Document for Roster {}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::accounts) struct Person {
    pub(super) role: Role,
    pub(super) since: Timestamp,
}

impl Roster {
    /// Whether somebody is on it.
    pub(in crate::accounts) fn has(&self, account: &str) -> bool {
        self.people.contains_key(account)
    }

    /// Those who are this.
    pub(in crate::accounts) fn with(&self, role: Role) -> impl Iterator<Item = &str> {
        self.people.iter().filter(move |(_, person)| person.role == role).map(|(account, _)| account.as_str())
    }

    pub(super) fn role(&self, account: &str) -> Option<Role> {
        self.people.get(account).map(|person| person.role)
    }

    /// Whether it is of one person at most.
    pub(in crate::accounts) fn is_alone(&self) -> bool {
        self.people.len() <= 1
    }

    /// Whether others would be left with nobody who answers for them.
    pub(in crate::accounts) fn orphans(&self, without: &str) -> bool {
        let mut others = self.people.iter().filter(|(account, _)| *account != without).peekable();
        others.peek().is_some() && !others.any(|(_, person)| person.role == Role::Owner)
    }
}

/// The roster of an organisation, and what its document is expected to be when it is written.
///
/// # Errors
/// [`RecordError`].
pub(in crate::accounts) async fn of(app: &App, organisation: &str) -> Result<(Roster, Expect), RecordError> {
    let address = Address::new(ROSTERS, organisation, organisation);
    if let Some((roster, version)) = records::read_plain(app, &address).await? {
        return Ok((roster, Expect::Version(version)));
    }
    let scan = Scan {
        collection: ACCOUNTS,
        partition: Some(organisation.to_owned()),
        prefix: String::new(),
        after: None,
        limit: MOST,
    };
    let mut people = BTreeMap::new();
    for (address, _) in app.store.scan(scan).await?.documents {
        let found = records::sound(accounts::read(app, organisation, &address.key).await)?.flatten();
        if let Some(account) = found {
            people.insert(account.id, Person { role: account.role, since: account.created });
        }
    }
    Ok((Roster { people }, Expect::Absent))
}

/// Puts a roster into a batch of its partition.
///
/// # Errors
/// [`RecordError`].
pub(super) fn put(app: &App, batch: &mut Batch, roster: &Roster, expect: Expect) -> Result<(), RecordError> {
    let organisation = batch.partition.clone();
    let end = || app.clock.now().saturating_add(ENDED).unwrap_or(Timestamp::MAX);
    let expires = roster.people.is_empty().then(end);
    records::put_plain(batch, ROSTERS, &organisation, expect, roster, expires)
}

/// A batch in which an account that goes is also of its organisation no more: neither on the roster nor on a seat.
///
/// # Errors
/// [`RecordError`].
pub(in crate::accounts) async fn forget(
    app: &App,
    mut batch: Batch,
    account: &str,
) -> Result<Batch, RecordError> {
    let (mut roster, expect) = of(app, &batch.partition).await?;
    roster.people.remove(account);
    put(app, &mut batch, &roster, expect)?;
    checkout::free_seats(app, batch, account).await
}

/// Whether somebody may go as far as others are concerned: nobody is left without anyone who answers for them. It is
/// told by the roster that a batch of [`forget`] writes, so that two who go at once cannot both be right.
pub(in crate::accounts) fn answers_without(batch: &Batch) -> bool {
    written(batch).is_none_or(|roster| !roster.orphans(""))
}

fn written(batch: &Batch) -> Option<Roster> {
    let write = batch.writes.iter().rev().find(|write| write.collection == ROSTERS)?;
    let Change::Put { body, .. } = &write.change else { return None };
    records::decode(&Address::new(ROSTERS, &batch.partition, &batch.partition), body).ok()
}

/// At which version a batch writes the roster.
pub(super) fn expected(batch: &Batch) -> Option<Expect> {
    batch.writes.iter().rev().find(|write| write.collection == ROSTERS).map(|write| write.expect)
}

/// Whether a batch leaves its organisation with nobody.
pub(in crate::accounts) fn empties(batch: &Batch) -> bool {
    written(batch).is_some_and(|roster| roster.people.is_empty())
}
