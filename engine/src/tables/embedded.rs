//! The tables compiled in, read once, each with its source and checksum. Not interpolation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Survivors, Table, from_deaths, plain};
use crate::quantity::Probability;

/// Names of the embedded tables, as requests write them.
pub const NAMES: &[&str] = &names();

/// An embedded table with what proves which one it is.
#[derive(Debug)]
pub struct Named {
    /// The name, as requests write it.
    pub name: &'static str,
    /// Where the figures were published, and where they were copied from.
    pub source: &'static str,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: &'static str,
    /// Its survivors.
    pub table: Table,
}

/// The table of a name; spaces, hyphens and case do not matter.
pub fn find(name: &str) -> Option<&'static Table> {
    named(name).map(|named| &named.table)
}

/// As [`find`], with source and checksum.
pub fn named(name: &str) -> Option<&'static Named> {
    TABLES.get(&plain(name))
}

struct File {
    name: &'static str,
    text: &'static str,
    source: &'static str,
    sha256: &'static str,
}

const ARRETE_2005: &str = "Arrêté du 20 décembre 2005 (A335-1 du code des assurances), INSEE 2000-2002";
const ARRETE_2006: &str = "Arrêté du 1er août 2006 (A335-1 du code des assurances)";

/// The numbers of the Society of Actuaries' archive (mort.soa.org) were compared with the copy of it in pymort 2.0.1: every
/// rate of 2708, 2709, 955, 32001 and 32005 to 32008 and every survivor of 1577 and 1578 (TGF05, TGH05) is the file's own;
/// 954 and 32003, from the survivors of another source, within 5e-7.
const FILES: [File; 14] = [
    File {
        name: "TH 00-02",
        text: include_str!("../../data/mortality/th-00-02.csv"),
        source: ARRETE_2005,
        sha256: "de4b54d93bc80e7a6d7538433357d3edf24631e1fb340f1acd6e6219b233415c",
    },
    File {
        name: "TF 00-02",
        text: include_str!("../../data/mortality/tf-00-02.csv"),
        source: ARRETE_2005,
        sha256: "32fb30ab78f73bef02300ebb912144f675578c66b48f5083511f12cb45f676e4",
    },
    File {
        name: "THV 00-02",
        text: include_str!("../../data/mortality/thv-00-02.csv"),
        source: "Society of Actuaries, table 2709",
        sha256: "be190eb9e2ed01ef177cb1141b782ee208625ad0d3fa3497b5744b2fb0b99131",
    },
    File {
        name: "TFV 00-02",
        text: include_str!("../../data/mortality/tfv-00-02.csv"),
        source: "Society of Actuaries, table 2708",
        sha256: "497bca27b2e2f808f773e725d453dc6458c73c763ecca2a16a970e134a93c6ac",
    },
    File {
        name: "TGH05",
        text: include_str!("../../data/mortality/tgh05.csv"),
        source: ARRETE_2006,
        sha256: "23e44e260addbb5456af49172c9dfff1ab97fcbdd72da3ecd8b76102bd5c785b",
    },
    File {
        name: "TGF05",
        text: include_str!("../../data/mortality/tgf05.csv"),
        source: ARRETE_2006,
        sha256: "36f6ebea92d907e62ce52fcf0d94e572e33b1464fb772427cf467469b5471294",
    },
    File {
        name: "TD 88-90",
        text: include_str!("../../data/mortality/td-88-90.csv"),
        source: "INSEE 1988-1990; Society of Actuaries, table 32003",
        sha256: "16e02ccfde4c2326fea59eff0b9c6695af3d27b657045f0fd913d20637fdf941",
    },
    File {
        name: "TV 88-90",
        text: include_str!("../../data/mortality/tv-88-90.csv"),
        source: "INSEE 1988-1990; Society of Actuaries, table 954",
        sha256: "f71fa651db888ae5ba4033fa890d399048d678a79ece8c59ce5204810f39907d",
    },
    File {
        name: "TPG 93",
        text: include_str!("../../data/mortality/tpg-93.csv"),
        source: "Society of Actuaries, table 32001",
        sha256: "7135bc57a608eecdd631dddaaa8404bdd83f1084e93f6557638ffddfeca6ccc5",
    },
    File {
        name: "TPRV 93",
        text: include_str!("../../data/mortality/tprv-93.csv"),
        source: "Society of Actuaries, table 955",
        sha256: "78071bbda84daa777a752a7be0b4a2b9525c39281d11110269f55d393ed643bb",
    },
    File {
        name: "TD 73-77",
        text: include_str!("../../data/mortality/td-73-77.csv"),
        source: "Society of Actuaries, table 32005",
        sha256: "600053c772eae04123022c060797aa4ea53488873f40c9c0fcde678176a02f5b",
    },
    File {
        name: "TV 73-77",
        text: include_str!("../../data/mortality/tv-73-77.csv"),
        source: "Society of Actuaries, table 32006",
        sha256: "f53939442237cf07897a5d8be29ef128fe26ec712f36562a8c42f6c948d913ea",
    },
    File {
        name: "PM 60-64",
        text: include_str!("../../data/mortality/pm-60-64.csv"),
        source: "Society of Actuaries, table 32007",
        sha256: "f1580917a8c99574200c3c2a88619f595348a99a8f33e2b9921fe4850cafbf2f",
    },
    File {
        name: "PF 60-64",
        text: include_str!("../../data/mortality/pf-60-64.csv"),
        source: "Society of Actuaries, table 32008",
        sha256: "93cc39c5f9da981c96b38460a0670167b6b52652b9d830ca2335e8daee424d84",
    },
];

static TABLES: LazyLock<BTreeMap<String, Named>> = LazyLock::new(|| {
    let named = |file: &File| {
        let File { name, text, source, sha256 } = *file;
        (plain(name), Named { name, source, sha256, table: parse(text) })
    };
    FILES.iter().map(named).collect()
});

const fn names() -> [&'static str; FILES.len()] {
    let mut names = [""; FILES.len()];
    let mut index = 0;
    while index < FILES.len() {
        names[index] = FILES[index].name;
        index += 1;
    }
    names
}

/// Reads `age,lx`, `age,qx` or `age,YEAR,YEAR…`; the files are ours, and a test reads them all.
fn parse(text: &str) -> Table {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let rows: Vec<Vec<Option<f64>>> =
        lines.map(|line| line.split(',').skip(1).map(|cell| cell.trim().parse().ok()).collect()).collect();
    let column = |index: usize| rows.iter().map(move |row| row.get(index).copied().flatten());
    match header.get(1).copied() {
        Some("lx") => Table::Period(Survivors::new(0, column(0).flatten())),
        Some("qx") => {
            Table::Period(Survivors::new(0, from_deaths(column(0).flatten().map(Probability::nearest))))
        }
        first => Table::Generational {
            first_year: first.and_then(|year| year.parse().ok()).unwrap_or_default(),
            columns: (0..header.len().saturating_sub(1))
                .map(|index| {
                    let empty = column(index).take_while(Option::is_none).count();
                    Survivors::new(empty as u32, column(index).flatten())
                })
                .collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn every_table_is_the_file_its_checksum_names() {
        for File { name, text, sha256, .. } in &FILES {
            let found: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, *sha256, "{name}");
        }
    }

    #[test]
    fn a_name_is_found_however_it_is_spaced() {
        for name in ["TH 00-02", "th 00-02", "TH00-02", "th_0002", " Th-00 02 "] {
            assert_eq!(named(name).map(|named| named.name), Some("TH 00-02"), "{name}");
        }
        assert!(named("THX 00-02").is_none());
    }
}
