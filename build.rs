//! Puts the digest of the sources into the program, so that it can say which it was built from.

use std::path::Path;

#[path = "xtask/src/sources.rs"]
mod sources;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in sources::parts(root) {
        println!("cargo::rerun-if-changed={}", part.display());
    }
    println!("cargo::rustc-env=AOPS_SOURCES={}", sources::digest(root)?);
    Ok(())
}
