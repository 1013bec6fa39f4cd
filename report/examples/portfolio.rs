//! Seconds and memory for the reports of indemnities of 100,000 people, each line told, from the outcome as it is kept:
//! `whole` as one JSON, as it was before lists stood apart; `apart` with its list beside it. The quickest of some rounds.
//!
//! ```text
//! cargo run --release -p aops-report --example portfolio -- apart
//! ```

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::BufReader;
use std::time::{Duration, Instant};

use aops_engine::{Watch, calculate_apart, calculate_lines};
use aops_report::{Following, Told, Words, printed, tables, with_more, xlsx};
use jiff::Timestamp;
use serde_json::Value;

const PEOPLE: u32 = 100_000;
const ROUNDS: usize = 3;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let (request, data) = asked()?;
    let words = Words::french()?;
    println!("| {PEOPLE} people | seconds | bytes | MB more at most |\n| --- | --- | --- | --- |");
    match std::env::args().nth(1).as_deref() {
        Some("whole") => whole(&request, &data, &words),
        Some("apart") => apart(&request, &data, &words),
        _ => Err("say `whole` or `apart`".into()),
    }
}

fn asked() -> Result<(Value, String), Failed> {
    let mut request = aops_engine::example("ifc").ok_or("there is no example")?;
    request.as_object_mut().ok_or("no request")?.remove("employees");
    let mut data = String::from("id,sex,birth_date,hire_date,annual_salary\n");
    for n in 0..PEOPLE {
        let (sex, birth, month) = (if n % 2 == 0 { "M" } else { "F" }, 1962 + n % 42, 1 + n % 12);
        let (hire, pay) = (2004 + n % 20, 24_000 + n % 997 * 40);
        writeln!(data, "E{n:07},{sex},{birth}-{month:02}-15,{hire}-{month:02}-01,{pay}.37")?;
    }
    Ok((request, data))
}

fn whole(request: &Value, data: &str, words: &Words) -> Result<(), Failed> {
    let text = best("computed and told as JSON", || {
        let outcome = calculate_lines("ifc", request, data.to_owned(), &Watch::default());
        Ok(serde_json::to_vec(&outcome.map_err(|faults| faults.to_string())?)?)
    })?;
    best("the workbook", || {
        let outcome: Value = serde_json::from_slice(&text)?;
        Ok(xlsx(&tables("ifc", request, &outcome, words), None)?)
    })?;
    best("the paper", || {
        let outcome: Value = serde_json::from_slice(&text)?;
        let told = Told { apart: None, ..told(request, &outcome) };
        Ok(printed(&told, words)?)
    })?;
    Ok(())
}

fn apart(request: &Value, data: &str, words: &Words) -> Result<(), Failed> {
    let compute = || {
        let answered = calculate_apart("ifc", request, data.to_owned(), &[], &Watch::default());
        answered.map_err(|faults| faults.to_string())
    };
    best("computed and told as JSON", || {
        let (outcome, list) = compute()?;
        let told = serde_json::to_vec(&outcome)?;
        Ok([told, list.ok_or("no list")?.text.concat()].concat())
    })?;
    let (outcome, list) = compute()?;
    let list = list.ok_or("no list")?;
    let (outcome, apart, text) = (outcome.into_json(), list.apart, list.text.concat());
    best("the workbook", || {
        let made = with_more(tables("ifc", request, &outcome, words), Some(&apart), words);
        let following = Following::new(&apart, &outcome, BufReader::new(text.as_slice()), words);
        Ok(xlsx(&made, Some(following))?)
    })?;
    best("the paper", || {
        let told = Told { apart: Some(&apart), ..told(request, &outcome) };
        Ok(printed(&told, words)?)
    })?;
    Ok(())
}

fn told<'a>(request: &'a Value, outcome: &'a Value) -> Told<'a> {
    let made = Timestamp::UNIX_EPOCH;
    Told { module: "ifc", request, outcome, apart: None, made, digest: "", owner: None, data: None }
}

/// What was made, and a line of the table: the quickest round, and the memory beyond what there was before.
fn best(what: &str, mut make: impl FnMut() -> Result<Vec<u8>, Failed>) -> Result<Vec<u8>, Failed> {
    // The most memory held is counted anew (proc(5)).
    fs::write("/proc/self/clear_refs", "5")?;
    let before = most_memory()?;
    let (mut quickest, mut made) = (Duration::MAX, Vec::new());
    for _ in 0..ROUNDS {
        drop(std::mem::take(&mut made));
        let began = Instant::now();
        made = black_box(make()?);
        quickest = quickest.min(began.elapsed());
    }
    let more = most_memory()?.saturating_sub(before) / 1_000;
    println!("| {what} | {:.2} | {:.1} MB | {more} |", quickest.as_secs_f64(), made.len() as f64 / 1e6);
    Ok(made)
}

/// In kilobytes.
fn most_memory() -> Result<u64, Failed> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
