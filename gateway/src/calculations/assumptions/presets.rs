//! The theme's presets: values that a law, a standard or a paper sets, with what each is for and where it comes from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aops_manifest::Language;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Found, Origin};
use crate::web::WebError;

/// Begins the ids of presets.
const PREFIX: &str = "preset_";

static ALL: LazyLock<Result<Vec<Preset>, toml::de::Error>> = LazyLock::new(|| {
    toml::from_str::<File>(include_str!("../../../../themes/aops/presets.toml")).map(|file| file.presets)
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    presets: Vec<Preset>,
}

type Words = BTreeMap<Language, String>;

/// A preset of a module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preset {
    id: String,
    pub(super) module: String,
    name: Words,
    about: Words,
    values: Vec<Set>,
}

/// A field of a preset; without a value where only the market or the company knows it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    field: String,
    #[serde(default)]
    value: Option<Value>,
    help: Words,
    source: Words,
}

/// What a field is for, and where its value comes from or is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::calculations) struct Note {
    /// Its name, with a dot between those of objects.
    pub(in crate::calculations) field: String,
    pub(in crate::calculations) help: String,
    pub(in crate::calculations) source: String,
}

/// Every preset, in the order of the file.
///
/// # Errors
/// [`WebError::Internal`] when the file that this program was built with cannot be read.
pub(super) fn all() -> Result<&'static [Preset], WebError> {
    ALL.as_deref().map_err(|error| WebError::Internal(format!("presets.toml: {error}")))
}

impl Preset {
    /// Its id among all assumptions.
    pub(super) fn id(&self) -> String {
        format!("{PREFIX}{}", self.id)
    }

    /// It in a language.
    pub(super) fn told(&self, language: Language) -> Found {
        let mut values = Map::new();
        for set in &self.values {
            if let Some(value) = &set.value {
                put(&mut values, &set.field, value.clone());
            }
        }
        let note = |set: &Set| Note {
            field: set.field.clone(),
            help: said(&set.help, language),
            source: said(&set.source, language),
        };
        Found {
            id: self.id(),
            origin: Origin::Preset,
            module: self.module.clone(),
            name: Some(said(&self.name, language)),
            about: Some(said(&self.about, language)),
            values,
            notes: self.values.iter().map(note).collect(),
            changed: None,
        }
    }
}

fn said(words: &Words, language: Language) -> String {
    words.get(&language).or_else(|| words.values().next()).cloned().unwrap_or_default()
}

/// Puts a value where its dotted name says.
fn put(values: &mut Map<String, Value>, field: &str, value: Value) {
    match field.split_once('.') {
        None => drop(values.insert(field.to_owned(), value)),
        Some((first, rest)) => {
            let inside = values.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Some(members) = inside.as_object_mut() {
                put(members, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::members;
    use super::*;

    #[test]
    fn every_preset_is_of_a_module_in_both_languages_and_holds_assumptions_alone() {
        let all = all().unwrap();
        let ids: BTreeSet<String> = all.iter().map(Preset::id).collect();
        assert_eq!(ids.len(), all.len());
        for module in aops_engine::MODULES {
            assert!(all.iter().any(|preset| preset.module == *module), "{module} has no preset");
        }
        for preset in all {
            for language in Language::ALL {
                let words = [&preset.name, &preset.about];
                let each = preset.values.iter().flat_map(|set| [&set.help, &set.source]);
                for words in words.into_iter().chain(each) {
                    assert!(words.get(&language).is_some_and(|text| !text.is_empty()), "{}", preset.id);
                }
            }
            let values = preset.told(Language::Fr).values;
            assert_eq!(members::of(&preset.module, &values), values, "{}", preset.id);
        }
    }

    #[test]
    fn every_preset_calculates_once_what_it_asks_for_is_given() {
        for preset in all().unwrap() {
            let Some(Value::Object(mut request)) = aops_engine::example(&preset.module) else { panic!() };
            members::merge(&mut request, preset.told(Language::Fr).values);
            let value = Value::Object(request);
            let faults = aops_engine::calculate(&preset.module, &value).err().map(|faults| faults.0);
            // Of fields that the preset sets none is wrong; what another method needs beside is its user's.
            for fault in faults.into_iter().flatten() {
                let field = fault.pointer.trim_start_matches('/').replace('/', ".");
                assert!(
                    preset.values.iter().all(|set| set.field != field || set.value.is_none()),
                    "{}: {fault:?}",
                    preset.id
                );
                assert!(!fault.code.contains("unknown"), "{}: {fault:?}", preset.id);
            }
        }
    }
}
