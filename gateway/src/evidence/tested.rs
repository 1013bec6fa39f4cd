//! The results of the tests that prove the promises, as `cargo xtask promises --run --report FILE` writes them: taken into
//! a pack, and told to be of this program or of another.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EvidenceError;
use super::promises::Promise;
use crate::app::App;
use crate::leaflet::Section;
use crate::register::Writing;

/// Names told of a promise whose tests fail; the file has all.
const NAMED: usize = 3;
const FORM: u32 = 1;

/// The results of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestResults {
    /// The form of the file.
    form: u32,
    /// The program, as `aops 0.1.0`.
    program: String,
    /// The digest of the sources that were tested.
    sources: String,
    /// When the run ended.
    made: Timestamp,
    /// By promise.
    promises: BTreeMap<String, Ended>,
}

/// How the tests of one promise ended, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended {
    passed: Vec<String>,
    failed: Vec<String>,
    /// Those that were not run.
    unseen: Vec<String>,
}

impl TestResults {
    /// The results of a file.
    ///
    /// # Errors
    /// [`EvidenceError::Tests`]: what is wrong with it.
    pub fn read(text: &str) -> Result<Self, EvidenceError> {
        let found: Self =
            serde_json::from_str(text).map_err(|error| EvidenceError::Tests(error.to_string()))?;
        let digest = found.sources.len() == 64 && found.sources.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (found.form, digest) {
            (FORM, true) => Ok(found),
            (FORM, false) => Err(EvidenceError::Tests("`sources` is no SHA-256".into())),
            (other, _) => {
                Err(EvidenceError::Tests(format!("its form is {other}, this program knows {FORM}")))
            }
        }
    }

    /// Whether they are of the program that asks.
    fn are_of(&self, app: &App) -> bool {
        !app.settings.sources.is_empty() && self.sources == app.settings.sources
    }
}

/// Whose results a pack has: said plainly where it has none, or those of another program.
pub(super) fn section(writing: &Writing<'_>, tests: Option<&TestResults>) -> Section {
    let word = |key: &str| writing.word(&format!("dossier.tests_{key}"));
    let title = word("title");
    let Some(tests) = tests else { return Section::words(title, vec![word("none")]) };
    let own = tests.are_of(writing.app);
    let mut all = Ended::default();
    for ended in tests.promises.values() {
        all.passed.extend(ended.passed.iter().cloned());
        all.failed.extend(ended.failed.iter().cloned());
        all.unseen.extend(ended.unseen.iter().cloned());
    }
    // A test may prove several promises.
    let count = |mut names: Vec<String>| {
        names.sort();
        names.dedup();
        names.len().to_string()
    };
    Section {
        text: vec![word(if own { "own" } else { "other" })],
        ..Section::lines(
            title,
            vec![
                (word("program"), tests.program.clone()),
                (word("sources"), tests.sources.clone()),
                (word("sources_here"), writing.app.settings.sources.clone()),
                (word("made"), tests.made.to_string()),
                (word("passed"), count(all.passed)),
                (word("failed"), count(all.failed)),
                (word("unseen"), count(all.unseen)),
            ],
        )
    }
}

/// What the results say of one promise.
pub(super) fn of(writing: &Writing<'_>, tests: Option<&TestResults>, promise: &Promise) -> String {
    let word = |key: &str| writing.word(&format!("dossier.tests_{key}"));
    if promise.organisational {
        return writing.word("dossier.by_people");
    }
    let Some(ended) = tests.and_then(|tests| tests.promises.get(&promise.id)) else {
        return word("no_result");
    };
    let some = |key: &str, names: &[String]| {
        let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        let more = if names.len() > NAMED { ", …" } else { "" };
        (!names.is_empty()).then(|| format!("{} ({}{more})", word(key), shown.join(", ")))
    };
    let passed = (!ended.passed.is_empty())
        .then(|| writing.told("dossier.tests_count", &[("n", &ended.passed.len().to_string())]));
    let told = [some("fails", &ended.failed), some("not_run", &ended.unseen), passed];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if told.is_empty() { word("no_result") } else { told.join(" ; ") }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(in crate::evidence) fn results(sources: &str) -> Value {
        json!({
            "form": 1, "program": "aops 0.1.0", "sources": sources, "made": "2026-11-28T10:00:00Z",
            "promises": {
                "p-rights": { "passed": ["p_rights_a", "p_rights_b"], "failed": [], "unseen": [] },
                "p-gpc": { "passed": [], "failed": ["p-gpc: a"], "unseen": ["p-gpc: b"] },
            },
        })
    }

    #[test]
    fn results_of_another_form_are_told_and_not_taken() {
        let digest = "a".repeat(64);
        assert!(TestResults::read(&results(&digest).to_string()).is_ok());
        let mut wrong = results(&digest);
        wrong["form"] = json!(2);
        let mut more = results(&digest);
        more["people"] = json!(["x"]);
        for text in [wrong.to_string(), more.to_string(), results("abc").to_string(), "{".into()] {
            let error = TestResults::read(&text).unwrap_err();
            assert!(matches!(error, EvidenceError::Tests(_)), "{error}");
        }
    }
}
