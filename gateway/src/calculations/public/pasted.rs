//! A triangle as people paste it from a spreadsheet: tabs, semicolons, commas or spaces between cells, commas or
//! points in numbers, with or without titles of rows and columns, cumulative or incremental. Nothing is computed.

use serde::Serialize;

use super::typed::SPACES;

/// The most rows or columns.
const MOST: usize = 100;

/// A triangle read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pasted {
    /// The title of each row: as pasted, or its number.
    pub(super) origins: Vec<String>,
    /// The amounts of each row, without a hole.
    pub(super) rows: Vec<Vec<f64>>,
}

/// One thing wrong in a pasted triangle; rows and columns are counted from 1, as they stand in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) code: &'static str,
    /// What stands there, cut short.
    pub(super) found: String,
}

/// Reads a pasted triangle.
///
/// # Errors
/// Every fault, in the order of the text.
pub(super) fn read(text: &str) -> Result<Pasted, Vec<Fault>> {
    let lines: Vec<(usize, &str)> =
        text.lines().enumerate().map(|(n, line)| (n + 1, line)).filter(|(_, line)| !blank(line)).collect();
    let delimiter = delimiter(lines.iter().map(|(_, line)| *line));
    let cells: Vec<(usize, Vec<&str>)> = lines.iter().map(|(n, line)| (*n, split(line, delimiter))).collect();
    let one =
        |row, column, code, found: &str| Fault { row, column, code, found: found.chars().take(40).collect() };
    if cells.len() < 2 {
        return Err(vec![one(1, 1, "too_small", "")]);
    }
    if cells.len() > MOST + 1 || cells.iter().any(|(_, row)| row.len() > MOST + 1) {
        return Err(vec![one(1, 1, "too_large", "")]);
    }
    let titled = has_titles(&cells);
    let body = if has_header(&cells, titled) { &cells[1..] } else { &cells[..] };
    let first = usize::from(titled);
    let (mut faults, mut origins, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (line, row)) in body.iter().enumerate() {
        let title = row.first().filter(|_| titled).map_or_else(|| (index + 1).to_string(), |t| short(t));
        let amounts = row.get(first..).unwrap_or_default();
        let known = amounts.iter().rposition(|cell| !empty(cell)).map_or(0, |last| last + 1);
        let mut read = Vec::with_capacity(known);
        for (column, cell) in amounts[..known].iter().enumerate() {
            match amount(cell, delimiter) {
                Some(amount) => read.push(amount),
                None if empty(cell) => faults.push(one(*line, column + first + 1, "hole", "")),
                None => faults.push(one(*line, column + first + 1, "not_a_number", cell.trim())),
            }
        }
        if known == 0 {
            faults.push(one(*line, first + 1, "empty_row", ""));
        }
        origins.push(title);
        rows.push(read);
    }
    if faults.is_empty() {
        faults.extend(
            shape_faults(body, &rows, first).into_iter().map(|(row, column)| one(row, column, "shape", "")),
        );
    }
    if faults.is_empty() { Ok(Pasted { origins, rows }) } else { Err(faults) }
}

impl Pasted {
    /// Sums along each row, for amounts that are those of each development alone.
    pub(super) fn cumulated(mut self) -> Self {
        for row in &mut self.rows {
            let mut sum = 0.0;
            for amount in row {
                sum += *amount;
                *amount = sum;
            }
        }
        self
    }
}

/// Rows that are longer than the one before them, or a first row of less than two amounts: where each begins.
fn shape_faults(body: &[(usize, Vec<&str>)], rows: &[Vec<f64>], first: usize) -> Vec<(usize, usize)> {
    let mut longest = rows.first().map_or(0, Vec::len);
    let mut faults = Vec::new();
    if longest < 2 {
        faults.extend(body.first().map(|(line, _)| (*line, first + 1)));
    }
    for ((line, _), row) in body.iter().zip(rows).skip(1) {
        if row.len() > longest {
            faults.push((*line, first + longest + 1));
        }
        longest = row.len();
    }
    faults
}

/// What stands between cells: the first of tab, semicolon and bar that occurs; else a comma when no cell would
/// be separated by spaces; else spaces.
fn delimiter<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Option<char> {
    let holds = |mark: char| lines.clone().any(|line| line.contains(mark));
    if let Some(mark) = ['\t', ';', '|'].into_iter().find(|mark| holds(*mark)) {
        return Some(mark);
    }
    let spaced = lines.clone().any(|line| line.split_whitespace().count() > 1 && !line.contains(", "));
    (holds(',') && !spaced).then_some(',')
}

fn split(line: &str, delimiter: Option<char>) -> Vec<&str> {
    let unquoted = |cell: &'_ str| -> (usize, usize) {
        let start = cell.len() - cell.trim_start_matches([' ', '"']).len();
        (start, cell.trim_end_matches([' ', '"']).len().max(start))
    };
    let whole: Vec<&str> = match delimiter {
        Some(mark) => line.split(mark).collect(),
        None => line.split_whitespace().collect(),
    };
    whole
        .into_iter()
        .map(|cell| {
            let (start, end) = unquoted(cell);
            &cell[start..end]
        })
        .collect()
}

/// Whether the first column holds titles: something that is no number below the first line, or years that follow
/// each other.
fn has_titles(cells: &[(usize, Vec<&str>)]) -> bool {
    let below = || cells.iter().skip(1).filter_map(|(_, row)| row.first());
    if below().all(|cell| is_title(cell)) {
        return true;
    }
    let years: Vec<Option<i32>> = below().map(|cell| cell.trim().parse().ok()).collect();
    let follow = |pair: &[Option<i32>]| matches!(pair, [Some(a), Some(b)] if b - a == 1);
    years.len() > 1
        && years.windows(2).all(follow)
        && years.iter().flatten().all(|year| (1900..=2100).contains(year))
}

/// Whether the first line holds titles: something that is no number, or numbers that count 1, 2, 3 or 12, 24, 36.
fn has_header(cells: &[(usize, Vec<&str>)], titled: bool) -> bool {
    let Some((_, row)) = cells.first() else { return false };
    let titles = row.get(usize::from(titled)..).unwrap_or_default();
    if titles.iter().any(|cell| is_title(cell)) {
        return true;
    }
    let counted: Vec<Option<i32>> = titles.iter().map(|cell| cell.trim().parse().ok()).collect();
    let steps =
        |first: i32, step: i32| counted.iter().zip(0..).all(|(cell, n)| *cell == Some(first + n * step));
    counted.len() > 1 && (steps(0, 1) || steps(1, 1) || steps(12, 12))
}

fn is_title(cell: &str) -> bool {
    !empty(cell) && amount(cell, None).is_none() && cell.chars().any(char::is_alphabetic)
}

fn blank(line: &str) -> bool {
    line.chars().all(|c| c.is_whitespace() || ";,|\"".contains(c))
}

fn empty(cell: &str) -> bool {
    ["", "-", "–", "na", "n/a", "nd", "n/d", "null", "nan"].contains(&cell.trim().to_lowercase().as_str())
}

/// A number: thousands by spaces or apostrophes, a comma or a point for the decimals, perhaps a unit. Where both
/// marks occur the last one is that of the decimals; one that occurs twice separates thousands.
fn amount(cell: &str, delimiter: Option<char>) -> Option<f64> {
    let text: String = cell.chars().filter(|c| !SPACES.contains(c) && !"'’€\u{feff}".contains(*c)).collect();
    let text = text.strip_suffix("EUR").unwrap_or(&text);
    if text.len() > 32 || !text.chars().all(|c| c.is_ascii_digit() || "+-.,".contains(c)) {
        return None;
    }
    let (comma, point) = (text.rfind(','), text.rfind('.'));
    let decimal = match (comma, point) {
        (Some(comma), Some(point)) => Some(if comma > point { ',' } else { '.' }),
        (Some(_), None) if delimiter != Some(',') => Some(','),
        (None, Some(_)) => Some('.'),
        _ => None,
    };
    let decimal = decimal.filter(|mark| text.matches(*mark).count() == 1);
    let plain: String = text
        .chars()
        .filter_map(|c| match c {
            ',' | '.' if Some(c) == decimal => Some('.'),
            ',' | '.' => None,
            other => Some(other),
        })
        .collect();
    plain.parse::<f64>().ok().filter(|value| value.is_finite() && value.abs() <= 1e15)
}

fn short(title: &str) -> String {
    title.trim().chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<Vec<f64>> {
        read(text).unwrap().rows
    }

    #[test]
    fn the_same_triangle_is_read_in_every_form_that_spreadsheets_paste() {
        let wanted = vec![vec![1000.5, 2000.0, 2500.0], vec![1100.0, 2150.0], vec![1200.0]];
        for text in [
            "1000,5\t2000\t2500\n1100\t2150\t\n1200\t\t\n",
            "1 000,50;2 000;2 500\r\n1 100;2 150;\r\n1 200;;\r\n",
            "1000.5,2000,2500\n1100,2150\n1200",
            "1000,5 2000 2500\n1100 2150\n1200\n\n",
            "Année;1;2;3\n2001;1000,5;2000;2500\n2002;1100;2150;-\n2003;1200;;NA",
            "\t12\t24\t36\n2001\t1000.5\t2000\t2500\n2002\t1100\t2150\n2003\t1200",
            "origine\tdev 1\tdev 2\tdev 3\nA\t1\u{202f}000,5\t2000 €\t2500\nB\t1100\t2150\nC\t1200",
            "\"1.000,50\";\"2.000,00\";\"2.500,00\"\n\"1.100,00\";\"2.150,00\"\n\"1.200,00\"",
            "1|2|3\n1000.5|2000|2500\n1100|2150\n1200",
        ] {
            assert_eq!(rows(text), wanted, "{text}");
        }
        let titled = read("x;1;2\n2001;5;6\n2002;7").unwrap();
        assert_eq!(titled.origins, ["2001", "2002"]);
        assert_eq!(read("5;6\n7").unwrap().origins, ["1", "2"]);
    }

    #[test]
    fn increments_are_summed_along_their_row() {
        let read = read("1 2 3\n4 5\n6").unwrap();
        assert_eq!(read.rows.len(), 2, "the first line counts developments");
        let cumulated = super::read("10 2 3\n4 5\n6").unwrap().cumulated();
        assert_eq!(cumulated.rows, [vec![10.0, 12.0, 15.0], vec![4.0, 9.0], vec![6.0]]);
    }

    #[test]
    fn every_fault_has_its_row_and_column() {
        let told = |text: &str| -> Vec<(usize, usize, &str)> {
            read(text).unwrap_err().iter().map(|f| (f.row, f.column, f.code)).collect()
        };
        assert_eq!(told(""), [(1, 1, "too_small")]);
        assert_eq!(told("1;2;3"), [(1, 1, "too_small")]);
        assert_eq!(told("10;20;30\n11;<script>\n12"), [(2, 2, "not_a_number")]);
        assert_eq!(told("\n10;20;30\n11;;22\n12"), [(3, 2, "hole")]);
        assert_eq!(told("10;20\n11;12;13\n12"), [(2, 3, "shape")]);
        assert_eq!(told("10\n11"), [(1, 1, "shape")]);
        assert_eq!(told(&"1;2\n".repeat(200)), [(1, 1, "too_large")]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_its_faults(text in "[\\PC\n\t;,]{0,400}") {
            if let Err(faults) = read(&text) {
                prop_assert!(!faults.is_empty());
            }
        }

        #[test]
        fn a_triangle_written_in_each_form_reads_back_the_same(
            size in 2usize..8, seed in proptest::collection::vec(2_000u32..9_000_000, 64), form in 0usize..4,
        ) {
            let wanted: Vec<Vec<f64>> = (0..size)
                .map(|row| (0..size - row).map(|column| f64::from(seed[row * 8 + column]) + 0.5).collect())
                .collect();
            let mark = ["\t", ";", " ", ","][form];
            let text: Vec<String> = wanted
                .iter()
                .map(|row| {
                    let cells: Vec<String> = row
                        .iter()
                        .map(|v| if form == 3 { v.to_string() } else { v.to_string().replace('.', ",") })
                        .collect();
                    cells.join(mark)
                })
                .collect();
            prop_assert_eq!(rows(&text.join("\n")), wanted);
        }
    }
}
