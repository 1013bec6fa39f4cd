//! What happens by itself: letters that a stop interrupted go on, and the officer hears of the clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::notices;
use super::register::{self, Breach};
use crate::app::{App, SharedApp};
use crate::outbox;
use crate::records::RecordError;

const PERIOD: Duration = Duration::from_secs(300);
/// The officer is reminded so long before the 72 hours are over, and once they are.
const REMINDERS: [SignedDuration; 4] = [
    SignedDuration::from_hours(48),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(6),
    SignedDuration::ZERO,
];

/// Looks now and then, until it is aborted.
pub async fn follow(app: SharedApp) {
    loop {
        if let Err(error) = look(&app).await {
            tracing::warn!(%error, "breaches could not be looked at");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn look(app: &App) -> Result<(), RecordError> {
    let now = app.clock.now();
    for (id, breach) in register::all(app).await? {
        notices::tell(app, &id).await?;
        if !breach.is_awaited() {
            continue;
        }
        let wanted = reminders(&breach, now);
        let change = |before: &Breach| {
            (before.is_awaited() && before.reminded < wanted).then(|| Breach { reminded: wanted, ..before.clone() })
        };
        let state = if breach.deadline() <= now { "late" } else { "reminder" };
        register::step(app, &id, change, |batch, key, after| {
            outbox::enqueue(app, batch, key, &notices::to_officer(app, &id, after, state))
        })
        .await?;
    }
    Ok(())
}

fn reminders(breach: &Breach, now: Timestamp) -> u8 {
    let left = breach.deadline().duration_since(now);
    REMINDERS.iter().fold(0, |sent, before| sent + u8::from(left <= *before))
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
