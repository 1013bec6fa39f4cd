//! What the policy promises of audits, and no more: how often, with which notice, how long.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::working_days;

/// Working days from the day of the request, which does not count, to the first day of the audit.
pub(super) const NOTICE: u32 = 45;
/// Working days of an audit, at most.
pub(super) const LONGEST: u32 = 2;
/// From the first day of one audit to that of the next, in years.
const APART: i64 = 1;

/// Why an audit may not be then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Nobody works then.
    #[error("{0} is no working day")]
    Closed(Date),
    /// The notice.
    #[error("with a notice of 45 working days, the first day possible is {0}")]
    Soon(Date),
    /// The length.
    #[error("an audit takes one or two working days")]
    Long,
    /// Once a year.
    #[error("another audit stands within the year; the first day possible is {0}")]
    Often(Date),
    /// No such date.
    #[error("there is no calendar for this date")]
    Beyond,
}

impl Limit {
    /// The code of its message in a form.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Closed(_) => "audit_closed",
            Self::Soon(_) => "audit_soon",
            Self::Long => "audit_long",
            Self::Often(_) => "audit_often",
            Self::Beyond => "date",
        }
    }
}

/// The last day of an audit that is asked for, when nothing speaks against it.
///
/// # Errors
/// [`Limit`].
pub(super) fn last_day(
    asked: Date,
    first: Date,
    days: u32,
    others: impl Iterator<Item = Date>,
) -> Result<Date, Limit> {
    if !(1..=LONGEST).contains(&days) {
        return Err(Limit::Long);
    }
    let earliest = earliest(asked).ok_or(Limit::Beyond)?;
    if first < earliest {
        return Err(Limit::Soon(earliest));
    }
    if !working_days::is_working(first) {
        return Err(Limit::Closed(first));
    }
    let later = |day: Date| day.checked_add(APART.years()).map_err(|_| Limit::Beyond);
    let end = later(first)?;
    for other in others {
        let again = later(other)?;
        if other < end && first < again {
            return Err(Limit::Often(again.max(earliest)));
        }
    }
    working_days::after(first, days - 1).ok_or(Limit::Beyond)
}

/// The first day for which an audit may be asked on a day.
pub(super) fn earliest(asked: Date) -> Option<Date> {
    working_days::after(asked, NOTICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn judged(asked: &str, first: &str, days: u32, others: &[&str]) -> Result<Date, Limit> {
        last_day(day(asked), day(first), days, others.iter().map(|other| day(other)))
    }

    #[test]
    fn p_audit_yearly_the_notice_is_of_45_working_days_over_the_holidays() {
        // 30 November 2026 is a Monday; Christmas and New Year's Day are Fridays: 3 February 2027 is nine weeks and two
        // days later.
        assert_eq!(judged("2026-11-30", "2027-02-02", 1, &[]), Err(Limit::Soon(day("2027-02-03"))));
        assert_eq!(judged("2026-11-30", "2027-02-03", 1, &[]), Ok(day("2027-02-03")));
        // Asked at the weekend, it is as if it came on the Friday before.
        assert_eq!(earliest(day("2026-11-28")), earliest(day("2026-11-27")));
        assert_eq!(judged("2026-11-30", "2026-11-30", 1, &[]), Err(Limit::Soon(day("2027-02-03"))));
        assert_eq!(judged("2026-11-30", "1900-01-01", 1, &[]), Err(Limit::Soon(day("2027-02-03"))));
    }

    #[test]
    fn p_audit_yearly_an_audit_takes_two_working_days_at_most() {
        for days in [0, 3, 45] {
            assert_eq!(judged("2026-11-30", "2027-03-01", days, &[]), Err(Limit::Long));
        }
        assert_eq!(judged("2026-11-30", "2027-03-04", 2, &[]), Ok(day("2027-03-05")));
        assert_eq!(judged("2026-11-30", "2027-03-05", 2, &[]), Ok(day("2027-03-08")), "over a weekend");
        assert_eq!(judged("2026-11-30", "2027-03-26", 2, &[]), Ok(day("2027-03-30")), "over Easter");
        assert_eq!(judged("2026-11-30", "2027-03-29", 1, &[]), Err(Limit::Closed(day("2027-03-29"))));
        assert_eq!(judged("2026-11-30", "2027-03-06", 1, &[]), Err(Limit::Closed(day("2027-03-06"))));
    }

    #[test]
    fn p_audit_yearly_there_is_one_a_year_whichever_was_asked_first() {
        let held = ["2026-03-10"];
        assert_eq!(judged("2026-11-30", "2027-03-09", 1, &held), Err(Limit::Often(day("2027-03-10"))));
        assert_eq!(judged("2026-11-30", "2027-03-10", 1, &held), Ok(day("2027-03-10")));
        // One that stands later keeps an earlier one out as well.
        assert_eq!(
            judged("2026-11-30", "2027-03-10", 1, &["2028-03-09"]),
            Err(Limit::Often(day("2029-03-09")))
        );
        assert_eq!(judged("2026-11-30", "2027-03-10", 1, &["2028-03-10"]), Ok(day("2027-03-10")));
        // After 29 February, a year is over on 28 February.
        assert_eq!(judged("2024-01-02", "2025-02-28", 1, &["2024-02-29"]), Ok(day("2025-02-28")));
    }

    #[test]
    fn the_end_of_the_calendar_is_no_panic() {
        assert_eq!(judged("9999-12-30", "9999-12-31", 2, &[]), Err(Limit::Beyond));
        assert!(judged("2026-11-30", "9999-12-31", 2, &[]).is_err());
    }
}
