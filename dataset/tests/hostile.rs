//! Files that are made to harm, or that are wrong in ways people's files are: each is told or read, none brings the
//! process down or makes it hold more than its bounds.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::io::{Cursor, Write};

use aops_dataset::{Bounds, Checked, Fault, Mapping, Sheet, Wanted, check, read};
use jiff::civil::date;
use rust_xlsxwriter::{Format, Formula, Workbook};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const HEADER: [&str; 5] = ["id", "sex", "birth_date", "hire_date", "annual_salary"];

fn checked(sheet: &Sheet) -> Checked {
    let lines = aops_engine::lines("ifc").unwrap();
    let mapping = Mapping::new();
    check(sheet, Wanted { lines: &lines, mapping: &mapping, on: date(2026, 1, 1), pseudonym: None })
}

fn fault(bytes: &[u8]) -> Fault {
    read(bytes, &Bounds::USUAL).expect_err("it is refused")
}

fn codes(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.code.as_str()).collect()
}

/// A workbook with a sound sheet of so many people, which `more` may spoil.
fn workbook(people: u32, more: impl FnOnce(&mut Workbook)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("Paie").unwrap();
    for (at, name) in HEADER.iter().enumerate() {
        sheet.write_string(0, at as u16, *name).unwrap();
    }
    let day = Format::new().set_num_format("dd/mm/yyyy");
    for row in 1..=people {
        sheet.write_string(row, 0, format!("{row}")).unwrap();
        sheet.write_string(row, 1, if row % 2 == 0 { "F" } else { "M" }).unwrap();
        sheet.write_number_with_format(row, 2, 25_700 + row % 5000, &day).unwrap();
        sheet.write_number(row, 3, 36_526).unwrap();
        sheet.write_number(row, 4, 30_000.5 + f64::from(row)).unwrap();
    }
    more(&mut book);
    book.save_to_buffer().unwrap()
}

/// The same workbook with a part replaced, or added.
fn with_part(book: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(book)).unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index).unwrap();
        if part.name().unwrap() != name {
            writer.raw_copy_file(part).unwrap();
        }
    }
    writer.start_file(name, SimpleFileOptions::default()).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_workbook_is_read_with_its_days_however_they_are_kept() {
    let checked = checked(&read(&workbook(3, |_| {}), &Bounds::USUAL).unwrap());
    assert_eq!(codes(&checked.faults.listed), [""; 0]);
    assert_eq!(checked.csv.lines().nth(1), Some("1,M,1970-05-13,2000-01-01,30001.5"));
    assert_eq!(codes(&checked.warnings), ["serial_dates"]);
}

#[test]
fn a_zip_bomb_is_refused_by_what_it_unzips_to_whatever_it_says() {
    let zeros = vec![b' '; 100 << 20];
    let bomb = with_part(&workbook(1, |_| {}), "xl/media/a.xml", &zeros);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(fault(&bomb).code, "unzips_too_large");
    let tight = Bounds { unzipped: 10 << 20, ..Bounds::USUAL };
    let sheets = with_part(&workbook(1, |_| {}), "xl/worksheets/sheet9.xml", &zeros);
    assert_eq!(read(&sheets, &tight).unwrap_err().code, "unzips_too_large");
}

#[test]
fn an_xml_bomb_is_refused_by_its_document_type() {
    let bomb = br#"<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><sst>&b;</sst>"#;
    assert_eq!(fault(&with_part(&workbook(1, |_| {}), "xl/sharedStrings.xml", bomb)).code, "doctype");
}

#[test]
fn a_table_of_strings_that_says_it_has_billions_gets_no_room_for_them() {
    let strings = br#"<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="9999999999999"><si><t>a</t></si></sst>"#;
    assert_eq!(
        fault(&with_part(&workbook(1, |_| {}), "xl/sharedStrings.xml", strings)).code,
        "not_a_workbook"
    );
}

#[test]
fn macros_are_refused_and_a_locked_or_old_workbook_is_told_as_such() {
    let macros = with_part(&workbook(1, |_| {}), "xl/vbaProject.bin", b"\xd0\xcf\x11\xe0");
    assert_eq!(fault(&macros).code, "macros");
    assert_eq!(fault(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more").code, "old_workbook");
    assert_eq!(fault(b"PK\x03\x04 and no more").code, "not_a_workbook");
}

#[test]
fn formulas_and_external_links_are_read_as_last_saved_and_told() {
    let book = workbook(1, |book| {
        let sheet = book.worksheet_from_index(0).unwrap();
        let formula = Formula::new("=[1]Other!A1").set_result("41000");
        sheet.write_formula(1, 4, formula).unwrap();
    });
    let book = with_part(&book, "xl/externalLinks/externalLink1.xml", b"<externalLink/>");
    let checked = checked(&read(&book, &Bounds::USUAL).unwrap());
    assert!(checked.csv.contains(",41000"), "{}", checked.csv);
    assert_eq!(codes(&checked.warnings), ["formulas", "external", "serial_dates"]);
}

#[test]
fn merged_cells_are_faults_and_hidden_sheets_are_not_read() {
    let book = workbook(3, |book| {
        let plain = Format::new();
        let sheet = book.worksheet_from_index(0).unwrap();
        sheet.merge_range(1, 1, 2, 1, "M", &plain).unwrap();
        book.add_worksheet().set_name("Secret").unwrap().set_hidden(true).write_string(0, 0, "x").unwrap();
    });
    let checked = checked(&read(&book, &Bounds::USUAL).unwrap());
    assert_eq!(codes(&checked.faults.listed), ["merged", "missing"]);
    assert_eq!((checked.faults.listed[0].row, &*checked.faults.listed[0].column), (Some(2), "sex"));
    assert_eq!(codes(&checked.warnings)[0], "hidden_sheets");
}

#[test]
fn a_sheet_whose_every_row_is_used_and_one_more_is_refused() {
    let mut sheet = String::from(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
    );
    for row in 1..=1_048_577 {
        sheet += &format!(r#"<row r="{row}"><c r="A{row}"><v>1</v></c></row>"#);
    }
    sheet += "</sheetData></worksheet>";
    let book = with_part(&workbook(1, |_| {}), "xl/worksheets/sheet1.xml", sheet.as_bytes());
    assert_eq!(fault(&book).code, "too_many_rows");
    let csv = format!("id;sex\n{}", "1;M\n".repeat(1_048_577));
    assert_eq!(fault(csv.as_bytes()).code, "too_many_rows");
}

#[test]
fn a_cell_of_ten_megabytes_is_refused_in_a_workbook_too() {
    let long = "x".repeat(10 << 20);
    let sheet = format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>{long}</t></is></c></row></sheetData></worksheet>"#
    );
    let book = with_part(&workbook(1, |_| {}), "xl/worksheets/sheet1.xml", sheet.as_bytes());
    assert_eq!(fault(&book).code, "cell_too_long");
    let csv = format!("id\n\"{}\"\n", "x\n".repeat(5 << 20));
    assert_eq!(fault(csv.as_bytes()).code, "cell_too_long");
}

#[test]
fn what_is_empty_or_a_header_only_is_told() {
    for (text, code) in [
        ("", "empty"),
        (" \n\n", "empty"),
        ("id;sex;birth_date;hire_date;annual_salary\n", "header_only"),
        ("id;sex\n;\n ; \n", "header_only"),
    ] {
        assert_eq!(fault(text.as_bytes()).code, code, "{text:?}");
    }
    assert_eq!(fault(&workbook(0, |_| {})).code, "header_only");
}

#[test]
fn a_file_cut_anywhere_is_refused_or_read_and_never_breaks_the_reader() {
    let whole = workbook(20, |_| {});
    for end in (0..whole.len()).step_by(97) {
        let _ = read(&whole[..end], &Bounds::USUAL);
    }
    let csv = "id;sex;birth_date\n1;M;\"1970-01-01\"\n2;F;é\n".as_bytes();
    for end in 0..csv.len() {
        if let Ok(sheet) = read(&csv[..end], &Bounds::USUAL) {
            checked(&sheet);
        }
    }
}

#[test]
fn a_file_to_mend_comes_back_as_it_was_and_holds_no_formula() {
    let csv = "id;sex;birth_date;hire_date;annual_salary;category\n007;X;1970-01-01;2000-01-01;30000;=1+1\n8;F;hier;2000-01-01;-1;@SUM(A1)\n";
    let sheet = read(csv.as_bytes(), &Bounds::USUAL).unwrap();
    let found = checked(&sheet).faults;
    let mended = aops_dataset::annotated(&sheet, &found, "À corriger", |fault| fault.code.clone()).unwrap();
    let again = read(&mended, &Bounds::USUAL).unwrap();
    assert!(checked(&again).warnings.is_empty(), "no formulas, and our own column is passed over");
    assert_eq!(checked(&again).faults, found);
    assert_eq!((again.cell(0, 0), again.cell(0, 5), again.cell(1, 5)), ("007", "=1+1", "@SUM(A1)"));
    assert_eq!((again.cell(0, 6), again.cell(1, 6)), ("unknown_choice", "not_a_date out_of_range"));
}

#[test]
fn a_file_to_mend_is_read_again_however_much_there_is_to_tell_of_it_and_names_like_numbers_stay() {
    let csv = "id;sex;birth_date;hire_date;annual_salary\nNaN;X;1970-01-01;2000-01-01;30000\ninf;F;hier;2000-01-01;-1\n";
    let sheet = read(csv.as_bytes(), &Bounds::USUAL).unwrap();
    let mut found = checked(&sheet).faults;
    found.listed.insert(0, Fault { row: Some(1), ..found.listed[0].clone() });
    let mended = aops_dataset::annotated(&sheet, &found, "À corriger", |_| "é".repeat(3_000)).unwrap();
    let again = read(&mended, &Bounds::USUAL).unwrap();
    assert_eq!((again.cell(0, 0), again.cell(1, 0)), ("NaN", "inf"));
    assert_eq!((again.cell(0, 5).len(), again.cell(1, 5).len()), (Bounds::USUAL.cell, Bounds::USUAL.cell));
}

#[test]
fn a_template_is_a_file_without_people_and_its_names_are_all_known() {
    let words = aops_dataset::Words {
        data: "Données".into(),
        help: "Aide".into(),
        heads: ["a", "b", "c", "d"].map(String::from),
        required: "oui".into(),
        optional: "non".into(),
        wrong: "Valeur".into(),
    };
    for module in aops_engine::MODULES {
        let Some(lines) = aops_engine::lines(module) else { continue };
        let book = aops_dataset::xlsx_template(&lines, &words).unwrap();
        assert_eq!(fault(&book).code, "header_only", "{module}");
        let csv = aops_dataset::csv_template(&lines);
        assert_eq!(fault(&csv).code, "header_only", "{module}");
        let header: Vec<_> = lines.columns.iter().map(|column| column.title.as_str().into()).collect();
        let read = aops_dataset::guess(&header, &lines, &Mapping::new());
        let names: Vec<_> = read.iter().map(|one| one.read_as.as_deref().unwrap_or("-")).collect();
        let expected: Vec<_> = lines.columns.iter().map(|column| column.name).collect();
        assert_eq!(names, expected, "{module}");
    }
}
