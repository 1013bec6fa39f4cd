//! What is told of webhooks and their messages, to programs and on pages. A secret is shown once, by whoever made it.

use serde_json::{Value, json};

use super::document::{Delivery, State, Webhook, health, waiting};
use crate::app::App;
use crate::records::RecordError;

/// A webhook.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn webhook(app: &App, organisation: &str, webhook: &Webhook) -> Result<Value, RecordError> {
    let (health, _) = health(app, organisation, &webhook.id).await?;
    let mut told = json!({
        "id": webhook.id, "url": webhook.url, "events": webhook.events, "created": webhook.created,
        "active": webhook.off.is_none(), "failures": health.failures,
    });
    if let Some(off) = webhook.off {
        told["off"] = json!(off);
    }
    if let Some(since) = health.since {
        told["failing_since"] = json!(since);
    }
    if let Some(until) = webhook.secrets.former_until(app.clock.now()) {
        told["former_secret_until"] = json!(until);
    }
    Ok(told)
}

/// A message, with when it is tried next.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn delivery(
    app: &App,
    organisation: &str,
    delivery: &Delivery,
) -> Result<Value, RecordError> {
    let mut told = json!({
        "id": delivery.id, "type": delivery.kind, "created": delivery.at, "data": delivery.data,
        "state": delivery.state, "attempts": delivery.tries,
    });
    if delivery.state == State::Waiting {
        let place = waiting(app, organisation, &delivery.name()).await?;
        told["next"] = json!(place.map(|(waiting, _)| waiting.due));
    }
    Ok(told)
}
