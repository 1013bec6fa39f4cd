//! Working days in France (« jours ouvrés »): Monday to Friday, but for the public holidays of the Code du travail
//! (art. L3133-1). Those of Alsace-Moselle are none in Paris.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Holidays that stand on the same day every year, as month and day.
const FIXED: [(i8, i8); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
/// Easter Monday, Ascension Day and Whit Monday, in days after Easter.
const MOVING: [i32; 3] = [1, 39, 50];

/// The day in Paris.
pub fn today(now: Timestamp) -> Date {
    now.to_zoned_datetime(paris()).date()
}

/// The first instant of a day in Paris.
pub fn start_of(day: Date) -> Timestamp {
    paris().to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// What the clocks of Paris show, to the minute: what a field of a date and a time is filled in with.
pub fn clock(now: Timestamp) -> String {
    now.to_zoned_datetime(paris()).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// When the clocks of Paris show this; the first of the two where they are put back, and an hour later where they skip it.
pub fn at(shown: DateTime) -> Option<Timestamp> {
    paris().to_timestamp(shown).ok()
}

/// Paris; Greenwich on a machine without a time zone database.
fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)
}

/// Easter Sunday of a year of the Gregorian calendar; before there was one, a day that is none.
///
/// J. Meeus, *Astronomical Algorithms*, 2nd edition, chapter 8.
pub fn easter(year: i16) -> Date {
    let year_number = i32::from(year);
    let (century, of_century) = (year_number / 100, year_number % 100);
    let golden = year_number % 19;
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let counted = epact + weekday - 7 * late + 114;
    let month_and_day = (i8::try_from(counted / 31), i8::try_from(counted % 31 + 1));
    let (Ok(month), Ok(day)) = month_and_day else { return Date::MIN };
    Date::new(year, month, day).unwrap_or(Date::MIN)
}

/// Whether a day is a public holiday.
pub fn is_holiday(day: Date) -> bool {
    let fixed = FIXED.contains(&(day.month(), day.day()));
    let easter = easter(day.year());
    fixed || MOVING.iter().any(|days| easter.checked_add(days.days()).is_ok_and(|holiday| holiday == day))
}

/// Whether one works on a day.
pub fn is_working(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(day)
}

/// The working day that is so many working days after a day, which itself does not count; none past the end of time.
pub fn after(day: Date, count: u32) -> Option<Date> {
    let mut found = day;
    for _ in 0..count {
        found = next(found)?;
    }
    Some(found)
}

/// The working days from one day to another, both counted.
pub fn between(first: Date, last: Date) -> u32 {
    let mut day = first.yesterday().ok();
    let mut count = 0;
    while let Some(found) = day.and_then(next).filter(|found| *found <= last) {
        count += 1;
        day = Some(found);
    }
    count
}

fn next(day: Date) -> Option<Date> {
    let mut day = day.tomorrow().ok()?;
    while !is_working(day) {
        day = day.tomorrow().ok()?;
    }
    Some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// Institut de mécanique céleste et de calcul des éphémérides, dates of Easter; the first and the last that it
    /// can be are among them.
    #[test]
    fn easter_is_where_the_almanacs_have_it() {
        for known in [
            "1818-03-22",
            "1943-04-25",
            "2000-04-23",
            "2008-03-23",
            "2011-04-24",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2028-04-16",
            "2029-04-01",
            "2030-04-21",
            "2038-04-25",
            "2049-04-18",
            "2076-04-19",
            "2285-03-22",
        ] {
            assert_eq!(easter(day(known).year()), day(known));
        }
        for year in 1583..9_999 {
            assert_eq!(easter(year).weekday(), Weekday::Sunday, "{year}");
        }
        for year in [-9_999, -1, 0, 1] {
            assert!(!is_holiday(Date::new(year, 4, 2).unwrap()) || year >= 0);
        }
    }

    /// Service-public.fr, public holidays of 2027.
    #[test]
    fn p_audit_yearly_the_eleven_holidays_of_a_year_are_no_working_days() {
        let of_2027 = [
            "2027-01-01",
            "2027-03-29",
            "2027-05-01",
            "2027-05-06",
            "2027-05-08",
            "2027-05-17",
            "2027-07-14",
            "2027-08-15",
            "2027-11-01",
            "2027-11-11",
            "2027-12-25",
        ];
        let mut found = Vec::new();
        let mut one = day("2027-01-01");
        while one.year() == 2027 {
            if is_holiday(one) {
                found.push(one.to_string());
                assert!(!is_working(one));
            }
            one = one.tomorrow().unwrap();
        }
        assert_eq!(found, of_2027);
        assert!(is_working(day("2027-03-26")), "Good Friday is worked but in Alsace-Moselle");
        assert!(!is_working(day("2027-03-27")) && !is_working(day("2027-03-28")));
    }

    #[test]
    fn working_days_are_counted_over_weekends_and_holidays() {
        // The long weekend of Ascension Day 2026: Thursday 14 May.
        assert_eq!(after(day("2026-05-13"), 1), Some(day("2026-05-15")));
        assert_eq!(after(day("2026-05-13"), 2), Some(day("2026-05-18")));
        // From a Saturday on, past Christmas (a Friday) and New Year's Day.
        assert_eq!(after(day("2026-12-19"), 5), Some(day("2026-12-28")));
        assert_eq!(after(day("2026-12-31"), 1), Some(day("2027-01-04")));
        assert_eq!(after(day("2026-12-31"), 0), Some(day("2026-12-31")));
        assert_eq!(after(Date::MAX, 1), None);
        assert_eq!(between(day("2026-12-21"), day("2027-01-04")), 9);
        assert_eq!(between(day("2026-12-25"), day("2026-12-27")), 0);
        assert_eq!(between(day("2026-12-28"), day("2026-12-21")), 0);
        // 261 weekdays, of which seven are holidays.
        assert_eq!(between(day("2027-01-01"), day("2027-12-31")), 254);
    }

    #[test]
    fn a_day_begins_at_midnight_in_paris() {
        assert_eq!(today("2026-06-30T22:30:00Z".parse().unwrap()), day("2026-07-01"));
        assert_eq!(today("2026-12-31T22:30:00Z".parse().unwrap()), day("2026-12-31"));
        assert_eq!(start_of(day("2026-07-01")).to_string(), "2026-06-30T22:00:00Z");
    }

    #[test]
    fn counting_onwards_and_between_agree() {
        let mut one = day("2026-11-28");
        for _ in 0..400 {
            let later = after(one, 45).unwrap();
            assert_eq!(between(one.tomorrow().unwrap(), later), 45, "{one}");
            one = one.tomorrow().unwrap();
        }
    }
}
