//! The request of module `sante`: a model, pure premiums, or the completion of an open year. Not formulas.

use serde_json::{Value, json};

use super::completion::{self, COMPLETION};
use super::model::{self, DATA, MODEL};
use super::premium::{self, GUARANTEES, TARIFF};
use crate::calculate::Module;
use crate::field::{Field, names};
use crate::outcome::{Answer, Working};
use crate::reader::Reader;

/// Rating of health covers.
pub(crate) const MODULE: Module = Module {
    name: "sante",
    fields: FIELDS,
    answer: calculate,
    words: include_str!("../../data/words/sante.json"),
    example: include_str!("../../data/examples/sante.json"),
};

const FIELDS: &[Field] = &[
    Field::choice("work", &names(&WORKS)).or_name("glm"),
    Field::new("data", DATA).bulk(),
    Field::object("model", MODEL),
    Field::flag("deviance_table", false),
    Field::new("predict", DATA).bulk(),
    GUARANTEES.bulk(),
    Field::object("tariff", TARIFF),
    Field::new("profiles", DATA).bulk(),
    Field::object("completion", COMPLETION).bulk(),
];
const WORKS: [(&str, Work); 3] =
    [("glm", Work::Glm), ("pure_premium", Work::PurePremium), ("completion", Work::Completion)];

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Glm,
    PurePremium,
    Completion,
}

/// Answers a request of module `sante`.
fn calculate(reader: &Reader<'_>) -> Option<Answer> {
    match reader.choice("work", &WORKS)? {
        Work::Glm => glm(reader),
        Work::PurePremium => premium::answer(reader).map(Answer::from),
        Work::Completion => {
            let (results, explanation) = completion::answer(reader)?;
            Some(Answer { results, explanation })
        }
    }
}

fn glm(reader: &Reader<'_>) -> Option<Answer> {
    reader.required("data");
    reader.required("model");
    let data = model::data(reader, "data")?;
    let fitted = model::fitted(&reader.object("model")?, &data, reader.flag("deviance_table"))?;
    let mut results = fitted.tell();
    if reader.value("predict").is_some() {
        let lines = model::data(reader, "predict")?;
        let predicted = fitted.predict(reader, "predict", &lines)?;
        results["predictions"] = predicted
            .iter()
            .map(|[mean, error, lower, upper]| {
                json!({ "mean": mean, "predictor_standard_error": error, "lower": lower, "upper": upper })
            })
            .collect();
    }
    let explanation = if reader.call().explain() { vec![explain(&fitted.fit.path)] } else { Vec::new() };
    Some(Answer { results, explanation })
}

fn explain(path: &[f64]) -> Working {
    let formula = r"\hat\beta^{(k+1)} = (X^\top W X)^{-1} X^\top W z,\quad z = \eta - o + (y - \mu)\,g'(\mu)";
    let mut working = Working::new("deviance", formula, &["k", r"D(y, \hat\mu^{(k)})"]);
    for (step, deviance) in path.iter().enumerate() {
        working.rows.push(vec![Value::from(step + 1), json!(deviance)]);
    }
    working
}
