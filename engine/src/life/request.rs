//! The request of module `rente`: read, checked as a whole, valued. Not formulas.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::{
    Annuity, Insurance, InsuranceKind, LIFE_KEYS, Life, Lives, Status, Timing, annuity, insurance, read_life,
};
use crate::fault::Faults;
use crate::rates;
use crate::reader::{Reader, join};
use crate::tables::Fraction;

const KEYS: &[&str] = &[
    "lives",
    "benefit",
    "rate",
    "curve",
    "timing",
    "frequency",
    "term",
    "deferral",
    "guarantee",
    "growth",
    "reversion",
    "status",
    "amount",
    "fraction",
    "expected_payments",
];

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
pub(crate) fn calculate(request: &Value, faults: &RefCell<Faults>) -> Option<Value> {
    let reader = Reader::new(request, "", KEYS, faults)?;
    let benefit = reader.required("benefit").and(reader.choice(
        "benefit",
        &[
            ("annuity", Benefit::Annuity),
            ("assurance", Benefit::Insurance(InsuranceKind::Assurance)),
            ("endowment", Benefit::Insurance(InsuranceKind::Endowment)),
            ("pure_endowment", Benefit::Insurance(InsuranceKind::PureEndowment)),
        ],
    ));
    let lives = read_lives(&reader, benefit);
    let discount = rates::read(&reader, "rate");
    let fractions = [
        ("udd", Fraction::Udd),
        ("constant_force", Fraction::ConstantForce),
        ("balducci", Fraction::Balducci),
    ];
    let fraction = reader.choice("fraction", &fractions).unwrap_or_default();
    let amount = reader.number("amount", 0.0, 1e12).unwrap_or(1.0);
    let detailed = reader.flag("expected_payments").unwrap_or(false);
    let contract = read_contract(&reader, benefit?);
    let (lives, discount, contract) = (lives?, discount?, contract?);
    if !faults.borrow().is_empty() {
        return None;
    }
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
    Some(answer)
}

enum Contract {
    Annuity(Annuity),
    Insurance(Insurance),
}

fn read_contract(reader: &Reader<'_>, benefit: Benefit) -> Option<Contract> {
    let when = reader.choice(
        "timing",
        &[
            ("due", When::Annuity(Timing::Due)),
            ("immediate", When::Annuity(Timing::Immediate)),
            ("continuous", When::Annuity(Timing::Continuous)),
            ("end_of_year", When::EndOfYear),
            ("moment_of_death", When::MomentOfDeath),
        ],
    );
    let refuse = |name: &str, context: &str| {
        if reader.value(name).is_some() {
            reader.fault(
                name,
                "not_applicable",
                &[("name", name.to_owned()), ("context", context.to_owned())],
            );
        }
    };
    match benefit {
        Benefit::Annuity => {
            let timing = match when {
                None => Timing::default(),
                Some(When::Annuity(timing)) => timing,
                Some(When::EndOfYear | When::MomentOfDeath) => {
                    refuse("timing", "benefit = annuity");
                    return None;
                }
            };
            let frequency = reader.integer("frequency", 1, 12).unwrap_or(1);
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
                frequency: frequency.unsigned_abs(),
                term: reader.number("term", 0.0, 130.0),
                deferral: reader.number("deferral", 0.0, 130.0).unwrap_or(0.0),
                guarantee: reader.number("guarantee", 0.0, 130.0).unwrap_or(0.0),
                growth: reader.number("growth", -0.5, 0.5).unwrap_or(0.0),
            }))
        }
        Benefit::Insurance(kind) => {
            for name in ["frequency", "guarantee", "growth", "reversion"] {
                refuse(name, "benefit ≠ annuity");
            }
            if matches!(when, Some(When::Annuity(_))) {
                refuse("timing", "benefit ≠ annuity");
            }
            if kind != InsuranceKind::Assurance {
                reader.required("term");
            }
            Some(Contract::Insurance(Insurance {
                kind,
                term: reader.integer("term", 0, 130).map(i32::unsigned_abs),
                deferral: reader.integer("deferral", 0, 130).unwrap_or(0).unsigned_abs(),
                at_moment: when == Some(When::MomentOfDeath),
            }))
        }
    }
}

fn read_lives(reader: &Reader<'_>, benefit: Option<Benefit>) -> Option<Lives<'static>> {
    reader.required("lives")?;
    let status = reader.choice("status", &[("joint", Status::Joint), ("last", Status::Last)]);
    let reversion = reader.number("reversion", 0.0, 1.0);
    let mut lives: Vec<Option<Life<'static>>> = Vec::new();
    for (index, value) in reader.list("lives", 1, 2)?.iter().enumerate() {
        let place = join(&reader.place("lives"), &index.to_string());
        lives.push(Reader::new(value, &place, LIFE_KEYS, reader.faults()).and_then(|life| read_life(&life)));
    }
    let two = lives.len() == 2;
    for name in ["status", "reversion"] {
        if !two && reader.value(name).is_some() {
            let context = "one life".to_owned();
            reader.fault(name, "not_applicable", &[("name", name.to_owned()), ("context", context)]);
        }
    }
    if two && reader.value("status").is_some() && reader.value("reversion").is_some() {
        let names = [("name", "status".to_owned()), ("other", "reversion".to_owned())];
        reader.fault("status", "conflict", &names);
    }
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
