//! The tests that bear promises, found in the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders in which there are tests of Rust.
const RUST: [&str; 10] = [
    "dataset",
    "engine",
    "gateway",
    "generator",
    "manifest",
    "report",
    "src",
    "tests/end_to_end",
    "typeset",
    "xtask",
];
/// The folder of those in a browser.
const BROWSER: &str = "tests/browser";
/// How a comment says that its test proves more than its name.
const MARK: &str = "Proves p-";

/// What runs a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Rust,
    Browser,
}

/// One test and the promises that it bears.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proof {
    pub(super) kind: Kind,
    /// The function's name, or the title in a browser's test (with `${…}` as it is written).
    pub(super) name: String,
    /// From the repository's root.
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) promises: BTreeSet<String>,
}

impl Proof {
    /// Whether it stands within a library, so that no program has to be built for it.
    pub(super) fn is_within(&self) -> bool {
        self.kind == Kind::Rust && self.file.contains("/src/")
    }
}

/// Every test that bears a promise, and what is wrong with those that should.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    pub(super) proofs: Vec<Proof>,
    pub(super) strays: Vec<String>,
}

/// Reads all sources.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn all(root: &Path, ids: &BTreeSet<String>) -> Result<Proofs> {
    let mut proofs = Proofs::default();
    for folder in RUST {
        for file in files(&root.join(folder), "rs")? {
            proofs.read(root, &file, ids, Kind::Rust)?;
        }
    }
    for file in files(&root.join(BROWSER), "test.mjs")? {
        proofs.read(root, &file, ids, Kind::Browser)?;
    }
    proofs.proofs.sort();
    Ok(proofs)
}

impl Proofs {
    fn read(&mut self, root: &Path, file: &Path, ids: &BTreeSet<String>, kind: Kind) -> Result<()> {
        let source = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
        let tests = match kind {
            Kind::Rust => rust(&source),
            Kind::Browser => browser(&source),
        };
        for test in tests {
            let (promises, unknown) = test.promises(kind, ids);
            let place = format!("{name}:{}", test.line);
            self.strays.extend(
                unknown.into_iter().map(|id| format!("{place}: a test names `{id}`, which is no promise")),
            );
            if !promises.is_empty() {
                self.proofs.push(Proof {
                    kind,
                    name: test.name,
                    file: name.clone(),
                    line: test.line,
                    promises,
                });
            }
        }
        Ok(())
    }
}

/// A test as it stands in a source.
#[derive(Debug, Default)]
struct Test {
    name: String,
    line: usize,
    /// The lines of its comment.
    comment: Vec<String>,
}

impl Test {
    /// The promises that it bears, and the names that it gives which are none.
    fn promises(&self, kind: Kind, ids: &BTreeSet<String>) -> (BTreeSet<String>, Vec<String>) {
        let (mut promises, mut unknown) = (BTreeSet::new(), Vec::new());
        let named = match kind {
            Kind::Rust => self.name.starts_with("p_").then(|| self.name.replace('_', "-")),
            Kind::Browser => self.name.starts_with("p-").then(|| self.name.clone()),
        };
        if let Some(named) = named {
            let begins = |id: &&String| {
                named
                    .strip_prefix(id.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':']))
            };
            match ids.iter().filter(begins).max_by_key(|id| id.len()) {
                Some(id) => drop(promises.insert(id.clone())),
                None => unknown.push(self.name.clone()),
            }
        }
        for line in self.comment.iter().filter(|line| line.contains(MARK)) {
            for word in
                line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|w| w.starts_with("p-"))
            {
                if ids.contains(word) {
                    promises.insert(word.to_owned());
                } else {
                    unknown.push(word.to_owned());
                }
            }
        }
        (promises, unknown)
    }
}

/// Functions that an attribute makes a test.
fn rust(source: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    let (mut comment, mut is_test) = (Vec::new(), false);
    for (index, line) in source.lines().enumerate() {
        let line = line.trim();
        if let Some(words) = line.strip_prefix("///").or_else(|| line.strip_prefix("//")) {
            comment.push(words.to_owned());
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            let name =
                line.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
            if let Some(name) = name.filter(|_| is_test) {
                tests.push(Test {
                    name: name.to_owned(),
                    line: index + 1,
                    comment: std::mem::take(&mut comment),
                });
            }
            comment.clear();
            is_test = false;
        }
    }
    tests
}

/// Calls of node's `test` whose title stands on the same line.
fn browser(source: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    let mut comment = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let line = line.trim();
        if let Some(words) = line.strip_prefix("//") {
            comment.push(words.to_owned());
            continue;
        }
        if let Some(rest) = line.strip_prefix("test(") {
            let quote = rest.chars().next().filter(|c| "'\"`".contains(*c));
            if let Some((name, _)) = quote.and_then(|quote| rest[1..].split_once(quote)) {
                tests.push(Test {
                    name: name.to_owned(),
                    line: index + 1,
                    comment: std::mem::take(&mut comment),
                });
            }
        }
        // A comment above a loop over cases is that of the test within.
        if !line.starts_with("for ") && !line.ends_with("=> {") {
            comment.clear();
        }
    }
    tests
}

/// The files of a folder, and of those in it, whose name ends so; none where there is no folder.
fn files(folder: &Path, ends: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" {
            found.extend(files(&path, ends)?);
        } else if name.ends_with(&format!(".{ends}")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> BTreeSet<String> {
        ["p-consent-proof", "p-gpc", "p-rights", "p-rights-forward"].map(str::to_owned).into()
    }

    #[test]
    fn a_name_and_a_comment_bear_promises_and_what_is_none_is_told() {
        let source = "/// Proves p-gpc, p-rights.\n#[tokio::test]\nasync fn p_rights_forward_at_once() {}\n\
                      // Proves p-nothing.\n#[test]\nfn other() {}\n#[test]\nfn p_value() {}\nfn p_none(&self) {}\n";
        let tests = rust(source);
        let told: Vec<_> = tests.iter().map(|test| test.promises(Kind::Rust, &ids())).collect();
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(told[0], (set(&["p-gpc", "p-rights", "p-rights-forward"]), vec![]));
        assert_eq!(told[1], (set(&[]), vec!["p-nothing".to_owned()]));
        assert_eq!(told[2], (set(&[]), vec!["p_value".to_owned()]));
        assert_eq!(told.len(), 3);
    }

    #[test]
    fn titles_of_browser_tests_are_read_with_the_comment_of_their_loop() {
        let source = "// Proves p-gpc.\nfor (const path of paths) {\n  test(`p-consent-proof: ${path} asks`, async () => {\n  });\n}\n\
                      test('nothing', async () => {\n";
        let tests = browser(source);
        assert_eq!(tests[0].name, "p-consent-proof: ${path} asks");
        assert_eq!(tests[0].promises(Kind::Browser, &ids()).0.len(), 2);
        assert!(tests[1].promises(Kind::Browser, &ids()).0.is_empty());
    }
}
