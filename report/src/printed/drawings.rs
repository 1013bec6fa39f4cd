//! The charts of a report for a screen: SVG whose text stays text, with a title and a description for who does not see
//! it. Colours and lines are the style sheet's, by class.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Told, charts};
use crate::tables::tables;
use crate::words::Words;

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// What it is called.
    pub title: String,
    /// What it shows, in words.
    pub alt: String,
    /// An `svg` element.
    pub svg: String,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 110.0;
const TOP: f64 = 12.0;
const PLOT: (f64, f64) = (WIDTH - LEFT - 16.0, HEIGHT - TOP - 50.0);
/// Of a bar among others.
const BAR: f64 = 26.0;

/// The charts of a calculation, those of its report.
pub fn drawings(told: &Told<'_>, words: &Words) -> Vec<Drawing> {
    let made = tables(told.module, told.request, told.outcome, words);
    let charts = made.iter().filter_map(|table| {
        if table.title == words.of("sheet", "payments") {
            charts::by_year(table, words)
        } else if ["assumptions", "triangle"].iter().any(|name| table.title == words.of("sheet", name)) {
            None
        } else {
            charts::along(table, words)
        }
    });
    charts.chain(charts::sensitivities(told.outcome, words)).map(|chart| drawn(&chart)).collect()
}

fn drawn(chart: &Value) -> Drawing {
    let text = |name: &str| chart[name].as_str().unwrap_or_default().to_owned();
    let (title, alt) = (text("title"), text("alt"));
    let (body, height) = match chart["kind"].as_str() {
        Some("bars") => bars(chart),
        Some("columns") => (axes(chart) + &columns(chart), HEIGHT),
        _ => (axes(chart) + &lines(chart), HEIGHT),
    };
    let svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">{body}</svg>",
        escaped(&format!("{title}. {alt}"))
    );
    Drawing { title, alt, svg }
}

fn axes(chart: &Value) -> String {
    let mut body = String::new();
    for tick in list(&chart["y"]) {
        let y = up(number(&tick["at"]));
        // Writing to a text does not fail.
        let _ = write!(
            body,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT + PLOT.0,
            LEFT - 8.0,
            y + 4.0,
            said(tick)
        );
    }
    for tick in list(&chart["x"]) {
        let _ = write!(
            body,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            across(number(&tick["at"])),
            TOP + PLOT.1 + 18.0,
            said(tick)
        );
    }
    body
}

fn lines(chart: &Value) -> String {
    let mut body = String::new();
    let all = list(&chart["series"]);
    for (rank, series) in all.iter().enumerate() {
        let points = list(&series["points"]).iter();
        let points: Vec<String> = points
            .map(|point| format!("{:.1},{:.1}", across(number(&point[0])), up(number(&point[1]))))
            .collect();
        let _ = write!(body, "<polyline class=\"line line-{rank}\" points=\"{}\"/>", points.join(" "));
        if all.len() > 1 {
            let (x, y) = (LEFT + rank as f64 * 175.0, HEIGHT - 8.0);
            let _ = write!(
                body,
                "<line class=\"line line-{rank}\" x1=\"{x}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
                x + 22.0,
                y - 4.0,
                y - 4.0,
                x + 28.0,
                escaped(series["name"].as_str().unwrap_or_default())
            );
        }
    }
    body
}

fn columns(chart: &Value) -> String {
    let points = list(&chart["series"][0]["points"]);
    let width = (PLOT.0 / points.len().max(1) as f64 * 0.7).min(36.0);
    let zero = number(&chart["zero"]);
    let mut body = String::new();
    for point in points {
        let (x, top) = (across(number(&point[0])), number(&point[1]));
        let _ = write!(
            body,
            "<rect class=\"mark\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
            x - width / 2.0,
            up(zero.max(top)),
            (top - zero).abs() * PLOT.1
        );
    }
    body
}

fn bars(chart: &Value) -> (String, f64) {
    const NAMES: f64 = 230.0;
    const FIGURES: f64 = 80.0;
    let all = list(&chart["bars"]);
    let (room, zero) = (WIDTH - NAMES - FIGURES, number(&chart["zero"]));
    let mut body = String::new();
    for (rank, bar) in all.iter().enumerate() {
        let (y, at) = (rank as f64 * BAR, number(&bar["at"]));
        let class = if at < zero { "mark less" } else { "mark" };
        let _ = write!(
            body,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect class=\"{class}\" x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" height=\"16\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            NAMES - 10.0,
            y + 16.0,
            escaped(bar["name"].as_str().unwrap_or_default()),
            NAMES + zero.min(at) * room,
            y + 4.0,
            (at - zero).abs() * room,
            WIDTH - 2.0,
            y + 16.0,
            said(bar)
        );
    }
    let height = all.len() as f64 * BAR + 6.0;
    let x = NAMES + zero * room;
    let _ = write!(body, "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\"/>");
    (body, height)
}

fn across(part: f64) -> f64 {
    LEFT + part * PLOT.0
}

fn up(part: f64) -> f64 {
    TOP + (1.0 - part) * PLOT.1
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn said(tick: &Value) -> String {
    escaped(tick["shown"].as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_drawing_is_told_in_words_and_keeps_its_text_as_text() {
        let words = Words::french().unwrap();
        let request = aops_engine::example("ifc").unwrap();
        let outcome = aops_engine::calculate("ifc", &request).unwrap().into_json();
        let told = Told {
            module: "ifc",
            request: &request,
            outcome: &outcome,
            apart: None,
            made: Timestamp::UNIX_EPOCH,
            digest: "",
            owner: None,
            data: None,
        };
        let made = drawings(&told, &words);
        let sensitivities = made.last().unwrap();
        assert!(sensitivities.alt.contains("Taux d’actualisation"), "{}", sensitivities.alt);
        for drawing in &made {
            assert!(drawing.svg.starts_with("<svg viewBox") && drawing.svg.contains("<text"));
            assert!(drawing.svg.contains("role=\"img\" aria-label") && !drawing.svg.contains("style="));
        }
        assert_eq!(escaped("<a b=\"&\">"), "&lt;a b=&quot;&amp;&quot;&gt;");
    }
}
