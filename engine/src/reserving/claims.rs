//! A triangle from claim lines: which date gives the origin, which the development. Not the triangle's use.

use jiff::civil::Date;

use super::Triangle;
use crate::field::{Field, names};
use crate::numeric::Sum;
use crate::reader::Reader;

/// Most claim lines of a request.
pub(super) const MOST: usize = 2_000_000;
/// One movement of a claim.
pub(super) const CLAIM: &[Field] = &[
    Field::date("occurrence"),
    Field::date("declaration"),
    Field::date("payment"),
    Field::date("closing"),
    Field::number("amount", -1e12, 1e12).or(1.0).unit("euro"),
];
/// How lines make a triangle.
pub(super) const LAYOUT: &[Field] = &[
    Field::choice("origin", &DATES).or_name("occurrence"),
    Field::choice("development", &DATES).or_name("payment"),
    Field::integer("origin_months", 1, 12).or(12.0).unit("month"),
    Field::integer("development_months", 1, 12).or(12.0).unit("month"),
    Field::date("valuation_date").required(),
];
const DATES: [&str; 4] = names(&DATE_MEANINGS);
const DATE_MEANINGS: [(&str, &str); 4] = [
    ("occurrence", "occurrence"),
    ("declaration", "declaration"),
    ("payment", "payment"),
    ("closing", "closing"),
];

/// How the lines are counted: calendar periods of whole months.
struct Layout {
    origin: &'static str,
    development: &'static str,
    origin_months: i64,
    development_months: i64,
    valuation: Date,
}

/// Reads `claims` by `layout` of a request into a cumulative triangle.
pub(super) fn read(reader: &Reader<'_>) -> Option<Triangle> {
    let call = reader.call();
    let layout = reader.required("layout").and_then(|_| read_layout(&reader.object("layout")?));
    let lines = reader.objects("claims")?;
    let layout = layout?;
    let mut movements: Vec<(i64, i64, f64)> = Vec::new();
    let mut late = 0_usize;
    for line in lines.into_iter().flatten() {
        for name in [layout.origin, layout.development] {
            line.required(name);
        }
        let (origin, moved) = (line.date(layout.origin), line.date(layout.development));
        let amount = line.number("amount");
        let (Some(origin), Some(moved), Some(amount)) = (origin, moved, amount) else { continue };
        if origin > moved {
            let parameters = [("found", origin.to_string()), ("limit", moved.to_string())];
            line.fault(layout.origin, "date_order", &parameters);
            continue;
        }
        if moved > layout.valuation {
            late += 1;
            continue;
        }
        let period = month(origin).div_euclid(layout.origin_months);
        let passed = month(moved) - period * layout.origin_months;
        movements.push((period, passed.div_euclid(layout.development_months), amount));
    }
    call.sound()?;
    let (triangle, left_out) = fill(&movements, &layout);
    if late + left_out > 0 {
        let parameters = [("found", (late + left_out).to_string()), ("limit", layout.valuation.to_string())];
        call.warn("/claims", "after_valuation", &parameters);
    }
    Some(triangle)
}

fn read_layout(reader: &Reader<'_>) -> Option<Layout> {
    let origin_months = reader.integer("origin_months")?;
    let development_months = reader.integer("development_months")?;
    for (name, months) in [("origin_months", origin_months), ("development_months", development_months)] {
        if 12 % months != 0 || origin_months % development_months != 0 {
            let known = "1, 2, 3, 4, 6, 12".to_owned();
            reader.fault(name, "unknown_value", &[("found", months.to_string()), ("known", known)]);
        }
    }
    Some(Layout {
        origin: reader.choice("origin", &DATE_MEANINGS)?,
        development: reader.choice("development", &DATE_MEANINGS)?,
        origin_months,
        development_months,
        valuation: reader.date("valuation_date")?,
    })
}

/// Months since the year zero.
fn month(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// Origins run from the first met to that of the valuation date; each row ends with the last period that is over then.
/// Movements of a period that is not over are counted, not used.
fn fill(movements: &[(i64, i64, f64)], layout: &Layout) -> (Triangle, usize) {
    let over = month(layout.valuation) + i64::from(layout.valuation == layout.valuation.last_of_month());
    let last = (over - 1).div_euclid(layout.origin_months);
    let first = movements.iter().map(|(period, ..)| *period).min().unwrap_or(last);
    let length = |period: i64| {
        usize::try_from((over - period * layout.origin_months) / layout.development_months).unwrap_or(0)
    };
    let mut sums: Vec<Vec<Sum>> = (first..=last)
        .map(|period| vec![Sum::default(); length(period)])
        .filter(|row| !row.is_empty())
        .collect();
    let mut left_out = 0;
    for (period, development, amount) in movements {
        let place = usize::try_from(period - first).ok().zip(usize::try_from(*development).ok());
        match place.and_then(|(row, column)| sums.get_mut(row)?.get_mut(column)) {
            Some(cell) => cell.add(*amount),
            None => left_out += 1,
        }
    }
    let mut rows: Vec<Vec<f64>> =
        sums.iter().map(|row| row.iter().map(|sum| sum.value()).collect()).collect();
    Triangle::accumulate(&mut rows);
    let width = rows.first().map_or(0, Vec::len);
    (Triangle { rows, width }, left_out)
}
