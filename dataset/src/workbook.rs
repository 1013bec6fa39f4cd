//! A workbook to a sheet: the first one that is seen, cell by cell, as values. Not formulas, and nothing that is hidden.

use std::io::Cursor;
use std::sync::Arc;

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx};

use crate::archive;
use crate::bounds::Bounds;
use crate::fault::{Fault, short};
use crate::sheet::{Sheet, header, letters};

/// Reads a workbook.
///
/// # Errors
/// Why nothing of it can be checked.
pub(crate) fn read(bytes: &[u8], bounds: &Bounds) -> Result<Sheet, Fault> {
    let looked = archive::look(bytes, bounds)?;
    let wrong = |_| Fault::whole("not_a_workbook", &[]);
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(wrong)?;
    let sheets = book.sheets_metadata().to_vec();
    let is_sheet = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet;
    let seen: Vec<&calamine::Sheet> =
        sheets.iter().filter(is_sheet).filter(|sheet| sheet.visible == SheetVisible::Visible).collect();
    let hidden = sheets.iter().filter(is_sheet).count() - seen.len();
    let Some(first) = seen.first() else { return Err(Fault::whole("no_sheet", &[])) };
    let name = first.name.clone();
    let mut sheet = Reading::new(bounds).cells(&mut book, &name)?;
    let mut note = |code: &str, parameters: &[(&str, String)]| {
        sheet.notes.push(Fault::whole(code, parameters));
    };
    if seen.len() > 1 {
        note("other_sheets", &[("found", short(&name)), ("count", (seen.len() - 1).to_string())]);
    }
    if hidden > 0 {
        note("hidden_sheets", &[("count", hidden.to_string())]);
    }
    if looked.formulas {
        note("formulas", &[]);
    }
    if looked.external {
        note("external", &[]);
    }
    if looked.merged {
        merged(&mut book, &name, &mut sheet);
    }
    Ok(sheet)
}

/// Merged cells have one value for several places: which of them it belongs to cannot be told.
fn merged(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, sheet: &mut Sheet) {
    for region in book.merge_cells_by_sheet_name(name).unwrap_or_default() {
        let ((row, column), (last_row, last_column)) = (region.start, region.end);
        let place = format!(
            "{}{}:{}{}",
            letters(column as usize),
            row + 1,
            letters(last_column as usize),
            last_row + 1
        );
        let named: Arc<str> = sheet.header().get(column as usize).cloned().unwrap_or_else(|| Arc::from(""));
        sheet.faults.push(Fault::new(Some(row + 1), &named, "merged", &[("found", place)]));
    }
}

/// A sheet under way, and the row that is being filled.
struct Reading<'b> {
    bounds: &'b Bounds,
    sheet: Option<Sheet>,
    row: u32,
    cells: Vec<String>,
    used: usize,
    errors: Vec<(u32, usize)>,
}

impl<'b> Reading<'b> {
    fn new(bounds: &'b Bounds) -> Self {
        Self { bounds, sheet: None, row: 0, cells: Vec::new(), used: 0, errors: Vec::new() }
    }

    fn cells(mut self, book: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Sheet, Fault> {
        let wrong = |_| Fault::whole("not_a_workbook", &[]);
        let mut reader = book.worksheet_cells_reader(name).map_err(wrong)?;
        while let Some(cell) = reader.next_cell().map_err(|_| Fault::whole("not_a_workbook", &[]))? {
            let (row, column) = cell.get_position();
            if matches!(cell.get_value(), DataRef::Empty) {
                continue;
            }
            if row < self.row {
                return Err(Fault::at(row + 1, "not_a_workbook", &[]));
            }
            if row > self.row {
                self.end_row()?;
                self.row = row;
            }
            self.put(row, column as usize, cell.get_value())?;
        }
        self.end_row()?;
        let mut sheet = self.sheet.unwrap_or_default();
        for (row, column) in self.errors {
            let named = sheet.header().get(column).cloned().unwrap_or_else(|| Arc::from(letters(column)));
            sheet.faults.push(Fault::new(Some(row), &named, "error_cell", &[]));
        }
        Ok(sheet)
    }

    fn put(&mut self, row: u32, column: usize, value: &DataRef<'_>) -> Result<(), Fault> {
        if column >= self.bounds.columns {
            let parameters = [("maximum", self.bounds.columns.to_string())];
            return Err(Fault::at(row + 1, "too_many_columns", &parameters));
        }
        if self.cells.len() <= column {
            self.cells.resize_with(column + 1, String::new);
        }
        if column >= self.used {
            self.cells[self.used..=column].iter_mut().for_each(String::clear);
            self.used = column + 1;
        }
        let cell = &mut self.cells[column];
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        let _ = match value {
            DataRef::String(text) => cell.write_str(text),
            DataRef::SharedString(text) => cell.write_str(text),
            DataRef::Int(number) => write!(cell, "{number}"),
            DataRef::Float(number) => write!(cell, "{number}"),
            DataRef::Bool(flag) => write!(cell, "{flag}"),
            DataRef::DateTime(at) => cell.write_str(&day(at)),
            DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => cell.write_str(text),
            DataRef::Error(_) => {
                self.errors.push((row + 1, column));
                Ok(())
            }
            DataRef::Empty => Ok(()),
        };
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), Fault> {
        let cells = self.cells[..self.used].iter().map(String::as_str);
        match &mut self.sheet {
            None if self.used == 0 => {}
            None => self.sheet = Some(Sheet::with_header(header(cells, self.bounds)?)),
            Some(sheet) => sheet.push(self.row + 1, cells, self.bounds)?,
        }
        self.used = 0;
        Ok(())
    }
}

/// A day as ISO 8601 writes it; what is a length of time stays a number.
fn day(at: &ExcelDateTime) -> String {
    if at.is_duration() {
        return at.as_f64().to_string();
    }
    let (year, month, day, ..) = at.to_ymd_hms_milli();
    format!("{year:04}-{month:02}-{day:02}")
}
