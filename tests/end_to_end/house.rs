//! The invariants of the house that can be checked: who may depend on whom, and one cryptographic stack.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::REPOSITORY;

/// By crate: the crates of ours that it may use.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("manifest", &[]),
    ("dataset", &["engine"]),
    ("engine", &[]),
    ("pictures", &[]),
    ("generator", &["manifest", "pictures", "search"]),
    ("report", &["engine", "typeset"]),
    ("search", &[]),
    ("typeset", &[]),
    ("gateway", &["dataset", "engine", "manifest", "report", "search"]),
    ("xtask", &["engine"]),
];

#[test]
fn crates_use_only_the_crates_that_they_may() {
    for (name, allowed) in ALLOWED {
        let manifest = fs::read_to_string(format!("{REPOSITORY}/{name}/Cargo.toml")).unwrap();
        let used: BTreeSet<&str> = manifest
            .lines()
            .take_while(|line| *line != "[dev-dependencies]")
            .filter_map(|line| line.strip_prefix("aops-")?.split(['.', ' ']).next())
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(used.is_subset(&allowed), "{name} may use {allowed:?}, not {used:?}");
    }
}

#[test]
fn the_engine_asks_neither_the_system_nor_the_clock() {
    let mut looked_at = 0;
    for path in sources("engine/src") {
        let source = fs::read_to_string(&path).unwrap();
        for forbidden in [
            "std::fs",
            "std::net",
            "std::env",
            "std::time",
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "::now()",
        ] {
            assert!(!source.contains(forbidden), "{path} uses {forbidden}");
        }
        looked_at += 1;
    }
    assert!(looked_at > 5);
}

#[test]
fn the_edge_and_the_ports_know_no_feature() {
    const FEATURES: [&str; 6] = ["accounts", "checkout", "calculations", "newsletter", "contact", "staff"];
    let mut looked_at = 0;
    for folder in ["gateway/src/edge", "gateway/src/store", "gateway/src/mail"] {
        for path in sources(folder) {
            let source = fs::read_to_string(&path).unwrap();
            for feature in FEATURES {
                assert!(!source.contains(&format!("crate::{feature}")), "{path} knows {feature}");
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 10);
}

#[test]
fn a_file_gets_its_name_in_one_place_that_brings_it_to_the_disk() {
    // A socket is made anew at each start; the sandbox tries what is allowed.
    const OTHERS: [&str; 3] = ["files.rs", "staff/socket.rs", "sandbox/mod.rs"];
    let mut looked_at = 0;
    for path in sources("gateway/src").into_iter().chain(sources("src/admin")) {
        let renames = fs::read_to_string(&path).unwrap().contains("fs::rename(");
        assert!(!renames || OTHERS.iter().any(|other| path.ends_with(other)), "{path}: use files::rename");
        looked_at += 1;
    }
    assert!(looked_at > 100);
}

/// Proves p-purpose-calc, p-no-own-use.
#[test]
fn what_clients_load_is_read_by_calculations_alone() {
    // Declarations, routes, the bound on how many are read at once, and deletion, which reads nothing.
    const NAMED: [&str; 11] = [
        "Drafts", "DRAFT", "KEPT", "Retained", "SHAPES", "Turns", "UPLOAD", "Uploads", "end_all", "routes",
        "datasets",
    ];
    let mut looked_at = 0;
    for path in sources("gateway/src") {
        if ["/datasets/", "/calculations/"].iter().any(|own| path.contains(own)) {
            continue;
        }
        for named in fs::read_to_string(&path).unwrap().split("datasets::").skip(1) {
            let named: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(NAMED.contains(&named.as_str()), "{path} takes `{named}` of clients' data");
            looked_at += 1;
        }
    }
    assert!(looked_at > 3);
}

/// Proves p-subprocessor-terms.
#[test]
fn what_is_called_is_called_through_one_door() {
    // What plays a processor in tests is called by them.
    const OTHERS: [&str; 2] = ["outbound.rs", "localstripe.rs"];
    let mut looked_at = 0;
    for path in sources("gateway/src") {
        let source = fs::read_to_string(&path).unwrap();
        let working = source.split("#[cfg(test)]").next().unwrap();
        let calls = ["Client::builder()", "reqwest::Client::new", "reqwest::get"];
        let free = OTHERS.iter().any(|other| path.ends_with(other)) || path.contains("tests");
        assert!(free || !calls.iter().any(|call| working.contains(call)), "{path}: use outbound::Gate");
        looked_at += 1;
    }
    assert!(looked_at > 100);
}

#[test]
fn there_is_one_cryptographic_stack() {
    for unwanted in ["ring", "openssl-sys", "native-tls"] {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--workspace", "--offline", "--edges", "normal,build", "--invert", unwanted])
            .current_dir(REPOSITORY)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&tree.stdout);
        assert!(told.trim().is_empty(), "{unwanted} came in:\n{told}");
    }
    // A question that cargo cannot answer would look the same as a good answer.
    let known = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--offline", "--edges", "normal,build", "--invert", "rustls"])
        .current_dir(REPOSITORY)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&known.stdout).contains("aops-gateway"));
}

#[test]
fn the_readme_names_the_two_commands() {
    let readme = fs::read_to_string(format!("{REPOSITORY}/README.md")).unwrap();
    for command in ["cargo run --release -- serve", "cargo xtask test"] {
        assert!(readme.contains(command), "{command}");
    }
}

fn sources(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![format!("{REPOSITORY}/{folder}")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path().display().to_string();
            if fs::metadata(&path).unwrap().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found
}
