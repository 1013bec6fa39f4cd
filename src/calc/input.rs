//! A request from files: JSON as it is, or CSV for what comes in lines, with the rest in JSON.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aops_engine::takes_lines;
use serde_json::{Map, Value, json};

/// A request, and where its values stood in the file.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) request: Value,
    /// The CSV itself, for the modules that read it without a tree in between.
    pub(super) text: Option<String>,
    lines: Lines,
}

/// What the lines of a CSV file became.
#[derive(Debug)]
enum Lines {
    /// The input was JSON.
    None,
    /// One member of `employees` or `heads` a line.
    Members(&'static str),
    /// One row of `triangle` a line; the header's names, the origin left out.
    Triangle(Vec<String>),
}

/// Where a value stands in the file, as far as it is known; row 1 is the header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: Option<usize>,
    pub(super) column: Option<String>,
}

impl Input {
    /// Reads the input, and what `--params` adds to it.
    ///
    /// # Errors
    /// A file that cannot be read, or is neither JSON nor a CSV that the module takes, with its place.
    pub(super) fn read(module: &str, input: &Path, params: Option<&Path>) -> Result<Self> {
        let mut request = match params {
            Some(path) => object(path)?,
            None => Map::new(),
        };
        let csv = input.extension().and_then(OsStr::to_str).is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        let mut text = None;
        let lines = match (csv, module) {
            (false, _) => {
                for (name, value) in object(input)? {
                    request.insert(name, value);
                }
                Lines::None
            }
            (true, module) if takes_lines(module) => {
                text = Some(utf8(input)?);
                Lines::Members("employees")
            }
            (true, "rente") => {
                const TEXTS: [&str; 5] = ["id", "table", "table_2", "timing", "status"];
                let heads = members(input, |name| !TEXTS.contains(&name))?;
                request.insert("heads".into(), Value::Array(heads));
                Lines::Members("heads")
            }
            (true, "provisionnement") => {
                let (header, triangle) = triangle(input)?;
                request.insert("triangle".into(), Value::Array(triangle));
                Lines::Triangle(header)
            }
            (true, other) => bail!("{}: the module {other} takes its input in JSON", input.display()),
        };
        Ok(Self { request: Value::Object(request), text, lines })
    }

    /// Where the value at a JSON pointer stood.
    pub(super) fn place(&self, pointer: &str) -> Place {
        let mut parts = pointer.split('/').skip(1);
        let (member, line, part) = (parts.next(), parts.next(), parts.next());
        let row = line.and_then(|line| line.parse::<usize>().ok()).map(|line| line + 2);
        match (&self.lines, member) {
            (Lines::Members(of), Some(member)) if *of == member => {
                Place { row, column: part.map(str::to_owned) }
            }
            (Lines::Triangle(header), Some("triangle")) => {
                let column = part.and_then(|part| header.get(part.parse::<usize>().ok()?)).cloned();
                Place { row, column }
            }
            _ => Place::default(),
        }
    }
}

fn object(path: &Path) -> Result<Map<String, Value>> {
    let source = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    match serde_json::from_str(&source) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => bail!("{}: a JSON object is expected", path.display()),
        Err(error) => bail!("{}:{}:{}: {error}", path.display(), error.line(), error.column()),
    }
}

/// Objects by line: numbers where the engine wants numbers, empty cells left out.
fn members(path: &Path, is_number: impl Fn(&str) -> bool) -> Result<Vec<Value>> {
    let (header, lines) = records(path)?;
    let member = |line: &Vec<String>| {
        let filled = header.iter().zip(line).filter(|(_, cell)| !cell.is_empty());
        let members = filled.map(|(name, cell)| {
            let value = if is_number(name) { number(cell) } else { json!(cell) };
            (name.clone(), value)
        });
        Value::Object(members.collect())
    };
    Ok(lines.iter().map(member).collect())
}

/// A triangle by line: the first column names the origin, an empty cell is not known yet.
fn triangle(path: &Path) -> Result<(Vec<String>, Vec<Value>)> {
    let (mut header, lines) = records(path)?;
    if !header.is_empty() {
        header.remove(0);
    }
    let cell = |cell: &String| if cell.is_empty() { Value::Null } else { number(cell) };
    let rows = lines.iter().map(|line| line.iter().skip(1).map(cell).collect()).collect();
    Ok((header, rows))
}

/// A number with a dot or a comma; what is none stays text, which the engine tells with its place.
fn number(cell: &str) -> Value {
    let plain: String = cell.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}')).collect();
    plain.replace(',', ".").parse::<f64>().map_or_else(|_| json!(cell), |number| json!(number))
}

fn utf8(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    String::from_utf8(bytes).with_context(|| format!("{}: not UTF-8", path.display()))
}

/// Header and lines; commas or semicolons, whichever the header has more of.
fn records(path: &Path) -> Result<(Vec<String>, Vec<Vec<String>>)> {
    let source = utf8(path)?;
    let source = source.trim_start_matches('\u{feff}');
    let first = source.lines().next().unwrap_or_default();
    let semicolons = first.matches(';').count() > first.matches(',').count();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if semicolons { b';' } else { b',' })
        .from_reader(source.as_bytes());
    let told = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        anyhow::anyhow!("{}:{line}: {error}", path.display())
    };
    let trimmed = |record: &csv::StringRecord| record.iter().map(|cell| cell.trim().to_owned()).collect();
    let header = trimmed(reader.headers().map_err(told)?);
    let lines = reader.records().map(|record| record.map(|record| trimmed(&record)).map_err(told));
    Ok((header, lines.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(module: &str, source: &str) -> Input {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, source).unwrap();
        Input::read(module, &path, None).unwrap()
    }

    #[test]
    fn heads_are_read_with_their_tables_and_numbers() {
        let read = input("rente", "id;table;age;amount\n7;TH 00-02;61,5;1 200\n");
        let expected = json!({ "id": "7", "table": "TH 00-02", "age": 61.5, "amount": 1200.0 });
        assert_eq!(read.request["heads"][0], expected);
        assert_eq!(read.place("/heads/0/age"), Place { row: Some(2), column: Some("age".into()) });
    }

    #[test]
    fn a_pointer_leads_back_to_row_and_column() {
        let read = input("provisionnement", "origin,12,24\n2001,100,150\n2002,110,\n");
        assert_eq!(read.request["triangle"], json!([[100.0, 150.0], [110.0, null]]));
        assert_eq!(read.place("/triangle/1/0"), Place { row: Some(3), column: Some("12".into()) });
        assert_eq!(read.place("/method"), Place::default());
        let read = input("ifc", "id,annual_salary\nA,abc\n");
        assert_eq!(
            read.place("/employees/0/annual_salary"),
            Place { row: Some(2), column: Some("annual_salary".into()) }
        );
    }
}
