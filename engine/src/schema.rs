//! The JSON Schema of each module's request, made from the fields that its reading checks. Not reading.

use serde_json::{Map, Value, json};

use crate::calculate::{COMMON, Module, find};
use crate::field::{Default, Field, Kind};
use crate::tables;

/// Words of the fields that all requests share.
const SHARED: &str = include_str!("../data/words/common.json");
/// Units by their key.
const UNITS: &str = include_str!("../data/words/units.json");

/// The JSON Schema (draft 2020-12) of a module's request, with French titles, units, bounds, defaults and an example.
///
/// ```
/// let schema = aops_engine::schema("rente").unwrap();
/// assert_eq!(schema["properties"]["frequency"]["default"], 1.0);
/// ```
pub fn schema(module: &str) -> Option<Value> {
    let module = find(module)?;
    let words = Words::of(module);
    let fields: Vec<Field> = module.fields.iter().chain(COMMON).copied().collect();
    let mut schema = object(&fields, "", &words);
    let about = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!(words.title("").unwrap_or(module.name))),
        ("examples", json!([example(module.name)])),
    ];
    schema.extend(about.map(|(name, value)| (name.to_owned(), value)));
    Some(Value::Object(schema))
}

/// A request of a module that is answered.
pub fn example(module: &str) -> Option<Value> {
    serde_json::from_str(find(module)?.example).ok()
}

/// Titles by path (`lives/age`), and units.
pub(crate) struct Words {
    titles: Map<String, Value>,
    units: Map<String, Value>,
}

impl Words {
    pub(crate) fn of(module: &Module) -> Self {
        let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
        let mut titles = read(SHARED);
        titles.extend(read(module.words));
        Self { titles, units: read(UNITS) }
    }

    pub(crate) fn title(&self, path: &str) -> Option<&str> {
        self.titles.get(path).and_then(Value::as_str)
    }

    pub(crate) fn unit(&self, key: &str) -> Option<&str> {
        self.units.get(key).and_then(Value::as_str)
    }
}

fn object(fields: &[Field], path: &str, words: &Words) -> Map<String, Value> {
    let properties = fields.iter().map(|one| (one.name.to_owned(), property(one, path, words)));
    let required: Vec<&str> = fields.iter().filter(|one| one.required).map(|one| one.name).collect();
    let mut schema = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(properties.collect())),
        ("additionalProperties".to_owned(), json!(false)),
    ]);
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn property(field: &Field, path: &str, words: &Words) -> Value {
    let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}/{}", field.name) };
    let mut schema = shape(&field.kind, &path, words);
    let default = field.default.map(|default| match default {
        Default::Number(number) => json!(number),
        Default::Flag(flag) => json!(flag),
        Default::Text(text) => json!(text),
    });
    let more = [
        ("title", words.title(&path).map(Value::from)),
        ("x-unit", words.unit(field.unit).map(Value::from)),
        ("default", default),
    ];
    schema.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(schema)
}

fn shape(kind: &Kind, path: &str, words: &Words) -> Map<String, Value> {
    let schema = match kind {
        Kind::Number { minimum, maximum } => {
            json!({ "type": "number", "minimum": minimum, "maximum": maximum })
        }
        Kind::Integer { minimum, maximum } => {
            json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
        }
        Kind::Cell { minimum, maximum } => {
            json!({ "type": ["number", "null"], "minimum": minimum, "maximum": maximum })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Choice(names) => json!({ "type": "string", "enum": names }),
        Kind::Table => json!({ "type": "string", "examples": tables::NAMES }),
        Kind::Object(fields) => return object(fields, path, words),
        Kind::List { of, minimum, maximum } => json!({
            "type": "array", "items": shape(of, path, words), "minItems": minimum, "maxItems": maximum,
        }),
        Kind::Map(of) => json!({ "type": "object", "additionalProperties": shape(of, path, words) }),
        Kind::Either(kinds) => {
            json!({ "anyOf": kinds.iter().map(|kind| shape(kind, path, words)).collect::<Vec<_>>() })
        }
    };
    match schema {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::calculate::{REGISTRY, calculate};

    fn paths(fields: &[Field], path: &str, found: &mut BTreeSet<String>) {
        for field in fields {
            let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}/{}", field.name) };
            inside(&field.kind, &path, found);
            found.insert(path);
        }
    }

    fn inside(kind: &Kind, path: &str, found: &mut BTreeSet<String>) {
        match kind {
            Kind::Object(fields) => paths(fields, path, found),
            Kind::List { of, .. } | Kind::Map(of) => inside(of, path, found),
            Kind::Either(kinds) => kinds.iter().for_each(|kind| inside(kind, path, found)),
            _ => {}
        }
    }

    #[test]
    fn every_field_of_every_module_has_a_french_title_and_no_title_is_left_over() {
        let shared: Map<String, Value> = serde_json::from_str(SHARED).unwrap();
        let mut common = BTreeSet::new();
        paths(COMMON, "", &mut common);
        for path in &common {
            assert!(shared.contains_key(path), "common: {path}");
        }
        for module in REGISTRY {
            let titles: Map<String, Value> = serde_json::from_str(module.words).unwrap();
            let mut expected = BTreeSet::from([String::new()]);
            paths(module.fields, "", &mut expected);
            let found: BTreeSet<String> = titles.keys().cloned().collect();
            let known = |path: &String| found.contains(path) || shared.contains_key(path);
            let missing: Vec<&String> = expected.iter().filter(|path| !known(path)).collect();
            let over: Vec<&String> = found.difference(&expected).collect();
            assert_eq!((missing, over), (vec![], vec![]), "{}", module.name);
        }
    }

    #[test]
    fn every_unit_is_known() {
        fn check(fields: &[Field], units: &Map<String, Value>) {
            for field in fields {
                assert!(
                    field.unit.is_empty() || units.contains_key(field.unit),
                    "{}: {}",
                    field.name,
                    field.unit
                );
                for kind in field.kind.shapes() {
                    match kind {
                        Kind::Object(fields) => check(fields, units),
                        Kind::List { of: Kind::Object(fields), .. } | Kind::Map(Kind::Object(fields)) => {
                            check(fields, units);
                        }
                        _ => {}
                    }
                }
            }
        }
        let units: Map<String, Value> = serde_json::from_str(UNITS).unwrap();
        REGISTRY.iter().for_each(|module| check(module.fields, &units));
    }

    #[test]
    fn every_modules_example_is_answered() {
        for module in REGISTRY {
            let example = example(module.name).unwrap();
            let answer = calculate(module.name, &example);
            assert!(answer.is_ok(), "{}: {}", module.name, answer.unwrap_err());
        }
    }
}
