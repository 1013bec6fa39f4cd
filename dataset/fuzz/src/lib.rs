//! What the targets do: any bytes as a file that a client sends, and what is promised of whatever is made of it.

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use std::sync::LazyLock;

use aops_dataset::{Bounds, CODES, Fault, Mapping, Sheet, Wanted, annotated, check, portfolio, read};
use aops_engine::{Lines, MODULES};
use jiff::civil::date;
use rust_xlsxwriter::Workbook;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Tight, so that they are met, and no input takes long.
const BOUNDS: Bounds = Bounds {
    bytes: 1 << 20,
    unzipped: 4 << 20,
    part: 1 << 20,
    rows: 501,
    columns: 40,
    cell: 512,
    text: 256 << 10,
};
/// Sheets that are marked and read again have no more rows.
const MARKED: usize = 20;
/// Parts of a workbook that are replaced, by the first byte of an input.
const PARTS: [&str; 6] = [
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
    "[Content_Types].xml",
];

/// Text with separators, in any encoding.
pub fn delimited(bytes: &[u8]) {
    if !bytes.starts_with(b"PK\x03\x04") {
        file(bytes, &Mapping::new());
    }
}

/// A workbook as it is, or a sound one with the part that the first byte names replaced by the rest.
pub fn workbook(bytes: &[u8]) {
    if bytes.starts_with(b"PK\x03\x04") {
        return file(bytes, &Mapping::new());
    }
    let Some((part, content)) = bytes.split_first() else { return };
    let name = PARTS[usize::from(*part) % PARTS.len()];
    if name == PARTS[0] && names_no_cell(content) {
        return;
    }
    file(&with_part(name, content), &Mapping::new());
}

/// Whether a reference (`r`, `ref`) is longer than any of a workbook's. calamine 0.38 counts its letters and digits without
/// a look at overflow: in a program as it is shipped the cell lands at another place of its own file, here it would panic.
fn names_no_cell(content: &[u8]) -> bool {
    let value = |at: usize| {
        let rest =
            content[at..].iter().skip_while(|byte| matches!(byte, b'=' | b' ' | b'\t' | b'\r' | b'\n'));
        let quoted = rest.skip(1).take_while(|byte| !matches!(byte, b'"' | b'\'' | b'>'));
        quoted.copied().collect::<Vec<u8>>()
    };
    let too_long = |cell: &[u8]| {
        cell.iter().filter(|byte| byte.is_ascii_alphabetic()).count() > 6
            || cell.iter().filter(|byte| byte.is_ascii_digit()).count() > 9
    };
    let names =
        content.iter().enumerate().filter(|(_, byte)| matches!(byte, b'r' | b'f')).map(|(at, _)| at + 1);
    let followed = names.filter(|at| {
        let mut rest = content[*at..].iter().skip_while(|byte| byte.is_ascii_whitespace());
        rest.next() == Some(&b'=')
    });
    followed.map(value).any(|value| value.split(|byte| *byte == b':').any(too_long))
}

/// Columns told (`name=target`, a line each), a blank line, and a file.
pub fn mapping(bytes: &[u8]) {
    let Some(at) = bytes.windows(2).position(|two| two == b"\n\n") else { return };
    let (told, rest) = (String::from_utf8_lossy(&bytes[..at]), &bytes[at + 2..]);
    let pairs = told.lines().filter_map(|line| line.split_once('='));
    let mapping: Mapping =
        pairs.map(|(name, target)| (aops_dataset::plain(name), target.to_owned())).collect();
    for name in mapping.keys() {
        assert_eq!(&aops_dataset::plain(name), name, "what is remembered is found again");
    }
    file(rest, &mapping);
}

fn file(bytes: &[u8], mapping: &Mapping) {
    match read(bytes, &BOUNDS) {
        Ok(sheet) => {
            assert!(!sheet.header().is_empty() && sheet.header().len() <= BOUNDS.columns);
            assert!(sheet.len() < BOUNDS.rows);
            let modules = MODULES.iter().filter_map(|module| Some((*module, aops_engine::lines(module)?)));
            let modules: Vec<(&str, Lines)> = modules.collect();
            // Each module in turn, by what is in the file.
            let (module, lines) = &modules[bytes.len() % modules.len()];
            checked(&sheet, module, lines, mapping);
        }
        Err(fault) => told(&fault),
    }
}

fn checked(sheet: &Sheet, module: &str, lines: &Lines, mapping: &Mapping) {
    let on = date(2026, 1, 1);
    let checked = check(sheet, Wanted { lines, mapping, on, pseudonym: None });
    checked.faults.listed.iter().chain(&checked.warnings).for_each(told);
    assert!(checked.faults.total >= checked.faults.listed.len());
    // A triangle's columns are all one member.
    let named = checked.mapped.iter().filter_map(|one| one.read_as.as_deref());
    let read: Vec<&str> = named.filter(|name| lines.matrix != Some(*name)).collect();
    let once: BTreeSet<&str> = read.iter().copied().collect();
    assert_eq!(read.len(), once.len(), "a column is read twice");
    assert!(read.iter().all(|name| lines.columns.iter().any(|column| column.name == *name)));
    for one in &checked.mapped {
        if mapping.get(&aops_dataset::plain(&one.column)).is_some_and(String::is_empty) {
            assert_eq!(one.read_as, None, "what is left out is read");
        }
    }
    if checked.faults.is_empty() {
        let records = csv::Reader::from_reader(checked.csv.as_bytes()).into_records();
        let widths: Vec<usize> = records.map(|record| record.unwrap().len()).collect();
        assert_eq!(widths.len(), checked.rows);
        portfolio(module, lines, checked.csv).unwrap();
    } else if (1..=MARKED).contains(&sheet.len()) {
        let long = |fault: &Fault| format!("{}{}", fault.code, "é".repeat(length(fault)));
        let book = annotated(sheet, &checked.faults, "Motifs", long).unwrap();
        let again = aops_dataset::read(&book, &Bounds::USUAL).unwrap();
        assert_eq!(again.len(), sheet.len(), "a row is lost in the workbook to mend");
    }
}

/// A length for a sentence, now and then past what a cell holds.
fn length(fault: &Fault) -> usize {
    fault.parameters.iter().map(|(_, value)| value.len() * 64).sum()
}

fn told(fault: &Fault) {
    assert!(CODES.contains(&fault.code.as_str()), "{fault:?}");
    assert!(fault.row != Some(0), "{fault:?}");
}

/// The parts of a sound workbook.
static SOUND: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (at, name) in ["id", "sex", "birth_date", "hire_date", "annual_salary"].iter().enumerate() {
        sheet.write_string(0, at as u16, *name).unwrap();
    }
    for (at, cell) in ["1", "F", "1972-05-03", "2001-09-01", "38000"].iter().enumerate() {
        sheet.write_string(1, at as u16, *cell).unwrap();
    }
    let book = book.save_to_buffer().unwrap();
    let mut archive = ZipArchive::new(Cursor::new(book)).unwrap();
    let count = archive.len();
    let part = |index| {
        let mut part = archive.by_index(index).unwrap();
        let (name, mut content) = (part.name().unwrap().to_string(), Vec::new());
        part.read_to_end(&mut content).unwrap();
        (name, content)
    };
    (0..count).map(part).collect()
});

fn with_part(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (part, sound) in SOUND.iter() {
        writer.start_file(part.as_str(), stored).unwrap();
        writer.write_all(if part == name { content } else { sound }).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
