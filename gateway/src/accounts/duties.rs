//! What AOPS's own people owe before they see anything of clients: training, and an agreement of secrecy, each for its
//! term (`p-staff-secrecy`); and what they are for an hour at most, for a reason that the audit log keeps.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{Account, Role};
use crate::app::App;
use crate::audit::{self, Event};
use crate::records::{self, Document, RecordError};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, StoreError};

pub(super) const DUTIES: &str = "staff_duties";
/// Training is renewed so often.
const TRAINED_YEARS: i64 = 1;
/// An agreement of secrecy is signed again so often.
const SECRET_YEARS: i64 = 3;
/// The longest elevation.
pub const ELEVATED: SignedDuration = SignedDuration::from_hours(1);

/// The dates of somebody of AOPS's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duties {
    /// When they were last trained.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trained: Option<Date>,
    /// When they last signed the agreement of secrecy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secrecy: Option<Date>,
    /// What they are beside their role, for a while.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub elevation: Option<Elevation>,
    /// Letters that told of the end of the training that is noted.
    #[serde(skip_serializing_if = "none", default)]
    pub reminded_of_training: u8,
    /// The same of the agreement of secrecy.
    #[serde(skip_serializing_if = "none", default)]
    pub reminded_of_secrecy: u8,
}

impl Document for Duties {}

fn none(letters: &u8) -> bool {
    *letters == 0
}

/// What is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Training.
    Training,
    /// The agreement of secrecy.
    Secrecy,
}

impl Duty {
    pub(super) const ALL: [Self; 2] = [Self::Training, Self::Secrecy];

    /// Its word to the theme.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Secrecy => "secrecy",
        }
    }

    fn years(self) -> i64 {
        match self {
            Self::Training => TRAINED_YEARS,
            Self::Secrecy => SECRET_YEARS,
        }
    }
}

/// Another role, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elevation {
    /// The role.
    pub role: Role,
    /// Until when.
    pub until: Timestamp,
}

impl Duties {
    /// Whether both dates are there, past, and within their terms.
    pub fn hold(&self, now: Timestamp) -> bool {
        let today = now.to_zoned_datetime(TimeZone::UTC).date();
        let holds = |duty: Duty| {
            let (date, end) = (self.date(duty), self.end(duty));
            date.is_some_and(|date| date <= today) && end.is_some_and(|end| today < end)
        };
        Duty::ALL.into_iter().all(holds)
    }

    fn date(&self, duty: Duty) -> Option<Date> {
        match duty {
            Duty::Training => self.trained,
            Duty::Secrecy => self.secrecy,
        }
    }

    /// The first day on which a duty does not hold any more.
    pub(super) fn end(&self, duty: Duty) -> Option<Date> {
        self.date(duty)?.checked_add(duty.years().years()).ok()
    }

    /// Letters that told of the end of a duty.
    pub(super) fn reminded(&self, duty: Duty) -> u8 {
        match duty {
            Duty::Training => self.reminded_of_training,
            Duty::Secrecy => self.reminded_of_secrecy,
        }
    }

    /// Notes how many there were.
    pub(super) fn remind(&mut self, duty: Duty, letters: u8) {
        match duty {
            Duty::Training => self.reminded_of_training = letters,
            Duty::Secrecy => self.reminded_of_secrecy = letters,
        }
    }

    /// What they are beside their role, now.
    pub fn elevated(&self, now: Timestamp) -> Option<Role> {
        self.elevation.filter(|elevation| now < elevation.until).map(|elevation| elevation.role)
    }
}

/// The dates of an account's holder.
///
/// # Errors
/// [`RecordError`].
pub async fn duties(app: &App, account: &Account) -> Result<Duties, RecordError> {
    Ok(read(app, account).await?.0)
}

/// Somebody of AOPS's own, as a review of access tells: by their account, without their name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reviewed {
    /// The account.
    pub id: String,
    /// Its role.
    pub role: Role,
    /// The last training.
    pub trained: Option<Date>,
    /// The last agreement of secrecy.
    pub secrecy: Option<Date>,
    /// Whether both hold, so that anything of clients may be seen.
    pub access: bool,
}

/// AOPS's own people.
///
/// # Errors
/// [`RecordError`].
pub async fn review(app: &App) -> Result<Vec<Reviewed>, RecordError> {
    let mut reviewed = Vec::new();
    for account in super::list(app).await?.into_iter().filter(|account| account.role.is_staff()) {
        let Duties { trained, secrecy, .. } = duties(app, &account).await?;
        let access = Duties { trained, secrecy, ..Duties::default() }.hold(app.clock.now());
        reviewed.push(Reviewed { id: account.id, role: account.role, trained, secrecy, access });
    }
    Ok(reviewed)
}

/// Changes the dates of an account's holder, and enters what was done in the audit log with its reason.
///
/// # Errors
/// [`RecordError`]; nothing was written then.
pub async fn change_duties(
    app: &App,
    account: &Account,
    action: &str,
    reason: Option<&str>,
    act: impl Fn(&mut Duties),
) -> Result<Duties, RecordError> {
    loop {
        let (mut duties, expect) = read(app, account).await?;
        let before = duties.clone();
        act(&mut duties);
        for duty in Duty::ALL {
            if duties.date(duty) != before.date(duty) {
                duties.remind(duty, 0);
            }
        }
        let mut batch = Batch::new(&account.organisation);
        let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
        put(&mut batch, &key, account, &duties, expect)?;
        let event =
            Event { reason: reason.map(str::to_owned), ..Event::of(app, account, action, &account.id) };
        audit::note(&mut batch, &event)?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(duties),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Puts the dates of an account's holder into a batch.
pub(super) fn put(
    batch: &mut Batch,
    key: &SubjectKey,
    account: &Account,
    duties: &Duties,
    expect: Expect,
) -> Result<(), RecordError> {
    records::put_sealed(batch, key, DUTIES, &account.id, expect, duties, None)
}

pub(super) async fn read(app: &App, account: &Account) -> Result<(Duties, Expect), RecordError> {
    let address = Address::new(DUTIES, &account.organisation, &account.id);
    let found = records::read_sealed(app, &address, &account.id).await?;
    Ok(found
        .map_or((Duties::default(), Expect::Absent), |(duties, version)| (duties, Expect::Version(version))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_staff_secrecy_training_holds_a_year_and_an_agreement_three() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let day = |text: &str| Some(text.parse::<Date>().unwrap());
        let duties = Duties { trained: day("2026-11-27"), secrecy: day("2024-11-28"), ..Duties::default() };
        assert!(duties.hold(at("2026-11-27T08:00:00Z")));
        assert!(duties.hold(at("2027-11-26T23:59:59Z")));
        assert!(!duties.hold(at("2027-11-27T00:00:00Z")), "training is over");
        assert!(!duties.hold(at("2026-11-26T23:00:00Z")), "not yet trained");
        let renewed = Duties { trained: day("2027-11-27"), ..duties.clone() };
        assert!(renewed.hold(at("2027-11-27T00:00:00Z")));
        assert!(!renewed.hold(at("2027-11-28T00:00:00Z")), "the agreement is over");
        for missing in [Duties { trained: None, ..duties.clone() }, Duties { secrecy: None, ..duties }] {
            assert!(!missing.hold(at("2026-11-27T08:00:00Z")));
        }
    }
}
