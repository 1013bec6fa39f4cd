//! The log's digest, told outside of the store: in the log of the process every hour in which something happened, and
//! in a letter to staff every day. Whoever rewrites the store cannot rewrite these.

use aops_manifest::Language;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{PARTITION, chain};
use crate::app::App;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The last letter.
pub(super) const ANCHORS: &str = "audit_anchors";
/// Whose key seals the letter.
const SUBJECT: &str = "audit";

/// When the last letter was written, and of which entry.
pub(super) type Sent = (Timestamp, u64);

/// What this process told last.
#[derive(Debug, Default)]
pub(super) struct Anchored {
    at: Option<Timestamp>,
    last: u64,
}

/// Tells where the log stands, if it is time.
pub(super) async fn tell(app: &App, anchored: &mut Anchored) -> Result<(), RecordError> {
    let now = app.clock.now();
    if anchored.at.is_some_and(|at| now.duration_since(at) < HOUR) {
        return Ok(());
    }
    let (head, _) = chain::head(app).await?;
    if head.last > anchored.last {
        tracing::info!(number = head.last, digest = %head.digest, "the audit log stands here");
        *anchored = Anchored { at: Some(now), last: head.last };
    }
    let address = Address::new(ANCHORS, PARTITION, ANCHORS);
    let sent = records::read_plain::<Sent>(app, &address).await?;
    let expect = sent.map_or(Expect::Absent, |(_, version)| Expect::Version(version));
    let mut batch = Batch::new(PARTITION);
    match sent {
        Some(((at, last), _)) if now.duration_since(at) < DAY || head.last == last => return Ok(()),
        Some(_) => records::put_plain(&mut batch, ANCHORS, ANCHORS, expect, &(now, head.last), None)?,
        // The first letter is written a day after the first entry.
        None => {
            records::put_plain(&mut batch, ANCHORS, ANCHORS, expect, &(now, 0), None)?;
            return Ok(app.store.commit(batch).await?);
        }
    }
    let key = records::subject_key(app, PARTITION, SUBJECT, &mut batch).await?;
    let mail = Mail {
        to: app.settings.mail.staff.clone(),
        reply_to: None,
        template: "audit_ancre".into(),
        language: Language::Fr,
        purpose: Purpose::Staff,
        context: json!({ "anchor": format!("{}:{}", head.last, head.digest), "at": now }),
        unsubscribe: None,
        subject: SUBJECT.into(),
    };
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    match app.store.commit(batch).await {
        // Another gateway wrote it.
        Err(StoreError::Conflict(_)) => Ok(()),
        other => {
            app.outbox.wake();
            Ok(other?)
        }
    }
}
