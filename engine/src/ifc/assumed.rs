//! Assumptions as a request gives them, some by category, and the plan they make of a staff. Not valuation.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::plan::{Band, Plan, Rules};
use super::staff::{Sex, Staff, day, years};
use super::{Attribution, Scale};
use crate::call::Call;
use crate::field::{Field, Kind, names};
use crate::life::find_survivors;
use crate::rates::{self, Discount};
use crate::reader::{self, Reader, join};
use crate::tables::{Fraction, Survivors};

const GROWTH: Kind = Kind::Number { minimum: -0.2, maximum: 0.5 };
const CHARGES: Kind = Kind::Number { minimum: 0.0, maximum: 2.0 };
const BANDS: Kind = Kind::List { of: &Kind::Object(BAND), minimum: 0, maximum: 200 };
const BAND: &[Field] = &[
    Field::integer("age_from", 0, 120).required().unit("year"),
    Field::integer("age_to", 0, 150).required().unit("year"),
    Field::number("rate", 0.0, 0.9).required().unit("per_year"),
    Field::text("category"),
];
/// The retirement age of who is born from a day on.
const GENERATION: &[Field] =
    &[Field::date("born_from").required(), Field::number("age", 40.0, 80.0).required().unit("year")];
const AGE: Kind = Kind::Number { minimum: 40.0, maximum: 80.0 };
const GENERATIONS: Kind = Kind::List { of: &Kind::Object(GENERATION), minimum: 1, maximum: 200 };
pub(super) const ASSUMPTIONS: &[Field] = &[
    rates::rate("discount_rate"),
    rates::CURVE,
    Field::new("salary_growth", Kind::Either(&[GROWTH, Kind::Map(&GROWTH)])).required().unit("per_year"),
    Field::object("mortality", MORTALITY).required(),
    Field::new("turnover", Kind::Either(&[BANDS, Kind::Map(&BANDS)])),
    Field::new("social_charge_rate", Kind::Either(&[CHARGES, Kind::Map(&CHARGES)])).or(0.0),
    Field::new("retirement_age", Kind::Either(&[AGE, GENERATIONS, Kind::Map(&AGE)])).required().unit("year"),
    Field::choice("departure", &DEPARTURE_NAMES),
    Field::choice("attribution", &ATTRIBUTION_NAMES).or_name("ias19_2021"),
];
const MORTALITY: &[Field] = &[Field::new("M", Kind::Table), Field::new("F", Kind::Table)];
pub(super) const DEPARTURES: [(&str, bool); 2] = [("voluntary", false), ("employer", true)];
const DEPARTURE_NAMES: [&str; 2] = names(&DEPARTURES);
const ATTRIBUTIONS: [(&str, Attribution); 2] =
    [("straight_line", Attribution::StraightLine), ("ias19_2021", Attribution::Ias19Of2021)];
const ATTRIBUTION_NAMES: [&str; 2] = names(&ATTRIBUTIONS);

/// A value for all, or one for each category.
#[derive(Debug, Clone)]
pub(super) enum ByCategory<T> {
    One(T),
    /// Every category must be known.
    Each(BTreeMap<String, T>),
    /// Some categories have their own.
    Some {
        own: BTreeMap<String, T>,
        other: T,
    },
}

impl<T> ByCategory<T> {
    pub(super) fn of(&self, category: &str) -> Option<&T> {
        match self {
            Self::One(value) => Some(value),
            Self::Each(values) => values.get(category),
            Self::Some { own, other } => Some(own.get(category).unwrap_or(other)),
        }
    }

    /// Names of the categories that an employee must be of, where there are some.
    pub(super) fn known(&self) -> Option<Vec<&str>> {
        match self {
            Self::One(_) | Self::Some { .. } => None,
            Self::Each(values) => Some(values.keys().map(String::as_str).collect()),
        }
    }
}

/// The assumptions of one valuation.
pub(super) struct Assumed<'a> {
    pub(super) discount: Option<Discount>,
    pub(super) growth: ByCategory<f64>,
    pub(super) turnover: ByCategory<Vec<Band>>,
    pub(super) charges: ByCategory<f64>,
    pub(super) retirement: Option<Retirement>,
    pub(super) attribution: Option<Attribution>,
    pub(super) departure: Option<bool>,
    mortality: Option<Reader<'a>>,
}

/// A retirement age in months: one, or by day of birth (increasing).
#[derive(Debug, Clone)]
pub(super) enum Retirement {
    One(i32),
    Generations(Vec<(Date, i32)>),
}

impl Retirement {
    /// The age that holds for a birth; before the first generation, that of the first.
    fn months(&self, birth: Date) -> i32 {
        match self {
            Self::One(months) => *months,
            Self::Generations(generations) => {
                let after = generations.partition_point(|(from, _)| *from <= birth);
                generations.get(after.saturating_sub(1)).map_or(0, |(_, months)| *months)
            }
        }
    }
}

/// Whole months of an age in years: 64.25 is 64 years and 3 months.
pub(super) fn whole_months(age: f64) -> i32 {
    (age * 12.0).round() as i32
}

pub(super) fn read<'a>(given: &Reader<'a>) -> Assumed<'a> {
    Assumed {
        discount: rates::read(given, "discount_rate"),
        growth: read_numbers(given, "salary_growth", (-0.2, 0.5)),
        turnover: read_turnover(given),
        charges: read_numbers(given, "social_charge_rate", (0.0, 2.0)),
        retirement: read_retirement(given),
        attribution: given.choice("attribution", &ATTRIBUTIONS),
        departure: given.choice("departure", &DEPARTURES),
        mortality: given.object("mortality"),
    }
}

fn read_numbers(given: &Reader<'_>, name: &str, (minimum, maximum): (f64, f64)) -> ByCategory<f64> {
    if !matches!(given.value(name), Some(Value::Object(_))) {
        return ByCategory::One(given.number(name).unwrap_or(0.0));
    }
    let place = given.place(name);
    let each = given.members(name).into_iter().flatten().filter_map(|(category, value)| {
        let number = reader::number(value, &join(&place, category), minimum, maximum, given.call())?;
        Some((category.clone(), number))
    });
    ByCategory::Each(each.collect())
}

fn read_turnover(given: &Reader<'_>) -> ByCategory<Vec<Band>> {
    let place = given.place("turnover");
    match given.value("turnover") {
        None => ByCategory::One(Vec::new()),
        Some(Value::Object(map)) => ByCategory::Each(
            map.iter()
                .map(|(name, value)| {
                    let bands = read_bands(value, &join(&place, name), given.call());
                    (name.clone(), bands.into_iter().map(|(_, band)| band).collect())
                })
                .collect(),
        ),
        Some(value) => sort(&read_bands(value, &place, given.call())),
    }
}

/// Bands of one list, some of which may hold for one category only: those come first for it.
fn sort(bands: &[(Option<String>, Band)]) -> ByCategory<Vec<Band>> {
    let of = |category: Option<&String>| -> Vec<Band> {
        let own = bands.iter().filter(|(name, _)| name.is_some() && name.as_ref() == category);
        own.chain(bands.iter().filter(|(name, _)| name.is_none())).map(|(_, band)| *band).collect()
    };
    let own: BTreeMap<String, Vec<Band>> = bands
        .iter()
        .filter_map(|(name, _)| name.as_ref())
        .map(|name| (name.clone(), of(Some(name))))
        .collect();
    if own.is_empty() { ByCategory::One(of(None)) } else { ByCategory::Some { own, other: of(None) } }
}

fn read_bands<'a>(value: &'a Value, place: &str, call: &'a Call<'a>) -> Vec<(Option<String>, Band)> {
    let lines = reader::list(value, place, 0, 200, call).unwrap_or_default().iter().enumerate();
    let band = |(index, line): (usize, &'a Value)| {
        let line = Reader::new(line, &format!("{place}/{index}"), BAND, call)?;
        let (from, to, rate) = (line.integer("age_from"), line.integer("age_to"), line.quantity("rate"));
        let (from, to) = (from? as i32, to? as i32);
        if to < from {
            line.fault("age_to", "not_increasing", &[("found", to.to_string()), ("limit", from.to_string())]);
        }
        Some((line.text("category").map(str::to_owned), Band { from, to, rate: rate? }))
    };
    lines.filter_map(band).collect()
}

fn read_retirement(given: &Reader<'_>) -> Option<Retirement> {
    if let Some(Value::Object(years)) = given.value("retirement_age") {
        return read_years(given, years);
    }
    if !matches!(given.value("retirement_age"), Some(Value::Array(_))) {
        return given.number("retirement_age").map(|age| Retirement::One(whole_months(age)));
    }
    let mut generations: Vec<(Date, i32)> = Vec::new();
    for line in given.objects("retirement_age")?.into_iter().flatten() {
        let (Some(from), Some(age)) = (line.date("born_from"), line.number("age")) else { continue };
        if let Some((before, _)) = generations.last().filter(|(before, _)| from <= *before) {
            let parameters = [("found", from.to_string()), ("limit", before.to_string())];
            line.fault("born_from", "not_increasing", &parameters);
        }
        generations.push((from, whole_months(age)));
    }
    Some(Retirement::Generations(generations))
}

/// Ages by year of birth, `{"1968": 64}`.
fn read_years(given: &Reader<'_>, years: &Map<String, Value>) -> Option<Retirement> {
    let mut generations = Vec::new();
    for (name, value) in years {
        let place = join(&given.place("retirement_age"), name);
        let first = reader::date(&format!("{name}-01-01"));
        if first.is_none() {
            given.call().faults().push(&place, "not_a_date", &[("found", reader::shorten(name))]);
        }
        let age = reader::number(value, &place, 40.0, 80.0, given.call());
        generations.extend(first.zip(age.map(whole_months)));
    }
    generations.sort_by_key(|(from, _)| *from);
    if generations.is_empty() {
        let parameters = [("found", "0".to_owned()), ("minimum", "1".to_owned())];
        given.fault("retirement_age", "too_few", &parameters);
    }
    Some(Retirement::Generations(generations))
}

/// Whose assumptions a plan takes: a step of a reconciliation mixes two valuations.
pub(super) struct Sources<'s, 'a> {
    /// Mortality, turnover, retirement ages.
    pub(super) demographic: &'s Assumed<'a>,
    /// Discounting, pay, charges.
    pub(super) financial: &'s Assumed<'a>,
    pub(super) scales: &'s ByCategory<Scale>,
}

/// The plan of a staff at a day. `place` is where its employees stand, for the faults of their categories and
/// generations.
pub(super) fn plan<'a>(
    staff: &Staff,
    valuation: Date,
    sources: &Sources<'_, 'a>,
    place: &str,
) -> Option<Plan<'a>> {
    let Sources { demographic, financial, scales } = sources;
    let rules = staff.categories.iter().map(|category| {
        Some(Rules {
            salary_growth: *financial.growth.of(category)?,
            turnover: demographic.turnover.of(category)?.clone(),
            social_charge_rate: *financial.charges.of(category)?,
            scale: scales.of(category)?.clone(),
        })
    });
    let rules: Vec<Option<Rules>> = rules.collect();
    let mortality = demographic.mortality.as_ref()?;
    let retirement = demographic.retirement.as_ref()?;
    // By sex and year of birth, looked up for every head: a place in a list is found quicker than a key in a tree.
    let years_known = usize::from(Date::MAX.year().unsigned_abs()) + 1;
    let mut found: Vec<Option<Option<u16>>> = vec![None; 4 * years_known];
    let mut tables: Vec<&Survivors> = Vec::new();
    let (mut table_of, mut months_of) = (Vec::with_capacity(staff.len()), Vec::with_capacity(staff.len()));
    let valuation_day = day(valuation);
    for index in 0..staff.len() {
        let line = staff.at(index);
        let key = (line.sex == Sex::M, line.birth.year());
        let name = if key.0 { "M" } else { "F" };
        let place = || format!("{place}/{index}/birth_date");
        let rank = usize::from(key.1.unsigned_abs()) * 4 + usize::from(key.0) * 2 + usize::from(key.1 < 0);
        let table = *found[rank].get_or_insert_with(|| {
            let table = mortality.required(name).and(mortality.text(name))?;
            tables.push(find_survivors(mortality, name, table, Some(i64::from(key.1)), &place())?);
            u16::try_from(tables.len() - 1).ok()
        });
        let Some(table) = table else { continue };
        check_age(mortality, name, tables[usize::from(table)], years(line.birth_day, valuation_day), &place);
        table_of.push(table);
        months_of.push(if line.own_months > 0 { line.own_months } else { retirement.months(line.birth) });
    }
    mortality.call().sound()?;
    Some(Plan {
        valuation,
        discount: financial.discount.clone()?,
        attribution: financial.attribution?,
        rules: rules.into_iter().collect::<Option<_>>()?,
        tables,
        table_of,
        months_of,
    })
}

fn check_age(mortality: &Reader<'_>, sex: &str, survivors: &Survivors, age: f64, place: &dyn Fn() -> String) {
    let code = if age < f64::from(survivors.first_age) {
        "age_before_table"
    } else if survivors.at(age, Fraction::Udd) <= 0.0 {
        "age_after_table"
    } else {
        return;
    };
    let parameters = [
        ("table", mortality.text(sex).unwrap_or_default().to_owned()),
        ("found", format!("{age:.2}")),
        ("first", survivors.first_age.to_string()),
        ("last", survivors.closing_age().to_string()),
    ];
    mortality.call().faults().push(&place(), code, &parameters);
}
