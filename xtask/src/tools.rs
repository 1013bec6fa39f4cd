//! What tests need beyond Rust: Debian packages, cargo tools, npm packages; installed once, outside the checkout.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::sh;

/// By program: the Debian package that brings it.
const DEBIAN: [(&str, &str); 12] = [
    ("chromium", "chromium"),
    ("curl", "curl"),
    ("jq", "jq"),
    ("nft", "nftables"),
    ("pebble", "pebble"),
    ("redis-server", "redis-server"),
    ("datefudge", "datefudge"),
    ("npm", "npm"),
    ("java", "default-jre-headless"),
    ("testssl", "testssl.sh"),
    ("slowhttptest", "slowhttptest"),
    ("pdftotext", "poppler-utils"),
];

/// From PyPI, each in a folder of its own with the program that is named among the tools. Versions are fixed: what they
/// play, ask or want decides tests. `localstripe` is a stateful stand-in for Stripe that we did not write, `schemathesis`
/// asks an API what its description allows and forbids, `moto_server` is a stand-in for a server that speaks S3; the others
/// test `clients/python`.
const PYTHON: [(&str, &[&str]); 6] = [
    ("moto_server", &["moto[server]==5.2.5"]),
    ("localstripe", &["localstripe==1.15.10"]),
    ("schemathesis", &["schemathesis==4.32.5"]),
    ("pytest", &["pytest==9.2.0", "httpx==0.28.1"]),
    ("mypy", &["mypy==2.4.1", "pytest==9.2.0", "httpx==0.28.1"]),
    ("ruff", &["ruff==0.17.6"]),
];

/// By program: the crate that brings it.
const CARGO: [(&str, &str); 2] = [("cargo-nextest", "cargo-nextest"), ("cargo-deny", "cargo-deny")];

/// Installs what is missing.
///
/// # Errors
/// When something is missing and cannot be installed, with what to install by hand.
pub(crate) fn install() -> Result<()> {
    debian()?;
    cargo()?;
    python()?;
    npm()
}

/// Where cargo tools are kept: the user's cache, put before the rest of the path.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is set.
pub(crate) fn folder() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("aops/tools"))
}

/// The path on which tools of [`folder`] are found.
///
/// # Errors
/// As [`folder`].
pub(crate) fn path() -> Result<std::ffi::OsString> {
    let own = folder()?.join("bin");
    let others = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(std::iter::once(own).chain(env::split_paths(&others)))?)
}

fn debian() -> Result<()> {
    let mut missing: Vec<&str> =
        DEBIAN.iter().filter(|(program, _)| !sh::has(program)).map(|(_, package)| *package).collect();
    // Debian keeps it apart from Python itself, and it is no program.
    if sh::run(sh::command("python3", &["-c", "import venv, ensurepip"])).is_err() {
        missing.push("python3-venv");
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !sh::has("apt-get") {
        bail!("install these first (Debian's names): {}", missing.join(" "));
    }
    let apt = |arguments: &[&str]| {
        let mut words = if sh::has("sudo") { vec!["sudo", "apt-get"] } else { vec!["apt-get"] };
        words.extend(arguments);
        let mut command = sh::command(words[0], &words[1..]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        sh::run(command)
    };
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments).with_context(|| format!("install these by hand: {}", missing.join(" ")))
}

fn cargo() -> Result<()> {
    let folder = folder()?;
    for (program, name) in CARGO {
        if sh::has(program) || folder.join("bin").join(program).exists() {
            continue;
        }
        let mut install = sh::command("cargo", &["install", "--quiet", "--locked", name, "--root"]);
        // A folder of its own, so that the tool's dependencies do not crowd ours.
        install.arg(&folder).env("CARGO_TARGET_DIR", folder.join("target"));
        sh::run(install)?;
    }
    // Sources of the tools are not needed again.
    let _ = std::fs::remove_dir_all(folder.join("target"));
    Ok(())
}

/// The programs of [`PYTHON`].
fn python() -> Result<()> {
    let folder = folder()?;
    for (program, packages) in PYTHON {
        let named = folder.join("bin").join(program);
        if named.exists() {
            continue;
        }
        let own = folder.join(program);
        sh::run(sh::command("python3", &["-m", "venv", &own.to_string_lossy()]))?;
        let pip = own.join("bin/pip");
        let mut install = sh::command(&pip.to_string_lossy(), &["install", "--quiet"]);
        install.args(packages);
        sh::run(install)?;
        std::fs::create_dir_all(folder.join("bin"))?;
        // Left over from a folder that was removed.
        let _ = std::fs::remove_file(&named);
        std::os::unix::fs::symlink(own.join("bin").join(program), named)?;
    }
    Ok(())
}

fn npm() -> Result<()> {
    let browser = sh::repository().join("tests/browser");
    let lock = browser.join("package-lock.json");
    let installed = browser.join("node_modules/.package-lock.json");
    let current = |path: &std::path::Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if current(&installed) >= current(&lock) && installed.exists() {
        return Ok(());
    }
    let mut install = sh::command("npm", &["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
    install.current_dir(browser);
    sh::run(install)
}
