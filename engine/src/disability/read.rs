//! Reads the claims of a request and the tables they rest on. Not reserves.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::maintenance::{self, Cells, Maintenance, TABLE};
use crate::field::{Field, Kind, names};
use crate::reader::{Reader, join, shorten};

/// Most claims of a request.
pub(super) const MOST_CLAIMS: usize = 500_000;
/// One claim: the age at entry and the duration since, or the dates that give them.
pub(super) const CLAIM: &[Field] = &[
    Field::text("id"),
    Field::choice("state", &names(&STATES)).required(),
    Field::text("category"),
    Field::integer("entry_age", 0, 130).unit("year"),
    Field::number("duration", 0.0, 1200.0),
    Field::date("birth_date"),
    Field::date("entry_date"),
    Field::number("benefit", 0.0, 1e9).required().unit("euro"),
    Field::number("disability_benefit", 0.0, 1e9).unit("euro"),
    Field::integer("waiting_months", 0, 36).or(0.0).unit("month"),
    Field::number("end_age", 0.0, 130.0).unit("year"),
];
/// Tables of incapacity, of passage, and of disability by category.
pub(super) const TABLES: &[Field] = &[
    Field::object("incapacity", TABLE),
    Field::object("passage", TABLE),
    Field::new("disability", Kind::Map(&Kind::Object(TABLE))),
];
const STATES: [(&str, State); 2] = [("incapacity", State::Incapacity), ("disability", State::Disability)];

/// What someone receives for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Incapacity,
    Disability,
}

/// The tables of a request.
pub(super) struct Tables {
    pub(super) incapacity: Option<Maintenance>,
    pub(super) passage: Option<Maintenance>,
    pub(super) disability: BTreeMap<String, Maintenance>,
}

/// A claim read; durations in months for incapacity, in years for disability.
pub(super) struct Claim<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) id: String,
    pub(super) state: State,
    pub(super) category: String,
    pub(super) entry_age: u32,
    pub(super) duration: f64,
    pub(super) benefit: f64,
    pub(super) disability_benefit: f64,
    pub(super) waiting: usize,
    pub(super) end_age: Option<f64>,
}

/// Reads and checks the tables; passages cannot be more than those there.
pub(super) fn tables(reader: &Reader<'_>) -> Option<Tables> {
    reader.required("maintenance");
    let given = reader.object("maintenance")?;
    let one = |name: &str, cells: Cells| -> Option<Option<Maintenance>> {
        match given.value(name) {
            None => Some(None),
            Some(_) => maintenance::read(name, &given.object(name)?, cells).map(Some),
        }
    };
    let (incapacity, passage) = (one("incapacity", Cells::Survivors), one("passage", Cells::Passages));
    let mut disability = BTreeMap::new();
    if given.value("disability").is_some() {
        let place = given.place("disability");
        for (category, value) in given.members("disability")? {
            let table = Reader::new(value, &join(&place, category), TABLE, given.call())?;
            disability.insert(category.clone(), maintenance::read(category, &table, Cells::Survivors)?);
        }
    }
    let (incapacity, passage) = (incapacity?, passage?);
    if let Some(passage) = &passage {
        let Some(incapacity) = &incapacity else {
            given.required("incapacity");
            return None;
        };
        for (index, row) in passage.rows.iter().enumerate() {
            let age = passage.first_age + index as u32;
            let there = incapacity.row(age);
            let over = row.iter().enumerate().find(|(duration, passing)| {
                let there = there.and_then(|there| there.get(*duration)).copied().unwrap_or(0.0);
                **passing > there * (1.0 + 1e-9)
            });
            if let Some((duration, _)) = over {
                let parameters = [("age", age.to_string()), ("found", duration.to_string())];
                given.fault("passage", "passages_exceed", &parameters);
            }
        }
    }
    given.call().sound()?;
    Some(Tables { incapacity, passage, disability })
}

/// Reads the claims of a list at a day of valuation.
pub(super) fn claims<'a>(reader: &Reader<'a>, valuation: Option<Date>) -> Option<Vec<Claim<'a>>> {
    let mut claims = Vec::new();
    for (index, line) in reader.objects("claims")?.into_iter().enumerate() {
        let Some(line) = line else { continue };
        let state = line.choice("state", &STATES);
        let benefit = line.number("benefit");
        let Some(state) = state else { continue };
        let since = since(&line, state, valuation);
        let waiting = line.count("waiting_months");
        let disability_benefit = line.number("disability_benefit").unwrap_or(0.0);
        let end_age = line.number("end_age");
        if state == State::Disability {
            line.refuse("waiting_months", "disability");
            line.refuse("disability_benefit", "disability");
        }
        let category = line.text("category").map_or_else(|| "2".to_owned(), shorten);
        let id = line.text("id").map_or_else(|| (index + 1).to_string(), shorten);
        let (Some((entry_age, duration)), Some(benefit), Some(waiting)) = (since, benefit, waiting) else {
            continue;
        };
        claims.push(Claim {
            reader: line,
            id,
            state,
            category,
            entry_age,
            duration,
            benefit,
            disability_benefit,
            waiting,
            end_age,
        });
    }
    reader.call().sound()?;
    Some(claims)
}

/// Age at entry in whole years, and the duration since: whole months, or exact years.
fn since(line: &Reader<'_>, state: State, valuation: Option<Date>) -> Option<(u32, f64)> {
    if line.value("entry_date").is_none() {
        line.required("entry_age");
        line.required("duration");
        let duration = line.number("duration")?;
        if state == State::Incapacity && duration.fract() != 0.0 {
            line.fault("duration", "not_integer", &[("found", duration.to_string())]);
            return None;
        }
        return Some((u32::try_from(line.integer("entry_age")?).ok()?, duration));
    }
    line.exclude("entry_date", "entry_age");
    line.exclude("entry_date", "duration");
    line.required("birth_date");
    let (birth, entry) = (line.date("birth_date")?, line.date("entry_date")?);
    let Some(valuation) = valuation else {
        line.refuse("entry_date", "valuation_date");
        return None;
    };
    for (name, before, after) in [("birth_date", birth, entry), ("entry_date", entry, valuation)] {
        if before > after {
            let parameters = [("found", before.to_string()), ("limit", after.to_string())];
            line.fault(name, "date_order", &parameters);
            return None;
        }
    }
    let months = |from: Date, to: Date| {
        let whole = i64::from(to.year() - from.year()) * 12 + i64::from(to.month()) - i64::from(from.month());
        whole - i64::from(to.day() < from.day())
    };
    let age = u32::try_from(months(birth, entry) / 12).ok()?;
    let duration = match state {
        State::Incapacity => months(entry, valuation) as f64,
        State::Disability => (valuation.duration_since(entry).as_hours() / 24) as f64 / 365.25,
    };
    Some((age, duration))
}
