//! The example reports of the site: what can be downloaded beside them is what `aops calc` makes of their input.

use std::fs;
use std::io::Cursor;
use std::process::Command;

use calamine::{Data, DataType as _, Reader as _, Xlsx};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{AOPS, REPOSITORY};

const MODULES: [&str; 3] = ["rente", "ifc", "provisionnement"];

fn beside(module: &str, name: &str) -> Vec<u8> {
    fs::read(format!("{REPOSITORY}/content/fr/exemples/{module}/{name}")).unwrap()
}

fn made_again(module: &str, name: &str) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let output = Command::new(AOPS)
        .args(["calc", module, "--input"])
        .arg(format!("{REPOSITORY}/content/fr/exemples/{module}/entree.json"))
        .args(["--output", name])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(folder.path().join(name)).unwrap()
}

/// Every sheet of a workbook: its name, then its cells row by row, numbers to ten digits.
fn sheets(workbook: Vec<u8>) -> Vec<(String, Vec<Vec<String>>)> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(workbook)).unwrap();
    let read = workbook.worksheets().into_iter();
    read.map(|(name, cells)| {
        let rows = cells.rows().map(|row| row.iter().map(shown).collect());
        (name, rows.collect())
    })
    .collect()
}

fn shown(cell: &Data) -> String {
    cell.get_float().map_or_else(|| cell.to_string(), |number| format!("{number:.9e}"))
}

#[test]
fn the_results_beside_an_example_are_those_of_its_input() {
    for module in MODULES {
        let stands: Value = serde_json::from_slice(&beside(module, "resultat.json")).unwrap();
        let again: Value = serde_json::from_slice(&made_again(module, "resultat.json")).unwrap();
        assert!(same(&stands, &again), "{module}: {again}");
    }
}

/// Whether two results are one, but for the last digits: the functions of the C library choose their instructions by
/// the processor.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => close(one.as_f64().unwrap(), other.as_f64().unwrap()),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let alike = |(name, one)| other.get(name).is_some_and(|other| same(one, other));
            one.len() == other.len() && one.iter().all(alike)
        }
        (one, other) => one == other,
    }
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-12 * one.abs().max(other.abs())
}

#[test]
fn the_workbook_beside_an_example_holds_the_cells_of_its_input() {
    for module in MODULES {
        let stands = sheets(beside(module, "rapport.xlsx"));
        assert!(!stands.is_empty(), "{module}");
        assert_eq!(stands, sheets(made_again(module, "rapport.xlsx")), "{module}");
    }
}

#[test]
fn the_figures_of_an_example_are_asked_with_the_input_that_can_be_downloaded() {
    for module in MODULES {
        let input: Value = serde_json::from_slice(&beside(module, "entree.json")).unwrap();
        let requests: Value = serde_json::from_slice(&beside(module, "requests.json")).unwrap();
        assert_eq!(requests[0]["request"], input, "{module}");
    }
}
