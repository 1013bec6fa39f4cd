//! What a client should see to, most pressing first. Each has a word of its own in the texts and leads to where it is
//! mended.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::accounts::Account;
use crate::app::App;
use crate::authorisation::Action;
use crate::checkout;
use crate::records::RecordError;

/// A plan that ends within so long is told.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Used to so many hundredths, a quota is told.
const NEARLY: u64 = 80;

/// What needs attention: `{what, to}`, with the `offer` and the day (`at`) that it concerns.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn of(app: &App, account: &Account, holdings: &[Value]) -> Result<Vec<Value>, RecordError> {
    let now = app.clock.now();
    let mut told = Vec::new();
    if account.role.actions().contains(&Action::ReadSubscriptions) {
        let subscriptions = checkout::subscriptions_of(app, &account.organisation).await?;
        for subscription in subscriptions.iter().filter(|one| one.unpaid && one.is_alive()) {
            told.push(json!({
                "what": "unpaid", "to": "/espace-client/abonnements",
                "offer": subscription.offer, "at": subscription.access_until(),
            }));
        }
        // What renews by itself ends only if nobody pays, which is told above.
        let renews = |offer: &Value| {
            subscriptions.iter().any(|one| *offer == one.offer && one.is_alive() && !one.cancel_at_period_end)
        };
        told.extend(holdings.iter().filter_map(quota));
        told.extend(
            holdings.iter().filter(|holding| !renews(&holding["offer"])).filter_map(|one| ending(one, now)),
        );
    }
    match &account.second_factor {
        None if account.passkeys.is_empty() => {
            told.push(json!({ "what": "second_factor", "to": "/espace-client/double-authentification" }));
        }
        Some(factor) if factor.recovery_left() == 0 => {
            told.push(json!({ "what": "recovery", "to": "/espace-client/double-authentification" }));
        }
        _ => {}
    }
    Ok(told)
}

fn quota(holding: &Value) -> Option<Value> {
    let (used, included) = (holding["used"].as_u64()?, holding["included"].as_u64()?);
    let beyond = holding["billed_beyond"] == json!(true);
    (used.saturating_mul(100) >= included.saturating_mul(NEARLY)).then(|| {
        json!({
            "what": if beyond { "quota_billed" } else { "quota" }, "to": "/espace-client/abonnements",
            "offer": holding["offer"],
        })
    })
}

fn ending(holding: &Value, now: Timestamp) -> Option<Value> {
    let until: Timestamp = holding["until"].as_str()?.parse().ok()?;
    (until.duration_since(now) <= SOON).then(|| {
        json!({
            "what": "ending", "to": "/espace-client/abonnements", "offer": holding["offer"], "at": until,
        })
    })
}
