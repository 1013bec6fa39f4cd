//! The sentences that editors read, by code, from one catalogue. It knows no fault and no place.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

/// What a code says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentence {
    message: String,
    hint: Option<String>,
}

/// The message of a code, with `{name}` replaced; the code itself when the catalogue lacks it.
pub(crate) fn message(code: &str, values: &[(&str, &str)]) -> String {
    catalogue().get(code).map_or_else(|| code.to_owned(), |sentence| fill(&sentence.message, values))
}

/// The hint of a code, if it has one.
pub(crate) fn hint(code: &str, values: &[(&str, &str)]) -> Option<String> {
    catalogue().get(code)?.hint.as_deref().map(|hint| fill(hint, values))
}

/// A template in which `{name}` stands for each value.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        let mark = format!("{{{name}}}");
        if text.contains(&mark) {
            text = text.replace(&mark, value);
        }
    }
    text
}

/// The known name that is nearest to a mistyped one, if any is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

fn catalogue() -> &'static BTreeMap<String, Sentence> {
    static CATALOGUE: OnceLock<BTreeMap<String, Sentence>> = OnceLock::new();
    CATALOGUE.get_or_init(|| toml::from_str(include_str!("../messages/fr.toml")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_parses_and_replaces_names() {
        assert!(catalogue().len() > 30);
        assert!(message("duplicate-url", &[("path", "/a/"), ("other", "b.md")]).contains("« /a/ »"));
    }

    #[test]
    fn every_code_of_the_sources_is_in_the_catalogue() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut codes = 0;
        for file in walkdir::WalkDir::new(root).into_iter().flatten().filter(|e| e.file_type().is_file()) {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let text: String = text.split("mod tests").next().unwrap_or_default().replace(['\n', ' '], "");
            for call in [
                "Diagnostic::error(\"",
                "Diagnostic::warning(\"",
                "Diagnostic::note(\"",
                "messages::message(\"",
                "fault(\"",
            ] {
                for rest in text.split(call).skip(1) {
                    let code = rest.split('"').next().unwrap_or_default();
                    assert!(catalogue().contains_key(code), "{code} of {}", file.path().display());
                    codes += 1;
                }
            }
        }
        assert!(codes > 20, "{codes}");
    }

    #[test]
    fn a_mistyped_name_finds_its_neighbour_and_a_strange_one_none() {
        assert_eq!(nearest("titel", ["title", "date"]), Some("title"));
        assert_eq!(nearest("xyz", ["title", "date"]), None);
    }
}
