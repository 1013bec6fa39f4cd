//! What shortcodes take: `shortcodes.toml` of a theme names the arguments of each and their types.
//!
//! It judges calls; it renders none. A shortcode that the file does not name takes anything.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::diagnostics::{Diagnostic, Diagnostics, Source, toml_fault};
use crate::files;
use crate::markdown::shortcodes::Call;
use crate::messages::nearest;

/// By shortcode, then by argument.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Signatures(BTreeMap<String, BTreeMap<String, Kind>>);

/// What an argument may be: `text`, `number`, `whole`, `truth`, `list`, or one of `a|b|c`; `?` when it may be left out.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Kind {
    form: Form,
    optional: bool,
    written: String,
}

#[derive(Debug)]
enum Form {
    Text,
    Number,
    Whole,
    Truth,
    List,
    OneOf(Vec<String>),
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let written = text.strip_suffix('?').unwrap_or(&text).to_owned();
        let form = match written.as_str() {
            "text" => Form::Text,
            "number" => Form::Number,
            "whole" => Form::Whole,
            "truth" => Form::Truth,
            "list" => Form::List,
            choice if choice.contains('|') => Form::OneOf(choice.split('|').map(str::to_owned).collect()),
            _ => {
                return Err(format!(
                    "`{text}` is not text, number, whole, truth, list or a|b, with ? or not"
                ));
            }
        };
        Ok(Self { form, optional: text.ends_with('?'), written })
    }
}

impl Signatures {
    /// Reads the theme's `shortcodes.toml`, if it has one.
    pub(crate) fn load(root: &Path, theme: &Path, faults: &mut Diagnostics) -> Self {
        let path = theme.join("shortcodes.toml");
        if !path.exists() {
            return Self::default();
        }
        let read = files::text(root, &path).and_then(|source| {
            toml::from_str(&source.text).map_err(|error| toml_fault(&source, |span| span, &error))
        });
        read.unwrap_or_else(|fault| {
            faults.push(fault);
            Self::default()
        })
    }

    /// What is wrong with the arguments of a call.
    pub(crate) fn faults(&self, call: &Call, source: &Source) -> Vec<Diagnostic> {
        let Some(known) = self.0.get(&call.name) else { return Vec::new() };
        let mut faults = Vec::new();
        for argument in &call.arguments {
            let values = [("name", argument.name.as_str()), ("shortcode", call.name.as_str())];
            let Some(kind) = known.get(&argument.name) else {
                let near = nearest(&argument.name, known.keys().map(String::as_str));
                let all = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let near = near.unwrap_or(&all);
                let fault = Diagnostic::error("argument-unknown", &[values[0], values[1], ("nearest", near)]);
                faults.push(fault.at(source, argument.at.clone()));
                continue;
            };
            if !kind.takes(&argument.value) {
                let written = argument.value.to_string();
                let more = [("value", written.as_str()), ("expected", &kind.written)];
                let fault = Diagnostic::error("argument-type", &[values[0], values[1], more[0], more[1]]);
                faults.push(fault.at(source, argument.at.clone()));
            }
        }
        for (name, _) in known.iter().filter(|(_, kind)| !kind.optional) {
            if !call.arguments.iter().any(|argument| argument.name == *name) {
                let fault =
                    Diagnostic::error("argument-missing", &[("name", name), ("shortcode", &call.name)]);
                faults.push(fault.at(source, call.name_at.clone()));
            }
        }
        faults
    }
}

impl Kind {
    fn takes(&self, value: &Value) -> bool {
        match &self.form {
            Form::Text => value.is_string(),
            Form::Number => value.is_number(),
            Form::Whole => value.is_i64(),
            Form::Truth => value.is_boolean(),
            Form::List => value.is_array(),
            Form::OneOf(known) => value.as_str().is_some_and(|value| known.iter().any(|k| k == value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::shortcodes::find;

    fn codes(call: &str) -> Vec<&'static str> {
        let signatures: Signatures =
            toml::from_str("[chart]\nkind = \"bar|line\"\nunit = \"text?\"\ndecimals = \"whole?\"").unwrap();
        let source = Source::new("a.md", call);
        let mut faults = Vec::new();
        let calls = find(&source, 0..call.len(), &mut faults);
        assert!(faults.is_empty());
        signatures.faults(&calls[0], &source).into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn arguments_are_known_complete_and_of_their_type() {
        assert!(codes("{{ chart(kind=\"bar\", decimals=2) }}").is_empty());
        assert!(codes("{{ other(any=1) }}").is_empty());
        assert_eq!(codes("{{ chart(kind=\"pie\") }}"), ["argument-type"]);
        assert_eq!(codes("{{ chart(kind=\"bar\", decimals=1.5) }}"), ["argument-type"]);
        assert_eq!(codes("{{ chart(kid=\"bar\") }}"), ["argument-unknown", "argument-missing"]);
    }

    #[test]
    fn a_type_that_does_not_exist_is_refused() {
        assert!(toml::from_str::<Signatures>("[a]\nb = \"colour\"").is_err());
    }
}
