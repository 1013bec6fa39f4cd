//! What a calculation answers: its results, and all that is needed to defend them. Not how they are computed.

use std::ops::Deref;
use std::sync::LazyLock;

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::fault::Fault;

/// The answer of a module, as JSON: the results by name, with `assumptions` (the request without its lines of data, its
/// defaults written out), `tables` (name, source, checksum), `engine` (module, version), `warnings`, and `explanation`
/// where it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome(Value);

impl Outcome {
    pub(crate) fn new(answer: Answer, about: Map<String, Value>) -> Self {
        let mut members = match answer.results {
            Value::Object(members) => members,
            other => Map::from_iter([("result".to_owned(), other)]),
        };
        members.extend(about);
        if !answer.explanation.is_empty() {
            let told = answer.explanation.iter().map(Working::told).collect();
            members.insert("explanation".to_owned(), told);
        }
        Self(Value::Object(members))
    }

    /// The answer as JSON.
    pub fn into_json(self) -> Value {
        self.0
    }
}

impl Deref for Outcome {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl From<Outcome> for Value {
    fn from(outcome: Outcome) -> Self {
        outcome.0
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What a module hands back: its results by name, and the working where it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) results: Value,
    pub(crate) explanation: Vec<Working>,
}

impl From<Value> for Answer {
    fn from(results: Value) -> Self {
        Self { results, explanation: Vec::new() }
    }
}

/// One formula and its intermediate values, line by line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Working {
    /// What is computed: the name of a result.
    pub(crate) name: String,
    /// The formula in LaTeX.
    pub(crate) formula: String,
    /// The symbol of each column, in LaTeX.
    pub(crate) columns: Vec<&'static str>,
    /// The values, a line a step.
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Working {
    pub(crate) fn new(name: &str, formula: &str, columns: &[&'static str]) -> Self {
        Self { name: name.into(), formula: formula.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    /// As JSON, the formula and the symbols in MathML beside their LaTeX.
    fn told(&self) -> Value {
        let mut told = json!({
            "name": self.name, "formula": self.formula, "columns": self.columns, "rows": self.rows,
        });
        let symbols: Option<Vec<String>> =
            self.columns.iter().map(|symbol| mathml(symbol, MathDisplay::Inline)).collect();
        if let (Some(formula), Some(symbols)) = (mathml(&self.formula, MathDisplay::Block), symbols) {
            told["mathml"] = json!({ "formula": formula, "columns": symbols });
        }
        told
    }

    pub(crate) fn row(&mut self, values: &[f64]) {
        self.rows.push(values.iter().map(|value| json!(value)).collect());
    }
}

/// A formula in MathML. All of them are ours and short; a test converts each.
fn mathml(latex: &str, display: MathDisplay) -> Option<String> {
    static CONVERTER: LazyLock<Option<LatexToMathML>> =
        LazyLock::new(|| LatexToMathML::new(MathCoreConfig::default()).ok());
    let converted = CONVERTER.as_ref()?.convert_with_local_state(latex, display).ok()?;
    Some(converted.mathml)
}

/// A warning as JSON: where, which, what its sentence names, and the sentence.
pub(crate) fn warning(fault: &Fault) -> Value {
    json!({
        "pointer": fault.pointer, "code": fault.code, "parameters": fault.parameters, "message": fault.sentence(),
    })
}
