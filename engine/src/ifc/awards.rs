//! Long-service awards (médailles du travail), module `medailles`: the kernel of indemnities with several exits, each a
//! length of service. Not scales by seniority at retirement.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Value, json};

use super::Scale;
use super::assumed::{self, ByCategory, Sources};
use super::blocks;
use super::ids::Ids;
use super::plan::{CHUNK, Obligation, Plan, Prepared, Shift};
use super::request::{ASSUMED, EMPLOYEES, Move, payments, rate_of_year, read_staff};
use super::staff::{Staff, months_later};
use crate::calculate::Module;
use crate::call::Call;
use crate::field::{Field, Kind};
use crate::numeric::{in_chunks, sum};
use crate::outcome::{Answer, Working};
use crate::reader::Reader;

/// Long-service awards.
pub(crate) const MODULE: Module = Module {
    name: "medailles",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/medailles.json"),
    example: include_str!("../../data/examples/medailles.json"),
};

const FIELDS: &[Field] = &[
    Field::date("valuation_date").required(),
    Field::list("awards", &Kind::Object(AWARD), 1, 20),
    Field::object("scale", STEPS),
    EMPLOYEES,
    ASSUMED.required(),
    Field::flag("sensitivities", true),
];
const AWARD: &[Field] = &[
    Field::number("years", 1.0, 60.0).required().unit("year"),
    Field::number("months", 0.0, 100.0).unit("month"),
    Field::number("amount", 0.0, 1e9).unit("euro"),
];

/// Awards written as the steps of a scale.
const STEPS: &[Field] = &[Field::list("steps", &Kind::Object(AWARD), 1, 20).required()];

/// An award: service in months, and what is paid.
#[derive(Debug, Clone, Copy)]
struct Award {
    years: f64,
    months: f64,
    fixed: Option<f64>,
}

/// What a request asks.
struct Asked<'a> {
    plan: Plan<'a>,
    staff: Staff,
    ids: Ids,
    awards: Vec<Award>,
}

impl<'a> Asked<'a> {
    fn read(reader: &Reader<'a>) -> Option<Self> {
        let date = reader.date("valuation_date");
        let given = reader.object("assumptions");
        let assumed = given.as_ref().map(assumed::read);
        let awards = read_awards(reader);
        let lines = reader.call().take_lines();
        if lines.is_none() {
            reader.required("employees");
        }
        let staff = read_staff(reader, date, assumed.as_ref(), None, lines);
        let (awards, (staff, ids)) = (awards?, staff?);
        reader.call().sound()?;
        let assumed = assumed?;
        // No scale: what an award pays is its own.
        let scales = ByCategory::One(Scale::Steps(Vec::new()));
        let sources = Sources { demographic: &assumed, financial: &assumed, scales: &scales };
        let plan = assumed::plan(&staff, date?, &sources, "/employees")?;
        Some(Self { plan, staff, ids, awards })
    }
}

/// Answers a request of module `medailles`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let asked = Asked::read(reader)?;
    let Asked { plan, staff, ids, awards } = &asked;
    let watch = reader.call().watch();
    let ready = plan.prepare(Shift::default());
    let lines = in_chunks(staff.len(), CHUNK, watch, |range| {
        range.map(|index| each(&ready, staff, index, awards)).collect::<Vec<_>>()
    })?
    .concat();
    let all: Vec<Obligation> = lines.iter().flatten().map(|(_, one)| *one).collect();
    let total =
        |field: fn(&Obligation) -> f64, of: &[(usize, Obligation)]| sum(of.iter().map(|(_, one)| field(one)));
    let dbo = sum(all.iter().map(|one| one.dbo));
    let service_cost = sum(all.iter().map(|one| one.service_cost));
    let (years, coming) = payments(&all);
    let weighted = sum(all.iter().map(|one| ready.duration(one)));
    let employees = ids.iter().zip(&lines).map(|(id, line)| {
        json!({
            "id": id,
            "dbo": total(|one| one.dbo, line),
            "service_cost": total(|one| one.service_cost, line),
            "awards": line.iter().map(|(award, one)| told(&awards[*award], one)).collect::<Vec<_>>(),
        })
    });
    let mut results = json!({
        "dbo": dbo,
        "service_cost": service_cost,
        "interest_cost": rate_of_year(&plan.discount) * (dbo + service_cost - coming / 2.0),
        "duration": if dbo > 0.0 { weighted / dbo } else { 0.0 },
        "expected_payments": years
            .iter()
            .map(|(year, amount)| json!({ "year": year, "amount": amount }))
            .collect::<Vec<_>>(),
        "by_award": by_award(awards, &lines),
        "employees": employees.collect::<Vec<_>>(),
    });
    if reader.flag("sensitivities") {
        results["sensitivities"] = sensitivities(&asked, &lines, reader.call())?;
    }
    let explanation = if reader.call().explain() { vec![working(awards, &lines)] } else { Vec::new() };
    Some(Answer { results, explanation })
}

/// Every award to come, employee by employee.
fn working(awards: &[Award], lines: &[Vec<(usize, Obligation)>]) -> Working {
    const MOST: usize = 1000;
    let formula = r"DBO = \sum_a B_a \cdot p_a \cdot (1+i)^{-T_a} \cdot \frac{n}{N_a}, \quad B_a = \text{months}_a \cdot \frac{S}{12} (1+g)^{T_a} (1+c)";
    let columns = ["a", "x", "T_a", "n", "N_a", "B_a", "p_a", "(1+i)^{-T_a}", "PV", "DBO", "SC"];
    let mut working = Working::new("dbo", formula, &columns);
    for (rank, one) in lines.iter().flatten().take(MOST) {
        working.row(&[
            awards[*rank].years,
            one.age,
            one.years,
            one.served,
            one.seniority,
            one.projected_benefit,
            one.probability,
            one.discount_factor,
            one.present_value,
            one.dbo,
            one.service_cost,
        ]);
    }
    working
}

fn read_awards(reader: &Reader<'_>) -> Option<Vec<Award>> {
    let mut awards: Vec<Award> = Vec::new();
    reader.exclude("awards", "scale");
    let lines = if reader.value("scale").is_some() {
        reader.object("scale")?.objects("steps")
    } else {
        reader.required("awards")?;
        reader.objects("awards")
    };
    for line in lines?.into_iter().flatten() {
        let years = line.number("years");
        line.exclude("months", "amount");
        if line.value("amount").is_none() {
            line.required("months");
        }
        let (months, fixed) = (line.number("months"), line.number("amount"));
        let Some(years) = years else { continue };
        if let Some(before) = awards.last().filter(|before| years <= before.years) {
            let parameters = [("found", years.to_string()), ("limit", before.years.to_string())];
            line.fault("years", "not_increasing", &parameters);
        }
        awards.push(Award { years, months: months.unwrap_or(0.0), fixed });
    }
    Some(awards)
}

/// The awards still to come before retirement, each earned from hiring to its day.
fn each(ready: &Prepared<'_, '_>, staff: &Staff, index: usize, awards: &[Award]) -> Vec<(usize, Obligation)> {
    let line = staff.at(index);
    let retires = ready.retires(&line, index);
    let mut coming = Vec::new();
    for (rank, award) in awards.iter().enumerate() {
        let exit = months_later(line.hire, assumed::whole_months(award.years));
        if exit >= ready.valuation() && exit <= retires {
            let period = super::staff::years(line.hire_day, super::staff::day(exit));
            coming.push((rank, ready.value(&line, index, exit, award.months, award.fixed, period)));
        }
    }
    coming
}

fn told(award: &Award, one: &Obligation) -> Value {
    json!({
        "years": award.years,
        "date": one.exit.to_string(),
        "dbo": one.dbo,
        "service_cost": one.service_cost,
        "projected_benefit": one.projected_benefit,
        "probability": one.probability,
        "discount_factor": one.discount_factor,
        "present_value": one.present_value,
    })
}

fn by_award(awards: &[Award], lines: &[Vec<(usize, Obligation)>]) -> Value {
    let mut sums: BTreeMap<usize, Vec<Obligation>> = BTreeMap::new();
    for (rank, one) in lines.iter().flatten() {
        sums.entry(*rank).or_default().push(*one);
    }
    let line = |(rank, ones): (&usize, &Vec<Obligation>)| {
        json!({
            "years": awards[*rank].years,
            "employees": ones.len(),
            "dbo": sum(ones.iter().map(|one| one.dbo)),
            "service_cost": sum(ones.iter().map(|one| one.service_cost)),
        })
    };
    sums.iter().map(line).collect()
}

fn moves() -> [Move; 6] {
    let none = Shift::default();
    [
        ("discount_rate", -0.005, Shift { discount: -0.005, ..none }),
        ("discount_rate", 0.005, Shift { discount: 0.005, ..none }),
        ("salary_growth", -0.005, Shift { salary_growth: -0.005, ..none }),
        ("salary_growth", 0.005, Shift { salary_growth: 0.005, ..none }),
        ("turnover", -0.1, Shift { turnover: -0.1, ..none }),
        ("turnover", 0.1, Shift { turnover: 0.1, ..none }),
    ]
}

/// Obligations of some of the staff under each move.
fn moved(ready: &[Prepared<'_, '_>], staff: &Staff, range: &Range<usize>, awards: &[Award]) -> Vec<f64> {
    ready.iter().map(|ready| worth(ready, staff, range, awards)).collect()
}

/// The obligation of some of the staff.
fn worth(ready: &Prepared<'_, '_>, staff: &Staff, range: &Range<usize>, awards: &[Award]) -> f64 {
    sum(range.clone().flat_map(|index| each(ready, staff, index, awards)).map(|(_, one)| one.dbo))
}

fn sensitivities(asked: &Asked<'_>, lines: &[Vec<(usize, Obligation)>], call: &Call<'_>) -> Option<Value> {
    let Asked { plan, staff, awards, .. } = asked;
    let moves = moves();
    let ready: Vec<_> = moves.iter().map(|(_, _, shift)| plan.prepare(*shift)).collect();
    let own = |range: Range<usize>| sum(lines[range].iter().flatten().map(|(_, one)| one.dbo));
    let figures = |range: Range<usize>| moved(&ready, staff, &range, awards);
    let sums = blocks::summed(staff.len(), moves.len(), call, own, figures)?;
    let told = |((name, by, _), dbo): (&Move, &f64)| json!({ "assumption": name, "shift": by, "dbo": dbo });
    Some(moves.iter().zip(&sums).map(told).collect())
}

/// What a part of a portfolio gives to the sensitivities of the whole; nothing where none are asked for.
pub(crate) fn figures(reader: &Reader<'_>) -> Option<Vec<Vec<f64>>> {
    let Asked { plan, staff, awards, .. } = Asked::read(reader)?;
    if !reader.flag("sensitivities") {
        return Some(Vec::new());
    }
    let unmoved = plan.prepare(Shift::default());
    let ready: Vec<_> = moves().iter().map(|(_, _, shift)| plan.prepare(*shift)).collect();
    let own = |range: Range<usize>| worth(&unmoved, &staff, &range, &awards);
    blocks::figures(staff.len(), reader.call(), own, |range| moved(&ready, &staff, &range, &awards))
}
