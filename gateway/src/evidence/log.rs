//! The audit log of some days, to the letter, so that whoever has the pack computes the chain again.

use serde::{Deserialize, Serialize};

use super::{Days, EvidenceError};
use crate::app::App;
use crate::audit::{self, Anchor};

/// An entry as the chain has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its number.
    pub(super) number: u64,
    /// Its JSON, to the letter.
    pub(super) event: String,
    /// What ties it to the one before.
    pub(super) digest: String,
}

/// What the first line of the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    /// The digest of the entry before the first, empty where there is none.
    pub(super) before: String,
}

/// The entries of some days, and where the log stood before them and after.
pub(super) struct Extract {
    pub(super) before: String,
    pub(super) entries: Vec<Entry>,
    /// Whether the whole chain, as it stands now, is sound.
    pub(super) whole: bool,
}

impl Extract {
    pub(super) async fn of(app: &App, days: Days) -> Result<Self, EvidenceError> {
        let whole = audit::verify(app, &[]).await?.damaged.is_empty();
        let (before, found) = audit::extract(app, days.from, days.to).await?;
        let entries = found.into_iter().map(|(number, event, digest)| Entry { number, event, digest });
        Ok(Self { before, entries: entries.collect(), whole })
    }

    /// The last entry, as anchors are written.
    pub(super) fn anchor(&self) -> Option<String> {
        self.entries.last().map(|last| format!("{}:{}", last.number, last.digest))
    }

    /// A line of JSON each.
    pub(super) fn lines(&self) -> Result<String, EvidenceError> {
        let mut text = serde_json::to_string(&Before { before: self.before.clone() })? + "\n";
        for entry in &self.entries {
            text += &serde_json::to_string(entry)?;
            text.push('\n');
        }
        Ok(text)
    }
}

/// The entries of a file of a pack, each with what is wrong with it.
pub(super) fn judged(text: &str) -> Result<(u64, Vec<String>), EvidenceError> {
    let mut lines = text.lines();
    let Before { before } = serde_json::from_str(lines.next().unwrap_or_default())?;
    let (mut before, mut last, mut count, mut wrong) = (before, None, 0, Vec::new());
    for line in lines {
        let entry: Entry = serde_json::from_str(line)?;
        let number = entry.number;
        if last.is_some_and(|last: u64| last.checked_add(1) != Some(number)) {
            wrong.push(format!("entry {number} does not come after the one before"));
        }
        if !audit::follows(&before, &Anchor { number, digest: entry.digest.clone() }, &entry.event) {
            wrong.push(format!("entry {number} does not follow from the one before"));
        }
        (before, last) = (entry.digest, Some(number));
        count += 1;
    }
    Ok((count, wrong))
}
