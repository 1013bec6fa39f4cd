//! What staff do: look whom a breach would concern, report it, which writes to everybody concerned, go on with it, note
//! that the CNIL was told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::register::{self, Breach};
use super::report::{self, Report};
use super::severity::judged;
use super::{form, notices};
use crate::app::App;
use crate::audit::{self, Event};
use crate::records::{self, RecordError, Use};

/// An act, as it goes over the socket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "breach", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// `breach report`: enters it and writes to everybody whom it concerns.
    Report(Report),
    /// `breach report --dry-run`: whom it would concern, and nothing else.
    Assess(Report),
    /// `breach resume`: letters that an interruption held up, and the entry as it stands.
    Resume {
        /// The entry.
        id: String,
    },
    /// `breach filed`: the CNIL was told.
    Filed {
        /// The entry.
        id: String,
        /// The number that the CNIL gave.
        reference: String,
    },
    /// `breach list`.
    List,
}

impl Act {
    /// Its words in the audit log, and the entry that it is about.
    pub fn told(&self) -> (&'static str, &str) {
        match self {
            Self::Report(Report { rehearsal: false, .. }) => ("breach report", "all"),
            Self::Report(Report { rehearsal: true, .. }) => ("breach rehearsal", "all"),
            Self::Assess(_) => ("breach assess", "all"),
            Self::Resume { id } => ("breach resume", id),
            Self::Filed { id, .. } => ("breach filed", id),
            Self::List => ("breach list", "all"),
        }
    }
}

/// Why an act did nothing.
#[derive(Debug, thiserror::Error)]
pub enum BreachError {
    /// Nothing of this name.
    #[error("there is no breach `{0}`; see `aops admin breach list`")]
    None(String),
    /// Nothing to tell.
    #[error("say what happened (--what), with which data (--data), and what is done about it (--measures)")]
    Empty,
    /// Nobody works there.
    #[error(
        "`{0}` is neither an organisation nor the address of one of its people; see `aops admin account list`"
    )]
    NoOrganisation(String),
    /// Not a name that an assessment gave.
    #[error("`{0}` is no name of an entry: leave it out, and a new one is drawn")]
    Name(String),
    /// A report that came twice.
    #[error("`{0}` was entered already; see `aops admin breach list`")]
    Entered(String),
    /// Another report under the name of one that was entered.
    #[error("`{0}` was entered already and says otherwise; see `aops admin breach list`")]
    Taken(String),
    /// It was told already, under this number.
    #[error("`{0}` was filed already")]
    Filed(String),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Carries an act out: an entry, or an array of them.
///
/// # Errors
/// [`BreachError`], a sentence for whoever typed it.
pub async fn act(app: &App, act: Act) -> Result<Value, BreachError> {
    records::reading_for(Use::Law, done(app, act)).await
}

async fn done(app: &App, act: Act) -> Result<Value, BreachError> {
    let id = match act {
        Act::List => {
            let all = register::all(app).await?;
            return Ok(all.iter().map(|(id, breach)| line(app, id, breach)).collect());
        }
        Act::Assess(report) => return report::assess(app, report).await,
        Act::Report(report) => report::enter(app, report).await?,
        Act::Resume { id } => {
            notices::tell(app, &id).await?;
            id
        }
        Act::Filed { id, reference } => filed(app, id, reference).await?,
    };
    let (breach, _) = register::read(app, &id).await?.ok_or_else(|| BreachError::None(id.clone()))?;
    Ok(line(app, &id, &breach))
}

async fn filed(app: &App, id: String, reference: String) -> Result<String, BreachError> {
    if register::read(app, &id).await?.is_none() {
        return Err(BreachError::None(id));
    }
    let now = app.clock.now();
    let change = |before: &Breach| {
        before.filed.is_none().then(|| Breach { filed: Some((now, reference.clone())), ..before.clone() })
    };
    let noted = Event::new(app, "breach filed with the authority", &id);
    let done = register::step(app, &id, change, |batch, _, _| audit::note(batch, &noted)).await?;
    done.map(|_| id.clone()).ok_or(BreachError::Filed(id))
}

fn line(app: &App, id: &str, breach: &Breach) -> Value {
    let (score, guided) = judged(&breach.facts.data, breach.facts.how);
    json!({
        "id": id,
        "what": breach.facts.what,
        "began": breach.facts.began,
        "known": breach.facts.known,
        "deadline": breach.deadline(),
        "late": breach.is_awaited() && breach.deadline() < app.clock.now(),
        "level": breach.level,
        "guide": { "level": guided, "score": score },
        "authority": breach.level.concerns_authority(),
        "filed": breach.filed.as_ref().map(|(at, reference)| json!({ "at": at, "reference": reference })),
        "rehearsal": breach.rehearsal,
        "clients": breach.clients,
        "persons": breach.persons,
        "letters": breach.letters,
        "done": breach.to_tell.is_empty(),
        "cnil": form::filled(app, breach),
    })
}

#[cfg(test)]
#[path = "desk_tests.rs"]
pub(super) mod tests;
