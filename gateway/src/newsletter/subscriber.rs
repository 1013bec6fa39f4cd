//! Subscribers at rest, and the steps between their states.

use aops_manifest::Language;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::retained::ends;
use super::{figures, issue};
use crate::app::App;
use crate::checkout;
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, Document, Older, RecordError};
use crate::retention;
use crate::sealing;
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::suppression::{self, Reason};

pub(super) const SUBSCRIBERS: &str = "subscribers";
/// What confirmation links are signed for.
pub(super) const CONFIRM: &str = "newsletter confirmation";
/// What links that end or change a subscription are signed for; they serve for good, from any issue ever sent.
pub(super) const LEAVE: &str = "newsletter unsubscription";
/// How long a confirmation link is good.
const CONFIRMATION: SignedDuration = SignedDuration::from_hours(72);
/// Asking again this soon sends no second letter: nobody can be flooded through the form.
const QUIET: SignedDuration = SignedDuration::from_mins(10);
const PAGE: usize = 500;
const TRIES: usize = 5;
/// What the form says beside its button, by interface string: the proof of consent names its version.
const WORDS: [&str; 7] = [
    "form.newsletter.title",
    "form.newsletter.submit",
    "notice.newsletter.purpose",
    "notice.newsletter.basis",
    "notice.newsletter.retention",
    "notice.newsletter.recipients",
    "notice.rights_link",
];

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Asked for, by someone who may not own the address.
    Pending,
    /// Confirmed by the address's holder.
    Confirmed,
    /// Left.
    Unsubscribed,
}

/// A subscriber, sealed at rest.
#[derive(Clone, Serialize, Deserialize)]
pub struct Subscriber {
    /// The address.
    pub email: String,
    /// The language of the letters.
    pub language: Language,
    /// Where the subscription stands.
    pub state: State,
    /// When it was first asked for.
    pub created: Timestamp,
    /// When the last confirmation letter was asked for.
    pub asked: Timestamp,
    /// When the holder confirmed: the proof of consent.
    pub confirmed: Option<Timestamp>,
    /// What was asked for; unknown of those who asked before it was noted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<Request>,
    /// The last contact: the confirmation, or a choice made on the page of preferences.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<Timestamp>,
    /// When the holder left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left: Option<Timestamp>,
    /// When they were told that the term comes to its end, since the last contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warned: Option<Timestamp>,
    /// Whether they were a client when that was last looked at.
    #[serde(default)]
    pub client: bool,
}

impl Document for Subscriber {
    const SCHEMA: u16 = 1;

    fn upgraded(older: Older<'_>) -> Result<Self, RecordError> {
        let Unnoted(before) = older.read()?;
        let (mut contact, mut left) = (before.contact, before.left);
        match before.state {
            State::Pending => {}
            State::Confirmed => contact = contact.or(before.confirmed),
            State::Unsubscribed => left = left.or(before.confirmed),
        }
        Ok(Self { contact, left, ..before })
    }
}

/// A subscriber as it was first kept: contact and leaving were not noted, and counted from the confirmation.
#[derive(Serialize, Deserialize)]
struct Unnoted(Subscriber);

impl Document for Unnoted {}

/// What the proof of consent says of the request that was then confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When.
    pub at: Timestamp,
    /// The version of the privacy policy that the form showed.
    pub policy: String,
    /// The path of the page that the form stood on.
    pub page: String,
    /// The version of the form's words: a digest of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// What staff see of a subscriber.
#[derive(Clone, Serialize)]
pub struct Line {
    /// The address.
    pub email: String,
    /// Where the subscription stands.
    pub state: State,
    /// When it was first asked for.
    pub created: Timestamp,
    /// When the holder confirmed.
    pub confirmed: Option<Timestamp>,
    /// The language of the letters.
    pub language: Language,
    /// The version of the privacy policy that the form showed.
    pub policy: Option<String>,
    /// The page that the form stood on.
    pub page: Option<String>,
    /// The version of the form's words.
    pub text: Option<String>,
    /// When they are forgotten, or become so if they write no more.
    pub until: Option<Timestamp>,
}

/// What following a confirmation link did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// The subscription stands, now or since before.
    Yes,
    /// Nothing waits for it any more.
    Gone,
}

/// Asks for the newsletter.
///
/// # Errors
/// [`RecordError`]; nothing was written.
pub(super) async fn ask(app: &App, email: &Email, language: Language, page: &str) -> Result<(), RecordError> {
    let id = id(app, email);
    let mut outcome = ask_once(app, &id, email, language, page).await;
    for _ in 1..TRIES {
        if !lost_race(&outcome) {
            break;
        }
        outcome = ask_once(app, &id, email, language, page).await;
    }
    app.outbox.wake();
    outcome
}

async fn ask_once(
    app: &App,
    id: &str,
    email: &Email,
    language: Language,
    page: &str,
) -> Result<(), RecordError> {
    let now = app.clock.now();
    let (before, expect) = read(app, id).await?;
    let request = Request {
        at: now,
        policy: app.settings.consent.config.policy.clone(),
        page: page.to_owned(),
        text: Some(words(app, language)),
    };
    let (subscriber, write) = asked(before, email, language, request, now);
    let (mut batch, key) = put(app, id, expect, &subscriber).await?;
    if write {
        let until = now.saturating_add(CONFIRMATION).unwrap_or(Timestamp::MAX);
        let token = app.tokens.sign(CONFIRM, id, until);
        let link = issue::link(app, "confirmation", &token, language, None);
        let mail = mail(&subscriber, id, "newsletter_confirmation", json!({ "link": link }), None);
        outbox::enqueue(app, &mut batch, &key, &mail)?;
    }
    Ok(app.store.commit(batch).await?)
}

/// Confirms the subscription of a verified link; a second time changes nothing.
///
/// # Errors
/// [`RecordError`]; nothing was written.
pub(super) async fn confirm(app: &App, id: &str) -> Result<Confirmed, RecordError> {
    let mut outcome = confirm_once(app, id).await;
    for _ in 1..TRIES {
        if !lost_race(&outcome) {
            break;
        }
        outcome = confirm_once(app, id).await;
    }
    app.outbox.wake();
    outcome
}

async fn confirm_once(app: &App, id: &str) -> Result<Confirmed, RecordError> {
    let now = app.clock.now();
    let (before, expect) = read(app, id).await?;
    let Some(before) = before else {
        return Ok(Confirmed::Gone);
    };
    match before.state {
        State::Confirmed => return Ok(Confirmed::Yes),
        State::Unsubscribed => return Ok(Confirmed::Gone),
        State::Pending => {}
    }
    // Who left and asks again is written to again; nothing is sent before the next step is on disk.
    let email = Email::parse(&before.email).map_err(|error| shape(id, &error))?;
    suppression::remove(app, &email, Some(Reason::Unsubscribe)).await?;
    let client = checkout::is_client(app, &before.email).await?;
    let subscriber = Subscriber {
        state: State::Confirmed,
        confirmed: Some(now),
        contact: Some(now),
        left: None,
        warned: None,
        client,
        ..before
    };
    let (mut batch, key) = put(app, id, expect, &subscriber).await?;
    let leave = leave_link(app, id, subscriber.language);
    let mail = mail(&subscriber, id, "newsletter_bienvenue", json!({}), Some(leave));
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    app.store.commit(batch).await?;
    Ok(Confirmed::Yes)
}

/// Ends the subscription of a verified link; whether there was one is nobody's business. From a letter, it counts
/// among the figures of its issue.
///
/// # Errors
/// [`RecordError`]; a second try does what is left.
pub(super) async fn leave(app: &App, id: &str, issue: Option<&str>) -> Result<(), RecordError> {
    let mut left = leave_once(app, id).await;
    for _ in 1..TRIES {
        if !lost_race(&left) {
            break;
        }
        left = leave_once(app, id).await;
    }
    let Some((email, changed)) = left? else {
        return Ok(());
    };
    if let Ok(email) = Email::parse(&email) {
        suppression::add(app, &email, Reason::Unsubscribe, app.clock.now()).await?;
    }
    if let (true, Some(issue)) = (changed, issue) {
        figures::count(app, issue, figures::Happened::Left).await?;
    }
    Ok(())
}

/// Whose subscription it was, and whether it stood.
async fn leave_once(app: &App, id: &str) -> Result<Option<(String, bool)>, RecordError> {
    let (Some(before), expect) = read(app, id).await? else {
        return Ok(None);
    };
    let (email, stood) = (before.email.clone(), before.state == State::Confirmed);
    if before.state != State::Unsubscribed {
        let now = app.clock.now();
        let subscriber = Subscriber { state: State::Unsubscribed, left: Some(now), ..before };
        let (batch, _) = put(app, id, expect, &subscriber).await?;
        app.store.commit(batch).await?;
    }
    Ok(Some((email, stood)))
}

/// Changes the language of a confirmed subscription, or keeps it as it is: both are a contact.
///
/// # Errors
/// [`RecordError`]; nothing was written.
pub(super) async fn choose(app: &App, id: &str, language: Option<Language>) -> Result<bool, RecordError> {
    let mut chosen = choose_once(app, id, language).await;
    for _ in 1..TRIES {
        if !lost_race(&chosen) {
            break;
        }
        chosen = choose_once(app, id, language).await;
    }
    chosen
}

async fn choose_once(app: &App, id: &str, language: Option<Language>) -> Result<bool, RecordError> {
    let (Some(before), expect) = read(app, id).await? else {
        return Ok(false);
    };
    if before.state != State::Confirmed {
        return Ok(false);
    }
    let language = language.unwrap_or(before.language);
    let contact = Some(app.clock.now());
    let subscriber = Subscriber { language, contact, warned: None, ..before };
    let (batch, _) = put(app, id, expect, &subscriber).await?;
    app.store.commit(batch).await?;
    Ok(true)
}

/// Ends a subscription that was confirmed before an instant, because its reader told the mail processor so;
/// whether they have confirmed another one since.
///
/// # Errors
/// [`RecordError`]; nothing was written.
pub async fn withdraw(app: &App, email: &Email, at: Timestamp) -> Result<bool, RecordError> {
    let id = id(app, email);
    let (found, _) = read(app, &id).await?;
    if found.is_some_and(|found| found.confirmed.is_some_and(|confirmed| confirmed > at)) {
        return Ok(true);
    }
    leave(app, &id, None).await?;
    Ok(false)
}

/// Every subscriber, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Line>, RecordError> {
    let (mut lines, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = page(app, after, PAGE).await?;
        lines.extend(page);
        after = next;
        if after.is_none() {
            break;
        }
    }
    lines.sort_by_key(|line| line.created);
    Ok(lines)
}

/// Some subscribers in the order of the store, and where the next ones begin.
pub(super) async fn page(
    app: &App,
    after: Option<Address>,
    limit: usize,
) -> Result<(Vec<Line>, Option<Address>), RecordError> {
    let scan = Scan { collection: SUBSCRIBERS, partition: None, prefix: String::new(), after, limit };
    let (page, now) = (app.store.scan(scan).await?, app.clock.now());
    let mut lines = Vec::new();
    for (address, _) in page.documents {
        let found = records::read_sealed::<Subscriber>(app, &address, &address.key).await;
        let Some((found, _)) = records::sound(found)?.flatten() else { continue };
        let until = ends(&app.settings.retention, &found);
        if until <= now {
            continue;
        }
        let Subscriber { email, state, created, confirmed, language, request, .. } = found;
        let text = request.as_ref().and_then(|request| request.text.clone());
        let (policy, page) = request.map(|request| (request.policy, request.page)).unzip();
        let until = Some(until);
        lines.push(Line { email, state, created, confirmed, language, policy, page, text, until });
    }
    Ok((lines, page.next))
}

/// What a request makes of a subscriber, and whether a letter is to be written.
fn asked(
    before: Option<Subscriber>,
    email: &Email,
    language: Language,
    request: Request,
    now: Timestamp,
) -> (Subscriber, bool) {
    let fresh = |created| Subscriber {
        email: email.as_str().to_owned(),
        language,
        state: State::Pending,
        created,
        asked: now,
        confirmed: None,
        request: Some(request),
        contact: None,
        left: None,
        warned: None,
        client: false,
    };
    match before {
        Some(before) if before.state == State::Confirmed => (before, false),
        Some(before) if before.state == State::Pending && now.duration_since(before.asked) < QUIET => {
            (before, false)
        }
        Some(before) => (fresh(before.created), true),
        None => (fresh(now), true),
    }
}

/// A subscriber by the name of their document; one whose term has passed is no more.
pub(super) async fn read(app: &App, id: &str) -> Result<(Option<Subscriber>, Expect), RecordError> {
    let address = Address::new(SUBSCRIBERS, partition(id), id);
    let Some((found, version)) = records::read_sealed::<Subscriber>(app, &address, id).await? else {
        // Without its key a document may still stand there.
        let stands = app.store.read(&address).await?;
        return Ok((None, stands.map_or(Expect::Absent, |stored| Expect::Version(stored.version))));
    };
    let gone = ends(&app.settings.retention, &found) <= app.clock.now();
    Ok(((!gone).then_some(found), Expect::Version(version)))
}

/// A batch that writes a subscriber, and the key under which it is sealed.
pub(super) async fn put(
    app: &App,
    id: &str,
    expect: Expect,
    subscriber: &Subscriber,
) -> Result<(Batch, sealing::SubjectKey), RecordError> {
    let mut batch = Batch::new(partition(id));
    let key = records::subject_key(app, &partition(id), id, &mut batch).await?;
    let expires = retention::expiry(ends(&app.settings.retention, subscriber));
    records::put_sealed(&mut batch, &key, SUBSCRIBERS, id, expect, subscriber, expires)?;
    Ok((batch, key))
}

/// Spread over 256 partitions, so that no single one holds every subscriber.
pub(super) fn partition(id: &str) -> String {
    format!("newsletter-{}", id.get(..2).unwrap_or_default())
}

/// Where what is kept of an address stands.
pub fn place(app: &App, email: &Email) -> records::Place {
    let id = id(app, email);
    records::Place::of(partition(&id), id)
}

/// The name of an address's document.
pub(super) fn id(app: &App, email: &Email) -> String {
    app.sealer.lookup("subscriber", &email.folded())
}

/// The link that ends a subscription.
pub(super) fn leave_link(app: &App, id: &str, language: Language) -> String {
    let token = app.tokens.sign(LEAVE, id, Timestamp::MAX);
    issue::link(app, "desinscription", &token, language, None)
}

pub(super) fn mail(
    subscriber: &Subscriber,
    id: &str,
    template: &str,
    context: serde_json::Value,
    unsubscribe: Option<String>,
) -> Mail {
    // Without a way out, it is the letter that asks for the confirmation.
    let purpose = if unsubscribe.is_some() { Purpose::Newsletter } else { Purpose::Confirmation };
    Mail {
        to: subscriber.email.clone(),
        reply_to: None,
        template: template.to_owned(),
        language: subscriber.language,
        purpose,
        context,
        unsubscribe,
        subject: id.to_owned(),
    }
}

/// The version of the words beside the form's button.
fn words(app: &App, language: Language) -> String {
    let texts = &app.site.load().texts;
    let mut digest = Sha256::new();
    for key in WORDS {
        digest.update(texts.text(language, key, &[]));
        digest.update([0]);
    }
    sealing::hex(&digest.finalize()[..6])
}

fn shape(id: &str, error: &impl ToString) -> RecordError {
    RecordError::Shape { at: format!("{SUBSCRIBERS}/{id}"), why: error.to_string() }
}

/// Whether a step is to be taken again, because somebody else wrote in between.
fn lost_race<T>(outcome: &Result<T, RecordError>) -> bool {
    matches!(outcome, Err(RecordError::Store(StoreError::Conflict(_))))
}

#[cfg(test)]
mod tests;
