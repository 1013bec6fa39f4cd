//! `cargo xtask test`: everything that must hold before a change lands, cheapest first.

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::{figures, fuzz, hostile, promises, sh, soak, tools};

/// The longest that one file of browser tests may take; the slowest takes three minutes, and a quarter of an hour
/// with `--slow`.
const BROWSER_FILE_PATIENCE: Duration = Duration::from_secs(20 * 60);

/// The features that a service chooses; one build has them all.
const OFF_BY_DEFAULT: &str = "http3,otlp";

/// Promises that are broken with one build.
const TOGETHER: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Runs every check; the first that fails ends it.
///
/// # Errors
/// What failed.
pub(crate) fn run(slow: bool) -> Result<()> {
    tools::install()?;
    sh::run(cargo(&["fmt", "--all", "--check"])?)?;
    sh::run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?)?;
    deny()?;
    figures::run(true)?;
    let mut tests = cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])?;
    if slow {
        // Loops of kills and of random cases grow with it.
        tests.env("AOPS_TEST_SLOW", "1").env("PROPTEST_CASES", "4096");
    }
    sh::run(tests)?;
    // Their tests have just run, or run with the browsers.
    promises::run(&promises::Asked { gaps_told: true, ..promises::Asked::default() })?;
    // What is off by default is held to the same.
    sh::run(cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        OFF_BY_DEFAULT,
        "--",
        "-D",
        "warnings",
    ])?)?;
    let those = "test(http3) | test(otlp)";
    sh::run(cargo(&["nextest", "run", "--workspace", "--features", OFF_BY_DEFAULT, "-E", those])?)?;
    sh::run(cargo(&["test", "--workspace", "--doc", "--quiet"])?)?;
    browser(slow)?;
    if slow {
        hostile::run(None)?;
        fuzz::run()?;
        // Of the build that browsers just drove.
        soak::run(5, "debug")?;
        let mutate = Some(promises::Mutate { only: Vec::new(), together: TOGETHER });
        promises::run(&promises::Asked { mutate, ..promises::Asked::default() })?;
    }
    println!("\nEverything passed.");
    Ok(())
}

/// Licences, bans and sources always; advisories where their database can be fetched.
fn deny() -> Result<()> {
    sh::run(cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"])?)?;
    let database = cargo(&["deny", "fetch", "db"])?.output()?;
    if database.status.success() {
        return sh::run(cargo(&["deny", "check", "advisories"])?);
    }
    println!("  advisories were NOT checked: the RustSec database cannot be fetched from here");
    Ok(())
}

/// Journeys in real Chromium against the binary just built, by node's own test runner.
fn browser(slow: bool) -> Result<()> {
    // As the tests before: another choice of packages has other features, and compiles everything anew.
    sh::run(cargo(&["build", "--workspace", "--bins"])?)?;
    // What stands still is a failure that names its file, not a wait without end.
    let patience = format!("--test-timeout={}", BROWSER_FILE_PATIENCE.as_millis());
    let mut node = sh::command("node", &["--test", "--test-reporter=spec", &patience, "tests/browser/"]);
    node.env("AOPS", sh::binary("debug")?);
    if slow {
        // Every kind of page by Lighthouse, every look by axe.
        node.env("AOPS_TEST_SLOW", "1");
    }
    sh::run(node)
}

fn cargo(arguments: &[&str]) -> Result<Command> {
    let mut command = sh::command("cargo", arguments);
    command.env("PATH", tools::path()?);
    Ok(command)
}
