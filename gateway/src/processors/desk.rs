//! What staff do: announce the declared list where it differs from the last one that was announced, and look at all.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::announcement::{self, Announcement, Change, PARTITION, history};
use super::{Processor, letters};
use crate::app::App;
use crate::audit::{self, Event};
use crate::records::{self, RecordError, Use};
use crate::store::{Batch, Expect, StoreError};
use crate::working_days;

/// An act, as it goes over the socket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "processors", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// `processors announce`: writes to every client what changes.
    Announce {
        /// The declared list, as the site's file has it now.
        declared: Vec<Processor>,
        /// The first day on which it applies.
        applies: Date,
    },
    /// `processors list`: every list that was announced.
    List,
}

impl Act {
    /// Its words in the audit log.
    pub fn told(&self) -> &'static str {
        match self {
            Self::Announce { .. } => "processors announce",
            Self::List => "processors list",
        }
    }
}

/// Why nothing was announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// A list of nobody.
    #[error("the declared list names nobody")]
    Empty,
    /// Nothing to tell.
    #[error("the declared list is the one that was announced last; see `aops admin processors list`")]
    Same,
    /// Clients hear of it before it applies.
    #[error("a change applies after the day on which clients are told of it: {0} is not to come")]
    Past(Date),
    /// Lists follow one another.
    #[error("a list that applies from {0} was announced already; this one cannot apply before it")]
    Before(Date),
    /// Two at once.
    #[error("another list was announced meanwhile; see `aops admin processors list`")]
    Meanwhile,
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Carries an act out: the list that was announced, or an array of all.
///
/// # Errors
/// [`AnnounceError`], a sentence for whoever typed it.
pub async fn act(app: &App, act: Act) -> Result<Value, AnnounceError> {
    records::reading_for(Use::Law, done(app, act)).await
}

async fn done(app: &App, act: Act) -> Result<Value, AnnounceError> {
    let today = working_days::today(app.clock.now());
    match act {
        Act::List => {
            let all = history(app, today).await?;
            Ok(all.iter().rev().map(|one| json!(one)).collect())
        }
        Act::Announce { declared, applies } => {
            let number = announce(app, declared, applies).await?;
            letters::tell(app, number).await?;
            let all = history(app, today).await?;
            Ok(json!(all.into_iter().find(|one| one.number == number)))
        }
    }
}

/// Enters the list; its letters follow. The first one is what clients were told when they came: it is entered alone.
pub(super) async fn announce(
    app: &App,
    declared: Vec<Processor>,
    applies: Date,
) -> Result<u32, AnnounceError> {
    if declared.is_empty() {
        return Err(AnnounceError::Empty);
    }
    let now = app.clock.now();
    let last = announcement::all(app).await?.pop();
    if let Some((_, last)) = &last {
        if Change::between(&last.processors, &declared).is_none() {
            return Err(AnnounceError::Same);
        }
        if applies <= working_days::today(now) {
            return Err(AnnounceError::Past(applies));
        }
        if applies < last.applies {
            return Err(AnnounceError::Before(last.applies));
        }
    }
    let number = last.as_ref().map_or(1, |(number, _)| number + 1);
    let announcement = Announcement {
        processors: declared,
        announced: now,
        applies,
        telling: last.is_some(),
        told_up_to: None,
        letters: 0,
    };
    let mut batch = Batch::new(PARTITION);
    announcement::put(&mut batch, number, &announcement, Expect::Absent)?;
    audit::note(&mut batch, &Event::new(app, "processors announced", &number.to_string()))?;
    match app.store.commit(batch).await {
        Ok(()) => Ok(number),
        Err(StoreError::Conflict(_)) => Err(AnnounceError::Meanwhile),
        Err(error) => Err(RecordError::from(error).into()),
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
