//! Mail that must leave: put into the same batch as what it tells of, delivered at least once afterwards.
//!
//! It renders and hands over; what a letter says is the theme's, how it leaves is the mailer's.

use std::collections::HashSet;
use std::time::Duration;

use aops_manifest::Language;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use crate::app::{App, SharedApp};
use crate::mail::render::render;
use crate::mail::{Letter, MailError};
use crate::records::{self, KEYS, RecordError};
use crate::sealing::{self, SubjectKey};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

/// Letters that wait.
const OUTBOX: &str = "outbox";
/// Letters that never will leave, kept a while for whoever looks into it.
const DEAD: &str = "outbox_dead";
const DEAD_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
const PAGE: usize = 200;
/// Letters handed over at once.
const CONCURRENT: usize = 8;
/// The longest the worker sleeps: another process may have put letters in.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
const FIRST_RETRY_MILLIS: u64 = 1_000;
const LAST_RETRY_MILLIS: u64 = 600_000;

/// Why somebody is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// They asked for the newsletter.
    Newsletter,
    /// They wrote to us, or it is the firm that reads what was written.
    Contact,
    /// They bought.
    Contract,
    /// Their account's safety.
    Security,
}

impl Purpose {
    /// Its word in records and to the mailer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newsletter => "newsletter",
            Self::Contact => "contact",
            Self::Contract => "contract",
            Self::Security => "security",
        }
    }
}

/// A letter to be written when it leaves.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// The recipient's address.
    pub to: String,
    /// `NAME` of `mail/NAME.md`.
    pub template: String,
    /// The language it is written in.
    pub language: Language,
    /// Why it is sent.
    pub purpose: Purpose,
    /// What the template is given, an object.
    pub context: serde_json::Value,
    /// The https link that ends the subscription.
    pub unsubscribe: Option<String>,
    /// Whose key seals it while it waits.
    pub subject: String,
}

/// How a letter waits: what the worker needs before it has the key, and the rest sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    subject: String,
    tries: u32,
    due: Timestamp,
    sealed: String,
}

/// Puts a letter into a batch, sealed under its subject's key; wake [`App::outbox_wake`] once it is committed.
///
/// # Errors
/// [`RecordError`].
pub fn enqueue(batch: &mut Batch, key: &SubjectKey, now: Timestamp, mail: &Mail) -> Result<(), RecordError> {
    let id = format!("{:013x}-{}", now.as_millisecond(), sealing::hex(&sealing::random::<8>()?));
    let address = Address::new(OUTBOX, batch.partition.clone(), &id);
    let plain = serde_json::to_vec(mail)
        .map_err(|error| RecordError::Shape { at: address.to_string(), why: error.to_string() })?;
    let sealed = STANDARD.encode(key.seal(&address, &plain)?);
    let waiting = Waiting { subject: mail.subject.clone(), tries: 0, due: now, sealed };
    records::put_plain(batch, OUTBOX, &id, Expect::Absent, &waiting, None)
}

/// Delivers until told to stop.
pub async fn run(app: SharedApp, mut stop: watch::Receiver<bool>) {
    // Handed over, but still in the store because it could not be written: not to be sent again.
    let delivered = Mutex::new(HashSet::new());
    while !*stop.borrow() {
        let pause = match round(&app, &delivered).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read");
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.outbox_wake.notified() => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// Tries every letter that is due; answers how long nothing more will be.
async fn round(app: &App, delivered: &Mutex<HashSet<Address>>) -> Result<Duration, RecordError> {
    let mut next = LONGEST_SLEEP;
    let mut after = None;
    loop {
        let scan = Scan { collection: OUTBOX, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        let now = app.clock.now();
        let mut due = Vec::new();
        for (address, stored) in page.documents {
            match records::decode::<Waiting>(&address, &stored.body) {
                Ok(waiting) if waiting.due <= now => due.push((address, stored.version, waiting)),
                Ok(waiting) => {
                    let wait = waiting.due.duration_since(now).unsigned_abs();
                    next = next.min(wait.max(Duration::from_millis(50)));
                }
                Err(error) => tracing::error!(%error, "a letter cannot be read"),
            }
        }
        let tries = due
            .into_iter()
            .map(|(address, version, waiting)| attempt(app, delivered, address, version, waiting));
        let retries: Vec<Option<Duration>> =
            futures::stream::iter(tries).buffer_unordered(CONCURRENT).collect().await;
        next = retries.into_iter().flatten().fold(next, Duration::min);
        after = page.next;
        if after.is_none() {
            return Ok(next);
        }
    }
}

/// One try of one letter; answers when the next one is due, if there will be one.
async fn attempt(
    app: &App,
    delivered: &Mutex<HashSet<Address>>,
    address: Address,
    version: u64,
    waiting: Waiting,
) -> Option<Duration> {
    let known = delivered.lock().await.contains(&address);
    let outcome = if known { Ok(()) } else { deliver(app, &address, &waiting).await };
    let mut batch = Batch::new(&address.partition);
    let mut retry = None;
    match outcome {
        Ok(()) => {
            delivered.lock().await.insert(address.clone());
            batch = batch.delete(OUTBOX, &address.key, Expect::Version(version));
        }
        Err(MailError::Later(why)) => {
            let wait = backoff(waiting.tries);
            tracing::warn!(letter = %address.key, tries = waiting.tries + 1, ?wait, %why, "a letter waits");
            let due = app.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
            let again = Waiting { tries: waiting.tries.saturating_add(1), due, ..waiting };
            let put =
                records::put_plain(&mut batch, OUTBOX, &address.key, Expect::Version(version), &again, None);
            put.inspect_err(|error| tracing::error!(%error, "a letter cannot be written")).ok()?;
            retry = Some(wait);
        }
        Err(MailError::Never(why)) => {
            tracing::error!(letter = %address.key, %why, "a letter will never leave");
            let until = app.clock.now().saturating_add(DEAD_KEPT).ok();
            let put = records::put_plain(&mut batch, DEAD, &address.key, Expect::Anything, &waiting, until);
            put.inspect_err(|error| tracing::error!(%error, "a letter cannot be written")).ok()?;
            batch = batch.delete(OUTBOX, &address.key, Expect::Version(version));
        }
    }
    match app.store.commit(batch).await {
        Ok(()) | Err(StoreError::Conflict(_)) => {
            delivered.lock().await.remove(&address);
        }
        Err(error) => tracing::warn!(%error, "the outbox cannot be written"),
    }
    retry
}

async fn deliver(app: &App, address: &Address, waiting: &Waiting) -> Result<(), MailError> {
    let Some(mail) = open(app, address, waiting).await? else {
        // The recipient was erased: nothing is left to send.
        return Ok(());
    };
    let site = app.site.load_full();
    let rendered = render(
        &site.texts,
        &app.settings,
        &mail.template,
        mail.language,
        &mail.context,
        mail.unsubscribe.as_deref(),
    )
    // A theme can be mended while the letter waits.
    .map_err(|error| MailError::Later(error.to_string()))?;
    let letter = Letter {
        id: address.key.clone(),
        purpose: mail.purpose.name(),
        to: mail.to,
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        unsubscribe: mail.unsubscribe,
    };
    app.mailer.send(&letter).await
}

async fn open(app: &App, address: &Address, waiting: &Waiting) -> Result<Option<Mail>, MailError> {
    let place = Address::new(KEYS, &address.partition, &waiting.subject);
    let wrapped = app.store.read(&place).await.map_err(|error| MailError::Later(error.to_string()))?;
    let Some(wrapped) = wrapped else {
        return Ok(None);
    };
    let never = |why: String| MailError::Never(why);
    let key = app.sealer.unwrap(&waiting.subject, &wrapped.body).map_err(|error| never(error.to_string()))?;
    let sealed = STANDARD.decode(&waiting.sealed).map_err(|error| never(error.to_string()))?;
    let plain = key.open(address, &sealed).map_err(|error| never(error.to_string()))?;
    serde_json::from_slice(&plain).map(Some).map_err(|_| never("the letter cannot be read".into()))
}

/// Doubling from about one second to ten minutes, each up to a quarter shorter or longer by chance.
fn backoff(tries: u32) -> Duration {
    let whole = FIRST_RETRY_MILLIS.saturating_mul(1 << tries.min(20)).min(LAST_RETRY_MILLIS);
    // Without randomness the wait is merely regular.
    let chance = sealing::random::<2>().map_or(0x8000, u16::from_be_bytes);
    Duration::from_millis(whole * 3 / 4 + whole * u64::from(chance) / u64::from(u16::MAX) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_second_to_ten_minutes() {
        for (tries, millis) in [(0, 1_000), (1, 2_000), (5, 32_000), (10, 600_000), (u32::MAX, 600_000)] {
            for _ in 0..100 {
                let wait = backoff(tries).as_millis();
                assert!((millis * 3 / 4..=millis * 5 / 4).contains(&wait), "{tries}: {wait}");
            }
        }
    }

    #[tokio::test]
    async fn a_letter_to_someone_erased_goes_nowhere_and_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
        let mut batch = Batch::new("p");
        let key = records::subject_key(&app, "p", "someone", &mut batch).await.unwrap();
        let mail = Mail {
            to: "c@example.org".into(),
            template: "no_such_template".into(),
            language: Language::Fr,
            purpose: Purpose::Contact,
            context: serde_json::json!({}),
            unsubscribe: None,
            subject: "someone".into(),
        };
        enqueue(&mut batch, &key, app.clock.now(), &mail).unwrap();
        app.store.commit(batch).await.unwrap();
        let delivered = Mutex::new(HashSet::new());
        let wait = round(&app, &delivered).await.unwrap();
        assert!(wait <= Duration::from_millis(1_250), "tried again after about a second: {wait:?}");

        app.store.commit(Batch::new("p").delete(KEYS, "someone", Expect::Anything)).await.unwrap();
        tokio::time::sleep(wait + Duration::from_millis(50)).await;
        round(&app, &delivered).await.unwrap();
        let scan = Scan { collection: OUTBOX, partition: None, prefix: String::new(), after: None, limit: 9 };
        assert_eq!(app.store.scan(scan).await.unwrap().documents, []);
    }
}
