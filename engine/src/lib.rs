//! The actuarial engine: a JSON request in, a JSON outcome or all its faults out.
//! Not a place for files, network, clock or languages.
//!
//! A module is a folder with a `MODULE` (its name, its `field`s declared once, its function, its French titles in
//! `data/words/`, its example in `data/examples/`) and one line in `calculate::REGISTRY`. Its function reads with
//! `reader::Reader`, which gathers every fault, asks `call::Call::sound` before it computes, refuses what is too
//! large by `call::Call::afford`, loops through `numeric::in_chunks` so that results do not depend on threads and
//! a stop is heard, and hands back an `outcome::Answer`.

mod apart;
mod calculate;
mod call;
mod columns;
pub mod curves;
mod cut;
pub mod disability;
pub mod experience;
mod fault;
mod field;
pub mod health;
pub mod ifc;
pub mod life;
mod numeric;
mod outcome;
pub mod pension;
mod quantity;
pub mod rates;
mod reader;
pub mod reserving;
mod schema;
pub mod tables;
mod watch;

pub use apart::{Apart, FIRST, LongList, Spread};
pub use calculate::{
    MODULES, calculate, calculate_apart, calculate_cut, calculate_lines, calculate_watched, takes_lines,
};
pub use columns::{Column, Lines, Values, lines};
pub use cut::{BLOCK, Partial, calculate_part, is_cut};
pub use fault::{CODES, Fault, Faults};
pub use ifc::cut_lines;
pub use outcome::Outcome;
pub use quantity::{Age, AnnualRate, Duration, OutOfRange, Portfolio, Probability};
pub use schema::{example, schema};
pub use watch::Watch;
