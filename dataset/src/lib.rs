//! Files of clients' data: bytes in; a table, every fault by row and column, and a profile out.
//! Not a place for HTTP, stores, clocks or sentences: faults are codes with what their sentences need.
//!
//! `read` makes a sheet of a file, whatever its separators and encoding (`encoding`, `delimited`) or its workbook
//! (`archive`, `workbook`), within `bounds`; `headers` finds which of its columns the engine wants; `check` reads every
//! cell as what the engine declares (`cell`) and gathers all faults. What is sound leaves as one canonical CSV, which
//! names columns and writes values as the engine does: only this is ever kept.

mod archive;
mod bounds;
mod canonical;
mod cell;
mod check;
mod compare;
mod delimited;
mod encoding;
mod fault;
mod headers;
mod matrix;
mod mended;
mod plausible;
mod profile;
mod read;
mod sheet;
mod template;
mod workbook;

pub use bounds::Bounds;
pub use canonical::{Portfolio, harmless, portfolio};
pub use check::{Checked, Wanted, check};
pub use compare::{Change, Comparison, compare};
pub use fault::{CODES, Fault, Faults};
pub use headers::{Mapped, Mapping, guess, plain};
pub use mended::annotated;
pub use profile::{Bar, Of, Profile, Quantity};
pub use read::{Form, read};
pub use sheet::Sheet;
pub use template::{Words, csv as csv_template, xlsx as xlsx_template};
