//! Promises broken on purpose, one at a time, in a copy of the sources: a test that proves a promise must fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::proofs::{Proof, Proofs};
use super::running;
use crate::sh;

/// The file that lists them.
pub(super) const FILE: &str = "xtask/mutations.toml";

/// One promise broken.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutation {
    pub(super) promise: String,
    /// What it does, in words.
    pub(super) breaks: String,
    /// From the repository's root.
    file: String,
    /// What stands there, once.
    search: String,
    replace: String,
    /// The tests of the promise that must notice; without any, all of them are run and one must.
    #[serde(default)]
    tests: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    mutation: Vec<Mutation>,
}

/// What became of a mutation.
enum Verdict {
    /// These tests failed.
    Noticed(Vec<String>),
    Unnoticed,
    /// It could not be tried.
    Untried(String),
}

/// Reads the list.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(root: &Path) -> Result<Vec<Mutation>> {
    let source = fs::read_to_string(root.join(FILE)).context(FILE)?;
    Ok(toml::from_str::<Listed>(&source).context(FILE)?.mutation)
}

/// Why a mutation can no longer be made.
pub(super) fn stale(root: &Path, mutation: &Mutation, proofs: &[Proof]) -> Option<String> {
    let place = format!("{FILE}: {} ({})", mutation.promise, mutation.breaks);
    let source = fs::read_to_string(root.join(&mutation.file)).unwrap_or_default();
    let found = source.matches(&mutation.search).count();
    if found != 1 {
        return Some(format!("{place}: its text stands {found} times in `{}`", mutation.file));
    }
    let gone = mutation.tests.iter().find(|name| !of(mutation, proofs).any(|proof| proof.name == **name));
    if let Some(name) = gone {
        return Some(format!("{place}: no test `{name}` bears the promise"));
    }
    (of(mutation, proofs).next().is_none()).then(|| format!("{place}: the promise has no test"))
}

/// Breaks promises, those named or all, and prints what noticed.
///
/// # Errors
/// When one of them was noticed by no test, or could not be tried.
pub(super) fn run(root: &Path, found: &Proofs, only: &[String]) -> Result<()> {
    let mut mutations = read(root)?;
    mutations.retain(|mutation| only.is_empty() || only.contains(&mutation.promise));
    let scratch = scratch(root)?;
    let mut faults = Vec::new();
    for (index, mutation) in mutations.iter().enumerate() {
        let count = mutations.len();
        let told = format!("[{}/{count}] {}: {}", index + 1, mutation.promise, mutation.breaks);
        match tried(&scratch, mutation, &found.proofs) {
            Verdict::Noticed(tests) => println!("{told}\n    noticed by {}", tests.join(", ")),
            Verdict::Unnoticed => faults.push(format!("{told}: no test noticed")),
            Verdict::Untried(why) => faults.push(format!("{told}: not tried: {why}")),
        }
    }
    let broken: BTreeSet<&str> = mutations.iter().map(|mutation| mutation.promise.as_str()).collect();
    println!("{} mutations of {} promises", mutations.len(), broken.len());
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("\n"));
}

fn tried(scratch: &Path, mutation: &Mutation, proofs: &[Proof]) -> Verdict {
    if let Some(why) = stale(scratch, mutation, proofs) {
        return Verdict::Untried(why);
    }
    let file = scratch.join(&mutation.file);
    let whole = match fs::read_to_string(&file) {
        Ok(whole) => whole,
        Err(error) => return Verdict::Untried(error.to_string()),
    };
    let broken = whole.replacen(&mutation.search, &mutation.replace, 1);
    let outcomes = fs::write(&file, broken).map_err(anyhow::Error::from).and_then(|()| {
        let chosen = |proof: &&Proof| mutation.tests.is_empty() || mutation.tests.contains(&proof.name);
        running::run(scratch, of(mutation, proofs).filter(chosen))
    });
    if let Err(error) = fs::write(&file, whole) {
        return Verdict::Untried(format!("{} was not mended: {error}", file.display()));
    }
    match outcomes {
        Err(error) => Verdict::Untried(format!("{error:#}")),
        Ok(outcomes) => {
            let failed: Vec<String> = outcomes.into_iter().filter(|(_, passed)| !passed).map(|(name, _)| name).collect();
            if failed.is_empty() { Verdict::Unnoticed } else { Verdict::Noticed(failed) }
        }
    }
}

fn of<'a>(mutation: &'a Mutation, proofs: &'a [Proof]) -> impl Iterator<Item = &'a Proof> {
    proofs.iter().filter(|proof| proof.promises.contains(&mutation.promise))
}

/// A copy of every source, beside what is built: what other crates' builds left is of use there too.
fn scratch(root: &Path) -> Result<PathBuf> {
    let target = sh::binary("debug")?.parent().and_then(Path::parent).context("no target folder")?.to_owned();
    let scratch = target.join("mutations");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    let mut list = Command::new("git");
    list.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    for name in sh::output(list)?.lines() {
        let (from, to) = (root.join(name), scratch.join(name));
        if !from.is_file() {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(&scratch))?;
        fs::copy(&from, &to).with_context(|| name.to_owned())?;
    }
    let modules = "tests/browser/node_modules";
    if root.join(modules).is_dir() {
        std::os::unix::fs::symlink(root.join(modules), scratch.join(modules))?;
    }
    Ok(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_mutation_can_still_be_made() {
        let root = sh::repository();
        let ids = super::super::listed(&root).unwrap();
        let found = super::super::proofs::all(&root, &ids).unwrap();
        let stale: Vec<String> =
            read(&root).unwrap().iter().filter_map(|mutation| stale(&root, mutation, &found.proofs)).collect();
        assert!(stale.is_empty(), "{stale:#?}");
    }
}
