//! The request of module `ifc`: read, checked as a whole, valued and summed. Not formulas.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::annex;
use super::assumed::{self, ASSUMPTIONS, Assumed, ByCategory, Sources};
use super::blocks;
use super::ids::Ids;
use super::plan::{Obligation, Plan, Prepared, Shift, Total};
use super::reconciliation;
use super::staff::{Employee, Sex, Staff, day};
use super::{Attribution, Scale, lines, turnover};
use crate::apart::{self, Member};
use crate::calculate::Module;
use crate::call::Call;
use crate::field::{Field, Kind, names};
use crate::numeric::{Sum, sum};
use crate::outcome::{Answer, Working};
use crate::rates::Discount;
use crate::reader::{Reader, join, unknown, wrong_type};

/// End-of-career indemnities.
pub(crate) const MODULE: Module = Module {
    name: "ifc",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/ifc.json"),
    example: include_str!("../../data/examples/ifc.json"),
};

const MOST_EMPLOYEES: usize = 1_000_000;
const VALUATION_DATE: Field = Field::date("valuation_date");
const SCALE: Field = Field::new("scale", Kind::Either(&[Kind::Choice(&LEGAL_NAMES), Kind::Object(OWN)]));
pub(super) const EMPLOYEES: Field =
    Field::list("employees", &Kind::Object(EMPLOYEE), 1, MOST_EMPLOYEES).bulk();
pub(super) const ASSUMED: Field = Field::object("assumptions", ASSUMPTIONS);
const FIELDS: &[Field] = &[
    VALUATION_DATE.required(),
    SCALE,
    EMPLOYEES,
    ASSUMED,
    Field::flag("sensitivities", true),
    Field::flag("detail", true),
    Field::object("opening", OPENING),
    Field::number("payments", 0.0, 1e12).unit("euro"),
    Field::choice("presentation", &PRESENTATION_NAMES).or_name("provision"),
    Field::object("turnover_study", turnover::STUDY).bulk(),
];
/// The valuation before, for a reconciliation.
const OPENING: &[Field] = &[VALUATION_DATE.required(), SCALE, EMPLOYEES.required(), ASSUMED.required()];
const OWN: &[Field] = &[
    Field::list("steps", &Kind::Object(STEP), 1, 100),
    Field::list("accruals", &Kind::Object(ACCRUAL), 1, 100),
    Field::number("minimum", 0.0, 60.0).or(0.0).unit("year"),
    Field::number("cap", 0.0, 1000.0).unit("month"),
    Field::new("categories", Kind::Map(&Kind::Either(&[Kind::Choice(&LEGAL_NAMES), Kind::Object(ONE)]))),
];
const ONE: &[Field] = &[
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
const SEXES: [(&str, Sex); 2] = [("M", Sex::M), ("F", Sex::F)];
const SEX_NAMES: [&str; 2] = names(&SEXES);
const PRESENTATIONS: [(&str, bool); 2] = [("provision", true), ("note", false)];
const PRESENTATION_NAMES: [&str; 2] = names(&PRESENTATIONS);

/// Answers a request of module `ifc`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let study = reader.object("turnover_study").map(|study| turnover::calculate(&study));
    if study.is_some() && reader.value("assumptions").is_none() {
        reader.date("valuation_date");
        let lines = study?;
        reader.call().sound()?;
        return Some(json!({ "turnover": lines? }).into());
    }
    let valued = Valued::read(reader, "");
    let opening = reader.object("opening").map(|opening| Valued::read(&opening, "/opening"));
    let payments = reader.number("payments");
    let booked = reader.choice("presentation", &PRESENTATIONS);
    let valued = valued?;
    let plan = valued.plan("");
    let opening = match opening {
        None => None,
        Some(opening) => Some((opening?, payments.unwrap_or(0.0))),
    };
    let plan = plan?;
    warn_retired(reader, &valued, &plan);
    let watch = reader.call().watch();
    let obligations = plan.each(&valued.staff, watch)?;
    let mut results = answer(&plan, &obligations);
    if reader.flag("detail") {
        let id = |index| valued.ids.at(index);
        results["employees"] = apart::told(reader.call(), "employees", &obligations, id, &TOLD)?;
    }
    if reader.flag("sensitivities") {
        results["sensitivities"] = sensitivities(&valued.staff, &plan, &obligations, reader.call())?;
    }
    let reconciled = match &opening {
        None => None,
        Some((opening, payments)) => Some(reconciliation::reconcile(opening, &valued, *payments, reader)?),
    };
    reader.call().sound()?;
    if let Some(reconciled) = &reconciled {
        results["reconciliation"] = reconciled.told();
    }
    results["method"] = json!(match plan.attribution {
        Attribution::StraightLine => "anc_2013_02_method_1",
        Attribution::Ias19Of2021 => "anc_2013_02_method_2",
    });
    results["presentation"] = json!(if booked? { "provision" } else { "note" });
    if booked? {
        results["entries"] = annex::entries(&results, reconciled.as_ref());
    }
    results["annex"] = annex::tables(&valued, &obligations, &results);
    if let Some(study) = study {
        results["turnover"] = study?;
    }
    let explanation = if reader.call().explain() { workings(&plan, &obligations) } else { Vec::new() };
    Some(Answer { results, explanation })
}

/// One valuation as it is asked for: at a day, for a staff, under assumptions.
pub(super) struct Valued<'a> {
    pub(super) date: Date,
    pub(super) staff: Staff,
    pub(super) ids: Ids,
    pub(super) assumed: Assumed<'a>,
    pub(super) scales: ByCategory<Scale>,
}

impl<'a> Valued<'a> {
    pub(super) fn read(reader: &Reader<'a>, place: &str) -> Option<Self> {
        let date = reader.date("valuation_date");
        let lines = if place.is_empty() { reader.call().take_lines() } else { None };
        if lines.is_none() {
            reader.required("employees");
        }
        reader.required("assumptions");
        let given = reader.object("assumptions");
        let assumed = given.as_ref().map(assumed::read);
        let scales = assumed.as_ref().and_then(|assumed| read_scales(reader, assumed.departure, place));
        let (staff, ids) = read_staff(reader, date, assumed.as_ref(), scales.as_ref(), lines)?;
        reader.call().sound()?;
        Some(Self { date: date?, staff, ids, assumed: assumed?, scales: scales? })
    }

    pub(super) fn plan(&self, place: &str) -> Option<Plan<'a>> {
        let sources = Sources { demographic: &self.assumed, financial: &self.assumed, scales: &self.scales };
        assumed::plan(&self.staff, self.date, &sources, &format!("{place}/employees"))
    }
}

fn read_scales(reader: &Reader<'_>, departure: Option<bool>, place: &str) -> Option<ByCategory<Scale>> {
    match (reader.value("scale"), departure) {
        (None, Some(dismissal)) => Some(ByCategory::One(legal(dismissal))),
        (None, None) => {
            reader.required("scale");
            None
        }
        (Some(Value::Object(_)), _) => {
            let own = reader.object("scale")?;
            if own.value("categories").is_none() {
                return read_own(&own).map(ByCategory::One);
            }
            for other in ["steps", "accruals", "cap"] {
                own.exclude("categories", other);
            }
            let mut scales = BTreeMap::new();
            for (category, value) in own.members("categories")? {
                let place = join(&format!("{place}/scale/categories"), category);
                let scale = match value {
                    Value::String(name) => read_legal(reader, name, &place),
                    Value::Object(_) => {
                        Reader::new(value, &place, ONE, reader.call()).and_then(|one| read_own(&one))
                    }
                    _ => {
                        wrong_type(reader.call(), &place, "a text", value);
                        None
                    }
                };
                scales.extend(scale.map(|scale| (category.clone(), scale)));
            }
            Some(ByCategory::Each(scales))
        }
        _ => reader.choice("scale", &LEGAL).map(legal).map(ByCategory::One),
    }
}

fn legal(dismissal: bool) -> Scale {
    if dismissal { Scale::legal_dismissal() } else { Scale::legal_voluntary() }
}

fn read_legal(reader: &Reader<'_>, name: &str, place: &str) -> Option<Scale> {
    let found = LEGAL.iter().find(|(known, _)| *known == name);
    if found.is_none() {
        unknown(reader.call(), place, name, &LEGAL_NAMES, ("unknown_value", "unknown_value_near"));
    }
    found.map(|(_, dismissal)| legal(*dismissal))
}

fn read_own(own: &Reader<'_>) -> Option<Scale> {
    own.exclude("steps", "accruals");
    if own.value("accruals").is_some() {
        let bands = read_pairs(own, "accruals", "months_per_year");
        let cap = own.number("cap").unwrap_or(f64::INFINITY);
        return Some(Scale::Accruals { bands, minimum: own.number("minimum")?, cap });
    }
    own.refuse("cap", "steps");
    own.required("steps").map(|_| Scale::Steps(read_pairs(own, "steps", "months")))
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

pub(super) fn read_staff(
    reader: &Reader<'_>,
    valuation: Option<Date>,
    assumed: Option<&Assumed<'_>>,
    scales: Option<&ByCategory<Scale>>,
    lines: Option<String>,
) -> Option<(Staff, Ids)> {
    let needed: Vec<Vec<&str>> = [
        assumed.and_then(|assumed| assumed.growth.known()),
        assumed.and_then(|assumed| assumed.turnover.known()),
        assumed.and_then(|assumed| assumed.charges.known()),
        scales.and_then(ByCategory::known),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(text) = lines {
        return lines::read(text, MOST_EMPLOYEES, valuation, &needed, reader.call());
    }
    let lines = reader.objects("employees")?;
    let (mut staff, mut ids, mut known) = (Staff::with_room(lines.len()), Ids::default(), BTreeSet::new());
    for line in lines.into_iter().flatten() {
        let Some((id, employee)) = read_employee(&line, valuation, &needed, &mut staff) else { continue };
        ids.push(&id);
        if let Some(id) = known.replace(id) {
            line.fault("id", "duplicate", &[("found", id.chars().take(60).collect())]);
        }
        staff.push(employee);
    }
    Some((staff, ids))
}

fn read_employee(
    line: &Reader<'_>,
    valuation: Option<Date>,
    needed: &[Vec<&str>],
    staff: &mut Staff,
) -> Option<(String, Employee)> {
    let id = match line.required("id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        None => None,
        _ => line.text("id").map(str::to_owned),
    };
    let sex = line.choice("sex", &SEXES);
    let birth = line.date("birth_date");
    let hire = line.date("hire_date");
    let annual_salary = line.number("annual_salary");
    let retirement = line.number("retirement_age");
    line.number("part_time");
    line.text("collective_agreement");
    let category = line.text("category");
    for known in needed {
        line.required("category");
        if let Some(category) = category.filter(|category| !known.contains(category)) {
            let codes = ("unknown_value", "unknown_value_near");
            unknown(line.call(), &line.place("category"), category, known, codes);
        }
    }
    let (birth, hire) = (birth?, hire?);
    for (name, day, limit) in [("hire_date", hire, valuation.unwrap_or(hire)), ("birth_date", birth, hire)] {
        if day > limit {
            line.fault(name, "date_order", &[("found", day.to_string()), ("limit", limit.to_string())]);
        }
    }
    let category = staff.category(category.unwrap_or_default())?;
    let retirement_months = retirement.map(assumed::whole_months);
    Some((
        id?,
        Employee { sex: sex?, birth, hire, annual_salary: annual_salary?, category, retirement_months },
    ))
}

/// Tells who is past the retirement age, and so counted as leaving on the day of valuation.
fn warn_retired(reader: &Reader<'_>, valued: &Valued<'_>, plan: &Plan<'_>) {
    const MOST: usize = 100;
    let ready = plan.prepare(Shift::default());
    let retired = (0..valued.staff.len())
        .filter(|index| ready.retires(&valued.staff.at(*index), *index) == plan.valuation);
    for index in retired.take(MOST) {
        let parameters = [("found", valued.ids.at(index).to_owned())];
        reader.call().warn(&format!("/employees/{index}"), "retirement_past", &parameters);
    }
}

/// Expected payments by calendar year, and those of the coming year.
pub(super) fn payments(obligations: &[Obligation]) -> (BTreeMap<i16, f64>, f64) {
    let mut years: BTreeMap<i16, Sum> = BTreeMap::new();
    let mut coming = Sum::default();
    for one in obligations {
        let payment = one.projected_benefit * one.probability;
        years.entry(one.exit.year()).or_default().add(payment);
        if one.years <= 1.0 {
            coming.add(payment);
        }
    }
    (years.into_iter().map(|(year, sum)| (year, sum.value())).collect(), coming.value())
}

/// The rate that interest of the coming year is reckoned at.
pub(super) fn rate_of_year(discount: &Discount) -> f64 {
    match discount {
        Discount::Flat(rate) => rate.value(),
        Discount::Curve(_) => discount.rate(1.0),
    }
}

fn answer(plan: &Plan<'_>, obligations: &[Obligation]) -> Value {
    let ready = plan.prepare(Shift::default());
    let ((dbo, service_cost, weighted), (payments, coming)) = rayon::join(
        || {
            (
                sum(obligations.iter().map(|one| one.dbo)),
                sum(obligations.iter().map(|one| one.service_cost)),
                sum(obligations.iter().map(|one| ready.duration(one))),
            )
        },
        || payments(obligations),
    );
    json!({
        "dbo": dbo,
        "service_cost": service_cost,
        "interest_cost": rate_of_year(&plan.discount) * (dbo + service_cost - coming / 2.0),
        "duration": if dbo > 0.0 { weighted / dbo } else { 0.0 },
        "expected_payments": payments
            .iter()
            .map(|(year, amount)| json!({ "year": year, "amount": amount }))
            .collect::<Vec<_>>(),
    })
}

/// What is told of each employee, in the order of the names.
const TOLD: [(&str, Member<Obligation>); 15] = [
    ("age", Member::Figure(|one| one.age)),
    ("attribution_years", Member::Figure(|one| one.period)),
    ("dbo", Member::Figure(|one| one.dbo)),
    ("discount_factor", Member::Figure(|one| one.discount_factor)),
    ("id", Member::Id),
    ("months", Member::Figure(|one| one.months)),
    ("present_value", Member::Figure(|one| one.present_value)),
    ("probability", Member::Figure(|one| one.probability)),
    ("projected_benefit", Member::Figure(|one| one.projected_benefit)),
    ("retirement_date", Member::Day(|one| one.exit)),
    ("seniority", Member::Figure(|one| one.served)),
    ("seniority_at_retirement", Member::Figure(|one| one.seniority)),
    ("service_cost", Member::Figure(|one| one.service_cost)),
    ("survival", Member::Figure(|one| one.survival)),
    ("years_to_retirement", Member::Figure(|one| one.years)),
];

/// A sensitivity: what moves, by how much, and how it is valued.
pub(super) type Move = (&'static str, f64, Shift);

const MOVES: [Move; 10] = [
    ("discount_rate", -0.005, Shift { discount: -0.005, ..NONE }),
    ("discount_rate", -0.0025, Shift { discount: -0.0025, ..NONE }),
    ("discount_rate", 0.0025, Shift { discount: 0.0025, ..NONE }),
    ("discount_rate", 0.005, Shift { discount: 0.005, ..NONE }),
    ("salary_growth", -0.005, Shift { salary_growth: -0.005, ..NONE }),
    ("salary_growth", 0.005, Shift { salary_growth: 0.005, ..NONE }),
    ("turnover", -0.1, Shift { turnover: -0.1, ..NONE }),
    ("turnover", 0.1, Shift { turnover: 0.1, ..NONE }),
    ("retirement_age", -1.0, Shift { retirement_months: -12, ..NONE }),
    ("retirement_age", 1.0, Shift { retirement_months: 12, ..NONE }),
];
const NONE: Shift = Shift { discount: 0.0, salary_growth: 0.0, turnover: 0.0, retirement_months: 0 };

/// A plan ready for each of [`MOVES`].
struct Moved<'p, 'a>(Vec<Prepared<'p, 'a>>);

impl<'p, 'a> Moved<'p, 'a> {
    /// Obligation and service cost under each move.
    const COLUMNS: usize = 2 * MOVES.len();

    fn of(plan: &'p Plan<'a>) -> Self {
        Self(MOVES.iter().map(|(_, _, shift)| plan.prepare(*shift)).collect())
    }

    fn figures(&self, staff: &Staff, range: &Range<usize>) -> Vec<f64> {
        let mut figures = Vec::with_capacity(Self::COLUMNS);
        for moved in &self.0 {
            let Total { dbo, service_cost } = moved.total(staff, range.clone());
            figures.extend([dbo, service_cost]);
        }
        figures
    }
}

/// Full revaluations, named by what moves and by how much.
fn sensitivities(
    staff: &Staff,
    plan: &Plan<'_>,
    obligations: &[Obligation],
    call: &Call<'_>,
) -> Option<Value> {
    let moved = Moved::of(plan);
    let own = |range: Range<usize>| obligations[range].iter().fold(0.0, |dbo, one| dbo + one.dbo);
    let figures = |range: Range<usize>| moved.figures(staff, &range);
    let sums = blocks::summed(staff.len(), Moved::COLUMNS, call, own, figures)?;
    let told = |((name, by, _), sums): (&Move, &[f64])| {
        let (dbo, service_cost) = (sums[0], sums[1]);
        json!({ "assumption": name, "shift": by, "dbo": dbo, "service_cost": service_cost })
    };
    Some(MOVES.iter().zip(sums.chunks_exact(2)).map(told).collect())
}

/// What a part of a portfolio gives to the sensitivities of the whole; nothing where none are asked for.
pub(crate) fn figures(reader: &Reader<'_>) -> Option<Vec<Vec<f64>>> {
    let valued = Valued::read(reader, "")?;
    let plan = valued.plan("")?;
    if !reader.flag("sensitivities") {
        return Some(Vec::new());
    }
    let (staff, unmoved, moved) = (&valued.staff, plan.prepare(NONE), Moved::of(&plan));
    let own = |range: Range<usize>| unmoved.total(staff, range).dbo;
    blocks::figures(staff.len(), reader.call(), own, |range| moved.figures(staff, &range))
}

/// The figures of the first employees, formula by formula.
fn workings(plan: &Plan<'_>, obligations: &[Obligation]) -> Vec<Working> {
    const MOST: usize = 1000;
    let formula = match plan.attribution {
        Attribution::StraightLine => {
            r"DBO = B \cdot p \cdot (1+i)^{-T} \cdot \frac{n}{N}, \quad B = \text{months}(N) \cdot \frac{S}{12} (1+g)^T (1+c)"
        }
        Attribution::Ias19Of2021 => {
            r"DBO = B \cdot p \cdot (1+i)^{-T} \cdot \frac{\max(0,\, n-(N-M))}{M}, \quad B = \text{months}(N) \cdot \frac{S}{12} (1+g)^T (1+c)"
        }
    };
    let columns = ["x", "T", "n", "N", "M", r"\text{months}", "B", "p", "(1+i)^{-T}", "PV", "DBO", "SC"];
    let mut working = Working::new("dbo", formula, &columns);
    for one in obligations.iter().take(MOST) {
        let figures = [
            one.age,
            one.years,
            one.served,
            one.seniority,
            one.period,
            one.months,
            one.projected_benefit,
            one.probability,
            one.discount_factor,
            one.present_value,
            one.dbo,
            one.service_cost,
        ];
        working.row(&figures);
    }
    vec![working]
}

/// Mean of a column, zero for nobody.
pub(super) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    if count == 0 { 0.0 } else { sum(values) / count as f64 }
}

/// Years from a day to the valuation.
pub(super) fn since(from: Date, valuation: Date) -> f64 {
    super::staff::years(day(from), day(valuation))
}
