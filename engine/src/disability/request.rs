//! The request of module `prevoyance`: claims in course, death covers, or a model of several states. Not formulas.

use super::death::{self, LIVES};
use super::multi_state::{self, MODEL};
use super::read::{CLAIM, MOST_CLAIMS, TABLES};
use super::reserves::{self, IBNR, OPENING, PAID_NAMES};
use crate::calculate::Module;
use crate::field::{Field, Kind, names};
use crate::outcome::Answer;
use crate::rates::{CURVE, rate};
use crate::reader::Reader;

/// Incapacity, disability, death.
pub(crate) const MODULE: Module = Module {
    name: "prevoyance",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/prevoyance.json"),
    example: include_str!("../../data/examples/prevoyance.json"),
};

const FIELDS: &[Field] = &[
    Field::choice("work", &names(&WORKS)).or_name("reserves"),
    rate("rate"),
    CURVE,
    Field::number("revaluation", -0.5, 0.5).or(0.0).unit("per_year"),
    Field::number("expenses", 0.0, 1.0).or(0.0),
    Field::flag("details", false),
    Field::object("maintenance", TABLES).bulk(),
    Field::list("claims", &Kind::Object(CLAIM), 0, MOST_CLAIMS).bulk(),
    Field::date("valuation_date"),
    Field::choice("paid", &PAID_NAMES).or_name("due"),
    Field::number("end_age", 0.0, 130.0).unit("year"),
    Field::object("opening", OPENING).bulk(),
    Field::object("ibnr", IBNR).bulk(),
    LIVES.bulk(),
    Field::integer("term", 1, 130).unit("year"),
    Field::flag("moment_of_death", false),
    Field::integer("frequency", 1, 12).or(12.0).unit("per_year"),
    Field::object("model", MODEL),
];
const WORKS: [(&str, Work); 3] =
    [("reserves", Work::Reserves), ("death", Work::Death), ("multi_state", Work::MultiState)];

#[derive(Clone, Copy)]
enum Work {
    Reserves,
    Death,
    MultiState,
}

/// Answers a request of module `prevoyance`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    let (results, explanation) = match reader.choice("work", &WORKS)? {
        Work::Reserves => reserves::answer(reader)?,
        Work::Death => death::answer(reader)?,
        Work::MultiState => multi_state::answer(reader)?,
    };
    Some(Answer { results, explanation })
}
