//! The engine's faults as clients read them: where (a JSON pointer), which (a stable code), and in words.

use std::collections::BTreeMap;

use aops_engine::Fault;
use aops_manifest::Language;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::texts::Texts;

/// The members of problem+json that tell all faults at once.
pub(super) fn told(texts: &Texts, language: Language, faults: &[Fault]) -> Map<String, Value> {
    let told: Vec<Value> = faults.iter().map(|fault| one(texts, language, fault)).collect();
    Map::from_iter([("faults".to_owned(), Value::Array(told))])
}

fn one(texts: &Texts, language: Language, fault: &Fault) -> Value {
    Kept::of(fault).told(texts, language)
}

/// A fault as it is kept with its calculation, to be told in the language of whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pointer: String,
    code: String,
    parameters: BTreeMap<String, String>,
    sentence: String,
}

impl Kept {
    pub(super) fn of(fault: &Fault) -> Self {
        let parameters = fault.parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Self {
            pointer: fault.pointer.clone(),
            code: fault.code.to_owned(),
            parameters: parameters.collect(),
            sentence: sentence(fault),
        }
    }

    /// The theme's words for the code; the engine's own, in English, where the theme has none.
    pub(super) fn told(&self, texts: &Texts, language: Language) -> Value {
        let parameters: Vec<(&str, &str)> =
            self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let key = format!("fault.{}", self.code);
        let text = texts.text(language, &key, &parameters);
        let message = if text == key { self.sentence.clone() } else { text };
        json!({ "pointer": self.pointer, "code": self.code, "message": message })
    }
}

/// The engine's sentence without the place, which has a member of its own.
fn sentence(fault: &Fault) -> String {
    let whole = fault.to_string();
    whole.split_once(": ").map_or(whole.as_str(), |(_, sentence)| sentence).to_owned()
}
