//! The promises of the policy as this program was built with them: the passage that makes each, and the code that keeps
//! it (`cargo xtask promises` holds both, and the tests that prove them).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::EvidenceError;

const LIST: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/policy/promises.txt"));
const DECLARED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../xtask/promises.toml"));
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../content/fr/confidentialite.md"));

/// One promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) id: String,
    /// The heading under which the policy makes it.
    pub(super) heading: String,
    /// The code that keeps it.
    pub(super) keeps: Vec<String>,
    /// Kept by people.
    pub(super) organisational: bool,
    /// What lacks yet.
    pub(super) missing: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Declared {
    #[serde(default)]
    keeps: Vec<String>,
    #[serde(default)]
    organisational: bool,
    missing: Option<String>,
}

/// Every promise, in the order of the policy.
pub(super) fn all() -> Result<Vec<Promise>, EvidenceError> {
    let mut declared: BTreeMap<String, Declared> =
        toml::from_str(DECLARED).map_err(|error| EvidenceError::Declared(error.to_string()))?;
    let ids = LIST.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let headings = headings();
    let mut promises: Vec<(usize, Promise)> = ids
        .map(|id| {
            let Declared { keeps, organisational, missing } = declared.remove(id).unwrap_or_default();
            let found = headings.iter().position(|(known, _)| known == id);
            let heading = found.and_then(|at| headings.get(at)).map(|(_, heading)| heading.clone());
            let heading = heading.unwrap_or_default();
            let promise = Promise { id: id.to_owned(), heading, keeps, organisational, missing };
            (found.unwrap_or(usize::MAX), promise)
        })
        .collect();
    promises.sort_by_key(|(place, _)| *place);
    Ok(promises.into_iter().map(|(_, promise)| promise).collect())
}

/// The passages of the policy, each with the heading under which it stands.
fn headings() -> Vec<(String, String)> {
    let (mut heading, mut found) = (String::new(), Vec::new());
    for line in PAGE.lines() {
        let id = if line.starts_with('#') {
            let (title, id) = line.split_once(" {#").unwrap_or((line, ""));
            heading = title.trim_start_matches('#').trim().to_owned();
            id.trim_end().strip_suffix('}')
        } else {
            line.strip_prefix("{% passage(id=\"").and_then(|rest| rest.split('"').next())
        };
        found.extend(id.filter(|id| id.starts_with("p-")).map(|id| (id.to_owned(), heading.clone())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promise_has_its_passage_and_what_keeps_it() {
        let all = all().unwrap();
        assert!(all.len() >= 66, "{}", all.len());
        for promise in &all {
            assert!(!promise.heading.is_empty(), "{}", promise.id);
            assert!(promise.organisational || !promise.keeps.is_empty(), "{}", promise.id);
            assert_eq!(promise.missing, None, "{}", promise.id);
        }
    }
}
