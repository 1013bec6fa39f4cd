//! Calculations, beside the same work in Python where pip has its packages.

use anyhow::Result;

use crate::sh;

/// By benchmark of the engine: the program that does the same, and what it needs of pip.
const PEERS: [(&str, &str, &[&str]); 2] = [
    ("speed", "engine/benches/peers.py", &["numpy"]),
    ("statistics", "engine/benches/statistics_peers.py", &["chainladder", "statsmodels"]),
];

/// Runs each benchmark and its peer; without Python or its packages the engine runs alone.
///
/// # Errors
/// A benchmark of the engine cannot be built.
pub(super) fn run() -> Result<()> {
    let home = sh::binary("peers")?.with_file_name("python");
    let python = home.join("bin/python");
    let (home, python) = (home.to_string_lossy(), python.to_string_lossy());
    for (bench, peer, packages) in PEERS {
        sh::run(sh::command("cargo", &["bench", "--workspace", "--bench", bench]))?;
        let ready = sh::run(sh::command("python3", &["-m", "venv", &home])).and_then(|()| {
            let mut pip = sh::command(&python, &["-m", "pip", "install", "--quiet"]);
            pip.args(packages);
            sh::run(pip)
        });
        match ready {
            Ok(()) => sh::run(sh::command(&python, &[peer]))?,
            Err(error) => println!("the peers of {bench} are left out: {error}"),
        }
    }
    Ok(())
}
