//! Sends issues: reader by reader in the order of the store, a few hundred at once, no faster than allowed.
//!
//! Who gets a letter is written down before it is handed over, and that it was after. A kill in between repeats
//! those few letters under the same names; nobody is missed, and our own record holds everybody once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aops_manifest::Language;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::issue::{language_for, letter};
use super::mailing::{self, Mailing, MailingError, Segment, Stage, Who, published};
use super::subscriber::{LEAVE, SUBSCRIBERS, State, Subscriber, partition, read};
use crate::app::{App, SharedApp};
use crate::checkout;
use crate::email::Email;
use crate::mail::{Bulk, MailError, Reader};
use crate::outbox::{Purpose, patience};
use crate::records::{self, RecordError};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Batch, Expect, Scan};
use crate::suppression;

/// Who was written to, by issue.
pub(super) const SENT: &str = "issue_sent";
/// That an issue was sent to somebody: hashes, no addresses.
pub const LETTER: Retention = Retention {
    what: "sent letter",
    term: Term::Years(3),
    from: "sending",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};
const PAGE: usize = 500;
/// Subscribers are spread over so many partitions.
const PARTITIONS: u16 = 256;
/// How often mailings of other processes are looked for.
const RESCAN: Duration = Duration::from_secs(30);
/// How long a mailing belongs to the process that sends it, past its last sign of life.
const CLAIM: Duration = Duration::from_secs(120);

/// Some readers of an issue, all of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Names of subscribers: hashes, no addresses.
    readers: Vec<String>,
    /// Those whose letter was handed over, refused for good, or left out because they left meanwhile.
    taken: BTreeSet<String>,
    refused: BTreeSet<String>,
    left_out: BTreeSet<String>,
}

impl records::Document for Part {}

impl Part {
    fn open(&self) -> Vec<&String> {
        let settled = |id: &&String| {
            self.taken.contains(*id) || self.refused.contains(*id) || self.left_out.contains(*id)
        };
        self.readers.iter().filter(|id| !settled(id)).collect()
    }
}

/// Why the sending pauses.
enum Pause {
    /// The process ends, or staff stopped the mailing.
    Stop,
    /// The store, or the issue itself.
    Fault(String),
}

impl From<RecordError> for Pause {
    fn from(error: RecordError) -> Self {
        Self::Fault(error.to_string())
    }
}

/// Sends what is due, until told to stop.
pub async fn run(app: SharedApp, stop: watch::Receiver<bool>) {
    let mut stopped = stop.clone();
    while !*stop.borrow() {
        let mut pause = RESCAN;
        match mailing::due(&app, app.clock.now()).await {
            Ok((due, next)) => {
                for (mailing, version) in due {
                    if claimed(&app, &mailing, version).await {
                        carry_out(&app, &mailing, &stop).await;
                    }
                }
                if let Some(next) = next {
                    let wait = Duration::try_from(next.duration_since(app.clock.now())).unwrap_or_default();
                    pause = pause.min(wait.max(Duration::from_millis(50)));
                }
            }
            Err(error) => tracing::warn!(%error, "mailings cannot be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.newsletter.wake.notified() => {}
            changed = stopped.changed() => if changed.is_err() { return },
        }
    }
}

/// Where several processes share the store, one of them sends.
async fn claimed(app: &App, mailing: &Mailing, version: u64) -> bool {
    if !app.outbox.shared {
        return true;
    }
    let now = app.clock.now();
    if mailing.claimed.is_some_and(|until| until > now) {
        return false;
    }
    let ours = Mailing { claimed: now.saturating_add(CLAIM).ok(), ..mailing.clone() };
    mailing::write(app, &ours, Expect::Version(version)).await.is_ok()
}

async fn carry_out(app: &App, mailing: &Mailing, stop: &watch::Receiver<bool>) {
    tracing::info!(mailing = mailing.id, "an issue is being sent");
    match all_partitions(app, mailing, stop).await {
        Ok(count) => {
            tracing::info!(mailing = mailing.id, count, "an issue was sent");
            if let Err(error) = mailing::end(app, &mailing.id).await {
                tracing::warn!(%error, "the end of a mailing cannot be written");
            }
        }
        Err(Pause::Stop) => {}
        Err(Pause::Fault(why)) => tracing::error!(mailing = mailing.id, why, "an issue waits to be sent"),
    }
}

async fn all_partitions(app: &App, mailing: &Mailing, stop: &watch::Receiver<bool>) -> Result<u64, Pause> {
    let letters = Letters::new(app, &mailing.issue)?;
    let (mut count, began) = (0, Instant::now());
    for number in 0..PARTITIONS {
        // The first two digits of a subscriber's name are those of their partition.
        let name = partition(&format!("{number:02x}"));
        let (parts, mut sent) = parts(app, &mailing.issue, &name).await?;
        let next = parts.len();
        for (key, part, version) in parts {
            if !part.open().is_empty() {
                count +=
                    hand_over(app, mailing, &letters, (name.as_str(), key.as_str(), part, version), stop)
                        .await?;
            }
        }
        let mut fresh = Vec::new();
        let mut after = None;
        loop {
            let scan = Scan {
                collection: SUBSCRIBERS,
                partition: Some(name.clone()),
                prefix: String::new(),
                after,
                limit: PAGE,
            };
            let page = app.store.scan(scan).await.map_err(RecordError::from)?;
            for (address, _) in page.documents {
                if !sent.contains(&address.key)
                    && letters.wanted(app, &mailing.segment, &address.key).await?.is_some()
                {
                    sent.insert(address.key.clone());
                    fresh.push(address.key);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for (place, readers) in fresh.chunks(app.mailer.bulk()).enumerate() {
            let part = Part {
                readers: readers.to_vec(),
                taken: BTreeSet::new(),
                refused: BTreeSet::new(),
                left_out: BTreeSet::new(),
            };
            let key = format!("{}/{:06}", mailing.issue, next + place);
            write(app, &name, &key, &part, Expect::Absent).await?;
            count += hand_over(app, mailing, &letters, (name.as_str(), key.as_str(), part, 1), stop).await?;
            pace(app, count, began).await;
        }
        still_due(app, mailing, stop).await?;
    }
    Ok(count)
}

/// Hands a part over, as often as it takes; answers how many letters left now.
async fn hand_over(
    app: &App,
    mailing: &Mailing,
    letters: &Letters,
    (partition, key, mut part, mut version): (&str, &str, Part, u64),
    stop: &watch::Receiver<bool>,
) -> Result<u64, Pause> {
    let (mut count, mut tries) = (0, 0);
    loop {
        let mut error = None;
        for (language, readers) in letters.by_language(app, &mut part).await? {
            let handed = match app.outbox.breaker.admit(Instant::now()) {
                Err(wait) => Err(wait),
                Ok(()) => Ok(app
                    .mailer
                    .send_many(&letters.bulk(&mailing.issue, key, partition, language, readers.clone()))
                    .await),
            };
            match handed {
                Err(wait) => error = Some(wait),
                Ok(handed) => {
                    count += handed.taken.len() as u64;
                    let name = |place: &usize| readers.get(*place).map(|reader| reader.id.clone());
                    part.taken.extend(handed.taken.iter().filter_map(name));
                    part.refused.extend(handed.refused.iter().filter_map(name));
                    match handed.error {
                        None => app.outbox.breaker.succeeded(),
                        Some(MailError::Away { why, after }) => {
                            tracing::warn!(mailing = mailing.id, why, "an issue waits");
                            app.outbox.breaker.failed(Instant::now(), after);
                            error = Some(after.unwrap_or_default().max(patience(tries)));
                        }
                        Some(other) => {
                            tracing::warn!(mailing = mailing.id, why = %other, "an issue waits");
                            error = Some(patience(tries));
                        }
                    }
                }
            }
        }
        write(app, partition, key, &part, Expect::Version(version)).await?;
        version += 1;
        if error.is_none() && part.open().is_empty() {
            return Ok(count);
        }
        let wait = error.unwrap_or_else(|| patience(tries));
        tries += 1;
        rest(wait, stop).await;
        still_due(app, mailing, stop).await?;
    }
}

/// The letters of an issue, ready in each language.
struct Letters(BTreeMap<Language, (crate::mail::render::Rendered, String)>);

impl Letters {
    fn new(app: &App, issue: &str) -> Result<Self, Pause> {
        let fault = |error: String| Pause::Fault(error);
        let languages = published(app, issue).map_err(|error| fault(error.to_string()))?;
        let letters = languages.into_iter().map(|language| Ok((language, letter(app, issue, language)?)));
        let letters: Result<_, MailError> = letters.collect();
        letters.map(Self).map_err(|error| fault(error.to_string()))
    }

    fn languages(&self) -> Vec<Language> {
        self.0.keys().copied().collect()
    }

    /// The address and the language of a subscriber, if the issue is for them now.
    async fn wanted(
        &self,
        app: &App,
        segment: &Segment,
        id: &str,
    ) -> Result<Option<(String, Language)>, RecordError> {
        wanted(app, &self.languages(), segment, id).await
    }

    /// Those of a part who have no letter yet, by language; who left meanwhile is left out.
    async fn by_language(
        &self,
        app: &App,
        part: &mut Part,
    ) -> Result<BTreeMap<Language, Vec<Reader>>, RecordError> {
        let mut readers: BTreeMap<Language, Vec<Reader>> = BTreeMap::new();
        let open: Vec<String> = part.open().into_iter().cloned().collect();
        for id in open {
            match self.wanted(app, &Segment::default(), &id).await? {
                Some((to, language)) => {
                    let word = app.tokens.sign(LEAVE, &id, Timestamp::MAX);
                    readers.entry(language).or_default().push(Reader { id, to, word });
                }
                None => {
                    part.left_out.insert(id);
                }
            }
        }
        Ok(readers)
    }

    fn bulk(
        &self,
        issue: &str,
        key: &str,
        partition: &str,
        language: Language,
        readers: Vec<Reader>,
    ) -> Bulk {
        let (subject, text, html, unsubscribe) =
            self.0.get(&language).map_or_else(Default::default, |found| {
                let (rendered, unsubscribe) = found.clone();
                (rendered.subject, rendered.text, rendered.html, unsubscribe)
            });
        let plain = |text: &str| text.replace(['/', '.'], "-");
        let named = |reader: Reader| Reader { id: format!("{}-{}", plain(issue), reader.id), ..reader };
        // The same readers at each try have the same name; when some are settled, it is another call.
        let first = readers.first().map(|reader| reader.id.get(..8).unwrap_or_default().to_owned());
        Bulk {
            id: format!(
                "{}-{}-{}-{}",
                plain(partition),
                plain(key),
                language.tag(),
                first.unwrap_or_default()
            ),
            issue: issue.to_owned(),
            purpose: Purpose::Newsletter.name(),
            subject,
            text,
            html,
            unsubscribe,
            readers: readers.into_iter().map(named).collect(),
        }
    }
}

/// Whether an issue is for a subscriber now: confirmed, of the segment, and not suppressed.
async fn wanted(
    app: &App,
    languages: &[Language],
    segment: &Segment,
    id: &str,
) -> Result<Option<(String, Language)>, RecordError> {
    let Some((reader, _)) = records::sound(read(app, id).await)? else {
        return Ok(None);
    };
    let Some(Subscriber { email, language, state: State::Confirmed, .. }) = reader else {
        return Ok(None);
    };
    if segment.language.is_some_and(|wanted| wanted != language) {
        return Ok(None);
    }
    let Some(written) = language_for(languages, language) else {
        return Ok(None);
    };
    if segment.who != Who::All && checkout::is_client(app, &email).await? != (segment.who == Who::Clients) {
        return Ok(None);
    }
    let Ok(address) = Email::parse(&email) else {
        return Ok(None);
    };
    let blocked = suppression::blocks(app, &address, Purpose::Newsletter).await?.is_some();
    Ok((!blocked).then_some((email, written)))
}

/// How many of a segment would get an issue that did not, by language of their letter.
///
/// # Errors
/// [`MailingError`].
pub(super) async fn counted(
    app: &App,
    issue: &str,
    segment: &Segment,
) -> Result<BTreeMap<Language, u64>, MailingError> {
    let languages = published(app, issue)?;
    let mut counts = BTreeMap::new();
    for number in 0..PARTITIONS {
        let name = partition(&format!("{number:02x}"));
        let (_, sent) = parts(app, issue, &name).await?;
        let mut after = None;
        loop {
            let partition = Some(name.clone());
            let scan = Scan { collection: SUBSCRIBERS, partition, prefix: String::new(), after, limit: PAGE };
            let page = app.store.scan(scan).await.map_err(RecordError::from)?;
            for (address, _) in page.documents {
                if sent.contains(&address.key) {
                    continue;
                }
                if let Some((_, language)) = wanted(app, &languages, segment, &address.key).await? {
                    *counts.entry(language).or_default() += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(counts)
}

/// How many letters of an issue were handed over, and how many refused for good.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn handed(app: &App, issue: &str) -> Result<(u64, u64), RecordError> {
    let (mut taken, mut refused, mut after) = (0, 0, None);
    loop {
        let scan =
            Scan { collection: SENT, partition: None, prefix: format!("{issue}/"), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let part: Part = records::decode(&address, &stored.body)?;
            taken += part.taken.len() as u64;
            refused += part.refused.len() as u64;
        }
        after = page.next;
        if after.is_none() {
            return Ok((taken, refused));
        }
    }
}

/// The parts of an issue in a partition, and everybody in them.
async fn parts(
    app: &App,
    issue: &str,
    partition: &str,
) -> Result<(Vec<(String, Part, u64)>, BTreeSet<String>), RecordError> {
    let (mut parts, mut sent, mut after) = (Vec::new(), BTreeSet::new(), None);
    loop {
        let (prefix, owner) = (format!("{issue}/"), Some(partition.to_owned()));
        let scan = Scan { collection: SENT, partition: owner, prefix, after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let part: Part = records::decode(&address, &stored.body)?;
            sent.extend(part.readers.iter().cloned());
            parts.push((address.key, part, stored.version));
        }
        after = page.next;
        if after.is_none() {
            return Ok((parts, sent));
        }
    }
}

async fn write(
    app: &App,
    partition: &str,
    key: &str,
    part: &Part,
    expect: Expect,
) -> Result<(), RecordError> {
    let mut batch = Batch::new(partition);
    let until = Some(app.settings.retention.end(&LETTER, app.clock.now()));
    records::put_plain(&mut batch, SENT, key, expect, part, until)?;
    Ok(app.store.commit(batch).await?)
}

/// Waits as long as sending would otherwise be faster than `[mail] readers_per_second`.
async fn pace(app: &App, count: u64, began: Instant) {
    let rate = f64::from(app.settings.mail.readers_per_second.max(1));
    let due = Duration::from_secs_f64(count as f64 / rate);
    tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
}

async fn rest(wait: Duration, stop: &watch::Receiver<bool>) {
    let mut stop = stop.clone();
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        _ = stop.wait_for(|stopping| *stopping) => {}
    }
}

/// Whether to go on: the process does not end, and staff did not stop the mailing.
async fn still_due(app: &App, mailing: &Mailing, stop: &watch::Receiver<bool>) -> Result<(), Pause> {
    let read = mailing::read(app, &mailing.id).await?;
    let due = read.as_ref().is_some_and(|(one, _)| one.stage == Stage::Due);
    if *stop.borrow() || !due {
        return Err(Pause::Stop);
    }
    if let Some((one, version)) = read.filter(|_| app.outbox.shared) {
        let ours = Mailing { claimed: app.clock.now().saturating_add(CLAIM).ok(), ..one };
        mailing::write(app, &ours, Expect::Version(version)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
