//! `cargo xtask promises`: each promise of the privacy policy with its passage, the code that keeps it and the tests
//! that prove it; fails where one of the three lacks, and breaks promises on purpose to see that their tests notice.
//!
//! A test bears a promise by its name (`p_retention_…`, `p-gpc: …` in a browser), or by a line of its comment:
//! `Proves p-retention, p-rights.`

mod batches;
mod breaking;
mod declared;
mod mutations;
mod passages;
mod proofs;
mod report;
mod running;
mod scratch;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::declared::Declared;
use self::passages::Passage;
use self::proofs::Proof;
use self::running::Outcome;
use crate::{sh, sources};

/// Every promise, one a line.
const LIST: &str = "tests/fixtures/policy/promises.txt";
/// The page that makes them.
const PAGE: &str = "content/fr/confidentialite.md";
/// Where that page is built to.
const BUILT: &str = "confidentialite/index.html";

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) json: bool,
    /// Gaps that the list tells are no faults.
    pub(crate) gaps_told: bool,
    /// Run the tests as well.
    pub(crate) run: bool,
    /// Write how they ended to this file.
    pub(crate) report: Option<PathBuf>,
    /// These promises alone, when any is named.
    pub(crate) only: Vec<String>,
    /// Break each promise on purpose instead.
    pub(crate) mutate: Option<Mutate>,
}

/// How promises are broken.
#[derive(Debug)]
pub(crate) struct Mutate {
    /// These alone, when any is named.
    pub(crate) only: Vec<String>,
    /// So many mutations of Rust with one build.
    pub(crate) together: NonZeroUsize,
}

/// One line of the table.
#[derive(Debug)]
struct Promise {
    id: String,
    passage: Option<Passage>,
    declared: Option<Declared>,
    proofs: Vec<Proof>,
    outcome: Option<Outcome>,
}

/// Prints the table, then fails by every fault that was found.
///
/// # Errors
/// Promises without passage, code or test; tests and passages of no promise; tests that fail; mutations that no test
/// noticed.
pub(crate) fn run(asked: &Asked) -> Result<()> {
    let root = sh::repository();
    let ids = listed(&root)?;
    let named = asked.mutate.as_ref().map_or(&asked.only, |mutate| &mutate.only);
    if let Some(unknown) = named.iter().find(|id| !ids.contains(*id)) {
        bail!("`{unknown}` is no promise in {LIST}");
    }
    if let Some(mutate) = &asked.mutate {
        return breaking::run(&root, &proofs::all(&root, &ids)?.proofs, mutate);
    }
    let built = built_page(&root)?;
    let (mut promises, mut faults) = gathered(&root, &ids, &built)?;
    promises.retain(|promise| asked.only.is_empty() || asked.only.contains(&promise.id));
    faults.extend(promises.iter().flat_map(|promise| lacks(promise, asked.gaps_told)));
    if asked.run {
        let tested = sources::digest(&root)?;
        let outcomes = running::run(&root, promises.iter().flat_map(|promise| &promise.proofs), None)?;
        for promise in &mut promises {
            let outcome = Outcome::of(&promise.proofs, &outcomes);
            faults.extend(outcome.failed.iter().map(|name| format!("{}: `{name}` fails", promise.id)));
            faults.extend(outcome.unseen.iter().map(|name| format!("{}: `{name}` was not run", promise.id)));
            promise.outcome = Some(outcome);
        }
        if let Some(file) = &asked.report {
            if sources::digest(&root)? != tested {
                bail!("the sources changed while their tests ran: no report is written");
            }
            report::write(file, &tested, &promises)?;
        }
    }
    print!("{}", if asked.json { table::json(&promises, &faults)? } else { table::text(&promises) });
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} faults:\n  {}", faults.len(), faults.join("\n  "));
}

fn gathered(root: &Path, ids: &BTreeSet<String>, built: &str) -> Result<(Vec<Promise>, Vec<String>)> {
    let mut declared = declared::read(root)?;
    let page = root.join(PAGE);
    let source = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let mut passages = passages::read(&source, built);
    let found = proofs::all(root, ids)?;
    let mut faults = found.strays;
    let mut by_promise: BTreeMap<String, Vec<Proof>> = BTreeMap::new();
    for proof in found.proofs {
        for id in &proof.promises {
            by_promise.entry(id.clone()).or_default().push(proof.clone());
        }
    }
    let promises = ids.iter().map(|id| Promise {
        id: id.clone(),
        passage: passages.remove(id),
        declared: declared.remove(id),
        proofs: by_promise.remove(id).unwrap_or_default(),
        outcome: None,
    });
    let promises: Vec<Promise> = promises.collect();
    faults.extend(passages.keys().map(|id| format!("{PAGE}: the passage `{id}` is of no promise in {LIST}")));
    faults.extend(declared.keys().map(|id| format!("{}: `{id}` is no promise in {LIST}", declared::FILE)));
    for promise in &promises {
        let keeps = promise.declared.iter().flat_map(|declared| &declared.keeps);
        faults.extend(
            keeps.filter_map(|item| declared::gone(root, item)).map(|why| format!("{}: {why}", promise.id)),
        );
    }
    Ok((promises, faults))
}

/// What a promise lacks.
fn lacks(promise: &Promise, gaps_told: bool) -> Vec<String> {
    let id = &promise.id;
    let mut lacks = Vec::new();
    match &promise.passage {
        None => lacks.push(format!("{id}: no passage of {PAGE} makes it")),
        Some(passage) if !passage.built => {
            lacks.push(format!("{id}: the built page does not bear its passage"))
        }
        Some(_) => {}
    }
    let Some(declared) = &promise.declared else {
        lacks.push(format!("{id}: {} says nothing of it", declared::FILE));
        return lacks;
    };
    if declared.organisational {
        if !promise.proofs.is_empty() || !declared.keeps.is_empty() {
            lacks.push(format!("{id}: kept by people, it has neither code nor test"));
        }
        return lacks;
    }
    match &declared.missing {
        Some(_) if gaps_told => return lacks,
        Some(why) => lacks.push(format!("{id}: not whole yet: {why}")),
        None => {}
    }
    if declared.keeps.is_empty() {
        lacks.push(format!("{id}: no code is named that keeps it"));
    }
    if promise.proofs.is_empty() {
        lacks.push(format!("{id}: no test bears it"));
    }
    lacks
}

fn listed(root: &Path) -> Result<BTreeSet<String>> {
    let source = std::fs::read_to_string(root.join(LIST)).context(LIST)?;
    let lines = source.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// The policy as it is served.
fn built_page(root: &Path) -> Result<String> {
    // As the tests do: another choice of packages has other features, and compiles everything anew.
    sh::output(sh::command("cargo", &["build", "--quiet", "--workspace", "--bins"]))?;
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("public");
    let mut build = std::process::Command::new(sh::binary("debug")?);
    build.arg("--root").arg(root).args(["build", "--plain", "--json", "--output"]).arg(&output);
    sh::output(build)?;
    std::fs::read_to_string(output.join(BUILT)).context(BUILT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(declared: Declared, proofs: Vec<Proof>) -> Promise {
        let passage = Some(Passage { line: 1, heading: "Vos droits".into(), built: true });
        Promise { id: "p-rights".into(), passage, declared: Some(declared), proofs, outcome: None }
    }

    #[test]
    fn a_promise_lacks_what_it_has_not_and_a_gap_that_is_told_may_stand() {
        let kept = Declared { keeps: vec!["a.rs#b".into()], ..Declared::default() };
        assert_eq!(lacks(&promise(kept.clone(), Vec::new()), false), ["p-rights: no test bears it"]);
        let missing = Declared { missing: Some("no desk".into()), ..kept };
        assert!(lacks(&promise(missing.clone(), Vec::new()), true).is_empty());
        assert_eq!(lacks(&promise(missing, Vec::new()), false).len(), 2);
        let people = Declared { organisational: true, ..Declared::default() };
        assert!(lacks(&promise(people, Vec::new()), false).is_empty());
    }
}
