//! A thread: everything that one person wrote to the firm, and what they were answered, under one key.

use aops_manifest::Language;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::retained::ends;
use super::spam::Spam;
use crate::app::App;
use crate::email::Email;
use crate::records::{self, RecordError, Shape};
use crate::retention::{self, Term};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, Scan};

pub(super) const THREADS: &str = "contact_threads";
pub(super) const MESSAGES: &str = "messages";
pub(super) const ANSWERS: &str = "contact_answers";
/// The name of the thread's own document in its partition.
pub(super) const KEY: &str = "thread";
const PREFIX: &str = "contact-";
/// So much of a hash is a name.
const DIGITS: usize = 24;
const PAGE: usize = 500;
/// By when a complaint is answered; it is acknowledged at once. ACPR, recommendation 2024-R-02 on the handling of
/// complaints: within ten working days and two months.
pub(super) const COMPLAINT: Term = Term::Months(2);

/// What is kept of messages.
pub const SHAPES: &[Shape] =
    &[Shape::sealed::<Thread>(THREADS), Shape::sealed::<Message>(MESSAGES), Shape::sealed::<Answer>(ANSWERS)];

/// What a message is about, as far as its form tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Anything.
    #[default]
    Question,
    /// A complaint.
    Reclamation,
}

/// A message, sealed at rest; the fields are named as in the form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The family name.
    pub nom: String,
    /// The first name.
    pub prenom: String,
    /// Where to answer.
    pub email: String,
    /// A telephone number, if one was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub telephone: Option<String>,
    /// The company.
    pub raison_sociale: String,
    /// The postal address.
    pub adresse: String,
    /// What was written, on several lines.
    pub message: String,
    /// When.
    pub created: Timestamp,
    /// What it is about.
    #[serde(default)]
    pub kind: Kind,
    /// The language in which it was written.
    #[serde(default)]
    pub language: Language,
    /// What speaks for a robot's message.
    #[serde(default)]
    pub spam: Spam,
}

impl records::Document for Message {}

/// Where a thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The firm has to answer.
    Open,
    /// The firm has answered.
    Answered,
    /// Nothing is left to do.
    Closed,
}

/// A person's thread, sealed at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Where it stands.
    pub state: State,
    /// Whose it is.
    pub email: String,
    /// The language in which they wrote last.
    pub language: Language,
    /// When they first wrote.
    pub created: Timestamp,
    /// When they last wrote, or told how satisfied they are.
    pub contact: Timestamp,
    /// By when a complaint in it is to be answered.
    pub answer_by: Option<Timestamp>,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// How satisfied they are with the answer, from 1 to 5, and in their words.
    pub satisfaction: Option<(u8, String)>,
    /// Whether they were a client when that was last looked at.
    #[serde(default)]
    pub client: bool,
    /// When they were told that the term comes to its end, since the last contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warned: Option<Timestamp>,
}

impl records::Document for Thread {}

/// An answer of the firm, sealed at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// The message that it answers.
    pub message: String,
    /// Its text.
    pub text: String,
}

impl records::Document for Answer {}

/// The partition and key of a person's thread.
pub(super) fn partition(app: &App, email: &str) -> String {
    let hash = app.sealer.lookup("contact thread", &email.to_lowercase());
    format!("{PREFIX}{}", hash.get(..DIGITS).unwrap_or_default())
}

/// Where what somebody wrote stands.
pub fn place(app: &App, email: &Email) -> records::Place {
    let partition = partition(app, email.as_str());
    records::Place::of(partition.clone(), partition)
}

/// Whose key seals a message: its thread's, or its own where it was written before there were threads.
pub(super) fn subject(address: &Address) -> &str {
    if address.partition.starts_with(PREFIX) { &address.partition } else { &address.key }
}

/// A thread, unless its term has passed.
pub(super) async fn read(app: &App, partition: &str) -> Result<Option<(Thread, u64)>, RecordError> {
    let address = Address::new(THREADS, partition, KEY);
    let found = records::read_sealed::<Thread>(app, &address, partition).await?;
    let now = app.clock.now();
    Ok(found.filter(|(thread, _)| ends(&app.settings.retention, thread) > now))
}

/// Puts a thread into a batch of its partition.
pub(super) fn put(
    app: &App,
    batch: &mut Batch,
    key: &SubjectKey,
    thread: &Thread,
    expect: Expect,
) -> Result<(), RecordError> {
    let expires = retention::expiry(ends(&app.settings.retention, thread));
    records::put_sealed(batch, key, THREADS, KEY, expect, thread, expires)
}

/// Every message of the store, with its place, whose thread is not past its term.
pub(super) async fn messages(
    app: &App,
    partition: Option<&str>,
) -> Result<Vec<(Address, Message, Option<Thread>)>, RecordError> {
    let mut messages = Vec::new();
    for address in addresses(app, MESSAGES, partition).await? {
        let Some(thread) = records::sound(read(app, &address.partition).await)? else { continue };
        let thread = thread.map(|(thread, _)| thread);
        let threaded = address.partition.starts_with(PREFIX);
        if threaded && thread.is_none() {
            continue;
        }
        let found = records::read_sealed::<Message>(app, &address, subject(&address)).await;
        let found = records::sound(found)?.flatten();
        messages.extend(found.map(|(message, _)| (address, message, thread)));
    }
    messages.sort_by_key(|(_, message, _)| message.created);
    Ok(messages)
}

/// Where the documents of a collection stand.
pub(super) async fn addresses(
    app: &App,
    collection: &'static str,
    partition: Option<&str>,
) -> Result<Vec<Address>, RecordError> {
    let mut addresses = Vec::new();
    let mut after = None;
    loop {
        let partition = partition.map(str::to_owned);
        let scan = Scan { collection, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        addresses.extend(page.documents.into_iter().map(|(address, _)| address));
        after = page.next;
        if after.is_none() {
            return Ok(addresses);
        }
    }
}
