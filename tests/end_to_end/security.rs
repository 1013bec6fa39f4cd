//! `docs/security.md` names the tests that show what it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::REPOSITORY;

#[test]
fn each_test_that_the_security_page_names_is_there() {
    let page = fs::read_to_string(format!("{REPOSITORY}/docs/security.md")).unwrap();
    let mut known = BTreeSet::new();
    for folder in ["dataset", "engine", "gateway/src", "report/src", "tests", "typeset/src"] {
        gather(Path::new(&format!("{REPOSITORY}/{folder}")), &mut known);
    }
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |")) {
        let tests = line.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        for test in tests.split('`').map(str::trim).filter(|test| !test.is_empty()) {
            assert!(test.starts_with("cargo ") || known.contains(test), "no test is called {test}: {line}");
        }
        rows += 1;
    }
    assert!(rows > 40, "{rows} rows name a test");
}

/// Names of functions in Rust sources, and of files of browser tests.
fn gather(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name == "node_modules" || name == "target" {
            continue;
        }
        if path.is_dir() {
            gather(&path, known);
        } else if name.ends_with(".test.mjs") {
            known.insert(name);
        } else if name.ends_with(".rs") {
            let source = fs::read_to_string(&path).unwrap_or_default();
            let after = source.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            known.extend(after.map(str::to_owned));
        }
    }
}
