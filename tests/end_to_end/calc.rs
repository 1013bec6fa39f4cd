//! Calculations offline, from files to files.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{AOPS, REPOSITORY};

fn calc(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(AOPS).arg("calc").args(arguments).current_dir(folder.path()).output().unwrap()
}

fn write(folder: &TempDir, name: &str, content: &str) {
    fs::write(folder.path().join(name), content).unwrap();
}

#[test]
fn a_request_in_json_gives_results_in_json_xlsx_and_pdf() {
    let folder = TempDir::new().unwrap();
    let source = fs::read_to_string(format!("{REPOSITORY}/engine/data/reference/life.json")).unwrap();
    let reference: Value = serde_json::from_str(&source).unwrap();
    let case = &reference["rente"][0];
    write(&folder, "in.json", &case["request"].to_string());
    let output = calc(&folder, &["rente", "--input", "in.json", "--output", "out.json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_slice(&fs::read(folder.path().join("out.json")).unwrap()).unwrap();
    let (found, expected) =
        (outcome["present_value"].as_f64().unwrap(), case["present_value"].as_f64().unwrap());
    assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
    assert!(calc(&folder, &["rente", "--input", "in.json", "--output", "out.xlsx"]).status.success());
    assert!(fs::read(folder.path().join("out.xlsx")).unwrap().starts_with(b"PK"));
    let output = calc(&folder, &["rente", "--input", "in.json", "--output", "out.pdf"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(folder.path().join("out.pdf")).unwrap().starts_with(b"%PDF-"));
}

#[test]
fn a_triangle_in_csv_gives_macks_published_figures() {
    let folder = TempDir::new().unwrap();
    let triangle = format!("{REPOSITORY}/engine/data/triangles/genins.csv");
    write(&folder, "params.json", r#"{ "method": "mack" }"#);
    let output = calc(
        &folder,
        &["provisionnement", "--input", &triangle, "--params", "params.json", "--output", "out.json"],
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_slice(&fs::read(folder.path().join("out.json")).unwrap()).unwrap();
    // Mack, ASTIN Bulletin 23 (1993), Taylor-Ashe data.
    assert_eq!(outcome["total"]["reserve"].as_f64().unwrap().round(), 18_680_856.0);
    assert_eq!(outcome["total"]["standard_error"].as_f64().unwrap().round(), 2_447_095.0);
}

#[test]
fn faults_of_a_file_are_told_by_row_and_column_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    write(
        &folder,
        "staff.csv",
        "id,sex,birth_date,hire_date,annual_salary\n1,M,1980-01-01,2010-01-01,40000\n2,X,1980-13-01,2010-01-01,abc\n",
    );
    let params = json!({
        "valuation_date": "2025-12-31", "scale": "legal_voluntary",
        "assumptions": { "discount_rate": 0.03, "salary_growth": 0.01, "mortality": { "M": "TH 00-02", "F": "TF 00-02" }, "turnover": [], "social_charge_rate": 0.4, "retirement_age": 64 }
    });
    write(&folder, "params.json", &params.to_string());
    let arguments = ["ifc", "--input", "staff.csv", "--params", "params.json", "--output", "out.json"];
    let output = calc(&folder, &arguments);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for place in ["staff.csv:3:sex", "staff.csv:3:birth_date", "staff.csv:3:annual_salary"] {
        assert!(told.contains(place), "{place} in\n{told}");
    }
    assert!(!folder.path().join("out.json").exists());
    let output = calc(&folder, &[&arguments[..], &["--json"]].concat());
    let faults: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        faults["faults"].as_array().unwrap().iter().any(|f| f["row"] == 3 && f["column"] == "birth_date"),
        "{faults}"
    );
}

#[test]
fn wrong_usage_is_told_apart_from_faults() {
    let folder = TempDir::new().unwrap();
    write(&folder, "in.json", "{}");
    for (arguments, code) in [
        (vec!["inconnu", "--input", "in.json", "--output", "out.json"], 2),
        (vec!["rente", "--input", "in.json", "--output", "out.pdf"], 1),
        (vec!["rente", "--input", "in.json", "--output", "out.txt"], 2),
        (vec!["rente", "--input", "absent.json", "--output", "out.json"], 1),
        (vec!["rente", "--input", "in.json", "--output", "out.json"], 1),
        (vec!["rente", "--input", "in.json", "--output", "nulle/part/out.json"], 1),
    ] {
        let output = calc(&folder, &arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn staff_and_heads_in_csv_are_valued_from_french_and_english_files() {
    let folder = TempDir::new().unwrap();
    let params = json!({
        "valuation_date": "2025-12-31", "scale": "legal_voluntary",
        "assumptions": { "discount_rate": 0.03, "salary_growth": 0.01, "mortality": { "M": "TH 00-02", "F": "TF 00-02" }, "retirement_age": 64 }
    });
    write(&folder, "params.json", &params.to_string());
    let mut found = Vec::new();
    for (name, lines) in [
        ("en.csv", "id,sex,birth_date,hire_date,annual_salary\n1,F,1970-01-01,2000-01-01,40000.5\n"),
        ("fr.csv", "\u{feff}id;sex;birth_date;hire_date;annual_salary\n1;F;1970-01-01;2000-01-01;40 000,5\n"),
    ] {
        write(&folder, name, lines);
        let output =
            calc(&folder, &["ifc", "--input", name, "--params", "params.json", "--output", "out.json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let outcome: Value =
            serde_json::from_slice(&fs::read(folder.path().join("out.json")).unwrap()).unwrap();
        found.push(outcome["dbo"].as_f64().unwrap());
    }
    assert!(found[0] > 0.0 && found[0] == found[1], "{found:?}");
    write(&folder, "heads.csv", "id;table;age;amount\n7;TH 00-02;65;1 200\n8;TF 00-02;65;600\n");
    write(&folder, "terms.json", r#"{ "benefit": "annuity", "rate": 0.02, "frequency": 12 }"#);
    let output =
        calc(&folder, &["rente", "--input", "heads.csv", "--params", "terms.json", "--output", "out.json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_slice(&fs::read(folder.path().join("out.json")).unwrap()).unwrap();
    let heads: f64 =
        outcome["heads"].as_array().unwrap().iter().map(|one| one["present_value"].as_f64().unwrap()).sum();
    assert!((heads - outcome["present_value"].as_f64().unwrap()).abs() < 1e-9);
    assert_eq!(outcome["heads"].as_array().unwrap().len(), 2);
}
