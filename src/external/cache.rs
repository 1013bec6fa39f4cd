//! Answers of other sites, kept in one JSON file for as long as they may be believed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Verdict;

const GOOD: SignedDuration = SignedDuration::from_hours(7 * 24);
const BAD: SignedDuration = SignedDuration::from_hours(1);

/// What is known, by address.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Cache(BTreeMap<String, Kept>);

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    asked: Timestamp,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Cache {
    /// Reads what may still be believed at `now`; nothing when there is no file or it is not ours.
    pub(super) fn read(path: &Path, now: Timestamp) -> Self {
        let read = fs::read(path).ok();
        let mut cache: Self = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        cache.0.retain(|_, kept| {
            // An answer of the future was kept by a clock that was wrong.
            let age = now.duration_since(kept.asked);
            !age.is_negative() && age < believed_for(&kept.verdict)
        });
        cache
    }

    pub(super) fn verdict(&self, url: &str) -> Option<&Verdict> {
        self.0.get(url).map(|kept| &kept.verdict)
    }

    pub(super) fn keep(&mut self, verdicts: impl IntoIterator<Item = (String, Verdict)>, now: Timestamp) {
        self.0.extend(verdicts.into_iter().map(|(url, verdict)| (url, Kept { asked: now, verdict })));
    }

    /// Writes the file beside its place, then moves it there: a reader sees the old one or the new one.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&beside, path).inspect_err(|_| drop(fs::remove_file(&beside)))
    }
}

fn believed_for(verdict: &Verdict) -> SignedDuration {
    match verdict {
        Verdict::Good | Verdict::Moved { .. } => GOOD,
        Verdict::Gone { .. } | Verdict::Unreachable { .. } | Verdict::Refused => BAD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_answers_are_believed_for_a_week_and_bad_ones_for_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".cache/external.json");
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let mut cache = Cache::default();
        let verdicts = [("good", Verdict::Good), ("gone", Verdict::Gone { status: 404 })];
        cache.keep(verdicts.map(|(url, verdict)| (url.to_owned(), verdict)), now);
        cache.write(&path).unwrap();
        for (hours, good, gone) in
            [(0, true, true), (1, true, false), (167, true, false), (168, false, false), (-1, false, false)]
        {
            let cache = Cache::read(&path, now + SignedDuration::from_hours(hours));
            let known = ["good", "gone"].map(|url| cache.verdict(url).is_some());
            assert_eq!(known, [good, gone], "after {hours} h");
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("external.json");
        fs::write(&path, "{").unwrap();
        assert!(Cache::read(&path, Timestamp::UNIX_EPOCH).0.is_empty());
    }
}
