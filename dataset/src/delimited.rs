//! Text with separators (RFC 4180, and what spreadsheets make of it) to a sheet. Not its encoding.

use csv::{ReaderBuilder, StringRecord};

use crate::bounds::Bounds;
use crate::encoding;
use crate::fault::{Fault, short};
use crate::sheet::{Sheet, header};

/// Separators, the likeliest in France first.
const SEPARATORS: [u8; 4] = [b';', b',', b'\t', b'|'];
/// Lines by which the separator is guessed.
const SEEN: usize = 20;

/// Reads a file.
///
/// # Errors
/// Why nothing of it can be checked.
pub(crate) fn read(bytes: &[u8], bounds: &Bounds) -> Result<Sheet, Fault> {
    let text = encoding::text(bytes)?;
    // `sep=;` before the header is Excel's own word for the separator.
    let (told, rest, skipped) = match text.split_once('\n') {
        Some((first, rest)) => match first.trim_end().strip_prefix("sep=").map(str::as_bytes) {
            Some([separator]) => (Some(*separator), rest, 1),
            _ => (None, &*text, 0),
        },
        None => (None, &*text, 0),
    };
    let separator = told.unwrap_or_else(|| separator(rest));
    // A quote that is doubled inside a cell counts twice: what is closed makes an even number.
    let open = memchr::memchr_iter(b'"', rest.as_bytes()).count() % 2 == 1;
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(rest.as_bytes());
    let mut record = StringRecord::new();
    let mut sheet: Option<Sheet> = None;
    let mut odd = None;
    while reader.read_record(&mut record).map_err(|error| wrong(&error))? {
        let line = record.position().map_or(1, |start| line(rest, start)) + skipped;
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        if open && record.iter().any(|cell| cell.contains('\n')) {
            odd = Some(line);
            if record.as_slice().len() > bounds.cell {
                break;
            }
        }
        match &mut sheet {
            None if record.iter().all(|cell| cell.trim().is_empty()) => {}
            None => sheet = Some(Sheet::with_header(header(record.iter(), bounds)?)),
            Some(sheet) => sheet.push(line, record.iter(), bounds)?,
        }
    }
    if open {
        return Err(Fault::new(odd, &"".into(), "quote_open", &[]));
    }
    Ok(sheet.unwrap_or_default())
}

/// The line of a record: blank ones before it belong to no record.
fn line(text: &str, start: &csv::Position) -> u64 {
    let from = usize::try_from(start.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
    start.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

fn wrong(error: &csv::Error) -> Fault {
    let row = error.position().and_then(|at| u32::try_from(at.line()).ok());
    Fault::new(row, &"".into(), "not_text", &[("encoding", short(&error.to_string()))])
}

/// The separator that as many of the first lines as possible have as often as the header, and that often enough.
fn separator(text: &str) -> u8 {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(SEEN).collect();
    let score = |separator: &u8| {
        let counts: Vec<usize> = lines.iter().map(|line| count(line, *separator)).collect();
        let first = counts.first().copied().unwrap_or_default();
        let same = counts.iter().filter(|count| **count == first).count();
        (first > 0, same * first.min(3), first)
    };
    let mut best = SEPARATORS[0];
    for one in &SEPARATORS[1..] {
        if score(one) > score(&best) {
            best = *one;
        }
    }
    best
}

/// How often a separator stands outside of quotes.
fn count(line: &str, separator: u8) -> usize {
    let mut quoted = false;
    let outside = line.bytes().filter(|byte| {
        quoted ^= *byte == b'"';
        !quoted && *byte == separator
    });
    outside.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        let sheet = read(text.as_bytes(), &Bounds::USUAL).unwrap();
        let row = |index| (0..sheet.header().len()).map(|at| sheet.cell(index, at).to_owned()).collect();
        (0..sheet.len()).map(row).collect()
    }

    #[test]
    fn the_separator_is_found_whatever_stands_in_cells() {
        for text in [
            "id;salaire, brut\n1;12,5\n",
            "id,salaire\n1,\"12,5\"\n",
            "id\tsalaire\n1\t12,5\n",
            "id|salaire\n1|12,5\n",
            "sep=|\nid|salaire\r\n1|12,5\r\n",
            "\n\nid;salaire\n\n1;12,5\n;\n",
        ] {
            assert_eq!(cells(text), [["1", "12,5"]], "{text}");
        }
    }

    #[test]
    fn rows_are_counted_as_editors_count_lines() {
        let sheet = read(b"id;nom\n1;\"a\nb\"\n\n2;c\n3;d;e\n", &Bounds::USUAL).unwrap();
        assert_eq!((sheet.row(0), sheet.row(1)), (2, 5));
        assert_eq!((sheet.faults.listed[0].row, sheet.faults.listed[0].code.as_str()), (Some(6), "cells"));
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_with_the_row_where_it_opens() {
        let text = format!("id;nom\n1;a\n2;\"b\n{}", "3;c\n".repeat(10_000));
        let fault = read(text.as_bytes(), &Bounds::USUAL).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.row), ("quote_open", Some(3)));
    }

    #[test]
    fn a_cell_of_ten_megabytes_and_a_thousand_columns_are_refused() {
        let text = format!("id;nom\n1;{}\n", "x".repeat(10 << 20));
        let fault = read(text.as_bytes(), &Bounds::USUAL).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.row), ("cell_too_long", Some(2)));
        let text = format!("id{}\n", ";a".repeat(1000));
        assert_eq!(read(text.as_bytes(), &Bounds::USUAL).unwrap_err().code, "too_many_columns");
    }
}
