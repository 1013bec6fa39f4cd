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
}

impl Document for Duties {}

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
        let holds = |date: Option<Date>, years: i64| {
            let end = |date: Date| date.checked_add(years.years()).unwrap_or(Date::MIN);
            date.is_some_and(|date| date <= today && today < end(date))
        };
        holds(self.trained, TRAINED_YEARS) && holds(self.secrecy, SECRET_YEARS)
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
        act(&mut duties);
        let mut batch = Batch::new(&account.organisation);
        let key = records::subject_key(app, &account.organisation, &account.id, &mut batch).await?;
        records::put_sealed(&mut batch, &key, DUTIES, &account.id, expect, &duties, None)?;
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

async fn read(app: &App, account: &Account) -> Result<(Duties, Expect), RecordError> {
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
        let duties = Duties { trained: day("2026-11-27"), secrecy: day("2024-11-28"), elevation: None };
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
