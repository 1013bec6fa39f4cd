//! The request of module `rente`: read, checked as a whole, valued. Not formulas.

use serde_json::json;

use super::{
    Annuity, Insurance, InsuranceKind, LIFE, Life, Lives, Status, Timing, annuity, insurance, read_life,
};
use crate::calculate::Module;
use crate::field::{Field, Kind, names};
use crate::outcome::Answer;
use crate::rates;
use crate::reader::Reader;
use crate::tables::Fraction;

/// Annuities and insurances on one or two lives.
pub(crate) const MODULE: Module = Module {
    name: "rente",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/rente.json"),
    example: include_str!("../../data/examples/rente.json"),
};

const YEARS: f64 = 130.0;
const FIELDS: &[Field] = &[
    Field::list("lives", &Kind::Object(LIFE), 1, 2).required(),
    Field::choice("benefit", &BENEFIT_NAMES).required(),
    rates::rate("rate"),
    rates::CURVE,
    Field::choice("timing", &TIMING_NAMES),
    Field::integer("frequency", 1, 12).or(1.0).unit("per_year"),
    Field::number("term", 0.0, YEARS).unit("year"),
    Field::number("deferral", 0.0, YEARS).or(0.0).unit("year"),
    Field::number("guarantee", 0.0, YEARS).or(0.0).unit("year"),
    Field::number("growth", -0.5, 0.5).or(0.0).unit("per_year"),
    Field::number("reversion", 0.0, 1.0),
    Field::choice("status", &STATUS_NAMES),
    Field::number("amount", 0.0, 1e12).or(1.0).unit("euro"),
    Field::choice("fraction", &FRACTION_NAMES).or_name("udd"),
    Field::flag("expected_payments", false),
];

const BENEFITS: [(&str, Benefit); 4] = [
    ("annuity", Benefit::Annuity),
    ("assurance", Benefit::Insurance(InsuranceKind::Assurance)),
    ("endowment", Benefit::Insurance(InsuranceKind::Endowment)),
    ("pure_endowment", Benefit::Insurance(InsuranceKind::PureEndowment)),
];
const BENEFIT_NAMES: [&str; 4] = names(&BENEFITS);
const TIMINGS: [(&str, When); 5] = [
    ("due", When::Annuity(Timing::Due)),
    ("immediate", When::Annuity(Timing::Immediate)),
    ("continuous", When::Annuity(Timing::Continuous)),
    ("end_of_year", When::EndOfYear),
    ("moment_of_death", When::MomentOfDeath),
];
const TIMING_NAMES: [&str; 5] = names(&TIMINGS);
const STATUSES: [(&str, Status); 2] = [("joint", Status::Joint), ("last", Status::Last)];
const STATUS_NAMES: [&str; 2] = names(&STATUSES);
const FRACTIONS: [(&str, Fraction); 3] =
    [("udd", Fraction::Udd), ("constant_force", Fraction::ConstantForce), ("balducci", Fraction::Balducci)];
const FRACTION_NAMES: [&str; 3] = names(&FRACTIONS);

#[derive(Clone, Copy, PartialEq)]
enum Benefit {
    Annuity,
    Insurance(InsuranceKind),
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Annuity(Timing),
    EndOfYear,
    MomentOfDeath,
}

/// Answers a request of module `rente`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let benefit = reader.choice("benefit", &BENEFITS);
    let lives = read_lives(reader, benefit);
    let discount = rates::read(reader, "rate");
    let fraction = reader.choice("fraction", &FRACTIONS);
    let amount = reader.number("amount");
    let detailed = reader.flag("expected_payments");
    let contract = read_contract(reader, benefit?);
    let (lives, discount, contract, fraction, amount) = (lives?, discount?, contract?, fraction?, amount?);
    reader.call().sound()?;
    let valuation = match contract {
        Contract::Annuity(contract) => annuity(&lives, &contract, &discount, fraction),
        Contract::Insurance(contract) => insurance(&lives, &contract, &discount, fraction),
    };
    let mut answer = json!({ "present_value": valuation.present_value * amount });
    if detailed {
        let years = valuation.expected.iter().enumerate();
        answer["expected_payments"] =
            years.map(|(year, payment)| json!({ "year": year + 1, "amount": payment * amount })).collect();
    }
    Some(answer.into())
}

enum Contract {
    Annuity(Annuity),
    Insurance(Insurance),
}

fn read_contract(reader: &Reader<'_>, benefit: Benefit) -> Option<Contract> {
    let when = reader.choice("timing", &TIMINGS);
    match benefit {
        Benefit::Annuity => {
            let timing = match when {
                None => Timing::default(),
                Some(When::Annuity(timing)) => timing,
                Some(When::EndOfYear | When::MomentOfDeath) => {
                    reader.refuse("timing", "benefit = annuity");
                    return None;
                }
            };
            let frequency = reader.count("frequency")?;
            if ![1, 2, 4, 12].contains(&frequency) {
                let known = "1, 2, 4, 12".to_owned();
                reader.fault(
                    "frequency",
                    "unknown_value",
                    &[("found", frequency.to_string()), ("known", known)],
                );
            }
            Some(Contract::Annuity(Annuity {
                timing,
                frequency: frequency as u32,
                term: reader.number("term"),
                deferral: reader.number("deferral")?,
                guarantee: reader.number("guarantee")?,
                growth: reader.number("growth")?,
            }))
        }
        Benefit::Insurance(kind) => {
            for name in ["frequency", "guarantee", "growth", "reversion"] {
                reader.refuse(name, "benefit ≠ annuity");
            }
            if matches!(when, Some(When::Annuity(_))) {
                reader.refuse("timing", "benefit ≠ annuity");
            }
            if kind != InsuranceKind::Assurance {
                reader.required("term");
            }
            Some(Contract::Insurance(Insurance {
                kind,
                term: reader.count("term").map(|years| years as u32),
                deferral: reader.count("deferral")? as u32,
                at_moment: when == Some(When::MomentOfDeath),
            }))
        }
    }
}

fn read_lives<'a>(reader: &Reader<'a>, benefit: Option<Benefit>) -> Option<Lives<'a>> {
    let status = reader.choice("status", &STATUSES);
    let reversion = reader.number("reversion");
    let lives: Vec<Option<Life<'a>>> =
        reader.objects("lives")?.iter().map(|life| read_life(life.as_ref()?)).collect();
    let two = lives.len() == 2;
    if !two {
        reader.refuse("status", "one life");
        reader.refuse("reversion", "one life");
    }
    reader.exclude("reversion", "status");
    if two
        && reader.value("status").is_none()
        && (reader.value("reversion").is_none() || benefit != Some(Benefit::Annuity))
    {
        reader.required("status");
    }
    match lives.as_slice() {
        [Some(life)] => Some(Lives::Single(*life)),
        [Some(first), Some(second)] => {
            Some(Lives::Pair(*first, *second, status.or(reversion.map(Status::Reversion))?))
        }
        _ => None,
    }
}
