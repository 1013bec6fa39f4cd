//! The sending of an issue as staff order it: which issue, to whom, from when. It is carried out in [`super::sending`].

use aops_manifest::Language;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figures::{self, Figures};
use super::sending;
use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

pub(super) const MAILINGS: &str = "mailings";
const PARTITION: &str = "newsletter";
const PAGE: usize = 500;

/// Who gets an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Segment {
    /// Readers of this language alone.
    #[serde(default)]
    pub language: Option<Language>,
    /// Everybody, or clients or prospects alone.
    #[serde(default)]
    pub who: Who,
}

/// By what readers are to the firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Whoever they are.
    #[default]
    All,
    /// Those who have bought.
    Clients,
    /// Those who have not.
    Prospects,
}

/// Where a mailing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Its hour has not come, or it was begun and not ended.
    Due,
    /// Everybody has been written to.
    Done,
    /// Staff stopped it.
    Cancelled,
}

/// One mailing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailing {
    /// Its name.
    pub id: String,
    /// The issue's file.
    pub issue: String,
    /// To whom.
    pub segment: Segment,
    /// From when.
    pub at: Timestamp,
    /// Where it stands.
    pub stage: Stage,
    /// When it was ordered.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Until when the process that sends it has it to itself, where several share the store.
    #[serde(default)]
    pub claimed: Option<Timestamp>,
}

impl records::Document for Mailing {}

/// A mailing and what became of its issue.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The mailing.
    #[serde(flatten)]
    pub mailing: Mailing,
    /// Letters of the issue that were handed over, whichever mailing they belong to.
    pub sent: u64,
    /// Letters that were refused for good.
    pub refused: u64,
    /// What was told of them.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Why a mailing is not ordered.
#[derive(Debug, thiserror::Error)]
pub enum MailingError {
    /// Not published.
    #[error(
        "the site has no issue `{0}`: publish content/fr/lettres/{0}.md and let the gateway serve it (issues: {1})"
    )]
    NoIssue(String, String),
    /// The theme or the issue.
    #[error("{0}")]
    Letter(String),
    /// The same is due already.
    #[error("the mailing `{0}` of this issue to these readers is not done; see `aops admin newsletter list`")]
    Twice(String),
    /// No such mailing, or it is over.
    #[error("no mailing `{0}` is due; see `aops admin newsletter list`")]
    NotDue(String),
    /// The store.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The languages in which an issue is published.
///
/// # Errors
/// [`MailingError::NoIssue`], with those that are.
pub(super) fn published(app: &App, issue: &str) -> Result<Vec<Language>, MailingError> {
    let letters = &app.site.load().manifest.letters;
    match letters.get(issue) {
        Some(by_language) => Ok(by_language.keys().copied().collect()),
        None => {
            let known: Vec<&str> = letters.keys().map(String::as_str).collect();
            Err(MailingError::NoIssue(issue.to_owned(), known.join(", ")))
        }
    }
}

/// Orders a mailing. Whoever got this issue before, by whatever mailing, does not get it again.
///
/// # Errors
/// [`MailingError`].
pub async fn plan(
    app: &App,
    issue: &str,
    segment: Segment,
    at: Option<Timestamp>,
) -> Result<Mailing, MailingError> {
    for language in published(app, issue)? {
        super::issue::letter(app, issue, language)
            .map_err(|error| MailingError::Letter(error.to_string()))?;
    }
    let now = app.clock.now();
    let same = |one: &Mailing| one.stage == Stage::Due && one.issue == issue && one.segment == segment;
    if let Some((before, _)) = all(app).await?.into_iter().find(|(one, _)| same(one)) {
        return Err(MailingError::Twice(before.id));
    }
    let mailing = Mailing {
        id: format!("{issue}.{:013x}", now.as_millisecond()),
        issue: issue.to_owned(),
        segment,
        at: at.unwrap_or(now),
        stage: Stage::Due,
        created: now,
        ended: None,
        claimed: None,
    };
    write(app, &mailing, Expect::Absent).await?;
    app.newsletter.wake.notify_one();
    Ok(mailing)
}

/// Stops a mailing; what was handed over stays so.
///
/// # Errors
/// [`MailingError`].
pub async fn cancel(app: &App, id: &str) -> Result<(), MailingError> {
    let not_due = || MailingError::NotDue(id.to_owned());
    let (mailing, version) = read(app, id).await?.ok_or_else(not_due)?;
    if mailing.stage != Stage::Due {
        return Err(not_due());
    }
    let ended = Some(app.clock.now());
    let stopped = Mailing { stage: Stage::Cancelled, ended, ..mailing };
    Ok(write(app, &stopped, Expect::Version(version)).await?)
}

/// Every mailing, the newest first, with what became of its issue.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Listed>, RecordError> {
    let mut listed = Vec::new();
    for (mailing, _) in all(app).await? {
        let (sent, refused) = sending::handed(app, &mailing.issue).await?;
        let figures = figures::of(app, &mailing.issue).await?;
        listed.push(Listed { mailing, sent, refused, figures });
    }
    listed.sort_by_key(|one| std::cmp::Reverse(one.mailing.created));
    Ok(listed)
}

/// Those that are due at an instant, and when the next one will be.
pub(super) async fn due(
    app: &App,
    now: Timestamp,
) -> Result<(Vec<(Mailing, u64)>, Option<Timestamp>), RecordError> {
    let waiting: Vec<_> = all(app).await?.into_iter().filter(|(one, _)| one.stage == Stage::Due).collect();
    let next = waiting.iter().map(|(one, _)| one.at).filter(|at| *at > now).min();
    Ok((waiting.into_iter().filter(|(one, _)| one.at <= now).collect(), next))
}

pub(super) async fn read(app: &App, id: &str) -> Result<Option<(Mailing, u64)>, RecordError> {
    records::read_plain(app, &Address::new(MAILINGS, PARTITION, id)).await
}

pub(super) async fn write(app: &App, mailing: &Mailing, expect: Expect) -> Result<(), RecordError> {
    let mut batch = Batch::new(PARTITION);
    records::put_plain(&mut batch, MAILINGS, &mailing.id, expect, mailing, None)?;
    Ok(app.store.commit(batch).await?)
}

/// Marks a mailing as over, unless staff stopped it meanwhile.
pub(super) async fn end(app: &App, id: &str) -> Result<(), RecordError> {
    let Some((mailing, version)) = read(app, id).await? else { return Ok(()) };
    if mailing.stage != Stage::Due {
        return Ok(());
    }
    let done = Mailing { stage: Stage::Done, ended: Some(app.clock.now()), ..mailing };
    match write(app, &done, Expect::Version(version)).await {
        Err(RecordError::Store(StoreError::Conflict(_))) => Ok(()),
        other => other,
    }
}

async fn all(app: &App) -> Result<Vec<(Mailing, u64)>, RecordError> {
    let mut mailings = Vec::new();
    let mut after = None;
    loop {
        let partition = Some(PARTITION.to_owned());
        let scan = Scan { collection: MAILINGS, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            mailings.push((records::decode(&address, &stored.body)?, stored.version));
        }
        after = page.next;
        if after.is_none() {
            return Ok(mailings);
        }
    }
}
