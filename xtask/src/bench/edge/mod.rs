//! The gateway beside nginx and beside hyper alone, each on one processor and the client on another, in turns of the
//! same run; then what it holds and how fast it starts.

pub(super) mod allocations;
mod alone;
mod client;
mod nginx;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use self::client::{Measured, Work};
use super::{BESIDE, PORTS, Running, wait_for, wait_until_ready};
use crate::sh;

const ROUNDS: usize = 3;
const OURS: u16 = PORTS.https;
const BARE: u16 = 18445;
/// Blocks of the list that stands in front of every request.
const BLOCKS: u32 = 1_000_000;

const H1: &[&str] = &["wrk", "-t1", "-c64", "-d4s", "--latency"];
const H2: &[&str] = &["h2load", "-t1", "-c16", "-m10", "-D4"];
const PAGE: &str = "/themes/";

/// What is measured beside nginx; `ours` and `theirs` are the page's tags.
fn works(ours: &str, theirs: &str) -> Vec<Work> {
    let [ours, theirs] = [ours, theirs].map(|tag| format!("if-none-match: {tag}"));
    vec![
        Work::new("10 kB page, h1, 64 connections", H1, PAGE),
        Work::new("10 kB page, h2, 16 × 10 streams", H2, PAGE),
        Work::new("the same in brotli (stored), h1", H1, PAGE).field("accept-encoding: br"),
        Work::new("the same in brotli (stored), h2", H2, PAGE).field("accept-encoding: br"),
        Work::new("304, h1", H1, PAGE).fields(&ours, &theirs),
        Work::new("304, h2", H2, PAGE).fields(&ours, &theirs),
        Work::new("404, h1", H1, "/nowhere/"),
        Work::new("404, h2", H2, "/nowhere/"),
        Work::new(
            "new TLS 1.3 connections",
            &["openssl", "s_time", "-new", "-tls1_3", "-time", "4", "-connect"],
            "",
        ),
    ]
}

/// Prints the tables.
///
/// # Errors
/// When something cannot be built or started.
pub(super) fn run() -> Result<()> {
    println!();
    for measure in ["limits", "blocks"] {
        sh::run(Command::new(example(&sh::binary("release")?, measure)))?;
    }
    let needed = ["nginx", "wrk", "h2load", "openssl", "taskset", "curl"];
    let missing: Vec<_> = needed.into_iter().filter(|name| !sh::has(name)).collect();
    if !missing.is_empty() {
        println!("\nbeside nginx: NOT measured, install {}", missing.join(", "));
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let root = site(scratch.path())?;
    let aops = sh::binary("release")?;
    let mut ours = pinned(&aops);
    ours.arg("serve").arg("--root").arg(&root);
    let ours = Running::serve(ours, &scratch.path().join("data"))?;
    wait_until_ready(&PORTS)?;
    let tls = scratch.path().join("data/tls");
    let theirs = nginx::start(&tls, &root.join("public"))?;
    wait_for(&format!("127.0.0.1:{}", nginx::PORT))?;
    println!(
        "\nWith a blocklist of {BLOCKS} blocks, limits, fields and access log on; nginx has a limiter and a log too.\n"
    );
    let works = works(&client::tag(OURS, PAGE)?, &client::tag(nginx::PORT, PAGE)?);
    against("nginx", &works, &ours, (nginx::PORT, &theirs))?;
    drop(theirs);
    let pages = &works[..2];
    println!("\nBeside itself without list and log.\n");
    let mut open = pinned(&aops);
    open.arg("serve").arg("--root").arg(without_list(scratch.path(), &root)?);
    let open = Running::serve_at(&BESIDE, "warn,access=off", open, &scratch.path().join("data-beside"))?;
    wait_until_ready(&BESIDE)?;
    against("without", pages, &ours, (BESIDE.https, &open))?;
    drop(open);
    let mut bare = pinned(&example(&aops, "bare"));
    bare.arg(format!("127.0.0.1:{BARE}")).args([tls.join("localhost.pem"), tls.join("localhost.key")]);
    bare.arg(root.join("public/themes/index.html"));
    let bare = Running::start(&mut bare)?;
    wait_for(&format!("127.0.0.1:{BARE}"))?;
    println!("\nBeside hyper and rustls alone: no defence, no limit, no log, two fields.\n");
    against("bare", pages, &ours, (BARE, &bare))?;
    alone::run(ours, bare, &example(&aops, "idle"), scratch.path())
}

/// The table of some works beside another server.
fn against(whose: &str, works: &[Work], ours: &Running, (port, theirs): (u16, &Running)) -> Result<()> {
    println!(
        "| work | requests/s | {whose} | ratio | µs of server a request | {whose} | ratio | p99 ms | {whose} |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for work in works {
        let (a, b) = turns(work, (OURS, ours.id()), (port, theirs.id()))?;
        println!("{}", row(work.name, &a, &b));
    }
    Ok(())
}

/// Two servers in turns; the round of each whose rate is in the middle.
fn turns(work: &Work, a: (u16, u32), b: (u16, u32)) -> Result<(Measured, Measured)> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(work.measured(a.0, a.1, work.ours.as_deref())?);
        theirs.push(work.measured(b.0, b.1, work.theirs.as_deref())?);
    }
    Ok((middle(ours), middle(theirs)))
}

fn middle(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds.swap_remove(rounds.len() / 2)
}

fn row(name: &str, a: &Measured, b: &Measured) -> String {
    let late = |measured: &Measured| measured.p99.map_or("–".into(), |p99| format!("{p99:.2}"));
    format!(
        "| {name} | {:.0} | {:.0} | {:.2} | {:.1} | {:.1} | {:.2} | {} | {} |",
        a.rate,
        b.rate,
        a.rate / b.rate,
        a.cost,
        b.cost,
        b.cost / a.cost,
        late(a),
        late(b)
    )
}

/// The site of the repository behind a list of blocks.
fn site(scratch: &Path) -> Result<PathBuf> {
    let root = scratch.join("site");
    fs::create_dir(&root)?;
    for name in ["content", "themes", "deploy"] {
        std::os::unix::fs::symlink(sh::repository().join(name), root.join(name))?;
    }
    let configuration = fs::read_to_string(sh::repository().join("site.toml"))?;
    let list = root.join("blocks.txt");
    let told = format!("blocklist = \"{}\"", list.display());
    fs::write(root.join("site.toml"), configuration.replace("blocklist = \"deploy/blocklist.txt\"", &told))?;
    // Spread over the space, of many lengths, and none that holds the loopback.
    let block = |n: u32| {
        let address = n.wrapping_mul(0x9E37_79B1);
        let address = if address >> 24 == 127 { address ^ (1 << 31) } else { address };
        format!("{}/{}\n", std::net::Ipv4Addr::from(address), 18 + n % 15)
    };
    fs::write(&list, (0..BLOCKS).map(block).collect::<String>())?;
    Ok(root)
}

/// The same site with no list in front.
fn without_list(scratch: &Path, root: &Path) -> Result<PathBuf> {
    let open = scratch.join("open");
    fs::create_dir(&open)?;
    for name in ["content", "themes", "deploy"] {
        std::os::unix::fs::symlink(root.join(name), open.join(name))?;
    }
    let configuration = fs::read_to_string(sh::repository().join("site.toml"))?;
    let line = "blocklist = \"deploy/blocklist.txt\"";
    anyhow::ensure!(configuration.contains(line), "site.toml names no list to leave out");
    fs::write(open.join("site.toml"), configuration.replace(line, ""))?;
    Ok(open)
}

fn pinned(program: &Path) -> Command {
    let mut command = sh::command("taskset", &["-c", "0"]);
    command.arg(program).stderr(Stdio::null());
    command
}

fn example(aops: &Path, name: &str) -> PathBuf {
    aops.with_file_name("examples").join(name)
}

/// The resident memory of a process, in bytes (proc(5), `status`).
fn resident(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let told = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(told.context("no VmRSS")?.trim().parse::<f64>()? * 1024.0)
}
