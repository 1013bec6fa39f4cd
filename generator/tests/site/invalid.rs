//! Each broken site of `fixtures/sites_invalid` is told as its snapshot says.

use std::fs;
use std::path::Path;

use aops_generator::{Diagnostics, build};

use crate::support::{built, config, fixtures, options, site};

#[test]
fn every_broken_site_is_told_as_expected() {
    let mut names: Vec<_> = fs::read_dir(fixtures().join("sites_invalid"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 40);
    for name in names {
        let root = site(Some(&fixtures().join("sites_invalid").join(&name)));
        let faults = wholly_built(root.path()).expect_err(&name);
        insta::assert_snapshot!(name.as_str(), faults);
        assert!(!root.path().join("public").exists(), "{name} left an output");
    }
}

/// A build that makes pictures too.
fn wholly_built(root: &Path) -> Result<(), Diagnostics> {
    let mut options = options(root);
    (options.plain, options.uncompressed) = (false, true);
    build(&config(root)?, &options).map(drop)
}

#[test]
fn faults_are_data_too() {
    let root = site(Some(&fixtures().join("sites_invalid/broken_link")));
    let faults = built(root.path()).unwrap_err();
    insta::assert_json_snapshot!("broken_link_json", faults);
}
