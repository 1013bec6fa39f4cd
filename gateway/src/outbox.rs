//! The outbox: a mail is recorded in the same batch as the fact that causes it, then delivered at least once.

use std::time::Duration;

use aops_manifest::Language;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::app::{App, SharedApp};
use crate::email::Email;
pub use crate::mail::Purpose;
use crate::mail::{self, DeliveryError};
use crate::records::{self, KEYS, RecordError};
use crate::sealing::{SubjectKey, hex, random};
use crate::store::{Address, Batch, Expect, Scan, Stored};

const OUTBOX: &str = "outbox";
/// Mails that nobody will take, for staff to look at.
const DEAD: &str = "outbox_dead";

/// How often the outbox is looked at without being woken.
const PERIOD: Duration = Duration::from_secs(1);
/// How many mails are on their way at once.
const AT_ONCE: usize = 8;
/// How many are looked at in one round.
const ROUND: usize = 200;
/// The longest time between two tries, in seconds.
const LONGEST_WAIT: u64 = 600;

/// A mail to send, as features ask for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// The recipient.
    pub to: Email,
    /// The theme's template, without folder and ending.
    pub template: String,
    /// The language of the letter.
    pub language: Language,
    /// Why it is sent.
    pub purpose: Purpose,
    /// What the template shows; an object.
    pub context: serde_json::Value,
    /// Where one click unsubscribes.
    pub unsubscribe: Option<String>,
    /// Under whose key it is sealed.
    pub subject: String,
}

/// What stands in the store: nothing personal in clear.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Envelope {
    subject: String,
    attempts: u32,
    /// The next try, in seconds since 1970.
    next: i64,
    /// The sealed mail, in base64.
    sealed: String,
}

/// Puts a mail into the batch; it leaves once the batch is committed.
///
/// # Errors
/// [`RecordError`].
pub fn enqueue(batch: &mut Batch, key: &SubjectKey, now: Timestamp, mail: &Mail) -> Result<(), RecordError> {
    let id = format!("{:015}-{}", now.as_millisecond().max(0), hex(&random::<8>()?));
    let address = Address::new(OUTBOX, batch.partition.clone(), id.clone());
    let shape =
        |error: serde_json::Error| RecordError::Shape { at: address.to_string(), why: error.to_string() };
    let sealed = key.seal(&address, &serde_json::to_vec(mail).map_err(shape)?)?;
    let envelope = Envelope {
        subject: mail.subject.clone(),
        attempts: 0,
        next: now.as_second(),
        sealed: STANDARD.encode(sealed),
    };
    records::put_plain(batch, OUTBOX, &id, Expect::Absent, &envelope, None)
}

/// Delivers until told to stop.
pub async fn run(app: SharedApp, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = round(&app).await {
            tracing::warn!(%error, "the outbox could not be read");
        }
        tokio::select! {
            () = app.outbox_wake.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
            () = crate::edge::listener::told_to_stop(&mut stop) => return,
        }
    }
}

/// Tries every mail whose time has come.
async fn round(app: &App) -> Result<(), RecordError> {
    let mut scan =
        Scan { collection: OUTBOX, partition: None, prefix: String::new(), after: None, limit: ROUND };
    loop {
        let page = app.store.scan(scan.clone()).await?;
        let now = app.clock.now().as_second();
        let due = page.documents.into_iter().filter_map(|(address, stored)| {
            let envelope: Envelope = records::decode(&address, &stored.body).ok()?;
            (envelope.next <= now).then_some((address, stored, envelope))
        });
        futures::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |(address, stored, envelope)| async move {
                if let Err(error) = attempt(app, &address, &stored, envelope).await {
                    tracing::warn!(mail = %address.key, %error, "the outbox could not be brought up to date");
                }
            })
            .await;
        match page.next {
            Some(next) => scan.after = Some(next),
            None => return Ok(()),
        }
    }
}

/// One try of one mail, and what follows from it.
async fn attempt(
    app: &App,
    address: &Address,
    stored: &Stored,
    envelope: Envelope,
) -> Result<(), RecordError> {
    let batch = Batch::new(address.partition.clone());
    let done = batch.clone().delete(OUTBOX, &address.key, Expect::Version(stored.version));
    let Some(wrapped) =
        app.store.read(&Address::new(KEYS, address.partition.clone(), &envelope.subject)).await?
    else {
        // Whoever it was for has been erased.
        return Ok(app.store.commit(done).await?);
    };
    let key = app.sealer.unwrap(&envelope.subject, &wrapped.body)?;
    let outcome = deliver(app, address, &key, &envelope).await;
    match outcome {
        Ok(()) => Ok(app.store.commit(done).await?),
        Err(DeliveryError::Permanent(why)) => {
            tracing::error!(mail = %address.key, %why, "a mail was given up");
            let mut dead = done;
            records::put_plain(&mut dead, DEAD, &address.key, Expect::Anything, &envelope, None)?;
            Ok(app.store.commit(dead).await?)
        }
        Err(DeliveryError::Temporary(why)) => {
            let wait = wait_after(envelope.attempts)?;
            tracing::warn!(mail = %address.key, attempts = envelope.attempts + 1, %why, ?wait, "a mail waits");
            let next = app.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX).as_second();
            let later = Envelope { attempts: envelope.attempts.saturating_add(1), next, ..envelope };
            let mut batch = batch;
            records::put_plain(
                &mut batch,
                OUTBOX,
                &address.key,
                Expect::Version(stored.version),
                &later,
                None,
            )?;
            Ok(app.store.commit(batch).await?)
        }
    }
}

async fn deliver(
    app: &App,
    address: &Address,
    key: &SubjectKey,
    envelope: &Envelope,
) -> Result<(), DeliveryError> {
    let broken = |why: String| DeliveryError::Permanent(why);
    let sealed = STANDARD.decode(&envelope.sealed).map_err(|error| broken(error.to_string()))?;
    let plain = key.open(address, &sealed).map_err(|error| broken(error.to_string()))?;
    let mail: Mail = serde_json::from_slice(&plain).map_err(|_| broken("the mail cannot be read".into()))?;
    let letter = {
        let site = app.site.load();
        // A template may be mended by the next build.
        mail::render(&site.texts, &app.settings, &address.key, &mail)
            .map_err(|error| DeliveryError::Temporary(error.to_string()))?
    };
    app.mailer.deliver(&letter).await
}

/// One second, then twice as long each time, up to a limit; with jitter, so that waiting mails do not march in step.
fn wait_after(attempts: u32) -> Result<SignedDuration, RecordError> {
    let base = 1_u64.checked_shl(attempts).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    let jitter = u64::from(u16::from_be_bytes(random::<2>()?)) * base * 1_000 / 4 / u64::from(u16::MAX);
    let millis = i64::try_from(base * 1_000 + jitter).unwrap_or(i64::MAX);
    Ok(SignedDuration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        for (attempts, least) in
            [(0, 1), (1, 2), (5, 32), (9, 512), (10, 600), (63, 600), (64, 600), (u32::MAX, 600)]
        {
            let wait = wait_after(attempts).unwrap();
            let least = SignedDuration::from_secs(least);
            assert!(wait >= least && wait <= least * 5 / 4, "{attempts}: {wait}");
        }
    }
}
