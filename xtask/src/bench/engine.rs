//! Calculations, beside the same work in numpy where pip has it.

use anyhow::Result;

use crate::sh;

/// Runs both; without Python or numpy the engine runs alone.
///
/// # Errors
/// The engine's benchmark cannot be built.
pub(super) fn run() -> Result<()> {
    sh::run(sh::command("cargo", &["bench", "--workspace", "--bench", "speed"]))?;
    let home = sh::binary("peers")?.with_file_name("python");
    let python = home.join("bin/python");
    let (home, python) = (home.to_string_lossy(), python.to_string_lossy());
    let ready = sh::run(sh::command("python3", &["-m", "venv", &home]))
        .and_then(|()| sh::run(sh::command(&python, &["-m", "pip", "install", "--quiet", "numpy"])));
    if let Err(error) = ready {
        println!("the peers in numpy are left out: {error}");
        return Ok(());
    }
    sh::run(sh::command(&python, &["engine/benches/peers.py"]))
}
