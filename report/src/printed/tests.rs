use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use super::*;
use crate::figures::shown;
use crate::reading::{bare, read};
use crate::table::Cell;
use crate::{tables, xlsx};

fn words() -> Words {
    Words::french().unwrap()
}

/// A module's example with its working, short enough to be read.
fn example(module: &str) -> (Value, Value) {
    let mut request = aops_engine::example(module).unwrap();
    if request["simulation"].is_object() {
        request["simulation"]["scenarios"] = json!(20);
    }
    let request = with_working(&request);
    let outcome = aops_engine::calculate(module, &request).unwrap().into_json();
    (request, outcome)
}

fn report(module: &str, request: &Value, outcome: &Value) -> Vec<u8> {
    let digest = digest(request, None);
    let made = "2026-11-27T12:00:00Z".parse().unwrap();
    let told = Told {
        module,
        request,
        outcome,
        apart: None,
        made,
        digest: &digest,
        owner: Some("Société X"),
        data: None,
    };
    printed(&told, &words()).unwrap()
}

#[test]
fn the_figures_of_json_workbook_and_pdf_are_the_same() {
    let words = words();
    for module in aops_engine::MODULES {
        let (request, outcome) = example(module);
        let made = tables(module, &request, &outcome, &words);
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(xlsx(&made, None).unwrap())).unwrap();
        let text = read(&report(module, &request, &outcome));
        let names = book.sheet_names();
        for (table, name) in made.iter().zip(names) {
            let sheet = book.worksheet_range(&name).unwrap();
            for (line, row) in table.rows.iter().enumerate().take(20) {
                for (column, cell) in row.iter().enumerate() {
                    let Cell::Number(number, _) = cell else { continue };
                    let kept = sheet.get_value((line as u32 + 1, column as u32));
                    assert_eq!(kept, Some(&Data::Float(*number)), "{module}, {name}");
                    assert!(text.contains(&bare(&shown(cell))), "{module}, {name}: {}", shown(cell));
                }
            }
        }
        // What the outcome names at its top stands in both.
        for (name, figure) in outcome.as_object().unwrap().iter().filter(|(_, value)| value.is_number()) {
            let number = figure.as_f64().unwrap();
            let told =
                made[0].rows.iter().any(|row| matches!(row[1], Cell::Number(told, _) if told == number));
            assert!(told, "{module}: {name}");
        }
    }
}

#[test]
fn p_rights_help_a_report_says_that_it_decides_nothing_about_a_person() {
    let (request, outcome) = example("ifc");
    let values = values(
        &Told {
            module: "ifc",
            request: &request,
            outcome: &outcome,
            apart: None,
            made: Timestamp::UNIX_EPOCH,
            digest: "",
            owner: None,
            data: None,
        },
        &words(),
    );
    assert!(values["decision"].as_str().unwrap().contains("aucune décision"));
    let limits =
        values["sections"].as_array().unwrap().iter().find(|one| one["title"] == "Portée et limites");
    assert_eq!(limits.unwrap()["parts"][0]["text"], values["decision"]);
}

#[test]
fn the_same_calculation_is_the_same_bytes_and_what_clients_typed_is_no_code() {
    let (mut request, _) = example("ifc");
    request["employees"][0]["id"] = json!("#panic(\"x\") $x$ \\ ] = *a*");
    let outcome = aops_engine::calculate("ifc", &request).unwrap().into_json();
    let pdf = report("ifc", &request, &outcome);
    assert_eq!(pdf, report("ifc", &request, &outcome));
    for mark in ["pdfaid:part>2<", "pdfuaid:part>1<", "/StructTreeRoot"] {
        assert!(pdf.windows(mark.len()).any(|bytes| bytes == mark.as_bytes()), "{mark}");
    }
    let text = read(&pdf);
    assert!(text.contains("#panic("), "{text}");
}

#[test]
fn a_portfolio_is_cut_on_paper_and_its_formula_stands_all_the_same() {
    let mut request = aops_engine::example("ifc").unwrap();
    let one = request["employees"][0].clone();
    let line = |number: usize| {
        let mut line = one.clone();
        line["id"] = json!(format!("N-{number}"));
        line
    };
    request["employees"] = (0..500).map(line).collect();
    let outcome = aops_engine::calculate("ifc", &request).unwrap().into_json();
    let told = Told {
        module: "ifc",
        request: &request,
        outcome: &outcome,
        apart: None,
        made: Timestamp::UNIX_EPOCH,
        digest: "",
        owner: None,
        data: None,
    };
    let values = values(&told, &words()).to_string();
    assert!(values.contains("sur 500") && values.contains("N-19") && !values.contains("N-20\""));
    assert!(values.contains("\"formula\""));
}

#[test]
fn a_list_that_stands_apart_is_told_on_paper_as_one_that_does_not() {
    let mut request = aops_engine::example("ifc").unwrap();
    request.as_object_mut().unwrap().remove("employees");
    let mut data = String::from("id;sex;birth_date;hire_date;annual_salary\n");
    for n in 0..=aops_engine::BLOCK {
        data += &format!("N-{n};F;{}-05-12;2010-09-01;{}.37\n", 1963 + n % 37, 24_000 + n % 997 * 40);
    }
    let watch = aops_engine::Watch::default();
    let whole = aops_engine::calculate_lines("ifc", &request, data.clone(), &watch).unwrap();
    let (outcome, list) = aops_engine::calculate_apart("ifc", &request, data, &[], &watch).unwrap();
    let list = list.unwrap();
    let told = |outcome, apart| {
        let told = Told {
            module: "ifc",
            request: &request,
            outcome,
            apart,
            made: Timestamp::UNIX_EPOCH,
            digest: "",
            owner: None,
            data: None,
        };
        (values(&told, &words()), drawings(&told, &words()))
    };
    assert!(told(&whole, None) == told(&outcome, Some(&list.apart)), "paper tells something else");
}
