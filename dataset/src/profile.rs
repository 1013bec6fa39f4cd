//! What is in a sheet, in figures that a page can draw: counts, ranges, bars. Nothing of a single person.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::check::{Cells, Read};
use crate::fault::short;
use crate::plausible::years;

/// Bars of a quantity.
const BARS: usize = 12;
/// Names told of a column of texts.
const MOST_NAMES: usize = 12;
/// Distinct texts counted.
const MOST_DISTINCT: usize = 10_000;

/// What is in a sheet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Lines.
    pub rows: usize,
    /// By column, and ages, which follow from days of birth.
    pub columns: Vec<Quantity>,
}

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The engine's name of it, or `age`.
    pub name: String,
    /// Lines that have it.
    pub filled: usize,
    /// Its figures.
    #[serde(flatten)]
    pub of: Of,
}

/// Figures of a column, by what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Of {
    /// Numbers.
    Numbers {
        /// The least.
        minimum: f64,
        /// The mean.
        mean: f64,
        /// The median.
        median: f64,
        /// The greatest.
        maximum: f64,
        /// How many are between two bounds.
        bars: Vec<Bar>,
    },
    /// Days.
    Days {
        /// The first.
        first: Date,
        /// The last.
        last: Date,
        /// How many are in years.
        bars: Vec<Bar>,
    },
    /// Names.
    Names {
        /// How many there are; ten thousand are counted.
        distinct: usize,
        /// The most frequent, and how often.
        most: Vec<(String, usize)>,
    },
}

/// How many values are from one bound to below another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The first.
    pub from: f64,
    /// Past the last.
    pub to: f64,
    /// As many.
    pub count: usize,
}

/// The profile of what was read.
pub(crate) fn of(columns: &[Read<'_, '_>], rows: usize, on: Date) -> Profile {
    let mut quantities = Vec::new();
    for one in columns.iter().filter(|one| one.column.name != "id") {
        let name = one.column.name;
        quantities.extend(match &one.cells {
            Cells::Numbers(cells) => numbers(name, cells.iter().flatten().copied().collect(), 0.0),
            Cells::Days(cells) => days(name, cells.iter().flatten().copied().collect()),
            Cells::Names(cells) => names(name, cells.iter().flatten().copied()),
            Cells::Texts(cells) => names(name, cells.iter().copied().filter(|text| !text.is_empty())),
        });
        if let ("birth_date", Cells::Days(cells)) = (name, &one.cells) {
            let ages = cells.iter().flatten().map(|birth| f64::from(years(*birth, on))).collect();
            quantities.extend(numbers("age", ages, 5.0));
        }
    }
    Profile { rows, columns: quantities }
}

/// Figures of numbers, in bars of a width, or of one that makes about a dozen.
fn numbers(name: &str, mut all: Vec<f64>, width: f64) -> Option<Quantity> {
    all.sort_by(f64::total_cmp);
    let (minimum, maximum) = (*all.first()?, *all.last()?);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let median = all[all.len() / 2];
    let of = Of::Numbers { minimum, mean, median, maximum, bars: bars(&all, width) };
    Some(Quantity { name: name.to_owned(), filled: all.len(), of })
}

fn days(name: &str, mut all: Vec<Date>) -> Option<Quantity> {
    all.sort_unstable();
    let (first, last) = (*all.first()?, *all.last()?);
    let years: Vec<f64> = all.iter().map(|day| f64::from(day.year())).collect();
    let width = if last.year() - first.year() > 2 * BARS as i16 { 5.0 } else { 1.0 };
    let of = Of::Days { first, last, bars: bars(&years, width) };
    Some(Quantity { name: name.to_owned(), filled: all.len(), of })
}

fn names<'t>(name: &str, all: impl Iterator<Item = &'t str>) -> Option<Quantity> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut filled = 0;
    for text in all {
        filled += 1;
        if let Some(count) = counts.get_mut(text) {
            *count += 1;
        } else if counts.len() < MOST_DISTINCT {
            counts.insert(text, 1);
        }
    }
    let distinct = counts.len();
    let mut most: Vec<(String, usize)> =
        counts.into_iter().map(|(text, count)| (short(text), count)).collect();
    most.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    most.truncate(MOST_NAMES);
    (filled > 0).then(|| Quantity { name: name.to_owned(), filled, of: Of::Names { distinct, most } })
}

/// Bars over sorted numbers; those far beyond nearly all others are joined at both ends.
fn bars(sorted: &[f64], width: f64) -> Vec<Bar> {
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
    let (low, high) = if width > 0.0 { (at(0.0), at(1.0)) } else { (at(0.01), at(0.99)) };
    let width = if width > 0.0 { width } else { round((high - low) / BARS as f64) };
    if width <= 0.0 || !width.is_finite() {
        return vec![Bar { from: at(0.0), to: at(1.0), count: sorted.len() }];
    }
    let start = (low / width).floor();
    let count = ((high / width).floor() - start) as usize + 1;
    let mut bars: Vec<Bar> = (0..count.min(60))
        .map(|index| {
            let from = (start + index as f64) * width;
            Bar { from, to: from + width, count: 0 }
        })
        .collect();
    let last = bars.len() - 1;
    for value in sorted {
        let index = ((value / width).floor() - start).clamp(0.0, last as f64) as usize;
        bars[index].count += 1;
    }
    bars
}

/// One, two or five times a power of ten, at least as much.
fn round(width: f64) -> f64 {
    if width <= 0.0 || !width.is_finite() {
        return 0.0;
    }
    let power = 10_f64.powf(width.log10().floor());
    let times = width / power;
    let rounded = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| *round >= times - 1e-9);
    rounded.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_every_value_once_whatever_lies_far_off() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values.push(1e9);
        let bars = bars(&values, 0.0);
        assert!((8..=20).contains(&bars.len()), "{}", bars.len());
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<usize>(), 1001);
        assert_eq!(numbers("x", vec![], 0.0), None);
        let Some(Quantity { of: Of::Numbers { bars, .. }, .. }) = numbers("x", vec![7.0; 3], 0.0) else {
            panic!("numbers have figures");
        };
        assert_eq!(bars.len(), 1);
    }

    #[test]
    fn widths_are_round() {
        assert_eq!([0.3, 1.0, 1.1, 4.0, 700.0].map(round), [0.5, 1.0, 2.0, 5.0, 1000.0]);
    }
}
