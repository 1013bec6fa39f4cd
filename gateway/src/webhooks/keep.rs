//! Registering, changing and removing webhooks, each at the version that it was decided on.

use url::Url;

use super::announce;
use super::document::{HEALTH, Kind, MOST, Off, WEBHOOKS, Webhook, Why, all, new_id, read};
use super::secret::Secrets;
use crate::app::App;
use crate::audit::{self, Event};
use crate::outbound::NotPublic;
use crate::records::{self, RecordError, Turn};
use crate::store::{Batch, Change, Expect, StoreError, Write};
use crate::web::WebError;
use crate::web::conditional::IfMatch;

/// The longest address, in characters.
const LONGEST: usize = 2_000;
const TRIES: usize = 32;
/// What is registered one at a time.
const ADMISSION: &str = "webhooks";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) organisation: String,
    pub(super) account: String,
}

/// Why nothing is registered or changed.
#[derive(Debug)]
pub(super) enum Refused {
    /// A field is wrong, by the code of its message.
    Field(&'static str, String),
    /// Anything else.
    Web(WebError),
}

impl<E: Into<WebError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Web(error.into())
    }
}

/// What is to be otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) url: Option<String>,
    pub(super) events: Option<Vec<String>>,
    pub(super) active: Option<bool>,
}

/// A place as it is kept, once it may be called.
async fn place(app: &App, typed: &str) -> Result<String, Refused> {
    let wrong = |code: &str| Refused::Field("url", format!("webhook_{code}"));
    if typed.chars().count() > LONGEST {
        return Err(Refused::Field("url", "too_long".into()));
    }
    let url = Url::parse(typed.trim()).map_err(|_| wrong("host"))?;
    app.webhooks.gate.admit_now(&url).await.map_err(|why: NotPublic| wrong(why.code()))?;
    Ok(url.into())
}

fn kinds(words: &[String]) -> Result<Vec<Kind>, Refused> {
    let wrong = |code: &str| Refused::Field("events", code.to_owned());
    let asked: Option<Vec<Kind>> = words.iter().map(|word| Kind::parse(word)).collect();
    let asked = asked.ok_or_else(|| wrong("webhook_event"))?;
    // In our order, each once.
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| asked.contains(kind)).collect();
    if kinds.is_empty() { Err(wrong("webhook_events")) } else { Ok(kinds) }
}

/// Registers a webhook; without a word of events, it hears of all. Those who register at once do so in turn, so that there
/// are never more than there may be.
///
/// # Errors
/// [`Refused`].
pub(super) async fn add(app: &App, who: &Who, wanted: &Wanted) -> Result<Webhook, Refused> {
    let typed = wanted.url.as_deref().filter(|url| !url.trim().is_empty());
    let typed = typed.ok_or_else(|| Refused::Field("url", "required".into()))?;
    let events = match &wanted.events {
        Some(words) => kinds(words)?,
        None => Kind::ALL.to_vec(),
    };
    let webhook = Webhook {
        id: new_id().map_err(RecordError::from)?,
        url: place(app, typed).await?,
        events,
        created: app.clock.now(),
        by: who.account.clone(),
        secrets: Secrets::draw().map_err(RecordError::from)?,
        off: wanted.active.is_some_and(|active| !active).then(|| off(app)),
    };
    for _ in 0..TRIES {
        let turn = Turn::of(app, &who.organisation, ADMISSION).await?;
        if all(app, &who.organisation).await?.len() >= MOST {
            return Err(Refused::Field("url", "webhooks_many".into()));
        }
        let mut batch = Batch::new(&who.organisation);
        turn.take(&mut batch)?;
        webhook.put(app, &mut batch, Expect::Absent).await?;
        note(app, &mut batch, who, "webhook registered", &webhook.id)?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(webhook),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("webhooks are registered by too many at once".into()).into())
}

/// Changes a webhook; switched on again, its failures are forgotten.
///
/// # Errors
/// [`Refused`].
pub(super) async fn change(
    app: &App,
    who: &Who,
    id: &str,
    seen: &IfMatch,
    wanted: &Wanted,
) -> Result<(Webhook, u64), Refused> {
    read(app, &who.organisation, id).await?.ok_or(WebError::NotFound)?;
    let url = match &wanted.url {
        Some(typed) => Some(place(app, typed).await?),
        None => None,
    };
    let events = wanted.events.as_deref().map(kinds).transpose()?;
    let changed = act(app, who, id, seen, "webhook changed", |webhook| {
        webhook.url = url.clone().unwrap_or_else(|| webhook.url.clone());
        webhook.events = events.clone().unwrap_or_else(|| webhook.events.clone());
        webhook.off = match wanted.active {
            None => webhook.off,
            Some(true) => None,
            Some(false) => webhook.off.or_else(|| Some(off(app))),
        };
        Ok(())
    });
    Ok(changed.await?)
}

/// Another secret in the place of the one there is, which signs a day longer.
///
/// # Errors
/// [`WebError`].
pub(super) async fn renew(
    app: &App,
    who: &Who,
    id: &str,
    seen: &IfMatch,
) -> Result<(Webhook, u64), WebError> {
    let now = app.clock.now();
    act(app, who, id, seen, "webhook secret replaced", |webhook| {
        webhook.secrets = webhook.secrets.renewed(now)?;
        Ok(())
    })
    .await
}

async fn act(
    app: &App,
    who: &Who,
    id: &str,
    seen: &IfMatch,
    action: &str,
    act: impl Fn(&mut Webhook) -> Result<(), WebError>,
) -> Result<(Webhook, u64), WebError> {
    for _ in 0..TRIES {
        let (mut webhook, version) = read(app, &who.organisation, id).await?.ok_or(WebError::NotFound)?;
        seen.allows(version)?;
        let was_off = webhook.off.is_some();
        act(&mut webhook)?;
        let mut batch = Batch::new(&who.organisation);
        webhook.put(app, &mut batch, Expect::Version(version)).await?;
        if was_off && webhook.off.is_none() {
            batch = batch.delete(HEALTH, id, Expect::Anything);
        }
        note(app, &mut batch, who, action, id)?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok((webhook, version + 1)),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the webhook is written by too many at once".into()))
}

/// Removes a webhook with its messages.
///
/// # Errors
/// [`WebError`].
pub(super) async fn remove(app: &App, who: &Who, id: &str, seen: &IfMatch) -> Result<(), WebError> {
    for _ in 0..TRIES {
        let (_, version) = read(app, &who.organisation, id).await?.ok_or(WebError::NotFound)?;
        seen.allows(version)?;
        let mut batch = Batch::new(&who.organisation).delete(WEBHOOKS, id, Expect::Version(version)).delete(
            HEALTH,
            id,
            Expect::Anything,
        );
        announce::forget(app, &mut batch, id).await?;
        note(app, &mut batch, who, "webhook removed", id)?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the webhook is written by too many at once".into()))
}

/// Puts into a batch what ends all webhooks of an organisation, once it is no more. What they are sealed with goes with it.
///
/// # Errors
/// [`RecordError`].
pub async fn end_all(app: &App, batch: &mut Batch) -> Result<(), RecordError> {
    for collection in [WEBHOOKS, HEALTH, super::document::DELIVERIES, super::document::WAITING] {
        for key in records::names(app, collection, &batch.partition).await? {
            batch.writes.push(Write { collection, key, expect: Expect::Anything, change: Change::Delete });
        }
    }
    Ok(())
}

fn off(app: &App) -> Off {
    Off { at: app.clock.now(), why: Why::Asked }
}

fn note(app: &App, batch: &mut Batch, who: &Who, action: &str, id: &str) -> Result<(), RecordError> {
    audit::note(batch, &Event::by_account(app, &who.organisation, &who.account, action, id))
}
