//! What the desk does by itself: erasures that were interrupted go on, and the officer is reminded of what is due.

use std::time::Duration;

use super::due::{due, reminders};
use super::erasure;
use super::letters;
use super::request::{self, Found, Request, State};
use crate::app::{App, SharedApp};
use crate::outbox;
use crate::records::RecordError;

const PERIOD: Duration = Duration::from_secs(600);

/// Looks now and then, until it is aborted.
pub async fn follow(app: SharedApp) {
    loop {
        if let Err(error) = look(&app).await {
            tracing::warn!(%error, "requests about personal data could not be looked at");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn look(app: &App) -> Result<(), RecordError> {
    erasure::under_way(app).await?;
    remind(app).await
}

/// Reminders that are due, one letter each at most.
async fn remind(app: &App) -> Result<(), RecordError> {
    let now = app.clock.now();
    let mut late = 0_u32;
    for Found { address, request, .. } in request::all(app, None).await? {
        if !request.is_open() {
            continue;
        }
        late += u32::from(due(&request) < now);
        let wanted = reminders(&request, now);
        let change = |before: &Request| {
            (before.state == State::Open && before.reminded < wanted)
                .then(|| Request { reminded: wanted, ..before.clone() })
        };
        let state = if due(&request) <= now { "late" } else { "reminder" };
        request::step(app, &address, change, |batch, key, after| {
            outbox::enqueue(app, batch, key, &letters::officer(app, &address.key, after, state))
        })
        .await?;
    }
    metrics::gauge!("rights_requests_late").set(late);
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use jiff::SignedDuration;

    use super::super::carried_out::{Way, proved};
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn p_rights_the_officer_is_reminded_before_the_month_is_over_and_each_time_once() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let form = "droit=rectification&email=a%40example.org&demande=x";
        testing::post(&app, "/donnees-personnelles", &HeaderMap::new(), form).await;
        let address = request::all(&app, None).await.unwrap()[0].address.clone();
        proved(&app, &address, Way::Link).await.unwrap().unwrap();
        let due = due(&request::read(&app, &address).await.unwrap().unwrap().request);
        let left = due.duration_since(app.clock.now());
        drop(app);
        let states = async |app: &App| {
            let letters = testing::letters(app).await.into_iter();
            let mine = letters.filter(|mail| mail.template == "droits_delegue");
            mine.map(|mail| mail.context["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        // By days before the end.
        for (before, told) in [(20, 1), (6, 2), (6, 2), (1, 3), (-1, 4), (-400, 4)] {
            let ahead = left - SignedDuration::from_hours(24 * before);
            let app = testing::app(folder.path(), ahead).await;
            look(&app).await.unwrap();
            assert_eq!(states(&app).await.len(), told, "{before} days before");
        }
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        assert_eq!(states(&app).await.last().unwrap(), "late");
    }
}
