//! The fuzz targets of the generator, of the engine, of the readers of data sets and of the edge, a fixed time each, by
//! libFuzzer and the compiler's own coverage.

use anyhow::Result;

use crate::sh;

/// By folder: the targets.
const TARGETS: [(&str, &[&str]); 4] = [
    ("generator/fuzz", &["front_matter", "links", "shortcodes", "typography"]),
    (
        "engine/fuzz",
        &[
            "courbe",
            "ifc",
            "medailles",
            "mortalite",
            "prevoyance",
            "provisionnement",
            "rente",
            "retraite",
            "sante",
        ],
    ),
    ("dataset/fuzz", &["delimited", "mapping", "workbook"]),
    (
        "gateway/fuzz",
        &[
            "accept_encoding",
            "authority",
            "cookies",
            "forwarded",
            "frames",
            "framing",
            "proxy_protocol",
            "range",
        ],
    ),
];
/// Seconds for each target.
const TIME: u32 = 60;
/// What `cargo fuzz` passes to the compiler without a sanitizer: it works on stable Rust.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";

/// Runs every target from its corpus; what breaks one is kept beside the corpus, to be mended and added to it.
///
/// # Errors
/// A target broke.
pub(crate) fn run() -> Result<()> {
    TARGETS.iter().try_for_each(|(folder, targets)| folder_of(folder, targets))
}

fn folder_of(folder: &str, targets: &[&str]) -> Result<()> {
    let fuzz = sh::repository().join(folder);
    let scratch = tempfile::tempdir()?;
    let target = sh::binary("fuzz")?.with_file_name("targets");
    // A target triple keeps the flags away from build scripts.
    let triple = host()?;
    let mut build = sh::command("cargo", &["build", "--release", "--bins", "--target", &triple]);
    build.current_dir(&fuzz).env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &target);
    sh::run(build)?;
    for name in targets {
        let found = scratch.path().join(name);
        std::fs::create_dir_all(&found)?;
        let binary = target.join(&triple).join("release").join(name);
        let mut fuzzer = sh::command(&binary.to_string_lossy(), &[&format!("-max_total_time={TIME}")]);
        fuzzer.arg("-rss_limit_mb=2048").arg("-timeout=5").arg("-verbosity=0").arg("-print_final_stats=1");
        fuzzer.arg(format!("-artifact_prefix={}/", fuzz.join("corpus").join(name).display()));
        fuzzer.arg(found).arg(fuzz.join("corpus").join(name));
        sh::run(fuzzer)?;
    }
    Ok(())
}

fn host() -> Result<String> {
    let told = sh::output(sh::command("rustc", &["-vV"]))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    anyhow::Context::context(host.map(str::to_owned), "rustc tells no host")
}
