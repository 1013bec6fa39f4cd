//! How much of a file is read. Not what is in it.

/// The most that a file may be; past any of them it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the file.
    pub bytes: usize,
    /// Bytes that a workbook unzips to, all its parts together.
    pub unzipped: u64,
    /// Bytes that any part of a workbook but its sheets unzips to: these are held in memory whole.
    pub part: u64,
    /// Rows, the header among them.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Bytes of a cell.
    pub cell: usize,
    /// Bytes of all cells together.
    pub text: usize,
}

impl Bounds {
    /// What a payroll export of half a million people needs.
    pub const USUAL: Self = Self {
        bytes: 32 << 20,
        unzipped: 400 << 20,
        part: 64 << 20,
        rows: 500_001,
        columns: 200,
        cell: 4096,
        text: 128 << 20,
    };
}
