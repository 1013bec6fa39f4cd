//! Allocations a request, counted: those of the gateway beside those of hyper alone.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{BARE, H1, H2, OURS, PAGE, example, pinned, site};
use crate::bench::{PORTS, Running, wait_for, wait_until_ready};
use crate::sh;

const COUNTED: &str = "count-allocations";

/// Prints the table.
///
/// # Errors
/// When something cannot be built or started.
pub(in crate::bench) fn run() -> Result<()> {
    let counting = ["build", "--release", "--workspace", "--bins", "--examples", "--features", COUNTED];
    sh::run(sh::command("cargo", &counting))?;
    let scratch = tempfile::tempdir()?;
    let root = site(scratch.path())?;
    let aops = sh::binary("release")?;
    let mut ours = pinned(&aops);
    ours.arg("serve").arg("--root").arg(&root);
    let _ours = Running::serve(ours, &scratch.path().join("data"))?;
    wait_until_ready(&PORTS)?;
    let tls = scratch.path().join("data/tls");
    let mut bare = pinned(&example(&aops, "bare"));
    bare.arg(format!("127.0.0.1:{BARE}")).args([tls.join("localhost.pem"), tls.join("localhost.key")]);
    bare.arg(root.join("public/themes/index.html")).stdout(Stdio::piped());
    let mut bare = Running::start(&mut bare)?;
    let mut told = BufReader::new(bare.0.stdout.take().context("it tells nothing")?).lines();
    wait_for(&format!("127.0.0.1:{BARE}"))?;
    // It tells its count whenever somebody connects.
    let mut of_bare = || -> Result<f64> { Ok(told.next().context("it ended")??.parse()?) };
    of_bare()?;
    println!("\n| work | allocations a request | hyper alone |\n| --- | --- | --- |");
    for (name, client, connections) in [("10 kB page, h1", H1, 64), ("10 kB page, h2", H2, 16)] {
        let before = ours_count()?;
        let asked = load(client, OURS)?;
        let ours = (ours_count()? - before) / asked;
        let before = of_bare_now(&mut of_bare)?;
        let asked = load(client, BARE)?;
        for _ in 0..connections {
            of_bare()?;
        }
        let bare = (of_bare_now(&mut of_bare)? - before) / asked;
        println!("| {name} | {ours:.2} | {bare:.2} |");
    }
    Ok(())
}

fn of_bare_now(count: &mut impl FnMut() -> Result<f64>) -> Result<f64> {
    wait_for(&format!("127.0.0.1:{BARE}"))?;
    count()
}

fn ours_count() -> Result<f64> {
    let told = Command::new("curl").args(["-s", "http://127.0.0.1:19090/metrics"]).output()?.stdout;
    let told = String::from_utf8_lossy(&told).into_owned();
    let count = told.lines().find_map(|line| line.strip_prefix("allocations_total "));
    Ok(count.context("no allocations_total among the metrics")?.parse()?)
}

/// How many requests the client made.
fn load(client: &[&str], port: u16) -> Result<f64> {
    let mut command = sh::command("taskset", &["-c", "1"]);
    command.args(client).arg(format!("https://localhost:{port}{PAGE}"));
    let told = String::from_utf8_lossy(&command.output()?.stdout).into_owned();
    let made = told.lines().find_map(|line| {
        let line = line.trim();
        line.split_once(" requests in ").map(|(made, _)| made).or_else(|| {
            let (_, rest) = line.strip_prefix("requests:")?.split_once(" started, ")?;
            rest.split(' ').next()
        })
    });
    Ok(made.with_context(|| format!("the client told no count:\n{told}"))?.parse()?)
}
