//! What reading and checking a payroll of 100,000 people takes. It passes always: `cargo test --release -p aops-dataset
//! --test measured -- --ignored --nocapture` prints the figures.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::time::Instant;

use aops_dataset::{Bounds, Mapping, Wanted, check, read};
use jiff::civil::date;
use rust_xlsxwriter::{Format, Workbook};

const PEOPLE: u32 = 100_000;
const HEAD: [&str; 6] =
    ["Matricule", "Sexe", "Date de naissance", "Date d'entrée", "Salaire annuel brut", "Catégorie"];

fn csv() -> Vec<u8> {
    let mut text = HEAD.join(";") + "\n";
    for index in 0..PEOPLE {
        let (sex, day, month) = (["H", "F"][index as usize % 2], index % 28 + 1, index % 12 + 1);
        let (born, hired, pay) = (1962 + index % 38, 1986 + index % 38, 21_000 + index % 60_000);
        text += &format!(
            "{index:08};{sex};{day:02}/{month:02}/{born};{day:02}/09/{hired};{pay},50;Catégorie {}\n",
            index % 7
        );
    }
    text.into_bytes()
}

fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let day = Format::new().set_num_format("dd/mm/yyyy");
    for (at, name) in HEAD.iter().enumerate() {
        sheet.write_string(0, at as u16, *name).unwrap();
    }
    for index in 0..PEOPLE {
        let row = index + 1;
        sheet.write_string(row, 0, format!("{index:08}")).unwrap();
        sheet.write_string(row, 1, if index % 2 == 0 { "H" } else { "F" }).unwrap();
        sheet.write_number_with_format(row, 2, 22_700 + index % 13_000, &day).unwrap();
        sheet.write_number_with_format(row, 3, 36_600 + index % 8_000, &day).unwrap();
        sheet.write_number(row, 4, f64::from(21_000 + index % 60_000) + 0.5).unwrap();
        sheet.write_string(row, 5, format!("Catégorie {}", index % 7)).unwrap();
    }
    book.save_to_buffer().unwrap()
}

/// The most that this process held, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1000
}

fn measure(name: &str, file: &[u8]) {
    let lines = aops_engine::lines("ifc").unwrap();
    let (mapping, on) = (Mapping::new(), date(2026, 1, 1));
    let began = Instant::now();
    let sheet = read(file, &Bounds::USUAL).unwrap();
    let read = began.elapsed();
    let checked = check(&sheet, Wanted { lines: &lines, mapping: &mapping, on, pseudonym: None });
    assert_eq!((checked.rows, checked.faults.total), (PEOPLE as usize, 0));
    println!(
        "{name}: {:.1} MB, read {read:.0?}, read and checked {:.0?}, at most {} MB in this process",
        file.len() as f64 / 1e6,
        began.elapsed(),
        peak()
    );
}

#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_employees_in_csv() {
    measure("CSV", &csv());
}

#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_employees_in_a_workbook() {
    measure("XLSX", &workbook());
}
