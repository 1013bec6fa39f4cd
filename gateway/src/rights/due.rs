//! By when a request is answered: within a month of its receipt, two more where it is complex and they were told so
//! within the first (GDPR art. 12.3), and when the officer is reminded of it.

use jiff::{SignedDuration, Timestamp};

use super::request::Request;
use crate::retention::Term;

const MONTH: Term = Term::Months(1);
const EXTENDED: Term = Term::Months(3);
/// The officer is reminded so long before the end, in this order, and once more when it has passed.
const REMINDERS: [SignedDuration; 3] =
    [SignedDuration::from_hours(7 * 24), SignedDuration::from_hours(2 * 24), SignedDuration::ZERO];

/// The last instant for the answer. The month runs from the request, not from the proof of who asks: what we wait for
/// is no reason to be late.
pub(super) fn due(request: &Request) -> Timestamp {
    let term = if request.extended.is_some() { EXTENDED } else { MONTH };
    term.after(request.created)
}

/// Whether two months more may still be asked for: once, within the first.
pub(super) fn may_extend(request: &Request, now: Timestamp) -> bool {
    request.extended.is_none() && now <= MONTH.after(request.created)
}

/// How many reminders should have been sent by now.
pub(super) fn reminders(request: &Request, now: Timestamp) -> u8 {
    let left = due(request).duration_since(now);
    REMINDERS.iter().fold(0, |sent, before| sent + u8::from(left <= *before))
}

#[cfg(test)]
mod tests {
    use aops_manifest::Language;

    use super::super::request::{Channel, Right, Told};
    use super::*;
    use crate::email::Email;

    fn request(at: &str) -> Request {
        let email = Email::parse("a@example.org").unwrap();
        Request::new(Right::Access, &email, Language::Fr, Channel::Form, at.parse().unwrap())
    }

    #[test]
    fn p_rights_a_month_is_a_calendar_month_and_is_extended_once_by_two_within_the_first() {
        let mut asked = request("2027-01-31T10:00:00Z");
        assert_eq!(due(&asked).to_string(), "2027-02-28T10:00:00Z");
        assert!(may_extend(&asked, "2027-02-28T10:00:00Z".parse().unwrap()));
        assert!(!may_extend(&asked, "2027-02-28T10:00:01Z".parse().unwrap()));
        asked.extended = Some(Told { at: asked.created, why: "complexe".into() });
        assert_eq!(due(&asked).to_string(), "2027-04-30T10:00:00Z");
        assert!(!may_extend(&asked, asked.created));
    }

    #[test]
    fn the_officer_is_reminded_a_week_and_two_days_before_and_once_it_is_late() {
        let asked = request("2027-03-01T10:00:00Z");
        for (now, sent) in [
            ("2027-03-02T10:00:00Z", 0),
            ("2027-03-25T10:00:00Z", 1),
            ("2027-03-30T10:00:00Z", 2),
            ("2027-04-02T10:00:00Z", 3),
            ("2037-04-02T10:00:00Z", 3),
            ("2026-03-02T10:00:00Z", 0),
        ] {
            assert_eq!(reminders(&asked, now.parse().unwrap()), sent, "{now}");
        }
    }
}
