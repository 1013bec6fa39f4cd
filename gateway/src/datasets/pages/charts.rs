//! Profiles as pages draw them: bars with what they stand for in words. Not counting.

use aops_dataset::{Bar, Of, Profile, Quantity};
use aops_engine::Lines;
use serde_json::{Value, json};

/// The width of the longest bar.
const LONGEST: f64 = 100.0;

/// What a page shows of a profile, column by column.
pub(super) fn of(profile: &Profile, lines: &Lines) -> Vec<Value> {
    profile.columns.iter().map(|one| quantity(one, lines)).collect()
}

fn quantity(one: &Quantity, lines: &Lines) -> Value {
    let title = lines.columns.iter().find(|column| column.name == one.name).map(|column| &column.title);
    let mut told = json!({ "name": one.name, "title": title, "filled": one.filled });
    match &one.of {
        Of::Numbers { minimum, mean, median, maximum, bars } => {
            told["figures"] =
                json!({ "minimum": minimum, "mean": mean, "median": median, "maximum": maximum });
            // Shares and rates need decimals.
            let decimals = if *maximum <= 10.0 { 2 } else { 0 };
            told["decimals"] = json!(decimals);
            told["bars"] = drawn(bars, |bar| span(bar, decimals));
        }
        Of::Days { first, last, bars } => {
            told["days"] = json!({ "first": first, "last": last });
            told["bars"] = drawn(bars, |bar| span(bar, 0));
        }
        Of::Names { distinct, most } => {
            told["distinct"] = json!(distinct);
            let greatest = most.iter().map(|(_, count)| *count).max().unwrap_or(1);
            told["bars"] = most
                .iter()
                .map(|(name, count)| json!({ "label": shortened(name), "count": count, "width": width(*count, greatest) }))
                .collect();
        }
    }
    told
}

/// As much of a name as fits beside its bar.
fn shortened(name: &str) -> String {
    const FITS: usize = 24;
    let mut short: String = name.chars().take(FITS).collect();
    if name.chars().count() > FITS {
        short.push('…');
    }
    short
}

fn drawn(bars: &[Bar], label: impl Fn(&Bar) -> String) -> Value {
    let greatest = bars.iter().map(|bar| bar.count).max().unwrap_or(1);
    bars.iter()
        .map(|bar| json!({ "label": label(bar), "count": bar.count, "width": width(bar.count, greatest) }))
        .collect()
}

/// `20–24` for whole numbers, `0,5–1` for others: an en dash between both ends.
fn span(bar: &Bar, decimals: usize) -> String {
    if bar.from == bar.to || (decimals == 0 && bar.to - bar.from <= 1.0) {
        return format!("{:.decimals$}", bar.from);
    }
    let last = if decimals == 0 { bar.to - 1.0 } else { bar.to };
    format!("{:.decimals$}–{last:.decimals$}", bar.from)
}

fn width(count: usize, greatest: usize) -> f64 {
    (count as f64 / greatest.max(1) as f64 * LONGEST * 10.0).round() / 10.0
}
