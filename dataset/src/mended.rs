//! A file sent back with its faults marked: every cell as it came, those at fault in colour, and what is wrong with a row
//! beside it. Nothing in it is a formula.

use std::collections::{BTreeMap, HashMap};

use rust_xlsxwriter::{Color, Format, Workbook, XlsxError};

use crate::bounds::Bounds;
use crate::canonical::is_formula;
use crate::fault::{Fault, Faults};
use crate::sheet::Sheet;

/// The longest text of a cell, in bytes: what is sent back must be read again.
const CELL: usize = Bounds::USUAL.cell;
const WIDTH: f64 = 18.0;
const WIDE: f64 = 80.0;

/// A workbook to mend and send back. `title` heads the column of faults, which comes last and is passed over when the
/// file is read again; `sentence` says what a fault is.
///
/// # Errors
/// [`XlsxError`].
pub fn annotated(
    sheet: &Sheet,
    faults: &Faults,
    title: &str,
    sentence: impl Fn(&Fault) -> String,
) -> Result<Vec<u8>, XlsxError> {
    let mut by_row: BTreeMap<u32, Vec<&Fault>> = BTreeMap::new();
    for fault in &faults.listed {
        by_row.entry(fault.row.unwrap_or(1)).or_default().push(fault);
    }
    let places: HashMap<&str, u16> =
        sheet.header().iter().enumerate().map(|(at, name)| (&**name, at as u16)).collect();
    let wrong = Format::new().set_background_color(Color::RGB(0xF9_D6_D2));
    let bold = Format::new().set_bold();
    let mut book = Workbook::new();
    // What would be a formula stays a text even when it is edited.
    let text = Format::new().set_quote_prefix();
    let out = book.add_worksheet();
    out.set_freeze_panes(1, 0)?;
    let last = sheet.header().len() as u16;
    for (at, name) in sheet.header().iter().enumerate() {
        out.set_column_width(at as u16, WIDTH)?;
        out.write_string_with_format(0, at as u16, &**name, &bold)?;
    }
    out.set_column_width(last, WIDE)?;
    out.write_string_with_format(0, last, title, &bold)?;
    let told = |found: &[&Fault]| -> String {
        let sentences: Vec<String> = found.iter().map(|fault| sentence(fault)).collect();
        let told = sentences.join(" ");
        told.char_indices().take_while(|(at, one)| at + one.len_utf8() <= CELL).map(|(_, one)| one).collect()
    };
    if let Some(found) = by_row.get(&1) {
        out.write_string(0, last + 1, told(found))?;
    }
    for index in 0..sheet.len() {
        let row = index as u32 + 1;
        let found = by_row.get(&sheet.row(index)).map_or(&[][..], Vec::as_slice);
        let at_fault: Vec<u16> =
            found.iter().filter_map(|fault| places.get(&*fault.column).copied()).collect();
        for at in 0..last {
            let cell = sheet.cell(index, usize::from(at));
            let same = |number: &f64| number.is_finite() && number.to_string() == cell;
            let number = cell.parse::<f64>().ok().filter(same);
            let faulty = at_fault.contains(&at);
            match (number, faulty) {
                (Some(number), true) => out.write_number_with_format(row, at, number, &wrong)?,
                (Some(number), false) => out.write_number(row, at, number)?,
                (None, true) if is_formula(cell) => {
                    out.write_string_with_format(row, at, cell, &wrong.clone().set_quote_prefix())?
                }
                (None, true) => out.write_string_with_format(row, at, cell, &wrong)?,
                (None, false) if cell.is_empty() => continue,
                (None, false) if is_formula(cell) => out.write_string_with_format(row, at, cell, &text)?,
                (None, false) => out.write_string(row, at, cell)?,
            };
        }
        if !found.is_empty() {
            out.write_string(row, last, told(found))?;
        }
    }
    book.save_to_buffer()
}
