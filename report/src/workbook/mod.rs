//! A report as an XLSX workbook: a sheet a table, headers frozen, figures unrounded behind their formats.

mod long;

use rust_xlsxwriter::{Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};

use crate::apart::Following;
use crate::table::{Cell, Kind, Table};

/// The workbook cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// What the writer says.
    #[error("the workbook: {0}")]
    Xlsx(#[from] XlsxError),
    /// What packs it says.
    #[error("the workbook: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The lines of a list apart cannot be read, or written.
    #[error("the lines of the workbook: {0}")]
    Io(#[from] std::io::Error),
    /// A line of a list apart is no line.
    #[error("a line of the workbook: {0}")]
    Line(#[from] serde_json::Error),
    /// There is no place for lines in a sheet.
    #[error("the sheet of the lines has no place for them")]
    NoCells,
    /// A list apart has other lines than it says.
    #[error("{found} lines follow in the sheet `{sheet}` instead of {expected}")]
    Lines {
        /// The sheet.
        sheet: String,
        /// Lines that were read.
        found: usize,
        /// Lines that there should be.
        expected: usize,
    },
    /// More lines than a sheet holds.
    #[error("the sheet `{0}` would have more than 1,048,575 lines")]
    TooLong(String),
}

/// The widest column, in characters.
const WIDEST: usize = 60;
/// Lines of a sheet under its header.
const MOST_LINES: usize = 1_048_575;
/// Of packing, from 1 to 9: digits are packed no better by more, and take the longer.
const LEVEL: u8 = 1;

/// A workbook's bytes; the table that has more lines than are there gets those that follow.
///
/// # Errors
/// [`ReportError`].
pub fn xlsx(tables: &[Table], following: Option<Following<'_>>) -> Result<Vec<u8>, ReportError> {
    let mut workbook = Workbook::new();
    workbook.set_zip_compression_level(LEVEL);
    let formats = Formats::new();
    let mut names = Vec::with_capacity(tables.len());
    for table in tables {
        let sheet = workbook.add_worksheet();
        names.push(sheet_name(&table.title, &names));
        sheet.set_name(names.last().map_or("", String::as_str))?;
        fill(sheet, table, &formats)?;
    }
    let written = workbook.save_to_buffer()?;
    let long = tables.iter().position(|table| table.more > 0);
    match following.zip(long) {
        Some((following, long)) => long::lengthened(written, long + 1, &tables[long], following),
        None => Ok(written),
    }
}

struct Formats {
    header: Format,
    money: Format,
    rate: Format,
    plain: Format,
}

impl Formats {
    fn new() -> Self {
        let header =
            Format::new().set_bold().set_border_bottom(FormatBorder::Thin).set_align(FormatAlign::Top);
        Self {
            header: header.set_text_wrap(),
            money: Format::new().set_num_format("#,##0.00\\ \"€\""),
            rate: Format::new().set_num_format("0.00%"),
            plain: Format::new().set_num_format("General"),
        }
    }

    fn of(&self, kind: Kind) -> &Format {
        match kind {
            Kind::Money => &self.money,
            Kind::Rate => &self.rate,
            Kind::Plain => &self.plain,
        }
    }
}

fn fill(sheet: &mut Worksheet, table: &Table, formats: &Formats) -> Result<(), ReportError> {
    if table.rows.len() + table.more > MOST_LINES {
        return Err(ReportError::TooLong(table.title.clone()));
    }
    for (column, header) in table.headers.iter().enumerate() {
        let column = column as u16;
        sheet.write_string_with_format(0, column, header, &formats.header)?;
    }
    for (index, row) in table.rows.iter().enumerate() {
        let line = index as u32 + 1;
        for (column, cell) in row.iter().enumerate() {
            let column = column as u16;
            match cell {
                Cell::Empty => {}
                // Written as text, whatever it begins with: a name is never a formula.
                Cell::Text(text) => drop(sheet.write_string(line, column, text)?),
                Cell::Number(number, kind) => {
                    sheet.write_number_with_format(line, column, *number, formats.of(*kind))?;
                }
            }
        }
    }
    for (column, header) in table.headers.iter().enumerate() {
        let longest = table.rows.iter().map(|row| row.get(column).map_or(0, width)).max().unwrap_or(0);
        sheet.set_column_width(
            column as u16,
            longest.max(header.chars().count()).clamp(8, WIDEST) as f64 + 2.0,
        )?;
    }
    sheet.set_freeze_panes(1, 1)?;
    Ok(())
}

fn width(cell: &Cell) -> usize {
    match cell {
        Cell::Empty => 0,
        Cell::Text(text) => text.chars().count(),
        Cell::Number(..) => 14,
    }
}

/// Excel takes 31 characters, without some marks, and no name twice, whatever its case.
fn sheet_name(title: &str, taken: &[String]) -> String {
    let plain =
        |most: usize| title.chars().filter(|c| !"[]:*?/\\".contains(*c)).take(most).collect::<String>();
    let known = |name: &str| taken.iter().any(|other| other.to_lowercase() == name.to_lowercase());
    let numbered = (2..).map(|number| format!("{} {number}", plain(27)));
    std::iter::once(plain(31)).chain(numbered).find(|name| !known(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx};
    use serde_json::{Value, json};

    use super::*;
    use crate::{Words, tables};

    fn read_back(module: &str, request: &Value) -> (Value, Xlsx<Cursor<Vec<u8>>>) {
        let words = Words::parse(include_str!("../../../themes/aops/reports/fr.toml")).unwrap();
        let outcome = aops_engine::calculate(module, request).unwrap().into_json();
        let bytes = xlsx(&tables(module, request, &outcome, &words), None).unwrap();
        (outcome, Xlsx::new(Cursor::new(bytes)).unwrap())
    }

    #[test]
    fn the_workbook_holds_the_outcomes_own_figures() {
        let request = json!({ "triangle": [[100.0, 150.0, 160.0], [110.0, 170.0, null], [120.0, null, null]], "method": "mack" });
        let (outcome, mut book) = read_back("provisionnement", &request);
        let sheet = book.worksheet_range("Par année d’origine").unwrap();
        for origin in 0..3 {
            let expected = outcome["reserve"][origin].as_f64().unwrap();
            assert_eq!(sheet.get_value((origin as u32 + 1, 2)), Some(&Data::Float(expected)));
        }
        assert_eq!(
            sheet.get_value((4, 2)),
            Some(&Data::Float(outcome["total"]["reserve"].as_f64().unwrap()))
        );
        assert!(book.sheet_names().contains(&"Triangle".to_owned()));
    }

    #[test]
    fn what_looks_like_a_formula_stays_text() {
        let request = json!({
            "valuation_date": "2025-12-31", "scale": "legal_voluntary",
            "employees": [{ "id": "=1+1", "sex": "F", "birth_date": "1980-01-01", "hire_date": "2010-01-01", "annual_salary": 40000.0 }],
            "assumptions": { "discount_rate": 0.03, "salary_growth": 0.01, "mortality": { "M": "TH 00-02", "F": "TF 00-02" }, "retirement_age": 64, "social_charge_rate": 0.4, "turnover": [] }
        });
        let (outcome, mut book) = read_back("ifc", &request);
        let sheet = book.worksheet_range("Salariés").unwrap();
        assert_eq!(sheet.get_value((1, 0)), Some(&Data::String("=1+1".into())));
        assert!(book.worksheet_formula("Salariés").unwrap().is_empty());
        let told = sheet
            .rows()
            .flatten()
            .any(|cell| *cell == Data::Float(outcome["employees"][0]["dbo"].as_f64().unwrap()));
        assert!(told);
    }

    #[test]
    fn every_list_of_every_outcome_has_a_sheet_in_french() {
        let words = Words::parse(include_str!("../../../themes/aops/reports/fr.toml")).unwrap();
        for module in aops_engine::MODULES {
            let mut request = aops_engine::example(module).unwrap();
            request["explain"] = json!(true);
            if request["simulation"].is_object() {
                request["simulation"]["scenarios"] = json!(20);
            }
            let (outcome, mut book) = read_back(module, &request);
            let made = tables(module, &request, &outcome, &words);
            assert_eq!(book.sheet_names().len(), made.len(), "{module}");
            for table in &made {
                let plain = table.title.chars().next().is_some_and(char::is_uppercase);
                assert!(plain && !table.title.contains('.'), "{module}: {}", table.title);
                assert!(!table.rows.is_empty(), "{module}: {}", table.title);
                if !table.title.starts_with("Détail") {
                    let named = table.headers.iter().all(|header| !header.contains('_'));
                    assert!(named, "{module}, {}: {:?}", table.title, table.headers);
                }
            }
            let formula = outcome["explanation"][0]["formula"].as_str().unwrap();
            let sheet = book.worksheet_range("Détail du calcul 1").unwrap();
            assert_eq!(sheet.get_value((1, 0)), Some(&Data::String(formula.into())), "{module}");
        }
    }

    #[test]
    fn what_the_engine_names_by_a_code_is_told_in_words() {
        let words = Words::parse(include_str!("../../../themes/aops/reports/fr.toml")).unwrap();
        // Every value that a request may choose.
        fn choices(schema: &Value, name: &str, found: &mut Vec<(String, String)>) {
            for code in schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                found.push((name.to_owned(), code.to_owned()));
            }
            for (name, inside) in schema["properties"].as_object().into_iter().flatten() {
                choices(inside, name, found);
            }
            let shapes = schema["anyOf"].as_array().into_iter().flatten();
            let inside = [&schema["items"], &schema["additionalProperties"]];
            for inside in shapes.chain(inside.into_iter().filter(|inside| inside.is_object())) {
                choices(inside, name, found);
            }
        }
        let code = |text: &str| {
            text.contains('_')
                && text.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        };
        for module in aops_engine::MODULES {
            let mut found = Vec::new();
            choices(&aops_engine::schema(module).unwrap(), "", &mut found);
            for (field, code) in &found {
                assert_ne!(words.value(field, code), code, "{module}: value.{field}.{code}");
            }
            let request = aops_engine::example(module).unwrap();
            let outcome = aops_engine::calculate(module, &request).unwrap().into_json();
            for table in tables(module, &request, &outcome, &words) {
                for cell in table.rows.iter().flatten() {
                    let plain = !matches!(cell, Cell::Text(text) if code(text));
                    assert!(plain, "{module}, {}: {cell:?}", table.title);
                }
            }
        }
        let (outcome, mut book) = read_back("ifc", &aops_engine::example("ifc").unwrap());
        assert!(outcome["entries"].is_array());
        let said = |sheet: &str, book: &mut Xlsx<Cursor<Vec<u8>>>| {
            let range = book.worksheet_range(sheet).unwrap();
            range.rows().flatten().map(ToString::to_string).collect::<Vec<String>>()
        };
        assert!(said("Sensibilités", &mut book).contains(&"Taux d’actualisation".to_owned()));
        let reasons = said("Écritures", &mut book);
        assert!(
            reasons.iter().any(|reason| reason == "Première constatation" || reason == "Coût des services")
        );
    }

    #[test]
    fn awards_stand_under_the_employee_who_gets_them() {
        let (outcome, mut book) = read_back("medailles", &aops_engine::example("medailles").unwrap());
        let sheet = book.worksheet_range("Médailles par salarié").unwrap();
        let first = &outcome["employees"][0];
        let named = Some(&Data::String(first["id"].as_str().unwrap().into()));
        assert_eq!(sheet.get_value((1, 0)), named);
        let value = first["awards"][0]["present_value"].as_f64().unwrap();
        assert!(sheet.rows().nth(1).unwrap().contains(&Data::Float(value)));
    }

    #[test]
    fn titles_that_excel_takes_for_the_same_are_numbered() {
        let table = |title: &str| Table::new(title, vec!["x".into()], Vec::new());
        let bytes = xlsx(&[table("Têtes"), table("têtes"), table("Têtes")], None).unwrap();
        let book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        assert_eq!(book.sheet_names(), ["Têtes", "têtes 2", "Têtes 3"]);
    }
}
