//! The table of promises, for people and for programs.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::running::Outcome;
use super::{PAGE, Promise};

/// A block of lines for each promise, then the count.
pub(super) fn text(promises: &[Promise]) -> String {
    let mut text = String::new();
    for promise in promises {
        let _ = writeln!(text, "{:<24} {}", promise.id, state(promise));
        if let Some(passage) = &promise.passage {
            let _ = writeln!(text, "    passage  {PAGE}:{} ({})", passage.line, passage.heading);
        }
        let declared = promise.declared.iter();
        for item in declared.flat_map(|declared| &declared.keeps) {
            let _ = writeln!(text, "    code     {item}");
        }
        for proof in &promise.proofs {
            let _ = writeln!(text, "    test     {} ({}:{})", proof.name, proof.file, proof.line);
        }
    }
    let proofs = promises.iter().map(|promise| promise.proofs.len()).sum::<usize>();
    let missing = promises.iter().filter(|promise| missing(promise).is_some()).count();
    let _ = writeln!(text, "\n{} promises, {proofs} proofs, {missing} not whole yet", promises.len());
    text
}

/// An object: `promises` and `faults`.
///
/// # Errors
/// None that can come up: what is told is text and numbers.
pub(super) fn json(promises: &[Promise], faults: &[String]) -> Result<String> {
    let promises: Vec<Value> = promises.iter().map(row).collect();
    Ok(serde_json::to_string_pretty(&json!({ "promises": promises, "faults": faults }))? + "\n")
}

fn row(promise: &Promise) -> Value {
    let passage = promise.passage.as_ref().map(|passage| {
        json!({ "file": PAGE, "line": passage.line, "heading": passage.heading, "built": passage.built })
    });
    let tests = promise.proofs.iter().map(|proof| json!({ "name": proof.name, "file": proof.file, "line": proof.line }));
    let result = promise.outcome.as_ref().map(|outcome| {
        json!({ "passed": outcome.passed, "failed": outcome.failed, "unseen": outcome.unseen })
    });
    json!({
        "promise": promise.id,
        "passage": passage,
        "keeps": promise.declared.as_ref().map(|declared| &declared.keeps),
        "organisational": promise.declared.as_ref().is_some_and(|declared| declared.organisational),
        "missing": missing(promise),
        "tests": tests.collect::<Vec<_>>(),
        "result": result,
    })
}

fn state(promise: &Promise) -> String {
    let result = promise.outcome.as_ref().map(Outcome::word);
    match (missing(promise), result) {
        (Some(why), _) => format!("NOT WHOLE: {why}"),
        (None, _) if promise.declared.as_ref().is_some_and(|declared| declared.organisational) => "by people".to_owned(),
        (None, Some(word)) => word.to_owned(),
        (None, None) => match promise.proofs.len() {
            0 => "NO TEST".to_owned(),
            1 => "1 test".to_owned(),
            tests => format!("{tests} tests"),
        },
    }
}

fn missing(promise: &Promise) -> Option<&str> {
    promise.declared.as_ref()?.missing.as_deref()
}
