//! Promises broken on purpose in a copy of the sources: a test that proves a promise must fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::batches::batches;
use super::mutations::{self, Mutation};
use super::proofs::Proof;
use super::running::{self, Built, Outcomes};
use super::{Mutate, scratch};

/// What became of a mutation.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// These tests failed; where other promises were broken beside it, by one of them perhaps.
    Noticed {
        by: Vec<String>,
        beside: Vec<String>,
    },
    Unnoticed,
    /// It could not be tried.
    Untried(String),
}

/// Breaks promises, those named or all, and prints what noticed. Their tests are run before, where nothing is broken: one
/// that fails there shows nothing. What is not Rust comes first, without a build between: the program reads it when it
/// runs. What no test noticed so is tried again with a build, since it may be compiled in.
///
/// # Errors
/// When one of them was noticed by no test, or could not be tried; a source of the copy that cannot be mended.
pub(super) fn run(root: &Path, proofs: &[Proof], asked: &Mutate) -> Result<()> {
    let mut mutations = mutations::read(root)?;
    mutations.retain(|mutation| asked.only.is_empty() || asked.only.contains(&mutation.promise));
    let scratch = Scratch { root: scratch::made(root)?, proofs };
    println!("building {}, then running the tests where nothing is broken", scratch.root.display());
    let built = Built::new(&scratch.root)?;
    let named = mutations.iter().flat_map(|mutation| mutation.proofs(proofs));
    let whole = running::run(&scratch.root, named, Some(&built))?;
    let mut told = Told::default();
    let (mut compiled, mut read_at_run) = (Vec::new(), Vec::new());
    for mutation in &mutations {
        match mutation.stale(root, proofs).or_else(|| unsound(mutation, proofs, &whole)) {
            Some(why) => told.tell(mutation, &Verdict::Untried(why)),
            None if mutation.is_rust() => compiled.push(mutation),
            None => read_at_run.push(mutation),
        }
    }
    for mutation in read_at_run {
        for (mutation, verdict) in scratch.tried(&[mutation], Some(&built))? {
            match verdict {
                Verdict::Unnoticed => compiled.push(mutation),
                verdict => told.tell(mutation, &verdict),
            }
        }
    }
    for batch in batches(&compiled, proofs, asked.together.get()) {
        for (mutation, verdict) in scratch.tried(&batch, None)? {
            told.tell(mutation, &verdict);
        }
    }
    let broken: BTreeSet<&str> = mutations.iter().map(|mutation| mutation.promise.as_str()).collect();
    println!("{} mutations of {} promises", mutations.len(), broken.len());
    if told.faults.is_empty() {
        return Ok(());
    }
    bail!("{}", told.faults.join("\n"));
}

/// What was told, and what is at fault.
#[derive(Default)]
struct Told {
    faults: Vec<String>,
}

impl Told {
    /// Tells of one at once: the whole may take hours.
    fn tell(&mut self, mutation: &Mutation, verdict: &Verdict) {
        let line = line(mutation, verdict);
        println!("{line}");
        if !matches!(verdict, Verdict::Noticed { .. }) {
            self.faults.push(line);
        }
    }
}

/// What is told of a mutation.
fn line(mutation: &Mutation, verdict: &Verdict) -> String {
    let named = format!("{}: {}", mutation.promise, mutation.breaks);
    match verdict {
        Verdict::Noticed { by, beside } if beside.is_empty() => {
            format!("{named}\n    noticed by {}", by.join(", "))
        }
        Verdict::Noticed { by, beside } => {
            format!("{named}\n    noticed by {} (beside {})", by.join(", "), beside.join(", "))
        }
        Verdict::Unnoticed => format!("{named}\n    NOT NOTICED by any test"),
        Verdict::Untried(why) => format!("{named}\n    NOT TRIED: {why}"),
    }
}

/// The copy in which sources are broken.
struct Scratch<'a> {
    root: PathBuf,
    proofs: &'a [Proof],
}

impl Scratch<'_> {
    /// Makes the mutations of a batch at once, runs their tests, and mends the sources. A batch that does not build is
    /// tried one by one.
    ///
    /// # Errors
    /// A source that cannot be mended.
    fn tried<'m>(
        &self,
        batch: &[&'m Mutation],
        built: Option<&Built>,
    ) -> Result<Vec<(&'m Mutation, Verdict)>> {
        let mut whole = Vec::new();
        let outcomes = self.broken(batch, &mut whole).and_then(|()| {
            let proofs = batch.iter().flat_map(|mutation| mutation.proofs(self.proofs));
            running::run(&self.root, proofs, built)
        });
        for (file, source) in whole {
            fs::write(&file, source).with_context(|| format!("{} was not mended", file.display()))?;
        }
        match outcomes {
            Ok(outcomes) => {
                Ok(batch.iter().map(|one| (*one, verdict(one, batch, self.proofs, &outcomes))).collect())
            }
            Err(_) if batch.len() > 1 => {
                let alone = batch.iter().map(|one| self.tried(&[*one], built));
                Ok(alone.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
            }
            Err(why) => Ok(batch.iter().map(|one| (*one, Verdict::Untried(format!("{why:#}")))).collect()),
        }
    }

    /// Breaks the sources, each of which is put aside before.
    fn broken(&self, batch: &[&Mutation], whole: &mut Vec<(PathBuf, String)>) -> Result<()> {
        for mutation in batch {
            let file = self.root.join(&mutation.file);
            let source = fs::read_to_string(&file).with_context(|| mutation.file.clone())?;
            let broken = source.replacen(&mutation.search, &mutation.replace, 1);
            whole.push((file.clone(), source));
            fs::write(&file, broken).with_context(|| mutation.file.clone())?;
        }
        Ok(())
    }
}

/// Why the tests of a mutation could show nothing, by their outcomes where nothing is broken.
fn unsound(mutation: &Mutation, proofs: &[Proof], whole: &Outcomes) -> Option<String> {
    let mut names = mutation.proofs(proofs).map(|proof| &proof.name);
    let name = names.find(|name| whole.get(*name) != Some(&true))?;
    Some(format!("`{name}` does not pass where nothing is broken"))
}

/// What the outcomes of a batch say of one of its mutations: its own tests alone count.
fn verdict(mutation: &Mutation, batch: &[&Mutation], proofs: &[Proof], outcomes: &Outcomes) -> Verdict {
    let own = mutation.proofs(proofs).filter_map(|proof| Some((&proof.name, *outcomes.get(&proof.name)?)));
    let own: Vec<(&String, bool)> = own.collect();
    let by: Vec<String> = own.iter().filter(|(_, passed)| !passed).map(|(name, _)| (*name).clone()).collect();
    let others = batch.iter().filter(|other| !std::ptr::eq(**other, mutation));
    match (own.is_empty(), by.is_empty()) {
        (true, _) => Verdict::Untried("none of its tests was run".to_owned()),
        (false, true) => Verdict::Unnoticed,
        (false, false) => {
            Verdict::Noticed { by, beside: others.map(|other| other.promise.clone()).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::proofs::Kind;
    use super::*;

    fn proof(name: &str) -> Proof {
        let promises = ["p-gpc".to_owned()].into();
        Proof { kind: Kind::Rust, name: name.into(), file: "gateway/src/a.rs".into(), line: 1, promises }
    }

    fn mutation(tests: &[&str]) -> Mutation {
        let tests = tests.iter().map(|&test| test.to_owned()).collect();
        Mutation {
            promise: "p-gpc".into(),
            breaks: "a signal is not heard".into(),
            tests,
            ..Mutation::default()
        }
    }

    #[test]
    fn one_of_its_own_tests_that_fails_has_noticed_and_no_other() {
        let proofs = [proof("one"), proof("two"), proof("three")];
        let outcomes = Outcomes::from([("one".into(), true), ("two".into(), false), ("other".into(), false)]);
        let of = |tests: &[&str]| {
            let mutation = mutation(tests);
            verdict(&mutation, &[&mutation], &proofs, &outcomes)
        };
        let noticed = || Verdict::Noticed { by: vec!["two".into()], beside: Vec::new() };
        assert_eq!((of(&[]), of(&["one", "two"])), (noticed(), noticed()));
        assert_eq!(of(&["one"]), Verdict::Unnoticed);
        assert!(matches!(of(&["three"]), Verdict::Untried(_)));
    }

    #[test]
    fn a_test_that_fails_or_does_not_run_where_nothing_is_broken_shows_nothing() {
        let proofs = [proof("one"), proof("two"), proof("three")];
        let whole = Outcomes::from([("one".into(), true), ("two".into(), false)]);
        let of = |tests: &[&str]| unsound(&mutation(tests), &proofs, &whole).is_some();
        assert_eq!((of(&["one"]), of(&["one", "two"]), of(&["three"])), (false, true, true));
    }

    #[test]
    fn what_was_noticed_is_told_with_those_of_its_batch() {
        let (one, other) = (mutation(&[]), Mutation { promise: "p-rights".into(), ..Mutation::default() });
        let (proofs, outcomes) = ([proof("two")], Outcomes::from([("two".into(), false)]));
        let told = |batch: &[&Mutation]| line(&one, &verdict(&one, batch, &proofs, &outcomes));
        let alone = "p-gpc: a signal is not heard\n    noticed by two";
        assert_eq!(told(&[&one]), alone);
        assert_eq!(told(&[&one, &other]), format!("{alone} (beside p-rights)"));
        let unnoticed = line(&one, &Verdict::Unnoticed);
        assert!(unnoticed.ends_with("NOT NOTICED by any test"), "{unnoticed}");
    }

    #[test]
    fn a_batch_is_broken_and_what_stood_there_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| folder.path().join(name));
        files.iter().for_each(|file| fs::write(file, "if old { old }").unwrap());
        let of = |file: &str| Mutation {
            file: file.into(),
            search: "if old".into(),
            replace: "if new".into(),
            ..Mutation::default()
        };
        let scratch = Scratch { root: folder.path().to_owned(), proofs: &[] };
        let (one, other, gone) = (of("a"), of("b"), of("c"));
        let mut whole = Vec::new();
        assert!(scratch.broken(&[&one, &other, &gone], &mut whole).is_err());
        assert_eq!(files.each_ref().map(|file| fs::read_to_string(file).unwrap()), ["if new { old }"; 2]);
        let [a, b] = files.map(|file| (file, "if old { old }".to_owned()));
        assert_eq!(whole, [a, b]);
    }
}
