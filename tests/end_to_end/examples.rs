//! The example reports of the site: what can be downloaded beside them is what `aops calc` makes of their input.

use std::fs;
use std::io::Cursor;
use std::process::Command;

use calamine::{Reader as _, Xlsx};
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

/// Every sheet of a workbook: its name, then its cells row by row.
fn sheets(workbook: Vec<u8>) -> Vec<(String, Vec<Vec<String>>)> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(workbook)).unwrap();
    let read = workbook.worksheets().into_iter();
    read.map(|(name, cells)| {
        let rows = cells.rows().map(|row| row.iter().map(ToString::to_string).collect());
        (name, rows.collect())
    })
    .collect()
}

#[test]
fn the_results_beside_an_example_are_those_of_its_input() {
    for module in MODULES {
        let stands: Value = serde_json::from_slice(&beside(module, "resultat.json")).unwrap();
        let again: Value = serde_json::from_slice(&made_again(module, "resultat.json")).unwrap();
        assert_eq!(stands, again, "{module}");
    }
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
