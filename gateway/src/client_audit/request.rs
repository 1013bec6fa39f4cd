//! What is kept of a client's audits: one sealed document an organisation, so that a second request within the year is
//! seen by whoever writes it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::limits::{self, Limit};
use crate::accounts::random;
use crate::app::App;
use crate::records::{self, Document, RecordError, Shape};
use crate::retention::{Ground, Retention, Term, Then};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::working_days;

pub(super) const AUDITS: &str = "client_audits";
const ID_CHARACTERS: usize = 12;
const PAGE: usize = 500;
const TRIES: usize = 8;

/// What is kept of audits.
pub const SHAPES: &[Shape] = &[Shape::sealed::<Audits>(AUDITS)];

/// A request and what became of it, for as long as one may be asked about the contract (Code civil, art. 2224).
pub const KEPT: Retention = Retention {
    what: "client audit",
    term: Term::Years(5),
    from: "last event",
    ground: Ground::Contract,
    then: Then::Delete,
};

/// Everything about the audits of an organisation.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Audits {
    /// The oldest first.
    pub(super) requests: Vec<Request>,
}

impl Document for Audits {}

/// Whom the client proposes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auditor {
    /// Their name.
    pub name: String,
    /// Their firm.
    pub firm: String,
    /// Where their access is sent.
    pub email: String,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Staff have not decided.
    Asked,
    /// It takes place.
    Accepted,
    /// It does not.
    Refused,
    /// The client does not want it any more.
    Withdrawn,
    /// Its access was ended before its time.
    Ended,
}

/// An audit that was asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) id: String,
    /// When it came in: the notice runs from that day.
    pub(super) asked: Timestamp,
    /// The account that asked, or for which staff entered it.
    pub(super) by: String,
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) auditor: Auditor,
    /// What is to be looked at.
    pub(super) scope: String,
    pub(super) state: State,
    /// When it was decided or ended, and why.
    pub(super) decided: Option<(Timestamp, String)>,
}

impl Request {
    /// Whether it takes the place of another one within the year.
    pub(super) fn stands(&self) -> bool {
        !matches!(self.state, State::Refused | State::Withdrawn)
    }

    /// When the auditor's access begins.
    pub(super) fn opens(&self) -> Timestamp {
        working_days::start_of(self.first)
    }

    /// When it is over.
    pub(super) fn closes(&self) -> Timestamp {
        self.last.tomorrow().map_or(Timestamp::MAX, working_days::start_of)
    }

    /// Whether the auditor may read now.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        self.state == State::Accepted && self.opens() <= now && now < self.closes()
    }
}

/// What a client asks for.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) asked: Timestamp,
    pub(super) by: String,
    pub(super) first: Date,
    pub(super) days: u32,
    pub(super) auditor: Auditor,
    pub(super) scope: String,
}

impl Wanted {
    /// The request, where the audits that stand leave room for it.
    fn request(&self, id: &str, audits: &Audits) -> Result<Request, Limit> {
        let others = audits.requests.iter().filter(|one| one.stands()).map(|one| one.first);
        let asked = working_days::today(self.asked);
        let last = limits::last_day(asked, self.first, self.days, others)?;
        Ok(Request {
            id: id.to_owned(),
            asked: self.asked,
            by: self.by.clone(),
            first: self.first,
            last,
            auditor: self.auditor.clone(),
            scope: self.scope.clone(),
            state: State::Asked,
            decided: None,
        })
    }
}

/// Enters a request, with what else `more` puts into the batch.
///
/// # Errors
/// [`RecordError`]; inside, the [`Limit`] that speaks against it.
pub(super) async fn enter(
    app: &App,
    organisation: &str,
    wanted: &Wanted,
    more: impl Fn(&mut Batch, &SubjectKey, &Request) -> Result<(), RecordError>,
) -> Result<Result<Request, Limit>, RecordError> {
    let id = format!("aud_{}", random::base62(ID_CHARACTERS)?);
    let change = |audits: &Audits| {
        let request = wanted.request(&id, audits)?;
        let mut after = audits.clone();
        after.requests.push(request.clone());
        Ok((after, request))
    };
    written(app, organisation, change, more).await
}

/// One step of a request; none when `change` finds nothing to do, or there is no such request.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn step(
    app: &App,
    organisation: &str,
    id: &str,
    change: impl Fn(&Request) -> Option<Request>,
    more: impl Fn(&mut Batch, &SubjectKey, &Request) -> Result<(), RecordError>,
) -> Result<Option<Request>, RecordError> {
    let change = |audits: &Audits| {
        let mut after = audits.clone();
        let request = after.requests.iter_mut().find(|one| one.id == id).ok_or(())?;
        *request = change(request).ok_or(())?;
        let request = request.clone();
        Ok::<_, ()>((after, request))
    };
    Ok(written(app, organisation, change, more).await?.ok())
}

async fn written<E>(
    app: &App,
    organisation: &str,
    change: impl Fn(&Audits) -> Result<(Audits, Request), E>,
    more: impl Fn(&mut Batch, &SubjectKey, &Request) -> Result<(), RecordError>,
) -> Result<Result<Request, E>, RecordError> {
    let mut tries = 0;
    loop {
        let (before, expect) = match read(app, organisation).await? {
            Some((audits, version)) => (audits, Expect::Version(version)),
            None => (Audits::default(), Expect::Absent),
        };
        let (after, request) = match change(&before) {
            Ok(changed) => changed,
            Err(none) => return Ok(Err(none)),
        };
        let mut batch = Batch::new(organisation);
        let key = records::subject_key(app, organisation, organisation, &mut batch).await?;
        let ends = Some(app.settings.retention.end(&KEPT, app.clock.now().max(request.closes())));
        records::put_sealed(&mut batch, &key, AUDITS, AUDITS, expect, &after, ends)?;
        more(&mut batch, &key, &request)?;
        match app.store.commit(batch).await {
            Ok(()) => {
                app.outbox.wake();
                return Ok(Ok(request));
            }
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) async fn read(app: &App, organisation: &str) -> Result<Option<(Audits, u64)>, RecordError> {
    records::read_sealed(app, &Address::new(AUDITS, organisation, AUDITS), organisation).await
}

/// The requests of an organisation, the newest first.
pub(super) async fn of(app: &App, organisation: &str) -> Result<Vec<Request>, RecordError> {
    let found = read(app, organisation).await?;
    Ok(found.map(|(audits, _)| audits.requests.into_iter().rev().collect()).unwrap_or_default())
}

/// Every request with its organisation, by its first day.
pub(super) async fn all(app: &App) -> Result<Vec<(String, Request)>, RecordError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let scan = Scan { collection: AUDITS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            let found = records::sound(of(app, &address.partition).await)?.unwrap_or_default();
            all.extend(found.into_iter().map(|request| (address.partition.clone(), request)));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    all.sort_by(|(_, one), (_, other)| (one.first, &one.id).cmp(&(other.first, &other.id)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_audit_yearly_an_access_is_open_on_its_days_in_paris_and_no_longer() {
        let request = Request {
            id: "aud_a".into(),
            asked: Timestamp::UNIX_EPOCH,
            by: "acc_a".into(),
            first: "2027-03-04".parse().unwrap(),
            last: "2027-03-05".parse().unwrap(),
            auditor: Auditor { name: "A".into(), firm: "B".into(), email: "a@example.org".into() },
            scope: "Accès".into(),
            state: State::Accepted,
            decided: None,
        };
        let open = |at: &str| request.is_open(at.parse().unwrap());
        assert_eq!((open("2027-03-03T22:59:59Z"), open("2027-03-03T23:00:00Z")), (false, true));
        assert_eq!((open("2027-03-05T22:59:59Z"), open("2027-03-05T23:00:00Z")), (true, false));
        let ended = Request { state: State::Ended, ..request };
        assert!(!ended.is_open("2027-03-04T12:00:00Z".parse().unwrap()), "ended before its time");
    }
}
