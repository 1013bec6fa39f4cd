//! Reads people, counts by age or by age and year, and the reference table of a request. Not what is made of them.

use serde_json::Value;

use super::{Exposures, Observed, Split, Surface, expose};
use crate::field::{Field, Kind, names};
use crate::life::find_survivors;
use crate::reader::{self, Reader, join};
use crate::tables::Fraction;

/// Most people of a request.
const MOST_LIVES: usize = 2_000_000;
const MOST_AGES: usize = 131;
const MOST_YEARS: usize = 200;
const COUNT: Kind = Kind::Number { minimum: 0.0, maximum: 1e12 };
const ROW: Kind = Kind::List { of: &COUNT, minimum: 1, maximum: MOST_YEARS };
/// What gives counts by age, or by age and year.
pub(super) const INPUT: [Field; 4] = [
    Field::list("lives", &Kind::Object(LIFE), 1, MOST_LIVES).bulk(),
    Field::object("observation", OBSERVATION),
    Field::object("experience", EXPERIENCE).bulk(),
    Field::object("surface", SURFACE).bulk(),
];
const LIFE: &[Field] = &[
    Field::date("birth_date").required(),
    Field::date("entry_date").required(),
    Field::date("exit_date"),
    Field::choice("exit", &names(&EXITS)).or_name("censored"),
    Field::number("amount", 0.0, 1e12).or(1.0),
];
const EXITS: [(&str, bool); 2] = [("censored", false), ("death", true)];
const OBSERVATION: &[Field] = &[Field::date("start").required(), Field::date("end").required()];
const EXPERIENCE: &[Field] = &[
    Field::integer("first_age", 0, 130).required().unit("year"),
    Field::list("deaths", &COUNT, 1, MOST_AGES).required(),
    Field::list("exposures", &COUNT, 1, MOST_AGES).required().unit("year"),
    Field::list("initial_exposures", &COUNT, 1, MOST_AGES).unit("year"),
];
const SURFACE: &[Field] = &[
    Field::integer("first_age", 0, 130).required().unit("year"),
    Field::integer("first_year", 1800, 2200).required().unit("year"),
    Field::list("deaths", &ROW, 1, MOST_AGES).required(),
    Field::list("exposures", &ROW, 1, MOST_AGES).required().unit("year"),
];
/// The table that an experience is compared with.
pub(super) const REFERENCE: &[Field] =
    &[Field::new("table", Kind::Table).required(), Field::integer("birth_year", 1800, 2200).unit("year")];

/// Counts by age.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Experience {
    pub(super) first_age: u32,
    pub(super) deaths: Vec<f64>,
    pub(super) central: Vec<f64>,
    pub(super) initial: Vec<f64>,
}

impl Experience {
    pub(super) fn age(&self, row: usize) -> u32 {
        self.first_age + row as u32
    }
}

/// Counts by age: given, or counted from people.
pub(super) fn experience(reader: &Reader<'_>) -> Option<Experience> {
    reader.exclude("lives", "experience");
    if reader.value("lives").is_some() {
        let found = count(reader, Split::Ages)?;
        let column = |of: fn(&super::Exposed) -> f64| found.cells.iter().map(|row| of(&row[0])).collect();
        return Some(Experience {
            first_age: found.first_age,
            deaths: column(|cell| cell.deaths),
            central: column(|cell| cell.central),
            initial: column(|cell| cell.initial),
        });
    }
    reader.required("experience");
    let given = reader.object("experience")?;
    let (deaths, central) = (given.numbers("deaths"), given.numbers("exposures"));
    let initial = given.numbers("initial_exposures");
    let first_age = u32::try_from(given.integer("first_age")?).ok()?;
    let (deaths, central) = (deaths?, central?);
    same_length(&given, "exposures", central.len(), deaths.len())?;
    if let Some(initial) = &initial {
        same_length(&given, "initial_exposures", initial.len(), deaths.len())?;
    }
    let half = |(central, deaths): (&f64, &f64)| central + deaths / 2.0;
    let initial = initial.unwrap_or_else(|| central.iter().zip(&deaths).map(half).collect());
    for (row, deaths) in deaths.iter().enumerate() {
        if *deaths > 0.0 && (central[row] <= 0.0 || *deaths > initial[row]) {
            let place = join(&given.place("deaths"), &row.to_string());
            let parameters = [("found", deaths.to_string()), ("limit", initial[row].to_string())];
            given.call().faults().push(&place, "deaths_exceed", &parameters);
        }
    }
    given.call().sound()?;
    Some(Experience { first_age, deaths, central, initial })
}

/// Counts by age and year: given, or counted from people.
pub(super) fn surface(reader: &Reader<'_>) -> Option<Surface> {
    reader.exclude("lives", "surface");
    if reader.value("lives").is_some() {
        let found = count(reader, Split::AgesAndYears)?;
        let cells: Vec<&super::Exposed> = found.cells.iter().flatten().collect();
        return Some(Surface {
            first_age: found.first_age,
            first_year: i32::from(found.first_year),
            ages: found.cells.len(),
            years: found.cells.first().map_or(0, Vec::len),
            deaths: cells.iter().map(|cell| cell.deaths).collect(),
            exposures: cells.iter().map(|cell| cell.central).collect(),
        });
    }
    reader.required("surface");
    let given = reader.object("surface")?;
    let (deaths, exposures) = (matrix(&given, "deaths"), matrix(&given, "exposures"));
    let (first_age, first_year) = (given.integer("first_age")?, given.integer("first_year")?);
    let (deaths, exposures) = (deaths?, exposures?);
    let (ages, years) = (deaths.len(), deaths.first().map_or(0, Vec::len));
    same_length(&given, "exposures", exposures.len(), ages)?;
    for (name, rows) in [("deaths", &deaths), ("exposures", &exposures)] {
        for (row, line) in rows.iter().enumerate().filter(|(_, line)| line.len() != years) {
            let parameters = [("found", line.len().to_string()), ("expected", years.to_string())];
            given.call().faults().push(&join(&given.place(name), &row.to_string()), "length", &parameters);
        }
    }
    given.call().sound()?;
    let (deaths, exposures) = (deaths.concat(), exposures.concat());
    for cell in (0..deaths.len()).filter(|cell| deaths[*cell] > 0.0 && exposures[*cell] <= 0.0) {
        let place = format!("{}/{}/{}", given.place("deaths"), cell / years, cell % years);
        let parameters = [("found", deaths[cell].to_string()), ("limit", "0".to_owned())];
        given.call().faults().push(&place, "deaths_exceed", &parameters);
    }
    given.call().sound()?;
    Some(Surface {
        first_age: u32::try_from(first_age).ok()?,
        first_year: i32::try_from(first_year).ok()?,
        ages,
        years,
        deaths,
        exposures,
    })
}

fn matrix(reader: &Reader<'_>, name: &str) -> Option<Vec<Vec<f64>>> {
    let call = reader.call();
    let place = reader.place(name);
    let row = |(index, value): (usize, &Value)| -> Option<Vec<f64>> {
        let place = join(&place, &index.to_string());
        let cells = reader::list(value, &place, 1, MOST_YEARS, call)?;
        let numbers: Vec<Option<f64>> = (cells.iter().enumerate())
            .map(|(column, cell)| reader::number(cell, &join(&place, &column.to_string()), 0.0, 1e12, call))
            .collect();
        numbers.into_iter().collect()
    };
    let rows: Vec<Option<Vec<f64>>> = reader.list(name)?.iter().enumerate().map(row).collect();
    rows.into_iter().collect()
}

fn same_length(reader: &Reader<'_>, name: &str, found: usize, expected: usize) -> Option<()> {
    if found == expected {
        return Some(());
    }
    reader.fault(name, "length", &[("found", found.to_string()), ("expected", expected.to_string())]);
    None
}

fn count(reader: &Reader<'_>, split: Split) -> Option<Exposures> {
    let call = reader.call();
    reader.required("observation");
    let observation = reader.object("observation");
    let lines = reader.objects("lives")?;
    let observation = observation?;
    let (start, end) = (observation.date("start"), observation.date("end"));
    let mut people = Vec::with_capacity(lines.len());
    for line in lines.into_iter().flatten() {
        let (birth, entry) = (line.date("birth_date"), line.date("entry_date"));
        let died = line.choice("exit", &EXITS)?;
        let exit = if line.value("exit_date").is_some() { line.date("exit_date") } else { None };
        let weight = line.number("amount");
        if died {
            line.required("exit_date");
        }
        let (Some(birth), Some(entry), Some(weight)) = (birth, entry, weight) else { continue };
        for (name, before, after) in [("birth_date", birth, Some(entry)), ("entry_date", entry, exit)] {
            if let Some(after) = after.filter(|after| before > *after) {
                let parameters = [("found", before.to_string()), ("limit", after.to_string())];
                line.fault(name, "date_order", &parameters);
            }
        }
        people.push(Observed { birth, entry, exit, died, weight });
    }
    let (start, end) = (start?, end?);
    if start > end {
        let parameters = [("found", start.to_string()), ("limit", end.to_string())];
        observation.fault("start", "date_order", &parameters);
    }
    call.sound()?;
    let found = expose(&people, start, end, split, call.watch())?;
    let lived: f64 = found.cells.iter().flatten().map(|cell| cell.central).sum();
    if lived <= 0.0 {
        reader.fault("observation", "nothing_observed", &[]);
        return None;
    }
    Some(found)
}

/// Probabilities of death of the reference table at whole ages.
pub(super) fn reference(reader: &Reader<'_>, first_age: u32, count: usize) -> Option<Vec<f64>> {
    reader.required("reference");
    let reference = reader.object("reference")?;
    let name = reference.text("table")?;
    let birth_year = reference.integer("birth_year");
    let survivors = find_survivors(&reference, "table", name, birth_year, &reference.place("birth_year"))?;
    let last = f64::from(first_age) + count as f64 - 1.0;
    let table = ("table", name.to_owned());
    if first_age < survivors.first_age {
        let parameters =
            [table, ("found", first_age.to_string()), ("first", survivors.first_age.to_string())];
        reference.fault("table", "age_before_table", &parameters);
        return None;
    }
    if last >= survivors.closing_age() {
        let closing = survivors.closing_age().to_string();
        reference.fault("table", "age_after_table", &[table, ("found", last.to_string()), ("last", closing)]);
        return None;
    }
    let death = |row: usize| {
        let age = f64::from(first_age) + row as f64;
        1.0 - survivors.at(age + 1.0, Fraction::Udd) / survivors.at(age, Fraction::Udd)
    };
    Some((0..count).map(death).collect())
}

/// Probabilities of the reference table from an age up to its closing.
pub(super) fn reference_to_the_end(reader: &Reader<'_>, first_age: u32) -> Option<Vec<f64>> {
    let reference = reader.object("reference")?;
    let name = reference.text("table")?;
    let birth_year = reference.integer("birth_year");
    let survivors = find_survivors(&reference, "table", name, birth_year, &reference.place("birth_year"))?;
    let count = (survivors.closing_age() - f64::from(first_age)).max(0.0) as usize;
    self::reference(reader, first_age, count)
}
