//! A list that stands apart from its outcome, which has the first of its lines: how many follow is told with its table,
//! and these are read one after another, so that a workbook of any length takes the memory of a line.

use std::io::BufRead;

use aops_engine::Apart;
use serde_json::Value;

use crate::lists::{names, row};
use crate::table::{Cell, Table};
use crate::tables::sheet;
use crate::words::Words;
use crate::workbook::ReportError;

/// Tells the table of a list that stands apart how many lines follow those that are there.
pub fn with_more(mut tables: Vec<Table>, apart: Option<&Apart>, words: &Words) -> Vec<Table> {
    if let Some(apart) = apart {
        let title = words.of("sheet", sheet(&apart.member));
        if let Some(table) = tables.iter_mut().find(|table| table.title == title) {
            table.more = apart.count.saturating_sub(table.rows.len());
        }
    }
    tables
}

/// The lines that follow the first, from the text of the whole list.
pub struct Following<'a> {
    names: Vec<&'a str>,
    words: &'a Words,
    text: Box<dyn BufRead + 'a>,
    /// Lines that the outcome has.
    first: usize,
    line: Vec<u8>,
}

impl<'a> Following<'a> {
    /// Of a list apart, whose text the engine wrote ([`aops_engine::LongList`]).
    pub fn new(apart: &Apart, outcome: &'a Value, text: impl BufRead + 'a, words: &'a Words) -> Self {
        let first = outcome[&apart.member].as_array().map_or(&[][..], Vec::as_slice);
        Self { names: names(first), words, text: Box::new(text), first: first.len(), line: Vec::new() }
    }

    /// The next object of the list, without what stands around it.
    fn next_object(&mut self) -> Result<Option<&[u8]>, ReportError> {
        loop {
            self.line.clear();
            if self.text.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            if !self.line.starts_with(b"{") {
                continue;
            }
            if self.first == 0 {
                break;
            }
            self.first -= 1;
        }
        let object = self.line.trim_ascii_end();
        Ok(Some(object.strip_suffix(b",").unwrap_or(object)))
    }

    /// The cells of the next line.
    pub(crate) fn next_row(&mut self) -> Result<Option<Vec<Cell>>, ReportError> {
        let Some(object) = self.next_object()? else { return Ok(None) };
        let line: Value = serde_json::from_slice(object)?;
        Ok(Some(row(&self.names, &line, self.words)))
    }
}
