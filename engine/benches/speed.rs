//! Seconds for the work that the engine promises to be quick at, each the median of several runs, with what bounds it.
//! `peers.py` beside this file does the same in numpy.

mod measure;

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use aops_engine::ifc::{Attribution, Band, Employee, Plan, Rules, Scale, Sex, Shift, Staff};
use aops_engine::life::{Annuity, Basis, Contract, Life, Lives, Status};
use aops_engine::rates::Discount;
use aops_engine::tables::{Fraction, Survivors, Table, find};
use aops_engine::{
    Age, AnnualRate, BLOCK, Duration, Partial, Probability, Watch, calculate, calculate_apart, calculate_cut,
    calculate_lines, calculate_part, cut_lines,
};
use jiff::civil::date;
use measure::{RUNS, measure, on_processor, report, section};
use rayon::prelude::*;
use serde_json::{Value, json};

fn main() {
    let threads = rayon::current_num_threads();
    println!("{threads} threads, median of {RUNS} runs");
    let Some((men, women)) = tables() else { return };
    // First, for the most memory held is its own.
    section("lines", lines);
    section("chunks", chunks);
    section("told", told);
    section("annuities", || annuities(men, women));
    section("indemnities", || indemnities(men, women));
    section("scenarios", scenarios);
}

/// A valuation with ten sensitivities, and a CSV of so many employees.
fn portfolio(count: u32, detail: bool) -> (Value, String) {
    let request = json!({ "valuation_date": "2025-12-31", "scale": "legal_voluntary", "detail": detail, "assumptions": {
        "discount_rate": 0.034, "salary_growth": 0.02, "mortality": { "M": "TH 00-02", "F": "TF 00-02" },
        "turnover": [{ "age_from": 18, "age_to": 54, "rate": 0.03 }], "social_charge_rate": 0.42, "retirement_age": 64 } });
    let mut text = String::with_capacity(80 * count as usize);
    text.push_str("id,sex,birth_date,hire_date,annual_salary,category,collective_agreement\n");
    for index in 0..count {
        let (sex, year, month) = (if index % 2 == 0 { "M" } else { "F" }, 1962 + index % 42, 1 + index % 12);
        let (hired, pay) = (2004 + index % 20, 24_000 + index % 997 * 40);
        let _ = writeln!(
            text,
            "E{index:07},{sex},{year}-{month:02}-15,{hired}-{month:02}-01,{pay}.00,employés,IDCC 1672 sociétés"
        );
    }
    (request, text)
}

/// A CSV of 1,000,000 employees, from its text to the totals with ten sensitivities.
fn lines() {
    let (request, text) = portfolio(1_000_000, false);
    println!("CSV of {} MB", text.len() / 1_000_000);
    let (start, before) = (Instant::now(), on_processor());
    let found = calculate_lines("ifc", &request, text, &Watch::default())
        .map_or(0.0, |found| found["dbo"].as_f64().unwrap_or(0.0));
    black_box(found);
    let alone = (on_processor() - before) / rayon::current_num_threads() as f64;
    println!(
        "IFC from the CSV, with checks and sensitivities: {:.3} s, {alone:.3} s of each processor, goal 1.5 s, \
         {} MB at most, goal 300 MB (ten revaluations take half of it; the text, then 62 bytes read and 112 found a head)",
        start.elapsed().as_secs_f64(),
        most_memory() / 1000
    );
}

/// The same in four chunks: what a chunk costs whoever takes it, and what the whole costs with them and without.
fn chunks() {
    const CHUNKS: usize = 4;
    for (count, detail) in [(1_000_000_u32, false), (250_000, true)] {
        let (request, text) = portfolio(count, detail);
        let size = (count as usize).div_ceil(BLOCK).div_ceil(CHUNKS);
        let blocks = |chunk: usize| chunk * size..(chunk + 1) * size;
        let watch = Watch::default();
        let part = |chunk: usize| {
            let lines = cut_lines(&text, blocks(chunk));
            calculate_part("ifc", &request, lines, chunk * size, &watch)
        };
        let parts: Vec<_> = (0..CHUNKS).filter_map(part).collect();
        println!("IFC of {count} in {CHUNKS} chunks{}", if detail { ", each line told" } else { "" });
        let last = CHUNKS - 1;
        report("  to cut the last one", 0.0, "one pass", || cut_lines(&text, blocks(last)).len() as f64);
        report("  to cut it and to compute it", 0.0, "reading, eleven valuations", || {
            part(last).map_or(0.0, |_| 1.0)
        });
        let whole = |parts: &[Partial]| {
            measure(|| {
                let found = calculate_cut("ifc", &request, text.clone(), parts, &watch);
                found.map_or(0.0, |found| found["dbo"].as_f64().unwrap_or(0.0))
            })
        };
        let (with, without) = (whole(&parts), whole(&[]));
        println!(
            "  the whole with them {:.3} s, {:.3} s of processor; without {:.3} s, {:.3} s: {:.2} × at most, however many \
             workers",
            with.0,
            with.1,
            without.0,
            without.1,
            without.0 / with.0
        );
    }
}

/// 100,000 employees, each line told: all of them as a tree that is then written, or apart as text.
fn told() {
    let (request, text) = portfolio(100_000, true);
    let watch = Watch::default();
    report("IFC of 100,000, told as a tree, and written", 0.0, "the tree, on one thread", || {
        let found = calculate_lines("ifc", &request, text.clone(), &watch);
        found.map_or(0.0, |found| serde_json::to_vec(&found).map_or(0.0, |json| json.len() as f64))
    });
    report("the same, its lines apart", 0.0, "a million and a half decimals written", || {
        let found = calculate_apart("ifc", &request, text.clone(), &[], &watch);
        let list = found.ok().and_then(|(_, list)| list);
        list.map_or(0.0, |list| list.text.iter().map(Vec::len).sum::<usize>() as f64)
    });
}

/// Most kilobytes that this process held, from Linux; zero elsewhere.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn tables() -> Option<(&'static Survivors, &'static Survivors)> {
    match (find("TH 00-02")?, find("TF 00-02")?) {
        (Table::Period(men), Table::Period(women)) => Some((men, women)),
        _ => None,
    }
}

fn annuities(men: &Survivors, women: &Survivors) {
    let heads = |count: u32, pair: bool| -> Vec<(Lives<'_>, Contract, Discount)> {
        (0..count)
            .map(|index| {
                let first = Life { survivors: men, age: Age::nearest(40.0 + f64::from(index % 450) / 10.0) };
                let second =
                    Life { survivors: women, age: Age::nearest(38.0 + f64::from(index % 430) / 10.0) };
                let lives = if pair {
                    Lives::Pair(first, second, Status::Reversion(0.6))
                } else {
                    Lives::Single(first)
                };
                let term = Some(Duration::nearest(f64::from(10 + index % 31)));
                let contract = Contract::Annuity(Annuity { frequency: 12, term, ..Annuity::default() });
                (lives, contract, Discount::Flat(AnnualRate::nearest(0.005 + f64::from(index % 36) / 1000.0)))
            })
            .collect()
    };
    let value = |heads: &[(Lives<'_>, Contract, Discount)]| -> f64 {
        let parts: Vec<f64> = heads
            .par_chunks(1024)
            .map(|chunk| {
                let one = |(lives, contract, discount): &(Lives<'_>, Contract, Discount)| {
                    contract.present_value(&Basis { lives: *lives, discount, fraction: Fraction::Udd })
                };
                chunk.iter().map(one).sum()
            })
            .collect();
        parts.iter().sum()
    };
    let single = heads(100_000, false);
    report(
        "100,000 annuities, mixed ages, rates, terms, monthly",
        0.037,
        "two exponentials and three multiply-adds a year of term a head",
        || value(&single),
    );
    let pairs = heads(10_000, true);
    report(
        "10,000 annuities on two lives with reversion, monthly",
        0.0,
        "two interpolated survivors a payment",
        || value(&pairs),
    );
}

fn staff(count: u32) -> Staff {
    let mut staff = Staff::default();
    let category = staff.category("").unwrap_or_default();
    for index in 0..count {
        let small = |modulus: u32| (index % modulus) as i16;
        staff.push(Employee {
            sex: if index % 2 == 0 { Sex::M } else { Sex::F },
            birth: date(1962 + small(42), 1 + small(12) as i8, 1 + small(28) as i8),
            hire: date(2004 + small(20), 1 + small(11) as i8, 1 + small(27) as i8),
            annual_salary: 24_000.0 + f64::from(index % 997) * 40.0,
            category,
            retirement_months: None,
        });
    }
    staff
}

fn indemnities(men: &'static Survivors, women: &'static Survivors) {
    let plan = |staff: &Staff, count: usize| Plan {
        valuation: date(2025, 12, 31),
        discount: Discount::Flat(AnnualRate::nearest(0.034)),
        attribution: Attribution::Ias19Of2021,
        rules: staff
            .categories
            .iter()
            .map(|_| Rules {
                salary_growth: 0.02,
                turnover: [(18, 39, 0.06), (40, 54, 0.02)]
                    .map(|(from, to, rate)| Band { from, to, rate: Probability::nearest(rate) })
                    .into(),
                social_charge_rate: 0.42,
                scale: Scale::legal_voluntary(),
            })
            .collect(),
        tables: vec![men, women],
        table_of: (0..count).map(|index| (index % 2) as u16).collect(),
        months_of: vec![64 * 12; count],
    };
    let watch = Watch::default();
    let many = staff(1_000_000);
    let whole = plan(&many, 1_000_000);
    report(
        "IFC of 1,000,000 employees, from memory",
        0.088,
        "one exponential, two survivors and a date a head; 37 bytes read",
        || whole.total(&many, Shift::default(), &watch).map_or(0.0, |total| total.dbo),
    );
    let some = staff(100_000);
    let part = plan(&some, 100_000);
    report("IFC sensitivities, 10 revaluations of 100,000", 0.1, "the same", || {
        (1..=10)
            .map(|by| {
                let shift = Shift { discount: f64::from(by) * 0.001, ..Shift::default() };
                part.total(&some, shift, &watch).map_or(0.0, |total| total.dbo)
            })
            .sum()
    });
}

fn scenarios() {
    let request = json!({ "age": 24, "retirement_age": 64, "contribution": 100, "simulation": {
        "scenarios": 100_000, "equity_share": 0.6, "correlation": -0.2,
        "short_rate": { "speed": 0.2, "volatility": 0.01, "initial": 0.02, "mean": 0.03 } } });
    report(
        "Monte Carlo, 100,000 scenarios of 40 years by month, with fans",
        2.0,
        "three normal numbers and two exponentials a month",
        || {
            calculate("retraite", &request)
                .ok()
                .and_then(|found| found["simulation"]["fan"][39]["mean"].as_f64())
                .unwrap_or(0.0)
        },
    );
    for count in [25_000, 50_000, 100_000] {
        let mut request = request.clone();
        request["simulation"]["scenarios"] = json!(count);
        let (_, processor) = measure(|| calculate("retraite", &request).map_or(0.0, |_| 1.0));
        println!("  growth: {count} scenarios {processor:.3} s of processor");
    }
}
