//! What staff see of the outbox, and how a letter is tried again at their word.

use jiff::Timestamp;
use serde::Serialize;

use super::{DEAD, OUTBOX, Waiting, open, since};
use crate::app::App;
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, Scan};

const PAGE: usize = 500;

/// A letter that has not left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its name.
    pub id: String,
    /// `waiting`, or `dead` when only staff's word makes it leave.
    pub state: &'static str,
    /// Why it is sent.
    pub purpose: String,
    /// What it is.
    pub template: String,
    /// To whom; none when they were erased, or what is kept of them is restricted.
    pub to: Option<String>,
    /// How often it was tried.
    pub tries: u32,
    /// When it was put in.
    pub created: Option<Timestamp>,
    /// When it is tried next, or was last.
    pub due: Timestamp,
    /// Why the last try failed.
    pub why: Option<String>,
}

/// The letters that have not left, the dead ones first, each oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    for (collection, state) in [(DEAD, "dead"), (OUTBOX, "waiting")] {
        let first = lines.len();
        for (address, waiting, _) in all(app, collection).await? {
            let used = records::sound(records::check(app, &address, &waiting.subject).await)?;
            let mail = match used {
                Some(()) => open(app, &address.partition, &address.key, &waiting).await.ok().flatten(),
                None => None,
            };
            lines.push(Line {
                created: since(&address.key),
                id: address.key,
                state,
                purpose: waiting.purpose,
                template: waiting.template,
                to: mail.map(|mail| mail.to),
                tries: waiting.tries,
                due: waiting.due,
                why: waiting.why,
            });
        }
        lines[first..].sort_by(|a, b| a.id.cmp(&b.id));
    }
    Ok(lines)
}

/// Makes one letter, or all of them, leave now: dead ones live again with all their tries before them. Answers how
/// many.
///
/// # Errors
/// [`RecordError`].
pub async fn retry(app: &App, id: Option<&str>) -> Result<usize, RecordError> {
    let now = app.clock.now();
    let mut count = 0;
    for collection in [DEAD, OUTBOX] {
        for (address, waiting, version) in all(app, collection).await? {
            if id.is_some_and(|id| id != address.key) || (collection == OUTBOX && waiting.due <= now) {
                continue;
            }
            let mut batch = Batch::new(&address.partition);
            let mut expect = Expect::Version(version);
            if collection == DEAD {
                batch = batch.delete(DEAD, &address.key, expect);
                expect = Expect::Absent;
            }
            let again = Waiting { tries: 0, due: now, revived: Some(now), ..waiting };
            records::put_plain(&mut batch, OUTBOX, &address.key, expect, &again, None)?;
            app.store.commit(batch).await?;
            app.outbox.note(Address::new(OUTBOX, address.partition, address.key));
            count += 1;
        }
    }
    app.outbox.wake();
    Ok(count)
}

async fn all(app: &App, collection: &'static str) -> Result<Vec<(Address, Waiting, u64)>, RecordError> {
    let mut letters = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { collection, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let waiting = records::decode::<Waiting>(&address, &stored.body)?;
            letters.push((address, waiting, stored.version));
        }
        after = page.next;
        if after.is_none() {
            return Ok(letters);
        }
    }
}
