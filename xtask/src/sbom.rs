//! `cargo xtask sbom FILE`: the components of the built binary as CycloneDX, as its evidence packs have them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::sh;

/// Writes the file.
///
/// # Errors
/// When the binary cannot be built, or the file not written.
pub(crate) fn write(file: &Path) -> Result<()> {
    sh::output(sh::command("cargo", &["build", "--quiet", "--workspace", "--bins"]))?;
    let mut told = std::process::Command::new(sh::binary("debug")?);
    told.arg("components");
    let components = sh::output(told)?;
    fs::write(file, components).with_context(|| file.display().to_string())?;
    println!("{}", file.display());
    Ok(())
}
