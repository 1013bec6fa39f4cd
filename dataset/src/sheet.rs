//! A sheet as read from a file: a header and rows of cells, all in one text. Not what cells mean.

use std::sync::Arc;

use crate::bounds::Bounds;
use crate::fault::{Fault, Faults, short};

/// A header and rows, each as wide as the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    header: Vec<Arc<str>>,
    /// Rows as the file counts them, the header being the first.
    rows: Vec<u32>,
    text: String,
    /// Ends of cells in `text`, row by row.
    ends: Vec<u32>,
    /// What is worth knowing of the file.
    pub(crate) notes: Vec<Fault>,
    /// Rows that could not be taken.
    pub(crate) faults: Faults,
}

impl Sheet {
    pub(crate) fn with_header(header: Vec<Arc<str>>) -> Self {
        Self { header, ..Self::default() }
    }

    /// Names of the columns as the file has them.
    pub fn header(&self) -> &[Arc<str>] {
        &self.header
    }

    /// Number of rows, the header left out.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row below the header.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The place in the file of a row below [`Self::len`].
    pub fn row(&self, index: usize) -> u32 {
        self.rows[index]
    }

    /// A cell, trimmed.
    #[inline]
    pub fn cell(&self, index: usize, column: usize) -> &str {
        let at = index * self.header.len() + column;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.text[start as usize..self.ends[at] as usize].trim()
    }

    /// Adds a row, unless it is blank; one with cells past the header is a fault of its own, and cells that lack are empty.
    ///
    /// # Errors
    /// What ends the reading: a bound is passed.
    pub(crate) fn push<'c>(
        &mut self,
        row: u32,
        cells: impl Iterator<Item = &'c str>,
        bounds: &Bounds,
    ) -> Result<(), Fault> {
        if self.rows.len() + 1 >= bounds.rows {
            return Err(Fault::whole("too_many_rows", &[("maximum", (bounds.rows - 1).to_string())]));
        }
        let (start, width) = (self.text.len(), self.header.len());
        let (mut count, mut blank) = (0, true);
        for cell in cells {
            if cell.len() > bounds.cell {
                let column = self.header.get(count).cloned().unwrap_or_else(|| Arc::from(""));
                let parameters = [("found", cell.len().to_string()), ("maximum", bounds.cell.to_string())];
                return Err(Fault::new(Some(row), &column, "cell_too_long", &parameters));
            }
            let empty = cell.trim().is_empty();
            blank &= empty;
            if count < width {
                self.text.push_str(cell);
                self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
            } else if !empty {
                self.take_back(start);
                let parameters = [("expected", width.to_string()), ("found", short(cell))];
                self.faults.push(Fault::at(row, "cells", &parameters));
                return Ok(());
            }
            count += 1;
        }
        if self.text.len() > bounds.text {
            return Err(Fault::whole("too_much_text", &[("maximum", (bounds.text >> 20).to_string())]));
        }
        if blank {
            self.take_back(start);
            return Ok(());
        }
        for _ in count..width {
            self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        }
        self.rows.push(row);
        Ok(())
    }

    fn take_back(&mut self, text: usize) {
        self.text.truncate(text);
        self.ends.truncate(self.rows.len() * self.header.len());
    }
}

/// Names of columns, each with something in it: a column without a name is called by its letter.
///
/// # Errors
/// Too many, or one too long.
pub(crate) fn header<'c>(
    cells: impl Iterator<Item = &'c str>,
    bounds: &Bounds,
) -> Result<Vec<Arc<str>>, Fault> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for cell in cells {
        if names.len() == bounds.columns {
            return Err(Fault::at(1, "too_many_columns", &[("maximum", bounds.columns.to_string())]));
        }
        if cell.len() > bounds.cell {
            let parameters = [("found", cell.len().to_string()), ("maximum", bounds.cell.to_string())];
            return Err(Fault::at(1, "cell_too_long", &parameters));
        }
        let name = short(cell.trim());
        names.push(if name.is_empty() { Arc::from(letters(names.len())) } else { Arc::from(name) });
    }
    Ok(names)
}

/// The letters of a column in a spreadsheet: A, …, Z, AA, …
pub(crate) fn letters(index: usize) -> String {
    let mut left = index + 1;
    let mut letters = Vec::new();
    while left > 0 {
        let digit = (left - 1) % 26;
        letters.push(char::from(b'A' + digit as u8));
        left = (left - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lettered_as_spreadsheets_do() {
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }

    #[test]
    fn a_row_too_wide_leaves_nothing_behind_and_a_blank_one_is_passed_over() {
        let names = header(["a", ""].into_iter(), &Bounds::USUAL).unwrap();
        let mut sheet = Sheet::with_header(names);
        for (row, cells) in [(2, &["1", "2"][..]), (3, &["1", "2", "3"]), (4, &[" ", "", ""]), (5, &["5"])] {
            sheet.push(row, cells.iter().copied(), &Bounds::USUAL).unwrap();
        }
        assert_eq!((sheet.faults.total, sheet.faults.listed[0].code.as_str()), (1, "cells"));
        assert_eq!((sheet.len(), sheet.row(1), &*sheet.header()[1]), (2, 5, "B"));
        assert_eq!((sheet.cell(0, 1), sheet.cell(1, 0), sheet.cell(1, 1)), ("2", "5", ""));
    }
}
