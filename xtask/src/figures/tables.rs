//! The tables and the points of charts that a page shows, made from its figures.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{Figure, Figures};

/// A table as it is described, and as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The files that `tables.json` of a folder describes, by name; none without it.
///
/// # Errors
/// A description that cannot be read, a figure that does not exist, a name of another kind.
pub(super) fn written(folder: &Path, figures: &Figures) -> Result<BTreeMap<String, String>> {
    let path = folder.join("tables.json");
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let described: BTreeMap<String, Table> =
        serde_json::from_str(&fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
    described
        .into_iter()
        .map(|(name, table)| {
            let text = match name.rsplit('.').next() {
                Some("json") => {
                    serde_json::to_string_pretty(&filled(table, figures, &|figure| figure.text.clone())?)?
                        + "\n"
                }
                Some("csv") => csv(&filled(table, figures, &|figure| rounded(figure.value))?)?,
                _ => bail!("{}: `{name}` is neither .json nor .csv", path.display()),
            };
            Ok((name, text))
        })
        .collect()
}

fn filled(table: Table, figures: &Figures, write: &dyn Fn(&Figure) -> String) -> Result<Table> {
    let cell = |cell: String| match cell.strip_prefix('=') {
        Some(key) => figures.get(key).map(write).with_context(|| format!("no figure `{key}`")),
        None => Ok(cell),
    };
    let rows =
        table.rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect::<Result<_>>()?;
    Ok(Table { headers: table.headers, rows })
}

fn csv(table: &Table) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(&table.headers)?;
    for row in &table.rows {
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Six decimals at most, with a dot.
fn rounded(value: f64) -> String {
    let fixed = format!("{value:.6}");
    fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
}
