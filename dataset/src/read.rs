//! A file to a sheet, by what its bytes are. Not what columns mean.

use crate::bounds::Bounds;
use crate::fault::Fault;
use crate::sheet::Sheet;
use crate::{delimited, workbook};

/// What a file is, by its first bytes: what its sender says of it is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text with separators.
    Delimited,
    /// An Office Open XML workbook (ECMA-376).
    Workbook,
}

/// How a ZIP file begins (APPNOTE.TXT § 4.3.7), and a compound file, which workbooks were before and are when locked.
const ZIP: &[u8] = b"PK\x03\x04";
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

impl Form {
    /// The form of a file.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(ZIP) || bytes.starts_with(COMPOUND) { Self::Workbook } else { Self::Delimited }
    }
}

/// Reads a file.
///
/// # Errors
/// Why nothing of it can be checked.
pub fn read(bytes: &[u8], bounds: &Bounds) -> Result<Sheet, Fault> {
    if bytes.len() > bounds.bytes {
        return Err(Fault::whole("too_large", &[("maximum", (bounds.bytes >> 20).to_string())]));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Fault::whole("empty", &[]));
    }
    if bytes.starts_with(COMPOUND) {
        return Err(Fault::whole("old_workbook", &[]));
    }
    let sheet = match Form::of(bytes) {
        Form::Workbook => workbook::read(bytes, bounds)?,
        Form::Delimited => delimited::read(bytes, bounds)?,
    };
    if sheet.header().is_empty() {
        return Err(Fault::whole("empty", &[]));
    }
    if sheet.is_empty() && sheet.faults.is_empty() {
        return Err(Fault::at(2, "header_only", &[]));
    }
    Ok(sheet)
}
