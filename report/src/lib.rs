//! Results of the engine as documents. It knows results as plain JSON, and nothing of how they are asked for.
//!
//! A report is a few [`Table`]s, the same for every form of document; [`xlsx`] writes them as a workbook,
//! [`printed`] as a PDF. A [`Paper`] is an invoice or a
//! credit note, word by word; a [`leaflet`] any other paper of words and tables.

mod apart;
mod figures;
mod labels;
mod leaflet;
mod lists;
mod paper;
mod printed;
#[cfg(test)]
mod reading;
mod table;
mod tables;
mod words;
mod workbook;

pub use self::apart::{Following, with_more};
pub use self::figures::shown;
pub use self::leaflet::{Imprint, leaflet};
pub use self::paper::{Paper, PaperError, PaperRow, pdf};
pub use self::printed::{Drawing, Told, digest, drawings, printed, with_working};
pub use self::table::{Cell, Kind, Table};
pub use self::tables::tables;
pub use self::words::{Words, WordsError};
pub use self::workbook::{ReportError, xlsx};
