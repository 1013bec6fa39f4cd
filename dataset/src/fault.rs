//! What is wrong with a file: at which row and column, a stable code, and what its sentence needs. Not sentences:
//! themes translate codes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One thing that is wrong, or odd, at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The row; the header is row 1. None where it is about a column or the whole file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<u32>,
    /// The column by its name in the file; the engine's name where the file lacks it. Empty for a whole row.
    pub column: Arc<str>,
    /// One of [`CODES`].
    pub code: String,
    /// By placeholder.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parameters: Vec<(String, String)>,
}

impl Fault {
    pub(crate) fn new(
        row: Option<u32>,
        column: &Arc<str>,
        code: &str,
        parameters: &[(&str, String)],
    ) -> Self {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Self { row, column: Arc::clone(column), code: code.to_owned(), parameters }
    }

    /// About the whole file.
    pub(crate) fn whole(code: &str, parameters: &[(&str, String)]) -> Self {
        Self::new(None, &Arc::from(""), code, parameters)
    }

    /// That the same data are kept already, under this name.
    pub fn same_file(name: &str) -> Self {
        Self::whole("same_file", &[("found", short(name))])
    }

    /// That no more data sets may be kept.
    pub fn too_many_files(maximum: usize) -> Self {
        Self::whole("too_many_files", &[("maximum", maximum.to_string())])
    }

    /// About a row.
    pub(crate) fn at(row: u32, code: &str, parameters: &[(&str, String)]) -> Self {
        Self::new(Some(row), &Arc::from(""), code, parameters)
    }
}

/// Faults in the order of the rows; all are counted, the first hundred thousand are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// The first ones.
    pub listed: Vec<Fault>,
    /// How many there are.
    pub total: usize,
}

impl Faults {
    /// As many as are kept.
    pub const MOST: usize = 100_000;

    pub(crate) fn push(&mut self, fault: Fault) {
        self.total += 1;
        if self.listed.len() < Self::MOST {
            self.listed.push(fault);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { listed: vec![fault], total: 1 }
    }
}

/// Keeps a message readable whatever stands in a cell.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(60).map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// Every code; the theme has a sentence for each.
pub const CODES: &[&str] = &[
    // The file.
    "empty",
    "header_only",
    "too_large",
    "unzips_too_large",
    "too_many_rows",
    "too_many_columns",
    "too_much_text",
    "cell_too_long",
    "not_text",
    "mixed_encodings",
    "nul",
    "quote_open",
    "cells",
    "not_a_workbook",
    "old_workbook",
    "macros",
    "doctype",
    "no_sheet",
    "merged",
    "error_cell",
    // Its columns.
    "no_column",
    "missing_column",
    "missing_column_near",
    "unknown_target",
    "twice",
    // Its cells.
    "missing",
    "not_a_number",
    "not_whole",
    "out_of_range",
    "not_a_date",
    "no_such_day",
    "month_first",
    "unknown_choice",
    "not_a_flag",
    "after",
    "duplicate",
    // What is odd, and taken.
    "dropped",
    "dropped_personal",
    "formulas",
    "external",
    "other_sheets",
    "hidden_sheets",
    "serial_dates",
    "short_years",
    "month_first_read",
    "ambiguous_numbers",
    "hired_young",
    "age_odd",
    "monthly",
    "salary_low",
    "salary_high",
    "same_person",
    "personal_identifier",
    "pseudonyms",
    "future",
    "too_many_files",
    "same_file",
    "more_warnings",
];
