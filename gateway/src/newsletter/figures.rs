//! The figures of an issue: what its mail processor and its readers told of it. Nobody's reading is followed.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};

pub(super) const FIGURES: &str = "issue_figures";
const KEY: &str = "figures";
const TRIES: usize = 64;

/// What can be told of an issue's letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// The reader's server took it.
    Delivered,
    /// It did not.
    Bounced,
    /// The processor did not even try.
    Dropped,
    /// The reader called it spam.
    SpamReported,
    /// The reader left, by the processor's own way.
    Unsubscribed,
    /// The reader left by the link of the letter.
    Left,
}

/// How often each was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Taken by the readers' servers.
    pub delivered: u64,
    /// Given back by them.
    pub bounced: u64,
    /// Not even tried.
    pub dropped: u64,
    /// Called spam.
    pub spam_reports: u64,
    /// Readers who left because of it.
    pub unsubscribed: u64,
}

impl records::Document for Figures {}

impl Figures {
    fn add(&mut self, happened: Happened) {
        let figure = match happened {
            Happened::Delivered => &mut self.delivered,
            Happened::Bounced => &mut self.bounced,
            Happened::Dropped => &mut self.dropped,
            Happened::SpamReported => &mut self.spam_reports,
            Happened::Unsubscribed | Happened::Left => &mut self.unsubscribed,
        };
        *figure += 1;
    }
}

/// The figures of an issue.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn of(app: &App, issue: &str) -> Result<Figures, RecordError> {
    let found = records::read_plain::<Figures>(app, &address(issue)).await?;
    Ok(found.map(|(figures, _)| figures).unwrap_or_default())
}

/// Counts one thing of an issue; of an issue that the site does not know, nothing.
///
/// # Errors
/// [`RecordError`].
pub async fn count(app: &App, issue: &str, happened: Happened) -> Result<(), RecordError> {
    let mut tries = 0;
    loop {
        if !known(app, issue) {
            return Ok(());
        }
        let mut batch = Batch::new(partition(issue));
        add(app, &mut batch, issue, &[happened]).await?;
        match app.store.commit(batch).await {
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            other => return Ok(other?),
        }
    }
}

/// Counts events of an issue, each under a name that makes it count once: `collection` holds the names, until the
/// end that is given.
///
/// # Errors
/// [`RecordError`].
pub async fn count_all(
    app: &App,
    issue: &str,
    events: &[(String, Happened)],
    collection: &'static str,
    until: Option<jiff::Timestamp>,
) -> Result<(), RecordError> {
    if !known(app, issue) {
        return Ok(());
    }
    let mut tries = 0;
    loop {
        let mut batch = Batch::new(partition(issue));
        let mut new = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        for (name, happened) in events {
            let place = Address::new(collection, partition(issue), name);
            if names.insert(name) && app.store.read(&place).await?.is_none() {
                records::put_plain(&mut batch, collection, name, Expect::Absent, &(), until)?;
                new.push(*happened);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        add(app, &mut batch, issue, &new).await?;
        match app.store.commit(batch).await {
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            other => return Ok(other?),
        }
    }
}

async fn add(app: &App, batch: &mut Batch, issue: &str, new: &[Happened]) -> Result<(), RecordError> {
    let found = records::read_plain::<Figures>(app, &address(issue)).await?;
    let (mut figures, expect) = found.map_or((Figures::default(), Expect::Absent), |(figures, version)| {
        (figures, Expect::Version(version))
    });
    new.iter().for_each(|happened| figures.add(*happened));
    records::put_plain(batch, FIGURES, KEY, expect, &figures, None)
}

/// Names come from links and events: only those of the site make a document.
fn known(app: &App, issue: &str) -> bool {
    app.site.load().manifest.letters.contains_key(issue)
}

fn address(issue: &str) -> Address {
    Address::new(FIGURES, partition(issue), KEY)
}

fn partition(issue: &str) -> String {
    format!("lettre-{issue}")
}
