//! Running exactly the tests that bear promises, and how each ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::proofs::{Kind, Proof};
use crate::{sh, tools};

/// By name, whether a test passed.
pub(super) type Outcomes = BTreeMap<String, bool>;

/// How the tests of one promise ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) passed: Vec<String>,
    pub(super) failed: Vec<String>,
    /// Those of which the runner told nothing.
    pub(super) unseen: Vec<String>,
}

impl Outcome {
    /// What the outcomes say of these tests.
    pub(super) fn of(proofs: &[Proof], outcomes: &Outcomes) -> Self {
        let mut outcome = Self::default();
        for proof in proofs {
            let list = match outcomes.get(&proof.name) {
                Some(true) => &mut outcome.passed,
                Some(false) => &mut outcome.failed,
                None => &mut outcome.unseen,
            };
            list.push(proof.name.clone());
        }
        outcome
    }

    /// In one word.
    pub(super) fn word(&self) -> &'static str {
        match (self.failed.is_empty(), self.unseen.is_empty()) {
            (false, _) => "FAILS",
            (true, false) => "NOT RUN",
            (true, true) => "passes",
        }
    }
}

/// The tests and the program of a tree of sources, built once: they are run again without asking cargo, whatever becomes
/// of the sources meanwhile.
pub(super) struct Built {
    /// What nextest wants to know of it, gone with this.
    told: TempDir,
}

const BINARIES: &str = "binaries.json";
const PACKAGES: &str = "packages.json";

impl Built {
    /// Builds all of it.
    ///
    /// # Errors
    /// When it does not build.
    pub(super) fn new(root: &Path) -> Result<Self> {
        let told = tempfile::tempdir()?;
        let write = |name: &str, arguments: &[&str]| -> Result<()> {
            let mut command = cargo(root)?;
            command.args(arguments);
            Ok(fs::write(told.path().join(name), sh::output(command)?)?)
        };
        let list =
            ["nextest", "list", "--workspace", "--list-type", "binaries-only", "--message-format", "json"];
        write(BINARIES, &list)?;
        write(PACKAGES, &["metadata", "--format-version", "1"])?;
        build_program(root)?;
        Ok(Self { told })
    }
}

/// Runs tests in a tree of sources: as they were built, or built anew.
///
/// # Errors
/// When they cannot be built or started; a test that fails is an outcome.
pub(super) fn run<'a>(
    root: &Path,
    proofs: impl Iterator<Item = &'a Proof>,
    built: Option<&Built>,
) -> Result<Outcomes> {
    let (rust, browser): (Vec<&Proof>, Vec<&Proof>) = proofs.partition(|proof| proof.kind == Kind::Rust);
    let mut outcomes = BTreeMap::new();
    if !rust.is_empty() {
        outcomes.extend(by_nextest(root, &rust, built)?);
    }
    if !browser.is_empty() {
        if built.is_none() {
            build_program(root)?;
        }
        outcomes.extend(by_node(root, &browser)?);
    }
    Ok(outcomes)
}

/// cargo in a tree of sources: whatever its place, what it builds goes where this repository's goes.
fn cargo(root: &Path) -> Result<Command> {
    let mut command = Command::new("cargo");
    command.current_dir(root).env("CARGO_TARGET_DIR", sh::target()?).env("PATH", tools::path()?);
    Ok(command)
}

fn build_program(root: &Path) -> Result<()> {
    let mut build = cargo(root)?;
    build.args(["build", "--quiet", "--workspace", "--bins"]);
    sh::output(build).map(drop)
}

fn by_nextest(root: &Path, proofs: &[&Proof], built: Option<&Built>) -> Result<Outcomes> {
    let names: BTreeSet<&str> = proofs.iter().map(|proof| proof.name.as_str()).collect();
    let mut those = format!("test(/(^|::)({})$/)", names.into_iter().collect::<Vec<_>>().join("|"));
    let within = proofs.iter().all(|proof| proof.is_within());
    let mut command = cargo(root)?;
    command.args(["nextest", "run"]);
    match built {
        Some(Built { told }) => {
            command.arg("--binaries-metadata").arg(told.path().join(BINARIES));
            command.arg("--cargo-metadata").arg(told.path().join(PACKAGES));
            if within {
                those.insert_str(0, "kind(lib) & ");
            }
        }
        None => {
            command.arg("--workspace").args(within.then_some("--lib"));
        }
    }
    command.args([
        "--no-fail-fast",
        "--color",
        "never",
        "--status-level",
        "all",
        "--final-status-level",
        "none",
    ]);
    let output = command.args(["-E", &those]).output().context("cargo nextest cannot be started")?;
    let told = String::from_utf8_lossy(&output.stderr);
    let outcomes = from_nextest(&told);
    if outcomes.is_empty() {
        bail!("no test was run:\n{}", tail(&told));
    }
    Ok(outcomes)
}

/// Lines such as `PASS [   0.010s] (1/5) aops-gateway tokens::tests::a_token_serves`.
fn from_nextest(told: &str) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for line in told.lines() {
        let mut words = line.split_whitespace();
        let (Some(status), Some(path)) = (words.next(), words.next_back()) else { continue };
        let passed = match status {
            "PASS" | "LEAK" => true,
            "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" => false,
            signal if signal.starts_with("SIG") => false,
            _ => continue,
        };
        if !line.contains('[') {
            continue;
        }
        let name = path.rsplit("::").next().unwrap_or(path);
        // One name may stand in several modules: all of them must pass.
        *outcomes.entry(name.to_owned()).or_insert(true) &= passed;
    }
    outcomes
}

fn by_node(root: &Path, proofs: &[&Proof]) -> Result<Outcomes> {
    let files: BTreeSet<&str> = proofs.iter().map(|proof| proof.file.as_str()).collect();
    let mut command = Command::new("node");
    command.current_dir(root).env("AOPS", sh::binary("debug")?).args(["--test", "--test-reporter=tap"]);
    for proof in proofs {
        command.arg(format!("--test-name-pattern=/^{}$/", pattern(&proof.name)));
    }
    let Output { stdout, stderr, .. } = command.args(files).output().context("node cannot be started")?;
    let told = String::from_utf8_lossy(&stdout);
    let ended = from_tap(&told);
    if ended.is_empty() {
        bail!("no browser test was run:\n{}", tail(&String::from_utf8_lossy(&stderr)));
    }
    let mut outcomes = Outcomes::new();
    for proof in proofs {
        let mut cases = ended
            .iter()
            .filter(|(title, _)| matches(&proof.name, title))
            .map(|(_, passed)| *passed)
            .peekable();
        if cases.peek().is_some() {
            outcomes.insert(proof.name.clone(), cases.all(|passed| passed));
        }
    }
    Ok(outcomes)
}

/// Lines such as `ok 3 - p-gpc: …`, at any depth; what was skipped did not run.
fn from_tap(told: &str) -> Vec<(String, bool)> {
    let lines = told.lines().map(str::trim_start).filter(|line| !line.contains("# SKIP"));
    let ended = lines.filter_map(|line| {
        let (passed, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok ")?),
        };
        Some((rest.split_once(" - ")?.1.replace("\\#", "#"), passed))
    });
    ended.collect()
}

/// The parts of a title between what is filled in when it runs.
fn fixed_parts(title: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = title;
    while let Some((before, after)) = rest.split_once("${") {
        parts.push(before);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    parts.push(rest);
    parts
}

/// A title as a pattern of JavaScript.
fn pattern(title: &str) -> String {
    let escaped = |part: &str| {
        let escape = |c: char| if "\\^$.*+?()[]{}|/".contains(c) { format!("\\{c}") } else { c.to_string() };
        part.chars().map(escape).collect::<String>()
    };
    fixed_parts(title).into_iter().map(escaped).collect::<Vec<_>>().join(".*")
}

/// Whether a title that ran is of a test as it is written.
fn matches(written: &str, ran: &str) -> bool {
    let parts = fixed_parts(written);
    let [first, middle @ .., last] = parts.as_slice() else { return written == ran };
    let Some(mut rest) = ran.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

fn tail(told: &str) -> String {
    let lines: Vec<&str> = told.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runners_tell_is_read() {
        let told = "        PASS [   0.010s] (1/3) aops-gateway tokens::tests::p_a\n\
                    \x20       FAIL [   0.010s] (2/3) aops-gateway other::p_b\n\
                    \x20       PASS [   0.010s] (3/3) aops other::p_b\n     Summary [   0.1s] 3 tests run\n";
        assert_eq!(from_nextest(told), Outcomes::from([("p_a".into(), true), ("p_b".into(), false)]));
        let tap = "TAP version 13\n# Subtest: p-gpc: a\nok 1 - p-gpc: a\nnot ok 2 - p-x: /en/ asks\nok 3 - b # SKIP\n";
        assert_eq!(from_tap(tap), [("p-gpc: a".to_owned(), true), ("p-x: /en/ asks".to_owned(), false)]);
    }

    #[test]
    fn a_title_with_cases_is_found_again() {
        assert!(matches("p-x: ${path} asks ${how}", "p-x: /en/ asks twice"));
        assert!(!matches("p-x: ${path} asks", "p-x: /en/ waits"));
        assert!(matches("p-gpc: a", "p-gpc: a"));
        assert_eq!(pattern("p-x: ${path} (a)"), "p-x: .* \\(a\\)");
    }
}
