//! The sheet of a list that stands apart, in a workbook that is written already with its first lines: the others are
//! written behind these as they are read, packed on the way. The writer of workbooks would hold each cell, or put them
//! into a file that is not sealed.

use std::fmt::Write as _;
use std::io::{Cursor, Read as _, Write as _};

use rust_xlsxwriter::utility::column_number_to_name;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{LEVEL, ReportError};
use crate::apart::Following;
use crate::table::{Cell, Table};

/// The end of the cells of a sheet.
const END: &str = "</sheetData>";
/// Bytes that are packed at once.
const PART: usize = 1 << 16;

/// The workbook with the lines that follow those of `table`, whose sheet is the one of this number, counted from one.
pub(super) fn lengthened(
    workbook: Vec<u8>,
    sheet: usize,
    table: &Table,
    mut following: Following<'_>,
) -> Result<Vec<u8>, ReportError> {
    let mut written = ZipArchive::new(Cursor::new(workbook))?;
    let mut long = ZipWriter::new(Cursor::new(Vec::new()));
    let name = format!("xl/worksheets/sheet{sheet}.xml");
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(i64::from(LEVEL)))
        .last_modified_time(DateTime::default());
    for index in 0..written.len() {
        let entry = written.by_index_raw(index)?;
        if entry.name()? != name.as_str() {
            long.raw_copy_file(entry)?;
            continue;
        }
        drop(entry);
        let mut xml = String::new();
        written.by_index(index)?.read_to_string(&mut xml)?;
        let columns = Columns::of(&xml, table);
        let xml = columns.reaching(&xml, table);
        let (cells, rest) = xml.split_once(END).ok_or(ReportError::NoCells)?;
        long.start_file(&name, options)?;
        long.write_all(cells.as_bytes())?;
        let first = table.rows.len() + 1;
        let mut line = first;
        let mut part = String::with_capacity(2 * PART);
        while let Some(row) = following.next_row()? {
            line += 1;
            columns.write(line, &row, &mut part);
            if part.len() > PART {
                long.write_all(part.as_bytes())?;
                part.clear();
            }
        }
        let (found, expected) = (line - first, table.more);
        if found != expected {
            return Err(ReportError::Lines { sheet: table.title.clone(), found, expected });
        }
        part += END;
        part += rest;
        long.write_all(part.as_bytes())?;
    }
    Ok(long.finish()?.into_inner())
}

/// The columns of the sheet: each its letters, and its style as its last cell has it.
struct Columns(Vec<(String, String)>);

impl Columns {
    fn of(xml: &str, table: &Table) -> Self {
        let last = table.rows.len() + 1;
        let column = |column: usize| {
            let letters = column_number_to_name(column as u16);
            let cell = xml.split_once(&format!("<c r=\"{letters}{last}\""));
            let style = cell.and_then(|(_, rest)| rest.split_once('>')?.0.split_once("s=\""));
            let style = style.and_then(|(_, style)| Some(format!(" s=\"{}\"", style.split_once('"')?.0)));
            (letters, style.unwrap_or_default())
        };
        Self((0..table.headers.len()).map(column).collect())
    }

    /// The sheet, which says that it reaches to the last of all lines.
    fn reaching(&self, xml: &str, table: &Table) -> String {
        let (here, all) = (table.rows.len() + 1, table.rows.len() + 1 + table.more);
        let last = self.0.last().map_or("A", |(letters, _)| letters);
        let reach = |line: usize| format!("<dimension ref=\"A1:{last}{line}\"/>");
        xml.replacen(&reach(here), &reach(all), 1)
    }

    fn write(&self, line: usize, row: &[Cell], xml: &mut String) {
        // Writing to a text does not fail.
        let _ = write!(xml, "<row r=\"{line}\">");
        for ((letters, style), cell) in self.0.iter().zip(row) {
            let _ = match cell {
                Cell::Empty => Ok(()),
                Cell::Number(number, _) => write!(xml, "<c r=\"{letters}{line}\"{style}><v>{number}</v></c>"),
                // Written as text, whatever it begins with: a name is never a formula.
                Cell::Text(text) => write!(
                    xml,
                    "<c r=\"{letters}{line}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>",
                    escaped(text)
                ),
            };
        }
        *xml += "</row>";
    }
}

/// A text as XML holds it; what XML holds not is written as spreadsheets do (ECMA-376, 22.9.2.19 `ST_Xstring`).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, letter) in text.char_indices() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '_' if is_escape(&text[index..]) => escaped += "_x005F_",
            '\t' | '\n' => escaped.push(letter),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                // Writing to a text does not fail.
                let _ = write!(escaped, "_x{:04X}_", u32::from(letter));
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// Whether a text begins as what is not to be read as itself.
fn is_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 7
        && bytes.starts_with(b"_x")
        && bytes[2..6].iter().all(u8::is_ascii_hexdigit)
        && bytes[6] == b'_'
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::BufReader;

    use aops_engine::{Apart, BLOCK, FIRST, LongList, Watch, calculate_apart, calculate_lines};
    use calamine::{Data, Reader, Xlsx};
    use serde_json::json;

    use super::super::xlsx;
    use super::*;
    use crate::table::Kind;
    use crate::{Words, tables, with_more};

    #[test]
    fn a_list_apart_has_all_its_lines_in_its_sheet_as_one_that_is_not_has() {
        let words = Words::french().unwrap();
        let mut request = aops_engine::example("ifc").unwrap();
        request.as_object_mut().unwrap().remove("employees");
        let mut data = String::from("id;sex;birth_date;hire_date;annual_salary\n");
        for n in 0..=BLOCK {
            let id = ["=1+1", "<&>", "_x0041_", "a\u{1}b"]
                .get(n % 99)
                .map_or(String::new(), |id| (*id).to_owned());
            data += &format!("{id}{n};F;{}-05-12;2010-09-01;{}.37\n", 1963 + n % 37, 24_000 + n % 997 * 40);
        }
        let whole = calculate_lines("ifc", &request, data.clone(), &Watch::default()).unwrap();
        let whole = xlsx(&tables("ifc", &request, &whole, &words), None).unwrap();
        let apart = calculate_apart("ifc", &request, data, &[], &Watch::default());
        let (outcome, list) = apart.unwrap();
        let LongList { apart, text } = list.unwrap();
        let text = text.concat();
        let made = with_more(tables("ifc", &request, &outcome, &words), Some(&apart), &words);
        let more: Vec<usize> = made.iter().map(|table| table.more).filter(|more| *more > 0).collect();
        assert_eq!(more, [BLOCK + 1 - FIRST]);
        let following = Following::new(&apart, &outcome, BufReader::new(text.as_slice()), &words);
        let long = xlsx(&made, Some(following)).unwrap();

        let open = |bytes: Vec<u8>| Xlsx::new(Cursor::new(bytes)).unwrap();
        let (mut whole, mut long): (Xlsx<_>, Xlsx<_>) = (open(whole), open(long));
        assert_eq!(whole.sheet_names(), long.sheet_names());
        for name in whole.sheet_names() {
            let (one, other) = (whole.worksheet_range(&name).unwrap(), long.worksheet_range(&name).unwrap());
            assert_eq!(one.get_size(), other.get_size(), "{name}");
            for (one, other) in one.rows().zip(other.rows()) {
                for (one, other) in one.iter().zip(other) {
                    match (one, other) {
                        // A decimal that went through JSON may have lost its last bit.
                        (Data::Float(one), Data::Float(other)) => {
                            assert!((one - other).abs() <= 1e-15 * one.abs(), "{name}: {one} {other}");
                        }
                        _ => assert_eq!(one, other, "{name}"),
                    }
                }
            }
        }
        assert!(long.worksheet_formula("Salariés").unwrap().is_empty());
    }

    #[test]
    fn the_cells_that_follow_are_shown_as_those_before() {
        let row = vec![Cell::Text("a".into()), Cell::Number(1.5, Kind::Money), Cell::Number(0.1, Kind::Rate)];
        let mut table = Table::new("T", ["x", "y", "z"].map(str::to_owned).to_vec(), vec![row]);
        table.more = 1;
        let words = Words::default();
        let apart = Apart { member: "t".into(), count: 2, spread: BTreeMap::new() };
        let outcome = json!({ "t": [{ "x": "a", "y": 1.5, "z": 0.1 }] });
        let text = "[\n{\"x\":\"a\",\"y\":1.5,\"z\":0.1},\n{\"x\":\"b\",\"y\":2.5,\"z\":0.2}\n]";
        let following = |text: &'static str| Following::new(&apart, &outcome, text.as_bytes(), &words);
        let (first, _) = text.split_once(",\n").unwrap();
        let short = xlsx(&[table.clone()], Some(following(first)));
        assert!(matches!(short, Err(ReportError::Lines { found: 0, expected: 1, .. })), "{short:?}");
        let bytes = xlsx(&[table], Some(following(text))).unwrap();
        let mut sheet = String::new();
        let mut written = ZipArchive::new(Cursor::new(bytes)).unwrap();
        written.by_name("xl/worksheets/sheet1.xml").unwrap().read_to_string(&mut sheet).unwrap();
        let style = |cell: &str| {
            let (_, rest) = sheet.split_once(&format!("<c r=\"{cell}\"")).unwrap();
            rest.split_once('>').unwrap().0.to_owned()
        };
        assert!(style("B2").contains("s=") && style("B2") != style("C2"));
        assert_eq!((style("B2"), style("C2")), (style("B3"), style("C3")));
        assert!(sheet.contains("<dimension ref=\"A1:C3\"/>"), "{sheet}");
    }
}
