//! The letters: to each client once, some hundred a batch with where they stand, so that a kill misses nobody and
//! writes to nobody twice.

use serde_json::json;

use super::announcement::{self, Announcement, Change, PARTITION};
use crate::accounts::{self, Account, Role};
use crate::app::App;
use crate::audit::{self, Event};
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::store::{Batch, Expect, StoreError};

/// Letters a batch.
const AT_ONCE: usize = 100;
/// Whose key seals them while they wait.
const SUBJECT: &str = "processors";
/// Where clients read the lists.
const PAGE: &str = "/espace-client/confidentialite";

/// Puts every letter of an announcement on its way that is not yet.
pub(super) async fn tell(app: &App, number: u32) -> Result<(), RecordError> {
    while some(app, number).await? {}
    Ok(())
}

/// The next letters; whether there may be more to do.
async fn some(app: &App, number: u32) -> Result<bool, RecordError> {
    let Some((before, version)) = announcement::read(app, number).await? else { return Ok(false) };
    if !before.telling {
        return Ok(false);
    }
    let previous = match number.checked_sub(1) {
        Some(previous) => announcement::read(app, previous).await?.map(|(one, _)| one.processors),
        None => None,
    };
    let change = Change::between(&previous.unwrap_or_default(), &before.processors);
    let clients = clients(app).await?.into_iter();
    let last = before.told_up_to.clone();
    let rest = clients.filter(|account| last.as_ref().is_none_or(|last| account.id > *last));
    let next: Vec<Account> = rest.take(AT_ONCE).collect();
    let after = Announcement {
        telling: !next.is_empty(),
        told_up_to: next.last().map(|account| account.id.clone()),
        letters: before.letters + u32::try_from(next.len()).unwrap_or(u32::MAX),
        ..before
    };
    let mut batch = Batch::new(PARTITION);
    announcement::put(&mut batch, number, &after, Expect::Version(version))?;
    if !next.is_empty() {
        let key = records::subject_key(app, PARTITION, SUBJECT, &mut batch).await?;
        for account in &next {
            outbox::enqueue(app, &mut batch, &key, &letter(app, &after, &change, account))?;
        }
        let what = format!("processor letters {}", next.len());
        audit::note(&mut batch, &Event::new(app, &what, &number.to_string()))?;
    }
    match app.store.commit(batch).await {
        Ok(()) => app.outbox.wake(),
        // Another gateway wrote them.
        Err(StoreError::Conflict(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

/// Whoever answers for a client, in the order of ids.
async fn clients(app: &App) -> Result<Vec<Account>, RecordError> {
    let mut clients = accounts::list(app).await?;
    clients.retain(|account| account.role == Role::Owner);
    clients.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(clients)
}

fn letter(app: &App, announcement: &Announcement, change: &Change, account: &Account) -> Mail {
    let lang = if account.language == aops_manifest::Language::En { "?lang=en" } else { "" };
    Mail {
        to: account.email.clone(),
        reply_to: app.settings.company.get("dpo_email").cloned(),
        template: "prestataires".into(),
        language: account.language,
        purpose: Purpose::Contract,
        context: json!({
            "applies": announcement.applies,
            "added": change.added,
            "removed": change.removed,
            "changed": change.changed,
            "link": format!("{}{PAGE}{lang}#prestataires", app.settings.platform_url),
        }),
        unsubscribe: None,
        subject: SUBJECT.into(),
    }
}
