//! The request of module `mortalite`: which work is asked of which counts. Not formulas.

use super::certificate;
use super::projection::{PROJECTION, answer_cbd, answer_lee_carter};
use super::read::{INPUT, REFERENCE};
use super::smoothing::{SMOOTHING, answer_brass, answer_hazard, exposure, smr, whittaker};
use super::workings::workings;
use crate::calculate::Module;
use crate::field::{Field, names};
use crate::outcome::Answer;
use crate::reader::Reader;

/// Experience of mortality.
pub(crate) const MODULE: Module = Module {
    name: "mortalite",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/mortalite.json"),
    example: include_str!("../../data/examples/mortalite.json"),
};

const FIELDS: &[Field] = &[
    Field::choice("work", &names(&WORKS)).required(),
    INPUT[0],
    INPUT[1],
    INPUT[2],
    INPUT[3],
    Field::flag("by_year", false),
    Field::object("reference", REFERENCE),
    Field::object("smoothing", SMOOTHING),
    Field::object("projection", PROJECTION),
    Field::number("confidence", 0.5, 0.9999).or(0.95),
];
const WORKS: [(&str, Work); 8] = [
    ("exposure", Work::Exposure),
    ("smr", Work::Smr),
    ("whittaker", Work::Whittaker),
    ("brass", Work::Brass),
    ("hazard", Work::Hazard),
    ("lee_carter", Work::LeeCarter),
    ("cbd", Work::Cbd),
    ("certificate", Work::Certificate),
];

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) enum Work {
    Exposure,
    Smr,
    Whittaker,
    Brass,
    Hazard,
    LeeCarter,
    Cbd,
    Certificate,
}

/// Answers a request of module `mortalite`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let work = reader.choice("work", &WORKS)?;
    let results = match work {
        Work::Exposure => exposure(reader),
        Work::Smr => smr(reader),
        Work::Whittaker => whittaker(reader),
        Work::Brass => answer_brass(reader),
        Work::Hazard => answer_hazard(reader),
        Work::LeeCarter => answer_lee_carter(reader),
        Work::Cbd => answer_cbd(reader),
        Work::Certificate => {
            let (results, explanation) = certificate::answer(reader)?;
            return Some(Answer { results, explanation });
        }
    };
    let results = results?;
    let explanation = if reader.call().explain() { workings(work, &results) } else { Vec::new() };
    Some(Answer { results, explanation })
}
