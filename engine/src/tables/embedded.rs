//! The tables compiled in, read once. Not interpolation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Survivors, Table};

/// Names of the embedded tables, as requests write them.
pub const NAMES: &[&str] = &[
    "TH 00-02",
    "TF 00-02",
    "THV 00-02",
    "TFV 00-02",
    "TGH05",
    "TGF05",
    "TD 88-90",
    "TV 88-90",
    "TPG 93",
    "TPRV 93",
    "TD 73-77",
    "TV 73-77",
    "PM 60-64",
    "PF 60-64",
];

/// The table of an exact name of [`NAMES`].
pub fn find(name: &str) -> Option<&'static Table> {
    TABLES.get(name)
}

const SOURCES: [&str; 14] = [
    include_str!("../../data/mortality/th-00-02.csv"),
    include_str!("../../data/mortality/tf-00-02.csv"),
    include_str!("../../data/mortality/thv-00-02.csv"),
    include_str!("../../data/mortality/tfv-00-02.csv"),
    include_str!("../../data/mortality/tgh05.csv"),
    include_str!("../../data/mortality/tgf05.csv"),
    include_str!("../../data/mortality/td-88-90.csv"),
    include_str!("../../data/mortality/tv-88-90.csv"),
    include_str!("../../data/mortality/tpg-93.csv"),
    include_str!("../../data/mortality/tprv-93.csv"),
    include_str!("../../data/mortality/td-73-77.csv"),
    include_str!("../../data/mortality/tv-73-77.csv"),
    include_str!("../../data/mortality/pm-60-64.csv"),
    include_str!("../../data/mortality/pf-60-64.csv"),
];

static TABLES: LazyLock<BTreeMap<&'static str, Table>> =
    LazyLock::new(|| NAMES.iter().copied().zip(SOURCES.iter().map(|text| parse(text))).collect());

/// Reads `age,lx`, `age,qx` or `age,YEAR,YEAR…`; the files are ours, and a test reads them all.
fn parse(text: &str) -> Table {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let rows: Vec<Vec<Option<f64>>> =
        lines.map(|line| line.split(',').skip(1).map(|cell| cell.trim().parse().ok()).collect()).collect();
    let column = |index: usize| rows.iter().map(move |row| row.get(index).copied().flatten());
    match header.get(1).copied() {
        Some("lx") => Table::Period(close(0, column(0).flatten())),
        Some("qx") => {
            let mut alive = 1.0;
            let deaths = column(0).flatten().map(|q| {
                let before = alive;
                alive *= 1.0 - q;
                before
            });
            Table::Period(close(0, deaths))
        }
        first => Table::Generational {
            first_year: first.and_then(|year| year.parse().ok()).unwrap_or_default(),
            columns: (0..header.len().saturating_sub(1))
                .map(|index| {
                    let empty = column(index).take_while(Option::is_none).count();
                    close(empty as u32, column(index).flatten())
                })
                .collect(),
        },
    }
}

/// Keeps survivors up to the first zero, adding one where the file stops before it.
fn close(first_age: u32, values: impl Iterator<Item = f64>) -> Survivors {
    let mut lx: Vec<f64> = values.take_while(|alive| *alive > 0.0).collect();
    lx.push(0.0);
    Survivors { first_age, lx }
}
