//! How the tests of the promises ended, as a file that evidence packs take in: bound to the sources that were tested.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Promise;
use super::running::Outcome;

/// The form of the file, which the program that reads it knows.
const FORM: u32 = 1;

/// Writes the results of a run.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(file: &Path, sources: &str, promises: &[Promise]) -> Result<()> {
    let text = serde_json::to_string_pretty(&told(sources, promises, Timestamp::now()))? + "\n";
    fs::write(file, text).with_context(|| file.display().to_string())
}

fn told(sources: &str, promises: &[Promise], made: Timestamp) -> Value {
    let one = |outcome: &Outcome| json!({ "passed": outcome.passed, "failed": outcome.failed, "unseen": outcome.unseen });
    let ended: serde_json::Map<String, Value> = promises
        .iter()
        .filter(|promise| !promise.proofs.is_empty())
        .filter_map(|promise| Some((promise.id.clone(), one(promise.outcome.as_ref()?))))
        .collect();
    json!({
        "form": FORM,
        "program": concat!("aops ", env!("CARGO_PKG_VERSION")),
        "sources": sources,
        "made": made.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "promises": ended,
    })
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{Kind, Proof};
    use super::*;

    #[test]
    fn what_was_run_is_told_and_what_people_keep_is_not() {
        let proof = Proof {
            name: "p_rights_a".into(),
            kind: Kind::Rust,
            file: "a.rs".into(),
            line: 1,
            promises: ["p-rights".to_owned()].into(),
        };
        let outcome = Outcome { passed: vec![proof.name.clone()], ..Outcome::default() };
        let promise = |id: &str, proofs: Vec<Proof>, outcome| Promise {
            id: id.into(),
            passage: None,
            declared: None,
            proofs,
            outcome: Some(outcome),
        };
        let promises = [
            promise("p-rights", vec![proof], outcome),
            promise("p-premises", Vec::new(), Outcome::default()),
        ];
        let told = told("ab", &promises, Timestamp::UNIX_EPOCH);
        assert_eq!((&told["sources"], &told["made"]), (&json!("ab"), &json!("1970-01-01T00:00:00Z")));
        assert_eq!(told["promises"]["p-rights"]["passed"], json!(["p_rights_a"]));
        assert!(told["promises"].get("p-premises").is_none());
    }
}
