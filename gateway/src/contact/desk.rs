//! What staff do with messages: list, show, answer, close.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::satisfaction::SURVEY;
use super::thread::{self, ANSWERS, Answer, MESSAGES, Message, State, Thread, addresses, messages, subject};
use crate::app::App;
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};
use crate::suppression;
use crate::typed::in_order;

/// The longest answer, in characters.
const ANSWER_LIMIT: usize = 20_000;
/// How long the question after closing may be answered.
const SURVEY_DAYS: i64 = 60;

/// A message in the list.
#[derive(Clone, Serialize)]
pub struct Line {
    /// Its name.
    pub id: String,
    /// Its thread's: the same for everything that one person writes.
    pub thread: String,
    /// Where the thread stands; none for what was written before there were threads.
    pub state: Option<State>,
    /// By when a complaint of the thread is to be answered, while it is open.
    pub answer_by: Option<Timestamp>,
    /// What was written.
    #[serde(flatten)]
    pub message: Message,
}

/// A whole thread.
#[derive(Clone, Serialize)]
pub struct Shown {
    /// Its name.
    pub thread: String,
    /// Itself; none for what was written before there were threads.
    #[serde(flatten)]
    pub standing: Option<Thread>,
    /// What was written, oldest first.
    pub messages: Vec<Line>,
    /// What was answered, oldest first.
    pub answers: Vec<Answer>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// No such message.
    #[error("no message `{0}`; see `aops admin messages list`")]
    NoMessage(String),
    /// Nothing to say.
    #[error("an answer has from 1 to {ANSWER_LIMIT} characters")]
    Text,
    /// The letter would not leave.
    #[error(
        "the address of this person is suppressed ({0}): a letter would not leave; see `aops admin suppression list`"
    )]
    Suppressed(&'static str),
    /// Written before there were threads.
    #[error("the message `{0}` was kept before there were threads: answer it from your mail program")]
    Threadless(String),
    /// The store.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Every message, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Line>, RecordError> {
    Ok(messages(app, None).await?.into_iter().map(line).collect())
}

/// The thread of a message.
///
/// # Errors
/// [`ContactError`].
pub async fn show(app: &App, id: &str) -> Result<Shown, ContactError> {
    let (address, _) = find(app, id).await?;
    let partition = &address.partition;
    let mut answers = Vec::new();
    for address in addresses(app, ANSWERS, Some(partition)).await? {
        let found = records::read_sealed::<Answer>(app, &address, subject(&address)).await;
        let found = records::sound(found)?.flatten();
        answers.extend(found.map(|(answer, _)| answer));
    }
    let messages = messages(app, Some(partition)).await?.into_iter().map(line).collect();
    let standing = thread::read(app, partition).await?.map(|(thread, _)| thread);
    Ok(Shown { thread: partition.clone(), standing, messages, answers })
}

/// Answers a message by mail; the answer and its letter are recorded together.
///
/// # Errors
/// [`ContactError`].
pub async fn answer(app: &App, id: &str, text: &str) -> Result<(), ContactError> {
    let text = text.trim().replace("\r\n", "\n");
    if text.is_empty() || text.chars().count() > ANSWER_LIMIT {
        return Err(ContactError::Text);
    }
    let (address, message) = find(app, id).await?;
    if let Ok(email) = Email::parse(&message.email)
        && let Some(reason) = suppression::blocks(app, &email, Purpose::Contact).await?
    {
        return Err(ContactError::Suppressed(reason.name()));
    }
    let now = app.clock.now();
    let name = format!(
        "{:013x}-{}",
        now.as_millisecond(),
        sealing::hex(&sealing::random::<4>().map_err(RecordError::from)?)
    );
    let record = Answer { at: now, message: id.to_owned(), text: text.clone() };
    let context = json!({ "text": text, "message": in_order(&message.message), "reference": id });
    step(
        app,
        &address,
        |thread| Thread { state: State::Answered, answer_by: None, ..thread },
        |batch, key, thread| {
            records::put_sealed(batch, key, ANSWERS, &name, Expect::Absent, &record, None)?;
            let mail = mail(app, &address, thread, "contact_reponse", context.clone());
            outbox::enqueue(app, batch, key, &mail)
        },
    )
    .await
}

/// Closes the thread of a message and asks how satisfied its writer is, if the firm has answered.
///
/// # Errors
/// [`ContactError`].
pub async fn close(app: &App, id: &str) -> Result<(), ContactError> {
    let (address, message) = find(app, id).await?;
    let now = app.clock.now();
    let answered = !addresses(app, ANSWERS, Some(&address.partition)).await?.is_empty();
    // Who asked that their data be not used is not asked how satisfied they are.
    let answered = answered && !restricted(app, &message.email).await?;
    let until = now.saturating_add(SignedDuration::from_hours(24 * SURVEY_DAYS)).unwrap_or(Timestamp::MAX);
    let token = app.tokens.sign(SURVEY, &address.partition, until);
    let closed =
        |thread: Thread| Thread { state: State::Closed, closed: Some(now), answer_by: None, ..thread };
    step(app, &address, closed, |batch, key, thread| {
        if !answered || thread.satisfaction.is_some() {
            return Ok(());
        }
        let lang = if thread.language == aops_manifest::Language::En { "&lang=en" } else { "" };
        let link = format!("{}/contact/satisfaction?jeton={token}{lang}", app.settings.base_url);
        let mail = mail(app, &address, thread, "contact_satisfaction", json!({ "link": link }));
        outbox::enqueue(app, batch, key, &mail)
    })
    .await
}

async fn restricted(app: &App, email: &str) -> Result<bool, RecordError> {
    match Email::parse(email) {
        Ok(email) => suppression::is_restricted(app, &email).await,
        Err(_) => Ok(false),
    }
}

/// One step of a thread, with what else the batch is to hold.
async fn step(
    app: &App,
    address: &Address,
    change: impl Fn(Thread) -> Thread,
    more: impl Fn(&mut Batch, &sealing::SubjectKey, &Thread) -> Result<(), RecordError>,
) -> Result<(), ContactError> {
    let partition = &address.partition;
    let mut tries = 0;
    loop {
        let threadless = || ContactError::Threadless(address.key.clone());
        let (before, version) = thread::read(app, partition).await?.ok_or_else(threadless)?;
        let after = change(before);
        let mut batch = Batch::new(partition);
        let key = records::subject_key(app, partition, partition, &mut batch).await?;
        thread::put(app, &mut batch, &key, &after, Expect::Version(version))?;
        more(&mut batch, &key, &after)?;
        match app.store.commit(batch).await {
            Ok(()) => break,
            Err(StoreError::Conflict(_)) if tries < 5 => tries += 1,
            Err(error) => return Err(RecordError::from(error).into()),
        }
    }
    app.outbox.wake();
    Ok(())
}

/// A letter to the writer of a thread, which `address` is in.
pub(super) fn mail(
    app: &App,
    address: &Address,
    thread: &Thread,
    template: &str,
    context: serde_json::Value,
) -> Mail {
    Mail {
        to: thread.email.clone(),
        reply_to: Some(app.settings.mail.staff.clone()),
        template: template.into(),
        language: thread.language,
        purpose: Purpose::Contact,
        context,
        unsubscribe: None,
        subject: address.partition.clone(),
    }
}

async fn find(app: &App, id: &str) -> Result<(Address, Message), ContactError> {
    let all = addresses(app, MESSAGES, None).await?;
    let missing = || ContactError::NoMessage(id.to_owned());
    let address = all.into_iter().find(|address| address.key == id).ok_or_else(missing)?;
    let found = records::read_sealed::<Message>(app, &address, subject(&address)).await?;
    let (message, _) = found.ok_or_else(missing)?;
    Ok((address, message))
}

fn line((address, message, thread): (Address, Message, Option<Thread>)) -> Line {
    Line {
        id: address.key,
        thread: address.partition,
        state: thread.as_ref().map(|thread| thread.state),
        answer_by: thread.and_then(|thread| thread.answer_by),
        message,
    }
}
