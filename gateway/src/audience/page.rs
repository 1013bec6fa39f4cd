//! `/equipe/audience`: the figures for staff, with charts, and as CSV.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde_json::{Value, json};

use super::visits::{OTHERS, zone};
use super::{Line, Measure, list, store};
use crate::app::{App, SharedApp};
use crate::web::{WebError, negotiation, render};

const PATH: &str = "/equipe/audience";
/// Periods offered, in days.
const PERIODS: [i32; 4] = [7, 30, 90, 365];
/// Lines shown of a table; the CSV has them all.
const SHOWN: usize = 20;
/// Days that the chart shows one by one.
const BARS: usize = 92;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(PATH, get(page)).route("/equipe/audience.csv", get(csv))
}

async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let period = period(&app, &uri)?;
    let lines = figures(&app, &period).await?;
    let context = json!({
        "from": period.from.to_string(),
        "to": period.to.to_string(),
        "days": period.days,
        "periods": PERIODS,
        "views": total(&lines, Measure::Page),
        "visits": total(&lines, Measure::Visit),
        "robots": total(&lines, Measure::Robot),
        "chart": chart(&lines, &period),
        "tables": tables(&lines),
    });
    let language = negotiation::language(&uri, &headers);
    Ok(render(&app, StatusCode::OK, language, "audience.title", "gateway/audience.html", context))
}

async fn csv(State(app): State<SharedApp>, uri: Uri) -> Result<Response, WebError> {
    let period = period(&app, &uri)?;
    let lines = figures(&app, &period).await?;
    let name = format!("attachment; filename=\"audience-{}-{}.csv\"", period.from, period.to);
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (fields, written(&lines)).into_response();
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Days asked for, both included.
struct Period {
    from: Date,
    to: Date,
    days: i32,
}

/// `?jours=30`, or `?du=2026-11-01&au=2026-11-24`; thirty days up to today when nothing is said.
fn period(app: &App, uri: &Uri) -> Result<Period, WebError> {
    let query = negotiation::query(uri)?;
    let wrong = || WebError::BadRequest("the period is jours=7|30|90|365, or du and au as 2026-11-24");
    let day = |name: &str| query.get(name).map(|text| text.parse::<Date>().map_err(|_| wrong())).transpose();
    let today = app.clock.now().to_zoned_datetime(zone()).date();
    let to = day("au")?.unwrap_or(today);
    if let Some(from) = day("du")? {
        let days = from.until(to).map_err(|_| wrong())?.get_days() + 1;
        return if (1..=800).contains(&days) { Ok(Period { from, to, days }) } else { Err(wrong()) };
    }
    let asked = query.get("jours").map_or(Ok(30), |text| text.parse::<i32>().map_err(|_| wrong()))?;
    let days = PERIODS.into_iter().find(|days| *days == asked).ok_or_else(wrong)?;
    let back: Span = (days - 1).days();
    Ok(Period { from: to.checked_sub(back).map_err(|_| wrong())?, to, days })
}

async fn figures(app: &App, period: &Period) -> Result<Vec<Line>, WebError> {
    store(app, false).await;
    Ok(list(app, Some(period.from), Some(period.to)).await?)
}

fn total(lines: &[Line], measure: Measure) -> u64 {
    lines.iter().filter(|line| line.measure == measure).map(|line| line.count).sum()
}

/// One bar a day (or a week, past three months): its place and heights in a drawing of 640 by 200.
fn chart(lines: &[Line], period: &Period) -> Value {
    let step = if period.days as usize > BARS { 7 } else { 1 };
    let count = (period.days as usize).div_ceil(step);
    let mut bars = vec![(0u64, 0u64); count];
    for line in lines {
        let at = period.from.until(line.day).map_or(0, |span| span.get_days()).max(0) as usize / step;
        let Some(bar) = bars.get_mut(at) else { continue };
        match line.measure {
            Measure::Page => bar.0 += line.count,
            Measure::Visit => bar.1 += line.count,
            _ => {}
        }
    }
    let most = bars.iter().map(|(views, _)| *views).max().unwrap_or(0).max(1);
    let width = 560.0 / count as f64;
    let height = |count: u64| (count as f64 / most as f64 * 1800.0).round() / 10.0;
    let shown: Vec<Value> = bars
        .iter()
        .enumerate()
        .map(|(index, (views, visits))| {
            let day = period.from.checked_add(((index * step) as i32).days()).unwrap_or(period.to);
            json!({
                "day": day.to_string(),
                "x": (700.0 + index as f64 * width * 10.0).round() / 10.0,
                "width": ((width * 8.0).round() / 10.0).max(0.8),
                "views": views,
                "visits": visits,
                "views_height": height(*views),
                "visits_height": height(*visits),
            })
        })
        .collect();
    json!({ "bars": shown, "most": most, "weekly": step == 7 })
}

/// The largest values of each measure that has several.
fn tables(lines: &[Line]) -> Vec<Value> {
    let measures = [
        Measure::Page,
        Measure::Entry,
        Measure::Exit,
        Measure::Referrer,
        Measure::Length,
        Measure::Depth,
        Measure::Device,
        Measure::Language,
        Measure::Country,
    ];
    let table = |measure: Measure| {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.measure == measure) {
            *sums.entry(&line.value).or_default() += line.count;
        }
        let all: u64 = sums.values().sum();
        let mut rows: Vec<(&str, u64)> = sums.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        rows.truncate(SHOWN);
        let worded =
            matches!(measure, Measure::Length | Measure::Depth | Measure::Device | Measure::Language);
        let share = |count: u64| (count as f64 / all.max(1) as f64 * 1000.0).round() / 10.0;
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|(value, count)| {
                let named = worded || value == OTHERS;
                json!({ "value": value, "named": named, "count": count, "share": share(count) })
            })
            .collect();
        (!rows.is_empty()).then(|| json!({ "measure": measure, "rows": rows }))
    };
    measures.into_iter().filter_map(table).collect()
}

/// RFC 4180, with a header line; no cell can be taken for a formula.
fn written(lines: &[Line]) -> String {
    let mut text = String::from("day,measure,value,count\r\n");
    for line in lines {
        let measure = json!(line.measure);
        let measure = measure.as_str().unwrap_or_default();
        text.push_str(&format!("{},{measure},{},{}\r\n", line.day, cell(&line.value), line.count));
    }
    text
}

fn cell(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_quotes_are_doubled() {
        let line = |value: &str| Line {
            day: jiff::civil::date(2026, 11, 24),
            measure: Measure::Referrer,
            value: value.into(),
            count: 2,
        };
        let text = written(&[line("=cmd()"), line("a,\"b\""), line("example.org")]);
        let wanted = "day,measure,value,count\r\n2026-11-24,referrer,'=cmd(),2\r\n\
                      2026-11-24,referrer,\"a,\"\"b\"\"\",2\r\n2026-11-24,referrer,example.org,2\r\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn the_chart_has_a_bar_for_each_day_and_for_each_week_of_a_year() {
        let from = jiff::civil::date(2026, 11, 1);
        let line = |measure, count| Line { day: from, measure, value: String::new(), count };
        let lines = [line(Measure::Page, 8), line(Measure::Visit, 2)];
        let month = Period { from, to: jiff::civil::date(2026, 11, 30), days: 30 };
        let drawn = chart(&lines, &month);
        assert_eq!(drawn["bars"].as_array().unwrap().len(), 30);
        assert_eq!(
            (&drawn["bars"][0]["views_height"], &drawn["bars"][0]["visits_height"]),
            (&json!(180.0), &json!(45.0))
        );
        let year = Period { from, to: jiff::civil::date(2027, 10, 31), days: 365 };
        assert_eq!(chart(&lines, &year)["bars"].as_array().unwrap().len(), 53);
    }
}
