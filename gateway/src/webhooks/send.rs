//! One call of a client's server: signed, bounded in time, followed nowhere. Of its answer the status counts, and when it
//! asks to be called again; its body is not read.

use std::io;
use std::time::{Duration, Instant};

use http::{StatusCode, header};
use jiff::Timestamp;
use reqwest::{Client, Response};
use url::Url;

use super::document::{Delivery, Fault, Try, Webhook};
use crate::outbound::{NotPublic, PublicGate};

/// For all of a call.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait that a server may ask for.
const LONGEST_WAIT: u64 = 24 * 3_600;

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    /// As it is noted.
    pub(super) one: Try,
    /// How long the server asks to be left alone.
    pub(super) after: Option<Duration>,
}

impl Called {
    /// Whether the message was taken.
    pub(super) fn taken(&self) -> bool {
        self.one.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the server says that there is nothing any more and never will be.
    pub(super) fn gone(&self) -> bool {
        self.one.status == Some(StatusCode::GONE.as_u16())
    }
}

/// Calls a webhook with a message.
pub(super) async fn call(
    client: &Client,
    gate: &PublicGate,
    webhook: &Webhook,
    delivery: &Delivery,
    now: Timestamp,
) -> Called {
    let began = Instant::now();
    let came = tokio::time::timeout(TIMEOUT, answered(client, gate, webhook, delivery, now)).await;
    let (status, fault, after) = match came {
        Ok(Ok(response)) => (Some(response.status().as_u16()), None, after(&response)),
        Ok(Err(fault)) => (None, Some(fault), None),
        Err(_) => (None, Some(Fault::Timeout), None),
    };
    let millis = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    Called { one: Try { at: now, millis, status, fault }, after }
}

async fn answered(
    client: &Client,
    gate: &PublicGate,
    webhook: &Webhook,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Response, Fault> {
    let url = Url::parse(&webhook.url).map_err(|_| Fault::Refused)?;
    // A host that is written as a number is resolved by nobody.
    gate.admit(&url).map_err(|_| Fault::Refused)?;
    let body = delivery.body();
    let request = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", &delivery.id)
        .header("webhook-timestamp", now.as_second())
        .header("webhook-signature", webhook.secrets.sign(&delivery.id, now, &body))
        .body(body);
    request.send().await.map_err(|error| fault(&error))
}

/// `Retry-After` in seconds, with an answer that asks for patience.
fn after(response: &Response) -> Option<Duration> {
    let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let value = response.headers().get(header::RETRY_AFTER).filter(|_| asks.contains(&response.status()))?;
    let seconds = value.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// By what is said deepest.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::Timeout;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<NotPublic>() {
            return Fault::Refused;
        }
        let inner = one.downcast_ref::<io::Error>();
        let inside = inner.and_then(io::Error::get_ref);
        if one.is::<rustls::Error>() || inside.is_some_and(|inside| inside.is::<rustls::Error>()) {
            return Fault::Certificate;
        }
        if inner.is_some_and(|inner| inner.kind() == io::ErrorKind::NotFound) || says_unknown(one) {
            return Fault::Name;
        }
        cause = one.source();
    }
    Fault::Connection
}

/// What the C library says of a name that has no address reaches us as words alone.
fn says_unknown(error: &(dyn std::error::Error + 'static)) -> bool {
    error.to_string().starts_with("failed to lookup address information")
}
