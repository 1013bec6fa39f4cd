//! Portfolios as CSV of more than one part: the same figures and places as in one piece, for any number of threads.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::fmt::Write;

use aops_engine::{Faults, Outcome, Watch, calculate_lines};
use serde_json::{Value, json};

/// Lines of some 120 bytes: two parts of a megabyte and the beginning of a third.
const LINES: usize = 20_000;

fn request() -> Value {
    json!({ "valuation_date": "2025-12-31", "scale": "legal_voluntary", "detail": false, "sensitivities": false,
        "assumptions": { "discount_rate": 0.034, "salary_growth": { "a": 0.02, "b": 0.01 },
            "mortality": { "M": "TH 00-02", "F": "TF 00-02" }, "retirement_age": 64 } })
}

fn text(name: &str) -> String {
    let mut text = String::from("id,sex,birth_date,hire_date,annual_salary,category,collective_agreement\n");
    for line in 0..LINES {
        let (sex, category) = (["M", "F"][line % 2], ["b", "a", "a"][line % 3]);
        let (birth, hire, pay) = (1965 + line % 35, 2005 + line % 20, 24_000 + line % 997);
        writeln!(
            text,
            "{name}{line:05},{sex},{birth}-03-15,{hire}-09-01,{pay}.50,{category},\"{}\"",
            "x".repeat(70)
        )
        .unwrap();
    }
    text
}

fn on(threads: usize, text: &str) -> Result<Outcome, Faults> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| calculate_lines("ifc", &request(), text.to_owned(), &Watch::default()))
}

#[test]
fn parts_threads_and_quotes_change_no_byte() {
    // With quotes the text is one part; without them it is cut.
    let quoted = text("é");
    let plain = quoted.replace('"', "");
    assert!(plain.len() > 2 << 20);
    let one = on(1, &plain).unwrap().into_json().to_string();
    assert_eq!(on(3, &plain).unwrap().into_json().to_string(), one);
    assert_eq!(on(2, &quoted).unwrap().into_json().to_string(), one);
    assert_eq!(on(2, &plain.replace('\n', "\r\n")).unwrap().into_json().to_string(), one);
}

#[test]
fn a_fault_in_a_later_part_is_told_at_its_own_line_and_a_repeated_identifier_across_parts_too() {
    let plain = text("E").replace('"', "");
    let mut lines: Vec<String> = plain.lines().map(str::to_owned).collect();
    lines[19_001] = lines[19_001].replace("-03-15", "-02-30");
    lines[12_346] = "short,line".to_owned();
    lines[18_001] = lines[18_001].replace("E18000", "E00007");
    let told = |lines: &[String]| on(2, &lines.join("\n")).unwrap_err().to_string();
    let found = told(&lines);
    let expected = [
        "/employees/12345: This line cannot be read: 2 cells instead of 7.",
        "/employees/19000/birth_date: “1995-02-30” is not a date; write YYYY-MM-DD.",
        "/employees/18000/id: “E00007” appears more than once.",
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
    // The first thousand faults are enough to mend a file by.
    let all = told(&plain.lines().map(|line| line.replace("-03-15", "-02-30")).collect::<Vec<_>>());
    assert_eq!(all.lines().count(), 1001);
}

#[test]
fn lines_past_the_limit_are_refused_before_they_are_read() {
    let mut text = String::from("id,sex,birth_date,hire_date,annual_salary,category\n");
    text.push_str(&"x\n".repeat(1_000_001));
    let told = calculate_lines("ifc", &request(), text, &Watch::default()).unwrap_err().to_string();
    assert_eq!(told, "/employees: 1000001 elements exceed the limit of 1000000.");
}
