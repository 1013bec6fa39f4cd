//! Hands letters over, a few at once, each when it is due; what fails waits longer and longer.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::schedule::Schedule;
use super::{DEAD, OUTBOX, UNDELIVERED, Waiting, later, open, since};
use crate::app::{App, SharedApp};
use crate::email::Email;
use crate::mail::render::render;
use crate::mail::{Letter, MailError};
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};
use crate::suppression;

/// Letters handed over at once.
const CONCURRENT: usize = 8;
/// How often the store is asked for letters that this process did not put in.
const RESCAN: Duration = Duration::from_secs(60);
/// How often letters are looked for that were noted before their batch was committed.
const NOTED_AGAIN: Duration = Duration::from_secs(2);
const FIRST_RETRY_MILLIS: u64 = 1_000;
const LAST_RETRY_MILLIS: u64 = 600_000;
/// How long a letter is tried (RFC 5321 § 4.5.4.1 asks for four to five days).
const GIVE_UP: SignedDuration = SignedDuration::from_hours(5 * 24);
/// How long a letter belongs to the process that claimed it: longer than any try lasts.
const CLAIM: Duration = Duration::from_secs(60);
/// How long a try may go on once the process stops.
const LANDING: Duration = Duration::from_secs(3);
const UNWRITTEN: Duration = Duration::from_secs(5);

/// What became of one try: when it is due again, or that it is gone.
struct Landed {
    address: Address,
    again: Option<Timestamp>,
    /// It was handed over, but still stands in the store: not to be sent again.
    delivered: bool,
}

/// Delivers until told to stop; what is under way then has a moment to land: a letter that was handed over and is not
/// taken out would leave once more at the next start.
pub async fn run(app: SharedApp, mut stop: watch::Receiver<bool>) {
    let mut schedule = Schedule::default();
    let mut delivered = HashSet::new();
    let mut flying = FuturesUnordered::new();
    let mut scanned: Option<Instant> = None;
    while !*stop.borrow() {
        if scanned.is_none_or(|at| at.elapsed() >= RESCAN) {
            match schedule.scan(&app, OUTBOX, |waiting: &Waiting| waiting.due).await {
                Ok(()) => scanned = Some(Instant::now()),
                Err(error) => tracing::warn!(%error, "the outbox cannot be read"),
            }
        }
        let unseen = take_noted(&app, &mut schedule).await;
        let mut pause = if scanned.is_none() { UNWRITTEN } else { RESCAN };
        if unseen {
            pause = pause.min(NOTED_AGAIN);
        }
        while flying.len() < CONCURRENT {
            let now = app.clock.now();
            match schedule.pause(now) {
                Some(wait) if wait.is_zero() => {}
                Some(wait) => {
                    pause = pause.min(wait.max(Duration::from_millis(20)));
                    break;
                }
                None => break,
            }
            if let Err(wait) = app.outbox.breaker.admit(Instant::now()) {
                pause = pause.min(wait);
                break;
            }
            let Some(address) = schedule.take(now) else {
                app.outbox.breaker.unused(Instant::now());
                break;
            };
            let known = delivered.contains(&address);
            flying.push(attempt(&app, address, known));
        }
        metrics::gauge!("outbox_waiting").set(schedule.len() as f64);
        tokio::select! {
            Some(landed) = flying.next(), if !flying.is_empty() => {
                let Landed { address, again, delivered: done } = landed;
                if done { delivered.insert(address.clone()); } else { delivered.remove(&address); }
                schedule.landed(address, again);
            }
            () = tokio::time::sleep(pause) => {}
            () = app.outbox.wake.notified() => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    let landed = async { while flying.next().await.is_some() {} };
    let _ = tokio::time::timeout(LANDING, landed).await;
}

/// Notes the letters that this process has put in; whether some are not in the store yet.
async fn take_noted(app: &App, schedule: &mut Schedule) -> bool {
    let mut unseen = false;
    for (address, noted) in app.outbox.noted() {
        match records::read_plain::<Waiting>(app, &address).await {
            Ok(Some((waiting, _))) => schedule.note(address, waiting.due),
            Ok(None) | Err(_) => {
                unseen = true;
                app.outbox.note_again(address, noted);
            }
        }
    }
    unseen
}

/// One try of one letter.
async fn attempt(app: &App, address: Address, delivered: bool) -> Landed {
    let gone = |address| Landed { address, again: None, delivered: false };
    let now = app.clock.now();
    let (waiting, version) = match records::read_plain::<Waiting>(app, &address).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            app.outbox.breaker.unused(Instant::now());
            return gone(address);
        }
        Err(error) => {
            tracing::warn!(%error, "the outbox cannot be read");
            app.outbox.breaker.unused(Instant::now());
            return Landed { address, again: Some(later(now, UNWRITTEN)), delivered };
        }
    };
    if waiting.due > now && !delivered {
        // Another process has claimed or tried it since.
        app.outbox.breaker.unused(Instant::now());
        return Landed { address, again: Some(waiting.due), delivered };
    }
    let version = match claim(app, &address, version, &waiting, now).await {
        Ok(version) => version,
        Err(due) => {
            app.outbox.breaker.unused(Instant::now());
            return Landed { address, again: Some(due), delivered };
        }
    };
    let outcome = if delivered { Ok(()) } else { deliver(app, &address, &waiting).await };
    tell_breaker(app, &outcome);
    let done = outcome.is_ok();
    let (batch, again) = match settled(&address, version, waiting, outcome, app.clock.now()) {
        Ok(settled) => settled,
        Err(error) => {
            tracing::error!(%error, "a letter cannot be written");
            return Landed { address, again: Some(later(now, UNWRITTEN)), delivered: done };
        }
    };
    match app.store.commit(batch).await {
        Ok(()) => Landed { address, again, delivered: false },
        Err(StoreError::Conflict(_)) => Landed { address, again: Some(now), delivered: done },
        Err(error) => {
            tracing::warn!(%error, "the outbox cannot be written");
            Landed { address, again: Some(later(now, UNWRITTEN)), delivered: done }
        }
    }
}

/// Where others read the same outbox: makes the letter ours for a while, or tells when to look again.
async fn claim(
    app: &App,
    address: &Address,
    version: u64,
    waiting: &Waiting,
    now: Timestamp,
) -> Result<u64, Timestamp> {
    if !app.outbox.shared {
        return Ok(version);
    }
    let ours = Waiting { due: later(now, CLAIM), ..waiting.clone() };
    let mut batch = Batch::new(&address.partition);
    let put = records::put_plain(&mut batch, OUTBOX, &address.key, Expect::Version(version), &ours, None);
    if put.is_ok() && app.store.commit(batch).await.is_ok() {
        return Ok(version + 1);
    }
    Err(later(now, UNWRITTEN))
}

fn tell_breaker(app: &App, outcome: &Result<(), MailError>) {
    let told = match outcome {
        Ok(()) => "sent",
        Err(MailError::Later(_)) => "later",
        Err(MailError::Never(_)) => "never",
        Err(MailError::Away { .. }) => "away",
    };
    metrics::counter!("mail_letters_total", "mailer" => app.mailer.name(), "outcome" => told).increment(1);
    match outcome {
        Err(MailError::Away { after, .. }) => app.outbox.breaker.failed(Instant::now(), *after),
        _ => app.outbox.breaker.succeeded(),
    }
}

/// What the store is to hold after a try, and when the letter is due again.
fn settled(
    address: &Address,
    version: u64,
    waiting: Waiting,
    outcome: Result<(), MailError>,
    now: Timestamp,
) -> Result<(Batch, Option<Timestamp>), RecordError> {
    let mut batch = Batch::new(&address.partition);
    let expect = Expect::Version(version);
    let (why, after) = match outcome {
        Ok(()) => return Ok((batch.delete(OUTBOX, &address.key, expect), None)),
        Err(MailError::Never(why)) => (why, None),
        Err(MailError::Later(why)) => (why, Some(patience(waiting.tries))),
        Err(MailError::Away { why, after }) => {
            (why, Some(after.unwrap_or_default().max(patience(waiting.tries))))
        }
    };
    let tries = waiting.tries.saturating_add(1);
    let old = waiting
        .revived
        .or_else(|| since(&address.key))
        .is_some_and(|since| now.duration_since(since) > GIVE_UP);
    let wait = after.filter(|_| !old);
    let due = wait.map_or(now, |wait| later(now, wait));
    let again = Waiting { tries, due, why: Some(why.clone()), ..waiting };
    let Some(wait) = wait else {
        tracing::error!(letter = %address.key, tries, %why, "a letter will not leave; see `aops admin outbox list`");
        let until = Some(UNDELIVERED.end(now));
        records::put_plain(&mut batch, DEAD, &address.key, Expect::Anything, &again, until)?;
        return Ok((batch.delete(OUTBOX, &address.key, expect), None));
    };
    tracing::warn!(letter = %address.key, tries, ?wait, %why, "a letter waits");
    records::put_plain(&mut batch, OUTBOX, &address.key, expect, &again, None)?;
    Ok((batch, Some(due)))
}

async fn deliver(app: &App, address: &Address, waiting: &Waiting) -> Result<(), MailError> {
    let Some(mail) = open(app, &address.partition, &address.key, waiting).await? else {
        // The recipient was erased: nothing is left to send.
        return Ok(());
    };
    if let Ok(email) = Email::parse(&mail.to) {
        let blocked = suppression::blocks(app, &email, mail.purpose).await;
        if let Some(reason) = blocked.map_err(|error| MailError::Later(error.to_string()))? {
            tracing::info!(letter = %address.key, reason = reason.name(), "a letter to a suppressed address is left out");
            metrics::counter!("mail_suppressed_total", "reason" => reason.name()).increment(1);
            return Ok(());
        }
    }
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
        reply_to: mail.reply_to,
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        unsubscribe: mail.unsubscribe,
    };
    app.mailer.send(&letter).await
}

/// How long to wait after so many tries: doubling from about one second to ten minutes, each up to a quarter shorter
/// or longer by chance.
pub fn patience(tries: u32) -> Duration {
    let whole = FIRST_RETRY_MILLIS.saturating_mul(1 << tries.min(20)).min(LAST_RETRY_MILLIS);
    // Without randomness the wait is merely regular.
    let chance = sealing::random::<2>().map_or(0x8000, u16::from_be_bytes);
    Duration::from_millis(whole * 3 / 4 + whole * u64::from(chance) / u64::from(u16::MAX) / 2)
}

#[cfg(test)]
mod tests;
