//! A triangle: an origin a row, a development a column, an empty cell for what is not known yet. Not its meaning.

use std::fmt::Write as _;
use std::sync::Arc;

use aops_engine::{Column, Lines, Values};

use crate::cell::{Reading, Value};
use crate::check::Checked;
use crate::fault::{Fault, Faults};
use crate::headers::Mapped;
use crate::profile::Profile;
use crate::sheet::Sheet;

/// The bounds of the engine's amounts.
const MOST: f64 = 1e15;

/// Whether a sheet is a triangle: the module takes one, and all columns but the first are named by numbers.
pub(crate) fn is_one(header: &[Arc<str>], lines: &Lines, mapped: &[Mapped]) -> bool {
    lines.matrix.is_some()
        && header.len() > 2
        && mapped.iter().all(|one| one.read_as.is_none())
        && header[1..].iter().all(|name| name.parse::<f64>().is_ok())
}

/// Reads every cell as a number; what is sound is one CSV with the names of the file.
pub(crate) fn check(sheet: &Sheet, lines: &Lines) -> Checked {
    let name = lines.matrix.unwrap_or_default();
    let column = Column {
        name,
        title: name.to_owned(),
        values: Values::Number { minimum: -MOST, maximum: MOST },
        required: false,
        unit: None,
    };
    let mut reading = Reading::new(&column, true);
    let mut faults = sheet.faults.clone();
    let mut csv = String::from("origin");
    let header = sheet.header();
    for name in &header[1..] {
        // Writing to a string does not fail.
        let _ = write!(csv, ",{name}");
    }
    csv.push('\n');
    for index in 0..sheet.len() {
        // Origins are years or names: what would part the line is left out of them.
        csv.extend(sheet.cell(index, 0).chars().filter(|one| !matches!(one, ',' | '"' | '\n' | '\r')));
        for (at, name) in header.iter().enumerate().skip(1) {
            csv.push(',');
            let text = sheet.cell(index, at);
            match reading.read(text) {
                _ if text.is_empty() => {}
                Ok(Value::Number(number)) => {
                    let _ = write!(csv, "{number}");
                }
                Ok(_) => {}
                Err((code, parameters)) => {
                    faults.push(Fault::new(Some(sheet.row(index)), name, code, &parameters));
                }
            }
        }
        csv.push('\n');
    }
    let read_as = |(at, column): (usize, &Arc<str>)| Mapped {
        column: Arc::clone(column),
        read_as: (at > 0).then(|| name.to_owned()),
        personal: false,
    };
    Checked {
        mapped: header.iter().enumerate().map(read_as).collect(),
        faults: sorted(faults),
        warnings: sheet.notes.clone(),
        csv,
        rows: sheet.len(),
        columns: vec![name],
        profile: Profile { rows: sheet.len(), columns: Vec::new() },
    }
}

fn sorted(mut faults: Faults) -> Faults {
    faults.listed.sort_by_key(|fault| fault.row);
    faults
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use crate::bounds::Bounds;
    use crate::canonical::{Portfolio, portfolio};
    use crate::check::{Wanted, check};
    use crate::headers::Mapping;
    use crate::read::read;

    #[test]
    fn a_triangle_is_read_as_the_engine_takes_it_and_a_file_of_nothing_known_is_refused() {
        let lines = aops_engine::lines("provisionnement").unwrap();
        let (mapping, on) = (Mapping::new(), date(2026, 1, 1));
        let wanted = Wanted { lines: &lines, mapping: &mapping, on, pseudonym: None };
        let sheet = |text: &str| read(text.as_bytes(), &Bounds::USUAL).unwrap();
        let sound = check(&sheet("origine;12;24\n2001;1 100,5;150\n2002;110;\n"), wanted);
        assert_eq!(
            (sound.faults.total, sound.csv.as_str()),
            (0, "origin,12,24\n2001,1100.5,150\n2002,110,\n")
        );
        let expected = json!([[1100.5, 150.0], [110.0, null]]);
        let taken = portfolio("provisionnement", &lines, sound.csv).unwrap();
        assert_eq!(taken, Portfolio::Member { name: "triangle", value: expected });
        let wrong = check(&sheet("origine;12;24\n2001;x;150\n"), wanted).faults;
        assert_eq!((wrong.listed[0].row, &*wrong.listed[0].column), (Some(2), "12"));
        let unknown = check(&sheet("foo;bar;baz\n1;2;3\n"), wanted).faults;
        assert_eq!(unknown.listed[0].code, "no_column");
        let claims = check(&sheet("survenance;montant\n2001-01-01;5\n"), wanted);
        assert_eq!(claims.csv, "occurrence,amount\n2001-01-01,5\n");
    }
}
