//! A report: what whoever found a breach says of it; whom it would be told to, before anything is written; and its entry
//! in the register, from which the letters go.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::concerned::{self, People};
use super::desk::BreachError;
use super::notices;
use super::register::{self, Audience, Breach, Facts, Scope};
use super::severity::{Circumstances, Data, Level, judged};
use crate::app::App;
use crate::audit::{self, Event};
use crate::outbox;
use crate::records::RecordError;
use crate::store::StoreError;

/// What is said when a breach is reported.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What happened, in the words of the letters.
    pub what: String,
    /// When it began; when it became known, where nobody can tell.
    pub began: Option<Timestamp>,
    /// When it became known; now, when absent.
    pub known: Option<Timestamp>,
    /// Which data.
    pub data: Vec<Data>,
    /// How.
    pub how: Circumstances,
    /// What may follow, in the words of the letters.
    pub consequences: String,
    /// What is done, in the words of the letters.
    pub measures: String,
    /// Whom it concerns; an organisation is named by its id, or by the address of one of its people.
    pub scope: Scope,
    /// The level, where it is not the guide's.
    pub level: Option<Level>,
    /// An exercise.
    pub rehearsal: bool,
    /// The name that an assessment gave the entry, so that a report that is sent twice is entered once.
    pub entry: Option<String>,
}

/// A report that was looked through, with what the guide says of it and whom it concerns.
struct Assessed {
    facts: Facts,
    score: f64,
    guided: Level,
    level: Level,
    clients: People,
    persons: People,
}

impl Assessed {
    async fn of(app: &App, report: Report) -> Result<Self, BreachError> {
        let Report { what, began, known, data, how, consequences, measures, scope, level, .. } = report;
        let now = app.clock.now();
        let known = known.map_or(now, |known| known.min(now));
        let began = began.map_or(known, |began| began.min(known));
        if what.trim().is_empty() || measures.trim().is_empty() || data.is_empty() {
            return Err(BreachError::Empty);
        }
        let scope = concerned::resolved(app, scope).await?;
        let facts = Facts { what, began, known, data, how, consequences, measures, scope };
        let (score, guided) = judged(&facts.data, facts.how);
        let level = level.unwrap_or(guided);
        let clients = concerned::people(app, &facts, Audience::Clients).await?;
        let persons = concerned::people(app, &facts, Audience::Persons).await?;
        Ok(Self { facts, score, guided, level, clients, persons })
    }

    /// Clients are told of whatever concerns them, for they judge it; persons where the risk is high.
    fn to_tell(&self) -> Vec<Audience> {
        let persons = self.level.concerns_persons().then_some(Audience::Persons);
        [Some(Audience::Clients), persons].into_iter().flatten().collect()
    }

    fn breach(&self, app: &App, rehearsal: bool) -> Breach {
        Breach {
            facts: self.facts.clone(),
            guided: self.guided,
            level: self.level,
            rehearsal,
            reported: app.clock.now(),
            to_tell: self.to_tell(),
            told_up_to: None,
            clients: counted(&self.clients),
            persons: counted(&self.persons),
            letters: 0,
            filed: None,
            reminded: 0,
        }
    }
}

/// Whom a report concerns, by address, what the guide says, what follows, and the name under which it may be entered;
/// nothing is entered and nobody is written to.
pub(super) async fn assess(app: &App, report: Report) -> Result<Value, BreachError> {
    let rehearsal = report.rehearsal;
    let entry = name_of(&report)?;
    let assessed = Assessed::of(app, report).await?;
    // Addresses are read by it, whoever asks.
    audit::record(app, &Event::new(app, "breach assessed", &entry)).await?;
    let breach = assessed.breach(app, rehearsal);
    let letters: usize = breach
        .to_tell
        .iter()
        .map(|audience| match audience {
            Audience::Clients => assessed.clients.len(),
            Audience::Persons => assessed.persons.len(),
        })
        .sum();
    Ok(json!({
        "entry": entry,
        "data": breach.facts.data,
        "began": breach.facts.began,
        "known": breach.facts.known,
        "deadline": breach.deadline(),
        "level": breach.level,
        "guide": { "level": assessed.guided, "score": assessed.score },
        "authority": breach.level.concerns_authority(),
        "persons_told": breach.level.concerns_persons(),
        "rehearsal": rehearsal,
        "clients": assessed.clients.keys().collect::<Vec<_>>(),
        "persons": assessed.persons.keys().collect::<Vec<_>>(),
        "letters": letters,
    }))
}

/// Enters a report and writes to everybody whom it concerns; its name. What an interruption holds up goes on by itself.
pub(super) async fn enter(app: &App, report: Report) -> Result<String, BreachError> {
    let rehearsal = report.rehearsal;
    let id = name_of(&report)?;
    let breach = Assessed::of(app, report).await?.breach(app, rehearsal);
    if let Some((known, _)) = register::read(app, &id).await? {
        return Err(twice(id, &known, &breach));
    }
    let entered = register::enter(app, &id, &breach, |batch, key| {
        audit::note(batch, &Event::new(app, "breach entered", &id))?;
        outbox::enqueue(app, batch, key, &notices::to_officer(app, &id, &breach, "new"))
    });
    match entered.await {
        // The same report, at the same moment.
        Err(RecordError::Store(StoreError::Conflict(_))) => return Err(BreachError::Entered(id)),
        other => other?,
    }
    notices::tell(app, &id).await?;
    Ok(id)
}

/// Why nothing is entered under a name that is taken: it is the same report, or another.
fn twice(id: String, known: &Breach, breach: &Breach) -> BreachError {
    let same =
        known.facts == breach.facts && known.level == breach.level && known.rehearsal == breach.rehearsal;
    if same { BreachError::Entered(id) } else { BreachError::Taken(id) }
}

/// The name that was given before, or a new one.
fn name_of(report: &Report) -> Result<String, BreachError> {
    match &report.entry {
        Some(name) if register::is_id(name) => Ok(name.clone()),
        Some(name) => Err(BreachError::Name(name.clone())),
        None => Ok(register::new_id()?),
    }
}

fn counted(people: &People) -> u32 {
    u32::try_from(people.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
