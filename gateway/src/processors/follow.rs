//! What happens by itself: the list with which a gateway first starts is entered, letters that a stop interrupted go
//! on, and a list that was changed and not announced is told to whoever runs the gateway.

use std::time::Duration;

use super::announcement::{self, Change};
use super::desk::{self, AnnounceError};
use super::letters;
use crate::app::{App, SharedApp};
use crate::records::RecordError;
use crate::working_days;

const PERIOD: Duration = Duration::from_secs(600);

/// Looks now and then, until it is aborted.
pub async fn follow(app: SharedApp) {
    loop {
        if let Err(error) = look(&app).await {
            tracing::warn!(%error, "announcements of processors could not be looked at");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

pub(super) async fn look(app: &App) -> Result<(), RecordError> {
    let declared = &app.settings.processors;
    let announced = announcement::all(app).await?;
    for (number, _) in announced.iter().filter(|(_, one)| one.telling) {
        letters::tell(app, *number).await?;
    }
    let Some((_, last)) = announced.last() else {
        let today = working_days::today(app.clock.now());
        return match desk::announce(app, declared.clone(), today).await {
            Err(AnnounceError::Record(error)) => Err(error),
            _ => Ok(()),
        };
    };
    let differs = !Change::between(&last.processors, declared).is_none();
    metrics::gauge!("processors_unannounced").set(f64::from(u8::from(differs)));
    if differs {
        tracing::warn!(
            "the declared processors are not those that clients were told of: `aops admin processors announce`"
        );
    }
    Ok(())
}
