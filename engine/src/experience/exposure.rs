//! Exposure to risk and deaths by year of age, counted in days between two dates. Not rates' smoothing.

use jiff::civil::Date;

use crate::numeric::{Sum, in_chunks};
use crate::watch::Watch;

/// One person under observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// Day of birth.
    pub birth: Date,
    /// First day under observation.
    pub entry: Date,
    /// Day of death or of leaving; `None` for who is still there.
    pub exit: Option<Date>,
    /// Whether the exit is a death.
    pub died: bool,
    /// What the person counts for: 1, or an amount insured.
    pub weight: f64,
}

/// Exposure and deaths of one age, or of one age and calendar year.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Exposed {
    /// Years lived under observation, `Ec`.
    pub central: f64,
    /// The same, each death counting to the next birthday, `E₀`.
    pub initial: f64,
    /// Deaths.
    pub deaths: f64,
}

/// Exposures of consecutive ages (rows) and calendar years (columns; one for all where they are not told apart).
#[derive(Debug, Clone, PartialEq)]
pub struct Exposures {
    /// Age of the first row.
    pub first_age: u32,
    /// Calendar year of the first column.
    pub first_year: i16,
    /// Cells by age, then year.
    pub cells: Vec<Vec<Exposed>>,
}

const AGES: usize = 131;
const YEAR: f64 = 365.25;
const CHUNK: usize = 4096;

/// Counts the days of `people` from `start` to `end`, both included; by calendar year when `by_year`. A day of exit is
/// not lived. `None` when a stop was asked for.
pub fn expose(people: &[Observed], start: Date, end: Date, split: Split, watch: &Watch) -> Option<Exposures> {
    let years = match split {
        Split::Ages => 1,
        Split::AgesAndYears => usize::try_from(end.year() - start.year()).unwrap_or(0) + 1,
    };
    let window = Window { first: day(start), last: day(end) + 1, first_year: start.year(), years };
    let chunks = in_chunks(people.len(), CHUNK, watch, |range| {
        let mut cells = vec![Days::default(); AGES * years];
        people[range].iter().for_each(|person| window.count(person, &mut cells));
        cells
    })?;
    let mut cells = vec![Days::default(); AGES * years];
    for chunk in &chunks {
        for (cell, part) in cells.iter_mut().zip(chunk) {
            cell.lived.add(part.lived.value());
            cell.completed.add(part.completed.value());
            cell.deaths.add(part.deaths.value());
        }
    }
    let told: Vec<Exposed> = cells
        .iter()
        .map(|cell| {
            let central = cell.lived.value() / YEAR;
            Exposed { central, initial: central + cell.completed.value() / YEAR, deaths: cell.deaths.value() }
        })
        .collect();
    let rows: Vec<&[Exposed]> = told.chunks(years).collect();
    let seen = |row: &&[Exposed]| row.iter().any(|cell| cell.central > 0.0 || cell.deaths > 0.0);
    let first = rows.iter().position(seen).unwrap_or(0);
    let last = rows.iter().rposition(seen).unwrap_or(0);
    Some(Exposures {
        first_age: first as u32,
        first_year: start.year(),
        cells: rows[first..=last].iter().map(|row| row.to_vec()).collect(),
    })
}

/// What exposures are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Ages alone.
    Ages,
    /// Ages and calendar years.
    AgesAndYears,
}

#[derive(Clone, Copy, Default)]
struct Days {
    lived: Sum,
    completed: Sum,
    deaths: Sum,
}

/// Days of observation, the last one excluded.
struct Window {
    first: i64,
    last: i64,
    first_year: i16,
    years: usize,
}

impl Window {
    fn count(&self, person: &Observed, cells: &mut [Days]) {
        let begin = day(person.entry).max(self.first);
        let leaves = person.exit.map_or(i64::MAX, day);
        let end = leaves.min(self.last);
        let dies = person.died && leaves >= begin && leaves < self.last;
        if begin >= end && !dies {
            return;
        }
        let mut from = begin;
        let mut age = age_at(person.birth, begin);
        let mut next = day(birthday(person.birth, age + 1));
        while from < end {
            let until = end.min(next);
            self.live(age, from, until, person.weight, cells);
            if until == next && until < end {
                age += 1;
                next = day(birthday(person.birth, age + 1));
            }
            from = until;
        }
        if dies {
            if leaves >= next {
                age += 1;
                next = day(birthday(person.birth, age + 1));
            }
            if let Some(cell) = self.cell(age, date(leaves).year(), cells) {
                cell.deaths.add(person.weight);
                cell.completed.add((next - leaves) as f64 * person.weight);
            }
        }
    }

    /// Days lived at one age, cut at each first of January where years are told apart.
    fn live(&self, age: i16, from: i64, until: i64, weight: f64, cells: &mut [Days]) {
        let mut from = from;
        while from < until {
            let year = if self.years == 1 { self.first_year } else { date(from).year() };
            let turn = if self.years == 1 { until } else { until.min(day(Date::constant(year, 12, 31)) + 1) };
            if let Some(cell) = self.cell(age, year, cells) {
                cell.lived.add((turn - from) as f64 * weight);
            }
            from = turn;
        }
    }

    fn cell<'c>(&self, age: i16, year: i16, cells: &'c mut [Days]) -> Option<&'c mut Days> {
        let column = if self.years == 1 { 0 } else { usize::try_from(year - self.first_year).ok()? };
        let row = usize::try_from(age).ok().filter(|age| *age < AGES)?;
        cells.get_mut(row * self.years + column)
    }
}

/// A fixed day that others are counted from.
const ORIGIN: Date = Date::constant(1970, 1, 1);

fn day(date: Date) -> i64 {
    date.duration_since(ORIGIN).as_hours() / 24
}

fn date(day: i64) -> Date {
    ORIGIN.saturating_add(jiff::SignedDuration::from_hours(day * 24))
}

/// The day someone reaches an age; one born on 29 February does so on 1 March in common years.
pub fn birthday(birth: Date, age: i16) -> Date {
    let year = birth.year().saturating_add(age);
    birth.with().year(year).build().unwrap_or(Date::constant(year, 3, 1))
}

/// Age in whole years on a day.
fn age_at(birth: Date, at: i64) -> i16 {
    let reached = date(at).year() - birth.year();
    if day(birthday(birth, reached)) <= at { reached } else { reached - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day_of(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn person(birth: &str, entry: &str, exit: Option<&str>, died: bool) -> Observed {
        Observed { birth: day_of(birth), entry: day_of(entry), exit: exit.map(day_of), died, weight: 1.0 }
    }

    fn count(people: &[Observed], split: Split) -> Exposures {
        expose(people, day_of("2020-01-01"), day_of("2021-12-31"), split, &Watch::default()).unwrap()
    }

    #[test]
    fn days_are_counted_on_both_sides_of_a_birthday() {
        // Born on 1 July 1960, in from 1 March 2020, dead on 1 October 2021: 122 days at 59, 365 at 60, 92 at 61.
        let found = count(&[person("1960-07-01", "2020-03-01", Some("2021-10-01"), true)], Split::Ages);
        assert_eq!(found.first_age, 59);
        let days: Vec<f64> = found.cells.iter().map(|row| (row[0].central * 365.25).round()).collect();
        assert_eq!(days, [122.0, 365.0, 92.0]);
        assert_eq!(found.cells[2][0].deaths, 1.0);
        // The death counts to 1 July 2022: a whole year of age.
        assert!((found.cells[2][0].initial * 365.25 - 365.0).abs() < 1e-9);
    }

    #[test]
    fn observation_cuts_on_both_sides_and_deaths_outside_do_not_count() {
        let people = [
            person("1960-01-01", "2010-01-01", None, false),
            person("1960-01-01", "2010-01-01", Some("2022-01-01"), true),
            person("1960-01-01", "2010-01-01", Some("2019-12-31"), true),
        ];
        let found = count(&people, Split::Ages);
        let sum = |of: fn(&Exposed) -> f64| found.cells.iter().map(|row| of(&row[0])).sum::<f64>();
        assert!((sum(|cell| cell.central) * 365.25 - 2.0 * 731.0).abs() < 1e-9);
        assert_eq!(sum(|cell| cell.deaths), 0.0);
    }

    #[test]
    fn calendar_years_share_the_days_of_an_age() {
        let found =
            count(&[person("1960-07-01", "2020-07-01", Some("2021-07-01"), false)], Split::AgesAndYears);
        let days: Vec<f64> = found.cells[0].iter().map(|cell| (cell.central * 365.25).round()).collect();
        assert_eq!(days, [184.0, 181.0]);
    }

    #[test]
    fn a_leap_birthday_is_the_first_of_march_in_common_years() {
        assert_eq!(birthday(day_of("1960-02-29"), 61), day_of("2021-03-01"));
        assert_eq!(birthday(day_of("1960-02-29"), 60), day_of("2020-02-29"));
    }

    #[test]
    fn a_death_on_a_birthday_is_at_the_new_age() {
        let found = count(&[person("1960-07-01", "2020-01-01", Some("2020-07-01"), true)], Split::Ages);
        assert_eq!((found.cells[0][0].deaths, found.cells[1][0].deaths), (0.0, 1.0));
    }
}
