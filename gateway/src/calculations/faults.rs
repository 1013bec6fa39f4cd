//! The engine's faults as clients read them: where (a JSON pointer), which (a stable code), and in words.

use aops_engine::Fault;
use aops_manifest::Language;
use serde_json::{Map, Value, json};

use crate::texts::Texts;

/// The members of problem+json that tell all faults at once.
pub(super) fn told(texts: &Texts, language: Language, faults: &[Fault]) -> Map<String, Value> {
    let told: Vec<Value> = faults.iter().map(|fault| one(texts, language, fault)).collect();
    Map::from_iter([("faults".to_owned(), Value::Array(told))])
}

/// The theme's words for the code; the engine's own, in English, where the theme has none.
fn one(texts: &Texts, language: Language, fault: &Fault) -> Value {
    let parameters: Vec<(&str, &str)> =
        fault.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let key = format!("fault.{}", fault.code);
    let text = texts.text(language, &key, &parameters);
    let message = if text == key { sentence(fault) } else { text };
    json!({ "pointer": fault.pointer, "code": fault.code, "message": message })
}

/// The engine's sentence without the place, which has a member of its own.
fn sentence(fault: &Fault) -> String {
    let whole = fault.to_string();
    whole.split_once(": ").map_or(whole.as_str(), |(_, sentence)| sentence).to_owned()
}
