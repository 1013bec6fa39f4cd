//! Pieces of a report as the template reads them: texts, tables cut to what paper holds.

use aops_engine::FIRST;
use serde_json::{Value, json};

use crate::figures::shown;
use crate::table::{Cell, Table};
use crate::words::Words;

/// Lines of a table on paper; the workbook has them all.
const MOST_LINES: usize = 40;
// A list that stands apart has as many lines here as are told of it.
const _: () = assert!(MOST_LINES <= FIRST);
/// Lines of each piece of one that is too wide: whoever wants them all wants the workbook.
const MOST_OF_A_PIECE: usize = 20;
/// Columns of a table on paper; wider ones are continued below.
const MOST_COLUMNS: usize = 7;

pub(super) fn text(text: &str) -> Value {
    json!({ "kind": "text", "text": text })
}

pub(super) fn heading(text: &str) -> Value {
    json!({ "kind": "heading", "text": text })
}

/// A table, in pieces that fit between the margins; each is led by the first column.
pub(super) fn table(table: &Table, words: &Words) -> Vec<Value> {
    let rest: Vec<usize> = (1..table.headers.len()).collect();
    let pieces = rest.chunks(MOST_COLUMNS - 1).map(|chunk| [&[0], chunk].concat());
    let pieces: Vec<Vec<usize>> = if rest.is_empty() { vec![vec![0]] } else { pieces.collect() };
    let most = if pieces.len() > 1 { MOST_OF_A_PIECE } else { MOST_LINES };
    pieces.iter().map(|columns| piece(table, columns, most, words)).collect()
}

fn piece(table: &Table, columns: &[usize], most: usize, words: &Words) -> Value {
    let told = table.rows.iter().take(most);
    let numeric = |column: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.get(column));
        cells.any(|cell| matches!(cell, Cell::Number(..)))
    };
    let align: Vec<&str> = columns.iter().map(|column| if numeric(*column) { "r" } else { "l" }).collect();
    // What is words takes what room figures leave.
    let widths: Vec<u8> = align.iter().map(|side| u8::from(*side == "l")).collect();
    let rows: Vec<Vec<String>> = told
        .map(|row| columns.iter().map(|column| row.get(*column).map(shown).unwrap_or_default()).collect())
        .collect();
    let all = table.rows.len() + table.more;
    let note = (all > most).then(|| {
        let sentence = words.of("report", "left_out").replace("{shown}", &most.to_string());
        sentence.replace("{all}", &all.to_string())
    });
    json!({
        "kind": "table",
        "headers": columns.iter().map(|column| &table.headers[*column]).collect::<Vec<_>>(),
        "align": align, "widths": widths, "rows": rows, "note": note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Kind;

    #[test]
    fn a_table_that_paper_does_not_hold_is_cut_and_says_so() {
        let headers = (0..13).map(|column| format!("c{column}")).collect();
        let row = |line: usize| {
            let mut row = vec![Cell::Text(format!("n{line}"))];
            row.extend((1..13).map(|column| Cell::Number((line * column) as f64, Kind::Plain)));
            row
        };
        let mut whole = Table::new("T", headers, (0..50).map(row).collect());
        let words = Words::parse("[report]\nleft_out = \"{shown}/{all}\"").unwrap();
        let pieces = table(&whole, &words);
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[1]["headers"][0], "c0");
        assert_eq!(pieces[1]["headers"][6], "c12");
        assert_eq!(pieces[0]["rows"].as_array().unwrap().len(), MOST_OF_A_PIECE);
        assert_eq!(pieces[0]["note"], "20/50");
        assert_eq!(pieces[0]["align"][1], "r");
        whole.more = 100_000;
        assert_eq!(table(&whole, &words)[0]["note"], "20/100050", "others stand elsewhere");
    }
}
