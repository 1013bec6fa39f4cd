//! `/equipe/passerelle`: what the gateway does now, for staff.

use std::sync::LazyLock;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::figures::{Series, by, quantile, read, sum};
use crate::app::{App, SharedApp};
use crate::edge::address_filter::Ban;
use crate::edge::feeds::FeedState;
use crate::edge::route_class::RouteClass;
use crate::web::{negotiation, render};

const PATH: &str = "/equipe/passerelle";
/// Rows shown of a table; `aops admin` has them all.
const SHOWN: usize = 50;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    LazyLock::force(&STARTED);
    Router::new().route(PATH, get(page))
}

async fn page(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    let context = context(&app);
    render(&app, StatusCode::OK, language, "gateway.title", "gateway/passerelle.html", context)
}

fn context(app: &App) -> Value {
    let text = app.metrics.get().map(|metrics| metrics.render()).unwrap_or_default();
    let series = read(&text);
    let now = app.clock.now();
    let bans = app.blocklist.bans(now);
    json!({
        "now": now,
        "version": env!("CARGO_PKG_VERSION"),
        "hours": (STARTED.elapsed().as_secs() as f64 / 360.0).round() / 10.0,
        "open": sum(&series, "connections_open"),
        "handshaking": sum(&series, "connections_handshaking"),
        "requests": sum(&series, "http_requests_total"),
        "shed": sum(&series, "load_shed_total"),
        "classes": classes(&series),
        "refusals": refusals(&series),
        "bans_count": bans.len(),
        "bans": bans.iter().take(SHOWN).map(ban).collect::<Vec<_>>(),
        "feeds": app.feeds.states(now).iter().map(feed).collect::<Vec<_>>(),
        "lists": lists(&series, app),
        "certificates": certificates(&series),
    })
}

/// Requests by class and family of status, and how long answers took, in milliseconds.
fn classes(series: &[Series<'_>]) -> Vec<Value> {
    let row = |class: RouteClass| {
        let label = class.label();
        let own: Vec<Series<'_>> = series
            .iter()
            .filter(|series| series.name == "http_requests_total" && series.label("class") == label)
            .cloned()
            .collect();
        let families = by(&own, "http_requests_total", "status");
        let family = |name: &str| families.get(name).copied().unwrap_or_default();
        let families_told = ["2xx", "3xx", "4xx", "5xx"].map(family);
        let milliseconds = |share| {
            quantile(series, "http_request_seconds_bucket", label, share).map(|seconds| seconds * 1e3)
        };
        (!own.is_empty() && families.values().sum::<f64>() > 0.0).then(|| {
            json!({
                "class": label,
                "families": families_told,
                "p50": milliseconds(0.5),
                "p90": milliseconds(0.9),
                "p99": milliseconds(0.99),
            })
        })
    };
    RouteClass::ALL.into_iter().filter_map(row).collect()
}

/// What was refused, the most frequent first: requests by phase, and connections before any request.
fn refusals(series: &[Series<'_>]) -> Vec<Value> {
    let mut rows: Vec<(&str, &str, f64)> = series
        .iter()
        .filter(|series| series.value > 0.0)
        .filter_map(|series| match series.name {
            "requests_refused_total" => Some((series.label("phase"), series.label("why"), series.value)),
            "connections_refused_total" => Some(("accept", series.label("why"), series.value)),
            "handshakes_failed_total" => Some(("tls", series.label("why"), series.value)),
            _ => None,
        })
        .collect();
    rows.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    rows.truncate(SHOWN);
    rows.into_iter()
        .map(|(phase, why, count)| json!({ "phase": phase, "why": why, "count": count }))
        .collect()
}

fn ban(ban: &Ban) -> Value {
    json!({
        "net": ban.net.to_string(),
        "jail": ban.jail,
        "times": ban.times,
        "since": ban.since,
        "until": ban.until,
    })
}

fn feed(feed: &FeedState) -> Value {
    let hours = feed.age_seconds.map(|seconds| (seconds as f64 / 360.0).round() / 10.0);
    json!({ "name": feed.name, "state": feed.state, "blocks": feed.blocks, "hours": hours, "reason": feed.reason })
}

/// Blocks in force by where they come from, but for the feeds.
fn lists(series: &[Series<'_>], app: &App) -> Vec<Value> {
    let feeds = app.feeds.states(Timestamp::UNIX_EPOCH);
    let sums = by(series, "blocklist_blocks", "source");
    let own = sums.into_iter().filter(|(source, _)| feeds.iter().all(|feed| feed.name != *source));
    own.map(|(source, blocks)| json!({ "source": source, "blocks": blocks })).collect()
}

/// Days that are left of each certificate.
fn certificates(series: &[Series<'_>]) -> Vec<Value> {
    let ends = by(series, "certificate_expiry_seconds", "name");
    ends.into_iter().map(|(name, left)| json!({ "name": name, "days": (left / 86_400.0).floor() })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_come_by_how_often_and_classes_only_where_something_was_asked() {
        let series = read(
            "requests_refused_total{phase=\"limits\",why=\"forms\"} 2\nconnections_refused_total{why=\"blocklist\"} 7\n\
             http_requests_total{class=\"pages\",status=\"2xx\"} 4\nhttp_requests_total{class=\"api\",status=\"2xx\"} 0\n",
        );
        let phases: Vec<Value> = refusals(&series).iter().map(|row| row["phase"].clone()).collect();
        assert_eq!(phases, ["accept", "limits"]);
        let classes = classes(&series);
        assert_eq!(classes.len(), 1);
        assert_eq!((&classes[0]["class"], &classes[0]["families"][0]), (&json!("pages"), &json!(4.0)));
    }
}
