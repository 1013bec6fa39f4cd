//! What staff do: report a breach, in one command that writes to everybody concerned; go on with it; note that the CNIL
//! was told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::register::{self, Audience, Breach, Facts, Scope};
use super::severity::{Circumstances, Data, Level, judged};
use super::{concerned, form, notices};
use crate::app::App;
use crate::audit::{self, Event};
use crate::outbox;
use crate::records::{self, RecordError, Use};

/// An act, as it goes over the socket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "breach", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// `breach report`: enters it and writes to everybody whom it concerns.
    Report {
        /// What happened.
        what: String,
        /// When it began; when it became known, where nobody can tell.
        began: Option<Timestamp>,
        /// When it became known; now, when absent.
        known: Option<Timestamp>,
        /// Which data.
        data: Vec<Data>,
        /// How.
        how: Circumstances,
        /// What may follow.
        consequences: String,
        /// What is done.
        measures: String,
        /// Whom it concerns.
        scope: Scope,
        /// The level, where it is not the guide's.
        level: Option<Level>,
        /// An exercise.
        rehearsal: bool,
    },
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
            Self::Report { rehearsal: false, .. } => ("breach report", "all"),
            Self::Report { rehearsal: true, .. } => ("breach rehearsal", "all"),
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
        Act::Report { what, began, known, data, how, consequences, measures, scope, level, rehearsal } => {
            let now = app.clock.now();
            let known = known.map_or(now, |known| known.min(now));
            let began = began.map_or(known, |began| began.min(known));
            if what.trim().is_empty() || measures.trim().is_empty() || data.is_empty() {
                return Err(BreachError::Empty);
            }
            let facts = Facts { what, began, known, data, how, consequences, measures, scope };
            report(app, facts, level, rehearsal).await?
        }
        Act::Resume { id } => {
            notices::tell(app, &id).await?;
            id
        }
        Act::Filed { id, reference } => filed(app, id, reference).await?,
    };
    let (breach, _) = register::read(app, &id).await?.ok_or_else(|| BreachError::None(id.clone()))?;
    Ok(line(app, &id, &breach))
}

async fn report(
    app: &App,
    facts: Facts,
    level: Option<Level>,
    rehearsal: bool,
) -> Result<String, RecordError> {
    let (_, guided) = judged(&facts.data, facts.how);
    let level = level.unwrap_or(guided);
    let count = async |audience| {
        let people = concerned::people(app, &facts, audience).await?;
        Ok::<_, RecordError>(u32::try_from(people.len()).unwrap_or(u32::MAX))
    };
    let (clients, persons) = (count(Audience::Clients).await?, count(Audience::Persons).await?);
    // Clients are told of whatever concerns them, for they judge it; persons where the risk is high.
    let to_tell = [Some(Audience::Clients), level.concerns_persons().then_some(Audience::Persons)];
    let breach = Breach {
        facts,
        guided,
        level,
        rehearsal,
        reported: app.clock.now(),
        to_tell: to_tell.into_iter().flatten().collect(),
        told_up_to: None,
        clients,
        persons,
        letters: 0,
        filed: None,
        reminded: 0,
    };
    let id = register::new_id()?;
    register::enter(app, &id, &breach, |batch, key| {
        audit::note(batch, &Event::new(app, "breach entered", &id))?;
        outbox::enqueue(app, batch, key, &notices::to_officer(app, &id, &breach, "new"))
    })
    .await?;
    notices::tell(app, &id).await?;
    Ok(id)
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
