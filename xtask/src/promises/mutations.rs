//! The list of promises that are broken on purpose.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::proofs::Proof;

/// The file that lists them.
const FILE: &str = "xtask/mutations.toml";

/// One promise broken.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutation {
    pub(super) promise: String,
    /// What it does, in words.
    pub(super) breaks: String,
    /// From the repository's root.
    pub(super) file: String,
    /// What stands there, once.
    pub(super) search: String,
    pub(super) replace: String,
    /// The tests of the promise that must notice; without any, all of them are run and one must.
    #[serde(default)]
    pub(super) tests: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    mutation: Vec<Mutation>,
}

/// Reads the list.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(root: &Path) -> Result<Vec<Mutation>> {
    let source = fs::read_to_string(root.join(FILE)).context(FILE)?;
    Ok(toml::from_str::<Listed>(&source).context(FILE)?.mutation)
}

impl Mutation {
    /// Whether nothing but a build shows what it does.
    pub(super) fn is_rust(&self) -> bool {
        self.file.ends_with(".rs")
    }

    /// The tests that must notice.
    pub(super) fn proofs<'a>(&'a self, proofs: &'a [Proof]) -> impl Iterator<Item = &'a Proof> {
        let bears = |proof: &&Proof| proof.promises.contains(&self.promise);
        let named = |proof: &&Proof| self.tests.is_empty() || self.tests.contains(&proof.name);
        proofs.iter().filter(move |proof| bears(proof) && named(proof))
    }

    /// Why it can no longer be made.
    pub(super) fn stale(&self, root: &Path, proofs: &[Proof]) -> Option<String> {
        let source = fs::read_to_string(root.join(&self.file)).unwrap_or_default();
        let found = source.matches(&self.search).count();
        if found != 1 {
            return Some(format!("its text stands {found} times in `{}`", self.file));
        }
        let gone = self.tests.iter().find(|name| !self.proofs(proofs).any(|proof| proof.name == **name));
        if let Some(name) = gone {
            return Some(format!("no test `{name}` bears the promise"));
        }
        self.proofs(proofs).next().is_none().then(|| "the promise has no test".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{listed, proofs};
    use super::*;
    use crate::sh;

    fn all() -> (Vec<Mutation>, Vec<Proof>) {
        let root = sh::repository();
        let found = proofs::all(&root, &listed(&root).unwrap()).unwrap();
        (read(&root).unwrap(), found.proofs)
    }

    #[test]
    fn every_listed_mutation_can_still_be_made() {
        let (mutations, proofs) = all();
        let why = |mutation: &Mutation| {
            let why = mutation.stale(&sh::repository(), &proofs)?;
            Some(format!("{} ({}): {why}", mutation.promise, mutation.breaks))
        };
        let stale: Vec<String> = mutations.iter().filter_map(why).collect();
        assert!(stale.is_empty(), "{FILE}: {stale:#?}");
    }

    #[test]
    fn every_promise_that_a_test_bears_is_broken_by_a_mutation() {
        let (mutations, proofs) = all();
        let broken: BTreeSet<&String> = mutations.iter().map(|mutation| &mutation.promise).collect();
        let borne: BTreeSet<&String> = proofs.iter().flat_map(|proof| &proof.promises).collect();
        let whole: Vec<_> = borne.difference(&broken).collect();
        assert!(whole.is_empty(), "{FILE} breaks none of {whole:?}");
    }
}
