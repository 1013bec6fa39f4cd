//! Server-sent events of one calculation: where it stands, until it ends.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::{HeaderValue, header};
use serde_json::Value;

use super::worker;
use crate::app::SharedApp;

/// Between two looks.
const PACE: Duration = Duration::from_millis(400);
/// Looks in one answer: past them the client comes again by itself (HTML § 9.2.3).
const MOST_LOOKS: usize = 1_500;

/// Where a calculation stands, told whenever that changes; the last event is its end, or that it is gone.
pub(in crate::calculations) fn stream(app: SharedApp, organisation: String, id: String) -> Response {
    let begin = (app, organisation, id, Value::Null, MOST_LOOKS);
    let events = stream::unfold(begin, |(app, organisation, id, mut last, mut looks)| async move {
        loop {
            looks = looks.checked_sub(1)?;
            if last.get("over").is_some() {
                return None;
            }
            let found = super::read(&app, &organisation, &id).await.ok()?;
            let mut told = match &found {
                Some((job, _)) => worker::told(&app, job),
                None => serde_json::json!({ "id": id, "state": "deleted" }),
            };
            let over = found.is_none_or(|(job, _)| job.state.is_final());
            if told != last {
                let event = Event::default().event(if over { "end" } else { "state" }).data(told.to_string());
                if over {
                    told["over"] = Value::Bool(true);
                }
                last = told;
                return Some((Ok::<_, Infallible>(event), (app, organisation, id, last, looks)));
            }
            last = told;
            tokio::time::sleep(PACE).await;
        }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
