//! Portfolios computed in parts: whatever the parts, where they were computed and which are missing, the whole has the
//! same bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::fmt::Write;
use std::ops::Range;
use std::sync::LazyLock;

use aops_engine::{BLOCK, Partial, Watch, calculate_cut, calculate_lines, calculate_part, cut_lines};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Three blocks and the beginning of a fourth.
const LINES: usize = 3 * BLOCK + 700;
const BLOCKS: usize = LINES.div_ceil(BLOCK);
const MODULES: [&str; 2] = ["ifc", "medailles"];

fn request(module: &str) -> Value {
    let mut request = json!({ "valuation_date": "2025-12-31",
        "assumptions": { "discount_rate": 0.034, "salary_growth": { "a": 0.02, "b": 0.01 },
            "mortality": { "M": "TH 00-02", "F": "TF 00-02" }, "retirement_age": 64,
            "turnover": [{ "age_from": 18, "age_to": 54, "rate": 0.03 }] } });
    if module == "ifc" {
        request["scale"] = json!("legal_voluntary");
        request["detail"] = json!(false);
    } else {
        request["awards"] = json!([{ "years": 20, "months": 1 }, { "years": 30, "amount": 900 }]);
    }
    request
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::from("id,sex,birth_date,hire_date,annual_salary,category\n");
    for line in 0..LINES {
        let (sex, category) = (["M", "F"][line % 2], ["b", "a", "a"][line % 3]);
        let (birth, hire, pay) = (1965 + line % 35, 2005 + line % 20, 24_000 + line % 997);
        writeln!(text, "E{line:05},{sex},{birth}-03-15,{hire}-09-01,{pay}.55,{category}").unwrap();
    }
    text
});

/// The whole, uncut, on one thread.
static WHOLE: LazyLock<[String; 2]> = LazyLock::new(|| {
    MODULES.map(|module| {
        let compute = || calculate_lines(module, &request(module), TEXT.clone(), &Watch::default());
        on(1, compute).unwrap().into_json().to_string()
    })
});

fn on<T: Send>(threads: usize, compute: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(compute)
}

/// A part, as it comes back from wherever it was computed.
fn part(module: &str, text: &str, blocks: Range<usize>) -> Partial {
    let first = blocks.start;
    let lines = cut_lines(text, blocks);
    let part = calculate_part(module, &request(module), lines, first, &Watch::default()).unwrap();
    serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap()
}

fn whole(module: &str, parts: &[Partial]) -> String {
    let found = calculate_cut(module, &request(module), TEXT.clone(), parts, &Watch::default());
    found.unwrap().into_json().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_has_the_bytes_of_none(
        which in 0..MODULES.len(),
        borders in prop::collection::btree_set(1..BLOCKS, 0..BLOCKS),
        (threads, turned, missing) in (1..4usize, 0..BLOCKS, prop::option::of(0..BLOCKS)),
    ) {
        let module = MODULES[which];
        let borders: Vec<usize> = [0].into_iter().chain(borders).chain([BLOCKS]).collect();
        let compute = || borders.windows(2).map(|pair| part(module, &TEXT, pair[0]..pair[1])).collect();
        let mut parts: Vec<Partial> = on(threads, compute);
        // In the order in which they ended, and one may be lost.
        let turns = turned % parts.len();
        parts.rotate_left(turns);
        if let Some(missing) = missing.filter(|missing| *missing < parts.len()) {
            parts.remove(missing);
        }
        let found = on(4 - threads, || whole(module, &parts));
        prop_assert!(found == WHOLE[which], "{module} cut at {borders:?}");
    }
}

#[test]
fn a_part_of_other_lines_or_other_assumptions_is_not_taken() {
    let raised = TEXT.replace(".55,", ".56,");
    for (module, expected) in MODULES.iter().zip(&*WHOLE) {
        let other = part(module, &raised, 0..2);
        assert_eq!(whole(module, &[other]), *expected, "{module}: other pay");
        let elsewhere =
            calculate_part(module, &request(module), cut_lines(&TEXT, 0..1), 1, &Watch::default());
        assert_eq!(whole(module, &[elsewhere.unwrap()]), *expected, "{module}: another place");
        let mut assumed = request(module);
        assumed["assumptions"]["discount_rate"] = json!(0.02);
        let lines = cut_lines(&TEXT, 0..1);
        let assumed = calculate_part(module, &assumed, lines, 0, &Watch::default()).unwrap();
        assert_eq!(whole(module, &[assumed]), *expected, "{module}: another rate");
    }
}

#[test]
fn what_is_given_of_a_block_is_not_computed_again() {
    // The same worth and other figures: nobody hands over such a part, but it shows what is taken.
    let told = serde_json::to_value(part("ifc", &TEXT, 0..1)).unwrap();
    let mut changed = told.clone();
    changed["blocks"][0][1] = json!(0.0_f64.to_bits());
    let [told, changed] = [told, changed].map(|part| serde_json::from_value::<Partial>(part).unwrap());
    assert_eq!(whole("ifc", &[told]), WHOLE[0]);
    assert_ne!(whole("ifc", &[changed]), WHOLE[0]);
}

#[test]
fn faults_are_told_by_the_whole_as_if_there_were_no_parts() {
    let wrong = TEXT.replacen("E05000,M", "E05000,X", 1).replace("E00007,", "E00008,");
    let module = MODULES[0];
    let of = |blocks: Range<usize>| {
        let lines = cut_lines(&wrong, blocks.clone());
        calculate_part(module, &request(module), lines, blocks.start, &Watch::default())
    };
    assert_eq!(of(1..2), None, "the block of the fault");
    let parts: Vec<Partial> = (2..BLOCKS).filter_map(|block| of(block..block + 1)).collect();
    assert_eq!(parts.len(), 2);
    let told = |parts: &[Partial]| {
        calculate_cut(module, &request(module), wrong.clone(), parts, &Watch::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(told(&parts), told(&[]));
    assert!(told(&parts).contains("/employees/5000/sex"));
}

#[test]
fn lines_are_cut_between_records_whatever_ends_them() {
    let records = |text: &str| {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        reader.records().map(Result::unwrap).collect::<Vec<_>>()
    };
    let quoted = TEXT.replace(",a\n", ",\"a\nou b\"\n");
    for text in [
        TEXT.to_string(),
        TEXT.replace('\n', "\r\n"),
        format!("\u{feff}{}", TEXT.replace('\n', "\n\n")),
        TEXT.trim_end().to_owned(),
        quoted.replace('\n', "\r\n"),
        quoted,
    ] {
        let all = records(text.trim_start_matches('\u{feff}'));
        assert_eq!(all.len(), LINES);
        let cuts: Vec<_> = (0..BLOCKS).map(|block| records(&cut_lines(&text, block..block + 1))).collect();
        assert!(cuts[..BLOCKS - 1].iter().all(|cut| cut.len() == BLOCK));
        assert!(cuts.concat() == all);
        assert!(records(&cut_lines(&text, BLOCKS..BLOCKS + 3)).is_empty());
    }
    assert_eq!(cut_lines("", 0..1), "");
    assert_eq!(cut_lines("id", 0..1), "id");
}
