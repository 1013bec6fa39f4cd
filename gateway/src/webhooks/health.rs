//! How calls of a webhook fare. Where nothing has reached it for long, it is switched off, and those who answer for the
//! organisation are told by letter.

use jiff::SignedDuration;
use serde_json::json;
use url::Url;

use super::PAGE;
use super::document::{HEALTH, Health, Off, Why, health, read};
use crate::accounts;
use crate::app::App;
use crate::audit::{self, Event};
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::store::{Batch, Expect, StoreError};

/// Tries in a row that fail, …
pub(super) const MOST_FAILURES: u32 = 20;
/// … for so long, switch a webhook off.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(3 * 24);
const TRIES: usize = 16;

/// How a try went, for whether there is to be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    Well,
    Badly,
    /// The server is no more.
    Gone,
}

/// Notes how a try went; switches the webhook off where that is due.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn note(app: &App, organisation: &str, id: &str, went: Went) -> Result<(), RecordError> {
    for _ in 0..TRIES {
        let (before, expect) = health(app, organisation, id).await?;
        let now = app.clock.now();
        let after = match went {
            Went::Well if before.failures == 0 => return Ok(()),
            Went::Well => Health { failures: 0, since: None, ..before },
            Went::Badly | Went::Gone => Health {
                failures: before.failures.saturating_add(1),
                since: before.since.or(Some(now)),
                ..before
            },
        };
        let long = after.since.is_some_and(|since| now.duration_since(since) >= LONGEST);
        let why = match went {
            Went::Gone => Some(Why::Gone),
            _ if after.failures >= MOST_FAILURES && long => Some(Why::Failing),
            _ => None,
        };
        let mut batch = Batch::new(organisation);
        records::put_plain(&mut batch, HEALTH, id, expect, &after, None)?;
        let told = match why {
            Some(why) => switch_off(app, &mut batch, id, why).await?,
            None => read(app, organisation, id).await?.is_some(),
        };
        if !told {
            // It was removed, or switched off, meanwhile.
            return Ok(());
        }
        match app.store.commit(batch).await {
            Ok(()) => {
                if why.is_some() {
                    metrics::counter!("webhooks_switched_off_total").increment(1);
                    app.outbox.wake();
                }
                return Ok(());
            }
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    // So many at once fare alike.
    Ok(())
}

/// Puts into a batch that a webhook is switched off, with its letters; whether there is one to switch off.
async fn switch_off(app: &App, batch: &mut Batch, id: &str, why: Why) -> Result<bool, RecordError> {
    let organisation = batch.partition.clone();
    let Some((mut webhook, version)) = read(app, &organisation, id).await? else { return Ok(false) };
    if webhook.off.is_some() {
        return Ok(false);
    }
    webhook.off = Some(Off { at: app.clock.now(), why });
    webhook.put(app, batch, Expect::Version(version)).await?;
    audit::note(batch, &Event::new(app, "webhook switched off", id).concerning(&organisation))?;
    let url = Url::parse(&webhook.url).ok();
    // Addresses often hold a token: the letter names the server alone.
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    for owner in accounts::owners_of(app, &organisation).await? {
        let lang = if owner.language.tag() == "en" { "?lang=en" } else { "" };
        let link = format!("{}{PAGE}/{id}{lang}", app.settings.platform_url);
        let key = records::subject_key(app, &organisation, &owner.id, batch).await?;
        let mail = Mail {
            to: owner.email,
            reply_to: None,
            template: "webhook_arrete".into(),
            language: owner.language,
            purpose: Purpose::Contract,
            context: json!({ "host": host, "why": why, "link": link }),
            unsubscribe: None,
            subject: owner.id,
        };
        outbox::enqueue(app, batch, &key, &mail)?;
    }
    Ok(true)
}
