//! The request of module `ifc`: read, checked as a whole, valued and summed. Not formulas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::employee::Shift;
use super::valuation::{modified_duration, shifted};
use super::{Assumptions, Attribution, Band, Employee, Obligation, Scale, value};
use crate::calculate::Module;
use crate::call::Call;
use crate::field::{Field, Kind, names};
use crate::life::find_survivors;
use crate::numeric::{in_chunks, sum};
use crate::outcome::Answer;
use crate::rates::{self, Discount};
use crate::reader::{self, Reader, join};
use crate::tables::Fraction;
use crate::watch::Watch;

/// End-of-career indemnities.
pub(crate) const MODULE: Module = Module {
    name: "ifc",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/ifc.json"),
    example: include_str!("../../data/examples/ifc.json"),
};

const MOST_EMPLOYEES: usize = 100_000;
const FIELDS: &[Field] = &[
    Field::date("valuation_date").required(),
    Field::new("scale", Kind::Either(&[Kind::Choice(&LEGAL_NAMES), Kind::Object(SCALE)])),
    Field::list("employees", &Kind::Object(EMPLOYEE), 1, MOST_EMPLOYEES).required().bulk(),
    Field::object("assumptions", ASSUMPTIONS).required(),
];
const SCALE: &[Field] = &[
    Field::list("steps", &Kind::Object(STEP), 1, 100),
    Field::list("accruals", &Kind::Object(ACCRUAL), 1, 100),
    Field::number("minimum", 0.0, 60.0).or(0.0).unit("year"),
    Field::number("cap", 0.0, 1000.0).unit("month"),
];
const STEP: &[Field] = &[
    Field::number("years", 0.0, 60.0).required().unit("year"),
    Field::number("months", 0.0, 1000.0).required().unit("month"),
];
const ACCRUAL: &[Field] = &[
    Field::number("years", 0.0, 60.0).required().unit("year"),
    Field::number("months_per_year", 0.0, 1000.0).required().unit("month"),
];
const GROWTH: Kind = Kind::Number { minimum: -0.2, maximum: 0.5 };
const BANDS: Kind = Kind::List { of: &Kind::Object(BAND), minimum: 0, maximum: 200 };
const BAND: &[Field] = &[
    Field::integer("age_from", 0, 120).required().unit("year"),
    Field::integer("age_to", 0, 150).required().unit("year"),
    Field::number("rate", 0.0, 0.9).required().unit("per_year"),
];
const ASSUMPTIONS: &[Field] = &[
    rates::rate("discount_rate"),
    rates::CURVE,
    Field::new("salary_growth", Kind::Either(&[GROWTH, Kind::Map(&GROWTH)])).required().unit("per_year"),
    Field::object("mortality", MORTALITY).required(),
    Field::new("turnover", Kind::Either(&[BANDS, Kind::Map(&BANDS)])),
    Field::number("social_charge_rate", 0.0, 2.0).or(0.0),
    Field::number("retirement_age", 40.0, 80.0).required().unit("year"),
    Field::choice("departure", &DEPARTURE_NAMES),
    Field::choice("attribution", &ATTRIBUTION_NAMES).or_name("ias19_2021"),
];
const MORTALITY: &[Field] = &[Field::new("M", Kind::Table), Field::new("F", Kind::Table)];
const EMPLOYEE: &[Field] = &[
    Field::new("id", Kind::Either(&[Kind::Text, Kind::Number { minimum: -1e15, maximum: 1e15 }])).required(),
    Field::choice("sex", &SEX_NAMES).required(),
    Field::date("birth_date").required(),
    Field::date("hire_date").required(),
    Field::number("annual_salary", 0.0, 1e9).required().unit("euro"),
    Field::text("category"),
    Field::text("collective_agreement"),
    Field::number("part_time", 0.0, 1.0),
    Field::number("retirement_age", 40.0, 80.0).unit("year"),
];
const LEGAL: [(&str, bool); 2] = [("legal_voluntary", false), ("legal_dismissal", true)];
const LEGAL_NAMES: [&str; 2] = names(&LEGAL);
const DEPARTURES: [(&str, bool); 2] = [("voluntary", false), ("employer", true)];
const DEPARTURE_NAMES: [&str; 2] = names(&DEPARTURES);
const ATTRIBUTIONS: [(&str, Attribution); 2] =
    [("straight_line", Attribution::StraightLine), ("ias19_2021", Attribution::Ias19Of2021)];
const ATTRIBUTION_NAMES: [&str; 2] = names(&ATTRIBUTIONS);
const SEXES: [(&str, &str); 2] = [("M", "M"), ("F", "F")];
const SEX_NAMES: [&str; 2] = names(&SEXES);

/// Answers a request of module `ifc`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let valuation = reader.date("valuation_date");
    let employees = reader.objects("employees");
    let given = reader.object("assumptions")?;
    let discount = rates::read(&given, "discount_rate");
    let growth = read_growth(&given);
    let turnover = read_turnover(&given);
    let retirement = given.number("retirement_age");
    let social_charge_rate = given.number("social_charge_rate");
    let attribution = given.choice("attribution", &ATTRIBUTIONS);
    let scale = read_scale(reader, &given);
    let mortality = given.object("mortality");
    let context = Context { valuation, mortality, growth, turnover: turnover.categories, retirement };
    let mut staff = Vec::new();
    let mut ids = BTreeSet::new();
    for line in employees?.into_iter().flatten() {
        if let Some(employee) = read_employee(&line, &context) {
            if !ids.insert(employee.id.clone()) {
                line.fault("id", "duplicate", &[("found", employee.id.chars().take(60).collect())]);
            }
            staff.push(employee);
        }
    }
    let assumptions = Assumptions {
        valuation: valuation?,
        discount: discount?,
        turnover: turnover.bands,
        social_charge_rate: social_charge_rate?,
        scale: scale?,
        attribution: attribution?,
    };
    reader.call().sound()?;
    answer(&staff, &assumptions, reader.call().watch()).map(Answer::from)
}

struct Context<'a> {
    valuation: Option<jiff::civil::Date>,
    mortality: Option<Reader<'a>>,
    growth: Growth,
    turnover: Option<BTreeMap<String, usize>>,
    retirement: Option<f64>,
}

enum Growth {
    One(f64),
    Each(BTreeMap<String, f64>),
}

fn read_growth(given: &Reader<'_>) -> Growth {
    if !matches!(given.required("salary_growth"), Some(Value::Object(_))) {
        return Growth::One(given.number("salary_growth").unwrap_or(0.0));
    }
    let place = given.place("salary_growth");
    let each = given.members("salary_growth").into_iter().flatten().filter_map(|(category, value)| {
        Some((category.clone(), reader::number(value, &join(&place, category), -0.2, 0.5, given.call())?))
    });
    Growth::Each(each.collect())
}

struct Turnover {
    bands: Vec<Vec<Band>>,
    categories: Option<BTreeMap<String, usize>>,
}

fn read_turnover(given: &Reader<'_>) -> Turnover {
    let place = given.place("turnover");
    match given.value("turnover") {
        None => Turnover { bands: vec![Vec::new()], categories: None },
        Some(Value::Object(map)) => Turnover {
            bands: map
                .iter()
                .map(|(name, value)| read_bands(value, &join(&place, name), given.call()))
                .collect(),
            categories: Some(map.keys().cloned().zip(0..).collect()),
        },
        Some(value) => Turnover { bands: vec![read_bands(value, &place, given.call())], categories: None },
    }
}

fn read_bands<'a>(value: &'a Value, place: &str, call: &'a Call<'a>) -> Vec<Band> {
    let lines = reader::list(value, place, 0, 200, call).unwrap_or_default().iter().enumerate();
    lines
        .filter_map(|(index, line)| {
            let place = join(place, &index.to_string());
            let line = Reader::new(line, &place, BAND, call)?;
            let (from, to) = (line.integer("age_from"), line.integer("age_to"));
            let rate = line.number("rate");
            let (from, to) = (from? as i32, to? as i32);
            if to < from {
                let parameters = [("found", to.to_string()), ("limit", from.to_string())];
                line.fault("age_to", "not_increasing", &parameters);
            }
            Some(Band { from, to, rate: rate? })
        })
        .collect()
}

fn read_scale(reader: &Reader<'_>, given: &Reader<'_>) -> Option<Scale> {
    let departure = given.choice("departure", &DEPARTURES);
    match (reader.value("scale"), departure) {
        (None, Some(true)) => Some(Scale::legal_dismissal()),
        (None, Some(false)) => Some(Scale::legal_voluntary()),
        (None, None) => {
            reader.required("scale");
            None
        }
        (Some(Value::Object(_)), _) => {
            let own = reader.object("scale")?;
            match (own.value("steps"), own.value("accruals")) {
                (Some(_), Some(_)) => {
                    let names = [("name", "steps".to_owned()), ("other", "accruals".to_owned())];
                    own.fault("accruals", "conflict", &names);
                    None
                }
                (_, Some(_)) => Some(Scale::Accruals {
                    bands: read_pairs(&own, "accruals", "months_per_year"),
                    minimum: own.number("minimum")?,
                    cap: own.number("cap").unwrap_or(f64::INFINITY),
                }),
                _ => own.required("steps").map(|_| Scale::Steps(read_pairs(&own, "steps", "months"))),
            }
        }
        _ => {
            let dismissal = reader.choice("scale", &LEGAL)?;
            Some(if dismissal { Scale::legal_dismissal() } else { Scale::legal_voluntary() })
        }
    }
}

fn read_pairs(own: &Reader<'_>, name: &str, second: &str) -> Vec<(f64, f64)> {
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for line in own.objects(name).unwrap_or_default().into_iter().flatten() {
        let (Some(years), Some(months)) = (line.number("years"), line.number(second)) else { continue };
        if let Some((before, _)) = pairs.last().filter(|(before, _)| years <= *before) {
            let parameters = [("found", years.to_string()), ("limit", before.to_string())];
            line.fault("years", "not_increasing", &parameters);
        }
        pairs.push((years, months));
    }
    pairs
}

fn read_employee<'a>(line: &Reader<'a>, context: &Context<'a>) -> Option<Employee<'a>> {
    let id = match line.required("id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        None => None,
        _ => line.text("id").map(str::to_owned),
    };
    let sex = line.choice("sex", &SEXES);
    let birth = line.date("birth_date");
    let hire = line.date("hire_date");
    let annual_salary = line.number("annual_salary");
    let retirement = line.number("retirement_age").or(context.retirement);
    line.number("part_time");
    line.text("collective_agreement");
    let category = line.text("category");
    let salary_growth = match &context.growth {
        Growth::One(rate) => Some(*rate),
        Growth::Each(rates) => pick(line, category, rates),
    };
    let turnover = match &context.turnover {
        None => Some(0),
        Some(indices) => pick(line, category, indices),
    };
    let (birth, hire) = (birth?, hire?);
    for (name, day, limit) in
        [("hire_date", hire, context.valuation.unwrap_or(hire)), ("birth_date", birth, hire)]
    {
        if day > limit {
            line.fault(name, "date_order", &[("found", day.to_string()), ("limit", limit.to_string())]);
        }
    }
    let sex = sex?;
    let mortality = context.mortality.as_ref()?;
    let table = mortality.required(sex).and(mortality.text(sex))?;
    let year = Some(i64::from(birth.year()));
    let survivors = find_survivors(mortality, sex, table, year, &line.place("birth_date"))?;
    let days = birth.until(context.valuation?).map_or(0, |span| span.get_days());
    let age = f64::from(days) / 365.25;
    let parameters = [
        ("table", table.to_owned()),
        ("found", format!("{age:.2}")),
        ("first", survivors.first_age.to_string()),
        ("last", survivors.closing_age().to_string()),
    ];
    if age < f64::from(survivors.first_age) {
        line.fault("birth_date", "age_before_table", &parameters);
        return None;
    }
    if survivors.at(age, Fraction::Udd) <= 0.0 {
        line.fault("birth_date", "age_after_table", &parameters);
        return None;
    }
    Some(Employee {
        id: id?,
        birth,
        hire,
        annual_salary: annual_salary?,
        survivors,
        retirement_months: (retirement? * 12.0).round() as i32,
        salary_growth: salary_growth?,
        turnover: turnover?,
    })
}

/// What holds for the employee's category, told when the category is absent or unknown.
fn pick<T: Copy>(line: &Reader<'_>, category: Option<&str>, by_category: &BTreeMap<String, T>) -> Option<T> {
    line.required("category");
    let category = category?;
    let found = by_category.get(category).copied();
    if found.is_none() {
        let known: Vec<&str> = by_category.keys().map(String::as_str).collect();
        let codes = ("unknown_value", "unknown_value_near");
        reader::unknown(line.call(), &line.place("category"), category, &known, codes);
    }
    found
}

/// Employees valued between two looks at the watch.
const CHUNK: usize = 1024;

fn answer(staff: &[Employee<'_>], assumptions: &Assumptions, watch: &Watch) -> Option<Value> {
    let obligations: Vec<Obligation> = in_chunks(staff.len(), CHUNK, watch, |range| {
        staff[range].iter().map(|employee| value(employee, assumptions)).collect::<Vec<_>>()
    })?
    .concat();
    let dbo = sum(obligations.iter().map(|one| one.dbo));
    let service_cost = sum(obligations.iter().map(|one| one.service_cost));
    let mut payments: BTreeMap<i16, f64> = BTreeMap::new();
    let mut coming = 0.0;
    for one in &obligations {
        let payment = one.projected_benefit * one.probability;
        *payments.entry(one.retirement.year()).or_default() += payment;
        if one.years <= 1.0 {
            coming += payment;
        }
    }
    let weighted = sum(obligations.iter().map(|one| modified_duration(&assumptions.discount, one)));
    let rate = match assumptions.discount {
        Discount::Flat(rate) => rate,
        Discount::Curve(_) => assumptions.discount.rate(1.0),
    };
    let lines = staff.iter().zip(&obligations).map(|(employee, one)| {
        json!({
            "id": employee.id,
            "dbo": one.dbo,
            "service_cost": one.service_cost,
            "projected_benefit": one.projected_benefit,
            "probability": one.probability,
            "retirement_date": one.retirement.to_string(),
        })
    });
    Some(json!({
        "dbo": dbo,
        "service_cost": service_cost,
        "interest_cost": rate * (dbo + service_cost - coming / 2.0),
        "duration": if dbo > 0.0 { weighted / dbo } else { 0.0 },
        "expected_payments": payments
            .iter()
            .map(|(year, amount)| json!({ "year": year, "amount": amount }))
            .collect::<Vec<_>>(),
        "sensitivities": sensitivities(staff, assumptions, watch)?,
        "employees": lines.collect::<Vec<_>>(),
    }))
}

/// Full revaluations, named by what moves and by how much.
fn sensitivities(staff: &[Employee<'_>], assumptions: &Assumptions, watch: &Watch) -> Option<Value> {
    let none = Shift::default();
    let moves = [
        ("discount_rate", -0.005, Shift { discount: -0.005, ..none }),
        ("discount_rate", -0.0025, Shift { discount: -0.0025, ..none }),
        ("discount_rate", 0.0025, Shift { discount: 0.0025, ..none }),
        ("discount_rate", 0.005, Shift { discount: 0.005, ..none }),
        ("salary_growth", -0.005, Shift { salary_growth: -0.005, ..none }),
        ("salary_growth", 0.005, Shift { salary_growth: 0.005, ..none }),
        ("turnover", -0.1, Shift { turnover: -0.1, ..none }),
        ("turnover", 0.1, Shift { turnover: 0.1, ..none }),
        ("retirement_age", -1.0, Shift { retirement_months: -12, ..none }),
        ("retirement_age", 1.0, Shift { retirement_months: 12, ..none }),
    ];
    let revalued = moves.iter().map(|(name, by, shift)| {
        let parts = in_chunks(staff.len(), CHUNK, watch, |range| {
            sum(staff[range].iter().map(|employee| shifted(employee, assumptions, *shift).dbo))
        })?;
        Some(json!({ "assumption": name, "shift": by, "dbo": sum(parts) }))
    });
    revalued.collect()
}
