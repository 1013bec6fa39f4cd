//! What the pages must say, and what the generator tells editors, through the command.

use std::fs;

use crate::support::{AOPS, Gateway, REPOSITORY, run_with, scratch_root};
use std::process::Command;

/// Every promise of the privacy policy, in the order of the page.
const PROMISES: [&str; 0] = [];

#[test]
fn the_repositorys_own_site_has_no_fault() {
    let root = scratch_root();
    let mut check = Command::new(AOPS);
    check.args(["check", "--json", "--root"]).arg(root.path());
    let output = run_with(check, "");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
