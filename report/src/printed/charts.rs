//! Charts of tables and of sensitivities, as parts of a frame; the template draws them. Each bears a text that tells
//! what it shows to who does not see it.

use serde_json::{Value, json};

use super::scale::Scale;
use crate::figures::{change, shown};
use crate::table::{Cell, Kind, Table};
use crate::words::Words;

/// Lines that make a chart worth its room.
const FEWEST: usize = 3;
/// Columns that can still be told apart.
const MOST_COLUMNS: usize = 60;
/// Differences below it are rounding.
const NOISE: f64 = 1e-12;
/// Series in one frame.
const MOST_SERIES: usize = 3;

/// Amounts along the first column of a table, where that grows from line to line.
pub(super) fn along(table: &Table, words: &Words) -> Option<Value> {
    let (across, lines) = growing(table)?;
    let mut series: Vec<(usize, Vec<f64>, Kind)> = Vec::new();
    for column in 1..table.headers.len() {
        let Some((values, kind)) = numbers(table, column, lines) else { continue };
        let alike = series.first().is_none_or(|(_, first, first_kind)| {
            let most = |values: &[f64]| values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            *first_kind == kind && (0.2..=5.0).contains(&(most(&values) / most(first).max(f64::MIN_POSITIVE)))
        });
        // What only rounding made is no curve.
        let varied = values.iter().any(|value| (value - values[0]).abs() > NOISE);
        if alike && varied && series.len() < MOST_SERIES {
            series.push((column, values, kind));
        }
    }
    let (first, _, kind) = series.first()?;
    let upright = Scale::around(series.iter().flat_map(|(_, values, _)| values.iter().copied()))?;
    let level = Scale::around(across.iter().copied())?;
    let points = |values: &[f64]| -> Vec<[f64; 2]> {
        across.iter().zip(values).map(|(x, y)| [level.at(*x), upright.at(*y)]).collect()
    };
    let told: Vec<Value> = series
        .iter()
        .map(|(column, values, _)| json!({ "name": table.headers[*column], "points": points(values) }))
        .collect();
    Some(json!({
        "kind": "lines",
        "title": titled(table, &table.headers[*first], series.len()),
        "alt": alternative(table, *first, &series[0].1, *kind, words),
        "x": ticks(&level, Kind::Plain),
        "y": ticks(&upright, *kind),
        "series": told,
    }))
}

/// Amounts by year, a column each.
pub(super) fn by_year(table: &Table, words: &Words) -> Option<Value> {
    let (across, lines) = growing(table).filter(|(_, lines)| *lines <= MOST_COLUMNS)?;
    let (values, kind) = numbers(table, 1, lines)?;
    let upright = Scale::around(values.iter().copied().chain([0.0]))?;
    let (least, most) = (across[0] - 0.5, across[lines - 1] + 0.5);
    let level = |x: f64| (x - least) / (most - least);
    let step = lines.div_ceil(8);
    let shown_years = across.iter().step_by(step);
    let x: Vec<Value> = shown_years
        .map(|year| json!({ "at": level(*year), "shown": shown(&Cell::Number(*year, Kind::Plain)) }))
        .collect();
    let points: Vec<[f64; 2]> =
        across.iter().zip(&values).map(|(x, y)| [level(*x), upright.at(*y)]).collect();
    Some(json!({
        "kind": "columns",
        "title": titled(table, &table.headers[1], 1),
        "alt": alternative(table, 1, &values, kind, words),
        "x": x,
        "y": ticks(&upright, kind),
        "zero": upright.at(0.0),
        "series": [{ "name": table.headers[1], "points": points }],
    }))
}

/// What each change of an assumption does to the obligation.
pub(super) fn sensitivities(outcome: &Value, words: &Words) -> Option<Value> {
    let base = outcome.get("dbo")?.as_f64().filter(|base| *base != 0.0)?;
    let lines = outcome.get("sensitivities")?.as_array()?;
    let changes: Vec<(String, f64)> = lines
        .iter()
        .filter_map(|line| {
            let name = words.value("assumption", line["assumption"].as_str()?);
            let shift = shown(&Cell::Number(line["shift"].as_f64()?, Kind::Plain));
            let sign = if line["shift"].as_f64()? > 0.0 { "+" } else { "" };
            Some((format!("{name} {sign}{shift}"), line["dbo"].as_f64()? / base - 1.0))
        })
        .collect();
    let scale = Scale::around(changes.iter().map(|(_, part)| *part).chain([0.0]))?;
    let bars: Vec<Value> = changes
        .iter()
        .map(|(name, part)| json!({ "name": name, "at": scale.at(*part), "shown": change(*part) }))
        .collect();
    let said: Vec<String> =
        changes.iter().map(|(name, part)| format!("{name} : {}", change(*part))).collect();
    Some(json!({
        "kind": "bars",
        "title": words.of("report", "sensitivity_chart"),
        "alt": format!("{} {}.", words.of("report", "sensitivity_chart_alt"), said.join(", ")),
        "zero": scale.at(0.0),
        "bars": bars,
    }))
}

/// The first column as numbers that grow, and how many lines of the table they are: a total may stand below.
fn growing(table: &Table) -> Option<(Vec<f64>, usize)> {
    let number = |row: &Vec<Cell>| match row.first() {
        Some(Cell::Number(number, _)) => Some(*number),
        _ => None,
    };
    let across: Vec<f64> = table.rows.iter().map_while(number).collect();
    let lines = across.len();
    let grows = across.windows(2).all(|two| two[0] < two[1]);
    (lines >= FEWEST && lines + 1 >= table.rows.len() && grows).then_some((across, lines))
}

fn numbers(table: &Table, column: usize, lines: usize) -> Option<(Vec<f64>, Kind)> {
    let mut kind = Kind::Plain;
    let mut values = Vec::with_capacity(lines);
    for row in table.rows.iter().take(lines) {
        let Some(Cell::Number(number, of)) = row.get(column) else { return None };
        kind = *of;
        values.push(*number);
    }
    (!values.is_empty()).then_some((values, kind))
}

fn titled(table: &Table, column: &str, series: usize) -> String {
    if series > 1 { table.title.clone() } else { format!("{} : {}", table.title, column.to_lowercase()) }
}

fn ticks(scale: &Scale, kind: Kind) -> Vec<Value> {
    let whole = scale.ticks.iter().all(|tick| tick.fract() == 0.0);
    let tick = |tick: &f64| {
        let shown = match kind {
            // Cents say nothing on an axis.
            Kind::Money if whole => shown(&Cell::Number(*tick, Kind::Money)).replace(",00", ""),
            kind => shown(&Cell::Number(rounded(*tick), kind)),
        };
        json!({ "at": scale.at(*tick), "shown": shown })
    };
    scale.ticks.iter().map(tick).collect()
}

/// Without the last digits that multiplying brought.
fn rounded(tick: f64) -> f64 {
    format!("{tick:.9e}").parse().unwrap_or(tick)
}

fn alternative(table: &Table, column: usize, values: &[f64], kind: Kind, words: &Words) -> String {
    let said = |value: f64| shown(&Cell::Number(value, kind));
    let edge = |row: Option<&Vec<Cell>>| row.and_then(|row| row.first()).map(shown).unwrap_or_default();
    let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(*value), most.max(*value))
    });
    let filled = [
        ("{what}", table.headers[column].to_lowercase()),
        ("{along}", table.headers[0].to_lowercase()),
        ("{from}", edge(table.rows.first())),
        ("{to}", edge(table.rows.get(values.len() - 1))),
        ("{least}", said(least)),
        ("{most}", said(most)),
    ];
    filled
        .iter()
        .fold(words.of("report", "chart_alt").to_owned(), |text, (name, value)| text.replace(name, value))
}
