//! The request of module `ifc`: read, checked as a whole, valued and summed. Not formulas.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::employee::Shift;
use super::valuation::{modified_duration, shifted};
use super::{Assumptions, Attribution, Band, Employee, Obligation, Scale, value};
use crate::fault::Faults;
use crate::life::find_survivors;
use crate::rates::{self, Discount};
use crate::reader::{self, Reader, join};
use crate::tables::Fraction;

const MOST_EMPLOYEES: usize = 100_000;
const KEYS: &[&str] = &["valuation_date", "scale", "employees", "assumptions"];
const ASSUMPTION_KEYS: &[&str] = &[
    "discount_rate",
    "curve",
    "salary_growth",
    "mortality",
    "turnover",
    "social_charge_rate",
    "retirement_age",
    "departure",
    "attribution",
];
const EMPLOYEE_KEYS: &[&str] = &[
    "id",
    "sex",
    "birth_date",
    "hire_date",
    "annual_salary",
    "category",
    "collective_agreement",
    "part_time",
    "retirement_age",
];

/// Answers a request of module `ifc`.
pub(crate) fn calculate(request: &Value, faults: &RefCell<Faults>) -> Option<Value> {
    let reader = Reader::new(request, "", KEYS, faults)?;
    let valuation = reader.required_date("valuation_date");
    let employees = reader.required("employees").and(reader.list("employees", 1, MOST_EMPLOYEES));
    let place = reader.place("assumptions");
    let given = reader
        .required("assumptions")
        .and_then(|value| Reader::new(value, &place, ASSUMPTION_KEYS, faults))?;
    let discount = rates::read(&given, "discount_rate");
    let growth = read_growth(&given);
    let turnover = read_turnover(&given);
    let retirement = given.required_number("retirement_age", 40.0, 80.0);
    let social_charge_rate = given.number("social_charge_rate", 0.0, 2.0).unwrap_or(0.0);
    let attributions =
        [("straight_line", Attribution::StraightLine), ("ias19_2021", Attribution::Ias19Of2021)];
    let attribution = given.choice("attribution", &attributions).unwrap_or(Attribution::Ias19Of2021);
    let scale = read_scale(&reader, &given);
    let place = given.place("mortality");
    let mortality =
        given.required("mortality").and_then(|value| Reader::new(value, &place, &["M", "F"], faults));
    let context = Context { valuation, mortality, growth, turnover: turnover.categories, retirement };
    let mut staff = Vec::new();
    let mut ids = BTreeSet::new();
    for (index, line) in employees?.iter().enumerate() {
        let place = format!("/employees/{index}");
        let Some(line) = Reader::new(line, &place, EMPLOYEE_KEYS, faults) else { continue };
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
        social_charge_rate,
        scale: scale?,
        attribution,
    };
    faults.borrow().is_empty().then(|| answer(&staff, &assumptions))
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
    let Some(Value::Object(map)) = given.required("salary_growth") else {
        return Growth::One(given.number("salary_growth", -0.2, 0.5).unwrap_or(0.0));
    };
    let each = map.iter().filter_map(|(category, value)| {
        let place = join(&given.place("salary_growth"), category);
        Some((category.clone(), reader::number(value, &place, -0.2, 0.5, given.faults())?))
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
                .map(|(name, value)| read_bands(value, &join(&place, name), given.faults()))
                .collect(),
            categories: Some(map.keys().cloned().zip(0..).collect()),
        },
        Some(value) => Turnover { bands: vec![read_bands(value, &place, given.faults())], categories: None },
    }
}

fn read_bands(value: &Value, place: &str, faults: &RefCell<Faults>) -> Vec<Band> {
    let lines = reader::list(value, place, 0, 200, faults).unwrap_or_default().iter().enumerate();
    lines
        .filter_map(|(index, line)| {
            let place = join(place, &index.to_string());
            let line = Reader::new(line, &place, &["age_from", "age_to", "rate"], faults)?;
            line.required("age_from");
            line.required("age_to");
            let from = line.integer("age_from", 0, 120);
            let to = line.integer("age_to", from.unwrap_or(0), 150);
            let rate = line.required_number("rate", 0.0, 0.9);
            Some(Band { from: from?, to: to?, rate: rate? })
        })
        .collect()
}

fn read_scale(reader: &Reader<'_>, given: &Reader<'_>) -> Option<Scale> {
    let departure = given.choice("departure", &[("voluntary", false), ("employer", true)]);
    let place = reader.place("scale");
    match (reader.value("scale"), departure) {
        (None, Some(true)) => Some(Scale::legal_dismissal()),
        (None, Some(false)) => Some(Scale::legal_voluntary()),
        (None, None) => {
            reader.required("scale");
            None
        }
        (Some(value @ Value::Object(_)), _) => {
            let own = Reader::new(value, &place, &["steps", "accruals", "minimum", "cap"], reader.faults())?;
            match (own.value("steps"), own.value("accruals")) {
                (Some(_), Some(_)) => {
                    let names = [("name", "steps".to_owned()), ("other", "accruals".to_owned())];
                    own.fault("accruals", "conflict", &names);
                    None
                }
                (_, Some(_)) => Some(Scale::Accruals {
                    bands: read_pairs(&own, "accruals", "months_per_year"),
                    minimum: own.number("minimum", 0.0, 60.0).unwrap_or(0.0),
                    cap: own.number("cap", 0.0, 1000.0).unwrap_or(f64::INFINITY),
                }),
                _ => own.required("steps").map(|_| Scale::Steps(read_pairs(&own, "steps", "months"))),
            }
        }
        _ => {
            let legal = [("legal_voluntary", false), ("legal_dismissal", true)];
            let dismissal = reader.choice("scale", &legal)?;
            Some(if dismissal { Scale::legal_dismissal() } else { Scale::legal_voluntary() })
        }
    }
}

fn read_pairs(own: &Reader<'_>, name: &str, second: &str) -> Vec<(f64, f64)> {
    let mut least = 0.0;
    let mut pairs = Vec::new();
    for (index, line) in own.list(name, 1, 100).unwrap_or_default().iter().enumerate() {
        let place = join(&own.place(name), &index.to_string());
        let Some(line) = Reader::new(line, &place, &["years", second], own.faults()) else { continue };
        let years = line.required_number("years", least, 60.0);
        let months = line.required_number(second, 0.0, 1000.0);
        if let (Some(years), Some(months)) = (years, months) {
            least = years;
            pairs.push((years, months));
        }
    }
    pairs
}

fn read_employee(line: &Reader<'_>, context: &Context<'_>) -> Option<Employee> {
    line.required("id");
    let id = match line.value("id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => line.text("id").map(str::to_owned),
    };
    let sex = line.required("sex").and(line.choice("sex", &[("M", "M"), ("F", "F")]));
    let birth = line.required_date("birth_date");
    let hire = line.required_date("hire_date");
    let annual_salary = line.required_number("annual_salary", 0.0, 1e9);
    let retirement = line.number("retirement_age", 40.0, 80.0).or(context.retirement);
    line.number("part_time", 0.0, 1.0);
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
    let year = Some(i32::from(birth.year()));
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
        reader::unknown(line.faults(), &line.place("category"), category, &known, codes);
    }
    found
}

fn answer(staff: &[Employee], assumptions: &Assumptions) -> Value {
    let obligations: Vec<Obligation> = staff.iter().map(|employee| value(employee, assumptions)).collect();
    let dbo: f64 = obligations.iter().map(|one| one.dbo).sum();
    let service_cost: f64 = obligations.iter().map(|one| one.service_cost).sum();
    let mut payments: BTreeMap<i16, f64> = BTreeMap::new();
    let mut coming = 0.0;
    for one in &obligations {
        let payment = one.projected_benefit * one.probability;
        *payments.entry(one.retirement.year()).or_default() += payment;
        if one.years <= 1.0 {
            coming += payment;
        }
    }
    let weighted: f64 = obligations.iter().map(|one| modified_duration(&assumptions.discount, one)).sum();
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
    json!({
        "dbo": dbo,
        "service_cost": service_cost,
        "interest_cost": rate * (dbo + service_cost - coming / 2.0),
        "duration": if dbo > 0.0 { weighted / dbo } else { 0.0 },
        "expected_payments": payments
            .iter()
            .map(|(year, amount)| json!({ "year": year, "amount": amount }))
            .collect::<Vec<_>>(),
        "sensitivities": sensitivities(staff, assumptions),
        "employees": lines.collect::<Vec<_>>(),
    })
}

/// Full revaluations, named by what moves and by how much.
fn sensitivities(staff: &[Employee], assumptions: &Assumptions) -> Value {
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
        let dbo: f64 = staff.iter().map(|employee| shifted(employee, assumptions, *shift).dbo).sum();
        json!({ "assumption": name, "shift": by, "dbo": dbo })
    });
    revalued.collect()
}
