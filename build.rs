//! Puts the digest of the sources into the program, so that it can say which it was built from.

use std::path::PathBuf;

#[path = "xtask/src/sources.rs"]
mod sources;

fn main() -> std::io::Result<()> {
    // Asked when it runs: one that was compiled in another checkout may be run in this one.
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    for part in sources::parts(&root) {
        println!("cargo::rerun-if-changed={}", part.display());
    }
    println!("cargo::rustc-env=AOPS_SOURCES={}", sources::digest(&root)?);
    Ok(())
}
