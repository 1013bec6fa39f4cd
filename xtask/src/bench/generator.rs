//! The generator on a synthetic site: cold builds, builds with nothing to do, and the time from a save to the page
//! served; beside Zola and Hugo where `ZOLA` and `HUGO` name their binaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::Client;

use super::{PORTS, Running, median, wait_until_ready};
use crate::sh;

/// How often each whole command is timed; the median is told.
const ROUNDS: usize = 7;
/// Edits of a served site.
const EDITS: usize = 40;
const SMALL: usize = 1_000;
const LARGE: usize = 10_000;
/// A file system in memory, where there is one: the disk is not what is measured.
const MEMORY: &str = "/dev/shm";

/// Measures all of it.
///
/// # Errors
/// When something cannot be built or started.
pub(super) fn run() -> Result<()> {
    let scratch = match Path::new(MEMORY).is_dir() {
        true => tempfile::tempdir_in(MEMORY)?,
        false => tempfile::tempdir()?,
    };
    let aops = sh::binary("release")?;
    let mut cold = Vec::new();
    println!(
        "\n| build of a synthetic site, --plain, output in memory | median of {ROUNDS} | memory |\n| --- | --- | --- |"
    );
    for pages in [SMALL, LARGE] {
        let root = corpus(scratch.path(), pages, "")?;
        let build = || command(&aops, &["build", "--plain", "--root"], &root);
        let (time, memory) = rounds(&build, || {
            let _ = fs::remove_dir_all(root.join(".cache"));
        })?;
        println!("| {pages} pages, cold | {:.3} s | {memory} MB |", time.as_secs_f64());
        let (same, memory) = rounds(&build, || ())?;
        println!("| {pages} pages, nothing changed | {:.3} s | {memory} MB |", same.as_secs_f64());
        cold.push(time.as_secs_f64());
        for (variable, name) in [("ZOLA", "zola"), ("HUGO", "hugo")] {
            if let Ok(binary) = std::env::var(variable) {
                other(&binary, name, scratch.path(), pages, time)?;
            }
        }
    }
    println!("| growth exponent from {SMALL} to {LARGE} pages | {:.2} | |", (cold[1] / cold[0]).log10());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(edits(&aops, &scratch.path().join(format!("{LARGE}"))))
}

/// The same pages by another generator.
fn other(binary: &str, name: &str, scratch: &Path, pages: usize, ours: Duration) -> Result<()> {
    let root = corpus(scratch, pages, name)?;
    let build = || {
        let mut build = sh::command("/usr/bin/time", &["-f", "%M", binary]);
        build
            .args(if name == "zola" { ["build", "--force"].as_slice() } else { &["--quiet"] })
            .current_dir(&root);
        build
    };
    let (time, memory) = rounds(&build, || {
        let _ = fs::remove_dir_all(root.join("public"));
    })?;
    let ratio = time.as_secs_f64() / ours.as_secs_f64();
    println!("| {pages} pages, {name} | {:.3} s ({ratio:.0} × ours) | {memory} MB |", time.as_secs_f64());
    Ok(())
}

/// From a save to the page served, over TLS, at the large site.
async fn edits(aops: &Path, root: &Path) -> Result<()> {
    let data = tempfile::tempdir()?;
    let mut serve = sh::command(&aops.to_string_lossy(), &["serve", "--watch", "--root"]);
    serve.arg(root);
    let _server = Running::serve(serve, data.path())?;
    wait_until_ready(&PORTS)?;
    let client = Client::builder().tls_danger_accept_invalid_certs(true).build()?;
    let page = |number: usize| (root.join(format!("content/fr/s{}/p{number}.md", number % 10)), number);
    let mut times = Vec::with_capacity(EDITS);
    for round in 0..EDITS {
        let (file, number) = page((round * 7_919 + 13) % LARGE);
        let mark = format!("marque-{round}");
        let text = fs::read_to_string(&file)?;
        let saved = Instant::now();
        fs::write(&file, format!("{text}\n{mark}\n"))?;
        times.push(until(&client, &format!("/s{}/p{number}/", number % 10), &mark, saved).await?);
        fs::write(&file, text)?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    times.sort_unstable();
    println!(
        "\n| {LARGE} pages, from a save to the page served | median | slowest of {EDITS} |\n| --- | --- | --- |"
    );
    println!("| one page | {:.1?} | {:.1?} |", times[EDITS / 2], times[EDITS - 1]);
    let template = root.join("themes/bench/templates/page.html");
    let text = fs::read_to_string(&template)?;
    let saved = Instant::now();
    fs::write(&template, text.replace("<h1>", "<h1 class=\"marque\">"))?;
    println!(
        "| the template of all | {:.1?} | |",
        until(&client, "/s1/p1/", "class=\"marque\"", saved).await?
    );
    Ok(())
}

async fn until(client: &Client, path: &str, mark: &str, saved: Instant) -> Result<Duration> {
    let url = format!("https://localhost:18443{path}");
    while saved.elapsed() < Duration::from_secs(30) {
        let html = client.get(&url).send().await?.text().await?;
        if html.contains(mark) {
            return Ok(saved.elapsed());
        }
    }
    bail!("{url} was never served with {mark}")
}

/// A synthetic site of so many pages, ours or for another generator.
pub(super) fn corpus(scratch: &Path, pages: usize, other: &str) -> Result<PathBuf> {
    let root = scratch.join(format!("{other}{pages}"));
    let maker = sh::binary("release")?.with_file_name("examples").join("corpus");
    let mut make = sh::command(&maker.to_string_lossy(), &[]);
    make.arg(&root).arg(pages.to_string()).arg(other);
    sh::output(make)?;
    Ok(root)
}

fn command(aops: &Path, arguments: &[&str], root: &Path) -> std::process::Command {
    let mut command = sh::command("/usr/bin/time", &["-f", "%M"]);
    command.arg(aops).args(arguments).arg(root);
    command
}

/// The median time of a whole process, and its memory in megabytes (GNU time prints it last).
fn rounds(build: &dyn Fn() -> std::process::Command, before: impl Fn()) -> Result<(Duration, u64)> {
    let mut times = Vec::with_capacity(ROUNDS);
    let mut memory = 0;
    for _ in 0..ROUNDS {
        before();
        let started = Instant::now();
        let output = build().output().context("Debian's package `time` is needed")?;
        times.push(started.elapsed());
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            bail!("a build failed: {told}");
        }
        let kilobytes = told.lines().next_back().and_then(|line| line.trim().parse::<u64>().ok());
        memory = memory.max(kilobytes.unwrap_or_default() / 1024);
    }
    Ok((median(times), memory))
}

/// Records where the cold build of the large site spends its time, as a flame graph.
///
/// # Errors
/// `perf` or `inferno-flamegraph` is missing.
pub(super) fn flame() -> Result<()> {
    for (program, from) in [("perf", "Debian's linux-perf"), ("inferno-flamegraph", "cargo install inferno")]
    {
        if !sh::has(program) {
            bail!("{program} is missing: {from}");
        }
    }
    let scratch = tempfile::tempdir()?;
    let root = corpus(scratch.path(), LARGE, "")?;
    let data = scratch.path().join("perf.data");
    let mut record =
        sh::command("perf", &["record", "--quiet", "--call-graph", "dwarf,16384", "-F", "499", "-o"]);
    record.arg(&data).arg(sh::binary("release")?).args(["build", "--plain", "--root"]).arg(&root);
    sh::run(record)?;
    let graph = sh::repository().join("target/build.svg");
    let script = format!(
        "perf script -i '{}' | inferno-collapse-perf | inferno-flamegraph > '{}'",
        data.display(),
        graph.display()
    );
    sh::run(sh::command("sh", &["-c", &script]))?;
    println!("  {}", graph.display());
    Ok(())
}
