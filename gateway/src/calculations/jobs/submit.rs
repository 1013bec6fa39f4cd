//! Asking for a calculation: everything that makes it is one batch, its count included, so that it is charged when it is
//! there and not otherwise.

use aops_engine::{Fault, MODULES};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::chunks;
use super::data;
use super::idempotency::Key;
use super::records::{CHUNKS, Cut, INPUTS, Inputs, Job, QUEUE, Queued, State, new_id};
use crate::app::App;
use crate::audit::{self, Event};
use crate::calculations::cost;
use crate::checkout::{self, Plan};
use crate::records;
use crate::store::{Batch, Expect, StoreError};
use crate::web::WebError;

/// Calculations of one organisation that may wait at once.
const MOST_WAITING: usize = 200;
/// Others who count at once, before one is asked to come again.
const TRIES: usize = 64;
/// What a client is told to wait when too many of its own wait already.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(30);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(in crate::calculations) struct Who<'a> {
    pub(in crate::calculations) organisation: &'a str,
    pub(in crate::calculations) account: &'a str,
}

/// How long what only tries the API out is kept.
const TRIAL: SignedDuration = SignedDuration::from_hours(24);

/// What is asked.
#[derive(Debug, Clone)]
pub(in crate::calculations) struct Asked {
    pub(in crate::calculations) module: String,
    pub(in crate::calculations) dataset: Option<String>,
    pub(in crate::calculations) parameters: Map<String, Value>,
    pub(in crate::calculations) name: Option<String>,
    /// Whether who asks wants a letter at its end.
    pub(in crate::calculations) letter: bool,
}

/// Why nothing is computed.
#[derive(Debug)]
pub(in crate::calculations) enum Refused {
    /// What is wrong with what was asked.
    Faults(Vec<Fault>),
    /// Anything else.
    Web(WebError),
}

impl<E: Into<WebError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Web(error.into())
    }
}

/// What is asked, once it is known to be possible, and its cost in units.
#[derive(Debug)]
pub(in crate::calculations) struct Sound {
    asked: Asked,
    module: &'static str,
    /// The cost.
    pub(in crate::calculations) cost: u32,
    /// When the data must be gone.
    until: Option<Timestamp>,
    /// How they are cut.
    cut: Option<Cut>,
    test: bool,
}

/// The module of this name.
fn known(name: &str) -> Result<&'static str, Refused> {
    MODULES.iter().copied().find(|known| *known == name).ok_or_else(|| {
        let found = name.chars().take(60).collect();
        let told = [("found", found), ("known", MODULES.join(", "))];
        Refused::Faults(vec![Fault::new("/module", "unknown_module", &told)])
    })
}

/// What a key for trying out asks: the sample of its module, whatever data came with it; no plan is needed.
///
/// # Errors
/// [`Refused`], for a module that is not there.
pub(in crate::calculations) fn sample(app: &App, asked: Asked) -> Result<Sound, Refused> {
    let module = known(&asked.module)?;
    let parameters = match aops_engine::example(module) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let cost = cost::of(module, &Value::Object(parameters.clone()));
    let until = app.clock.now().saturating_add(TRIAL).ok();
    Ok(Sound {
        asked: Asked { parameters, dataset: None, ..asked },
        module,
        cost,
        until,
        cut: None,
        test: true,
    })
}

/// Looks whether a calculation is possible: a module that is there, and is paid for, and data of one's own for it.
///
/// # Errors
/// [`Refused`].
pub(in crate::calculations) async fn sound(
    app: &App,
    who: Who<'_>,
    plans: &[Plan],
    asked: Asked,
) -> Result<Sound, Refused> {
    let fault = |pointer: &str, code, parameters: &[(&'static str, String)]| {
        Refused::Faults(vec![Fault::new(pointer, code, parameters)])
    };
    let module = known(&asked.module)?;
    let now = app.clock.now();
    if !plans.iter().any(|plan| plan.opens(module, now)) {
        return Err(WebError::PaymentRequired.into());
    }
    let (cost, until, cut) = match &asked.dataset {
        None => (cost::of(module, &Value::Object(asked.parameters.clone())), None, None),
        Some(id) => {
            let data = data::head(app, who.organisation, id).await?.ok_or(WebError::NotFound)?;
            if data.module != module {
                let known = [("found", data.module), ("known", module.to_owned())];
                return Err(fault("/dataset", "unknown_value", &known));
            }
            let cut = chunks::cut(app, module, &asked.parameters, data.rows);
            (cost::of_lines(data.rows), Some(data.ends), cut)
        }
    };
    Ok(Sound { asked, module, cost, until, cut, test: false })
}

/// Records a calculation and puts it in the queue; the earlier one where the key was sent before.
///
/// # Errors
/// [`WebError`].
pub(in crate::calculations) async fn submit(
    app: &App,
    who: Who<'_>,
    plans: &[Plan],
    sound: Sound,
    once: Option<&Key>,
) -> Result<Job, WebError> {
    let organisation = who.organisation;
    if app.calculations.jobs.waiting(organisation).await >= MOST_WAITING {
        return Err(WebError::TooMany(PAUSE));
    }
    let now = app.clock.now();
    let id = new_id(now)?;
    for _ in 0..TRIES {
        let mut batch = Batch::new(organisation);
        let counter = match sound.test {
            true => None,
            false => checkout::count_in(app, organisation, plans, sound.module, &mut batch).await?,
        };
        let key = records::subject_key(app, organisation, &id, &mut batch).await?;
        let job = Job {
            id: id.clone(),
            module: sound.module.to_owned(),
            name: sound.asked.name.clone(),
            dataset: sound.asked.dataset.clone(),
            state: State::Queued,
            created: now,
            ended: None,
            account: who.account.to_owned(),
            size: sound.cost,
            letter: sound.asked.letter,
            test: sound.test,
            until: sound.until,
            cut: sound.cut,
            counter,
            faults: Vec::new(),
            incident: None,
        };
        let end = job.ends(app);
        job.put(app, &mut batch, &key, Expect::Absent)?;
        let inputs = Inputs { parameters: sound.asked.parameters.clone() };
        records::put_sealed(&mut batch, &key, INPUTS, &id, Expect::Absent, &inputs, Some(end))?;
        let places = chunks::places(organisation, &job);
        for waiting in &places {
            let queued = Queued { size: waiting.size, begun: 0, died: 0 };
            let line = if waiting.chunk().is_some() { CHUNKS } else { QUEUE };
            records::put_plain(&mut batch, line, &waiting.id, Expect::Absent, &queued, Some(end))?;
        }
        audit::note(&mut batch, &asked_for(app, who, &id))?;
        if let Some(once) = once {
            once.note(app, &mut batch, &id)?;
        }
        match app.store.commit(batch).await {
            Ok(()) => {
                for waiting in places {
                    app.calculations.jobs.queue(waiting).await;
                }
                return Ok(job);
            }
            Err(StoreError::Conflict(_)) => {
                // Another counted at once, or the same request came twice.
                if let Some(once) = once
                    && let Some(job) = earlier(app, organisation, once).await?
                {
                    return Ok(job);
                }
                tokio::task::yield_now().await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("too many calculations are asked for at once by one organisation".into()))
}

/// What an earlier request of the same key made, unless it was deleted since.
///
/// # Errors
/// [`WebError`]; in particular when the key was sent with another body.
pub(in crate::calculations) async fn earlier(
    app: &App,
    organisation: &str,
    once: &Key,
) -> Result<Option<Job>, WebError> {
    let Some(id) = once.earlier(app, organisation).await? else { return Ok(None) };
    let found = super::read(app, organisation, &id).await?;
    found.map(|(job, _)| Some(job)).ok_or(WebError::Gone)
}

fn asked_for(app: &App, who: Who<'_>, id: &str) -> Event {
    Event::by_account(app, who.organisation, who.account, "calculation asked for", id)
}
