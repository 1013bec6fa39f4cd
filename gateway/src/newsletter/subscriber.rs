//! Subscribers at rest, and the steps between their states.

use aops_manifest::Language;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Scan, StoreError};

const SUBSCRIBERS: &str = "subscribers";
/// What confirmation links are signed for.
pub(super) const CONFIRM: &str = "newsletter confirmation";
/// What unsubscription links are signed for.
pub(super) const LEAVE: &str = "newsletter unsubscription";
/// How long a confirmation link is good.
const CONFIRMATION: SignedDuration = SignedDuration::from_hours(72);
/// Asking again this soon sends no second letter: nobody can be flooded through the form.
const QUIET: SignedDuration = SignedDuration::from_mins(10);
/// An unsubscription link serves as long as the letter may be kept.
const LEAVE_DAYS: i64 = 3_650;
const PAGE: usize = 500;
const TRIES: usize = 5;

/// That someone left is kept so that it can be shown, and nobody is written to again by mistake.
const LEFT: Retention = Retention {
    what: "unsubscribed address",
    term: Term::Years(3),
    from: "unsubscription",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};
/// An address that nobody confirmed is forgotten with its link.
const PENDING: Retention = Retention {
    what: "unconfirmed address",
    term: Term::Days(3),
    from: "last request",
    ground: Ground::Consent,
    then: Then::Delete,
};

/// A confirmed address, on the policy's word: three years from the last contact.
const CONFIRMED: Retention = Retention {
    what: "confirmed address",
    term: Term::Years(3),
    from: "last contact",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};
/// The version of the privacy policy that the form shows.
const POLICY_VERSION: &str = "2023-01-25";

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
    /// What was asked for; absent from what was written before it was noted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<Request>,
}

/// What the proof of consent says of the request that was then confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When.
    pub at: Timestamp,
    /// The version of the privacy policy that the form showed.
    pub policy: String,
    /// The path of the page that the form stood on.
    pub page: String,
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
    /// The version of the privacy policy that the form showed.
    pub policy: Option<String>,
    /// The page that the form stood on.
    pub page: Option<String>,
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
    let id = app.sealer.lookup("subscriber", &email.as_str().to_lowercase());
    let mut outcome = ask_once(app, &id, email, language, page).await;
    for _ in 1..TRIES {
        if !lost_race(&outcome) {
            break;
        }
        outcome = ask_once(app, &id, email, language, page).await;
    }
    outcome?;
    app.outbox.wake();
    Ok(())
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
    let mut batch = Batch::new(partition(id));
    let key = records::subject_key(app, &partition(id), id, &mut batch).await?;
    let (subscriber, write) = asked(before, email, language, page, now);
    let ends = ends(&subscriber, now);
    records::put_sealed(&mut batch, &key, SUBSCRIBERS, id, expect, &subscriber, ends)?;
    if write {
        let until = now.saturating_add(CONFIRMATION).unwrap_or(Timestamp::MAX);
        let link = link(app, "confirmation", CONFIRM, id, until, language);
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
    let subscriber = Subscriber { state: State::Confirmed, confirmed: Some(now), ..before };
    let mut batch = Batch::new(partition(id));
    let key = records::subject_key(app, &partition(id), id, &mut batch).await?;
    let ends = ends(&subscriber, now);
    records::put_sealed(&mut batch, &key, SUBSCRIBERS, id, expect, &subscriber, ends)?;
    let until = now.saturating_add(SignedDuration::from_hours(LEAVE_DAYS * 24)).unwrap_or(Timestamp::MAX);
    let leave = link(app, "desinscription", LEAVE, id, until, subscriber.language);
    let mail = mail(&subscriber, id, "newsletter_bienvenue", json!({}), Some(leave));
    outbox::enqueue(app, &mut batch, &key, &mail)?;
    app.store.commit(batch).await?;
    Ok(Confirmed::Yes)
}

/// Ends the subscription of a verified link; whether there was one is nobody's business.
///
/// # Errors
/// [`RecordError`]; nothing was written.
pub(super) async fn leave(app: &App, id: &str) -> Result<(), RecordError> {
    let mut outcome = leave_once(app, id).await;
    for _ in 1..TRIES {
        if !lost_race(&outcome) {
            break;
        }
        outcome = leave_once(app, id).await;
    }
    outcome
}

async fn leave_once(app: &App, id: &str) -> Result<(), RecordError> {
    let (Some(before), expect) = read(app, id).await? else {
        return Ok(());
    };
    let now = app.clock.now();
    let subscriber = Subscriber { state: State::Unsubscribed, ..before };
    let mut batch = Batch::new(partition(id));
    let key = records::subject_key(app, &partition(id), id, &mut batch).await?;
    let ends = ends(&subscriber, now);
    records::put_sealed(&mut batch, &key, SUBSCRIBERS, id, expect, &subscriber, ends)?;
    Ok(app.store.commit(batch).await?)
}

/// Ends a subscription that was confirmed before an instant, because its reader told the mail processor so;
/// whether they have confirmed another one since.
///
/// # Errors
/// [`RecordError`]; nothing was written.
pub async fn withdraw(app: &App, email: &Email, at: Timestamp) -> Result<bool, RecordError> {
    let id = app.sealer.lookup("subscriber", &email.as_str().to_lowercase());
    let (found, _) = read(app, &id).await?;
    if found.is_some_and(|found| found.confirmed.is_some_and(|confirmed| confirmed > at)) {
        return Ok(true);
    }
    leave(app, &id).await?;
    Ok(false)
}

/// Every subscriber, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let scan =
            Scan { collection: SUBSCRIBERS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            if let Some((found, _)) = records::read_sealed::<Subscriber>(app, &address, &address.key).await? {
                let Subscriber { email, state, created, confirmed, request, .. } = found;
                let (policy, page) = request.map(|request| (request.policy, request.page)).unzip();
                lines.push(Line { email, state, created, confirmed, policy, page });
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    lines.sort_by_key(|line| line.created);
    Ok(lines)
}

/// What a request makes of a subscriber, and whether a letter is to be written.
fn asked(
    before: Option<Subscriber>,
    email: &Email,
    language: Language,
    page: &str,
    now: Timestamp,
) -> (Subscriber, bool) {
    let fresh = |created| Subscriber {
        email: email.as_str().to_owned(),
        language,
        state: State::Pending,
        created,
        asked: now,
        confirmed: None,
        request: Some(Request { at: now, policy: POLICY_VERSION.into(), page: page.to_owned() }),
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

fn ends(subscriber: &Subscriber, now: Timestamp) -> Option<Timestamp> {
    match subscriber.state {
        State::Pending => Some(PENDING.end(subscriber.asked)),
        State::Confirmed => subscriber.confirmed.map(|confirmed| CONFIRMED.end(confirmed)),
        State::Unsubscribed => Some(LEFT.end(now)),
    }
}

async fn read(app: &App, id: &str) -> Result<(Option<Subscriber>, Expect), RecordError> {
    let address = Address::new(SUBSCRIBERS, partition(id), id);
    let found = records::read_sealed::<Subscriber>(app, &address, id).await?;
    Ok(found.map_or((None, Expect::Absent), |(found, version)| (Some(found), Expect::Version(version))))
}

/// Spread over 256 partitions, so that no single one holds every subscriber.
fn partition(id: &str) -> String {
    format!("newsletter-{}", id.get(..2).unwrap_or_default())
}

fn link(
    app: &App,
    page: &str,
    purpose: &'static str,
    id: &str,
    until: Timestamp,
    language: Language,
) -> String {
    let token = app.tokens.sign(purpose, id, until);
    let lang = if language == Language::En { "&lang=en" } else { "" };
    format!("{}/newsletter/{page}?jeton={token}{lang}", app.settings.base_url)
}

fn mail(
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

/// Whether a step is to be taken again, because somebody else wrote in between.
fn lost_race<T>(outcome: &Result<T, RecordError>) -> bool {
    matches!(outcome, Err(RecordError::Store(StoreError::Conflict(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn asking_again_at_once_sends_no_second_letter() {
        let email = Email::parse("a@example.org").unwrap();
        let (first, written) = asked(None, &email, Language::Fr, "/newsletter/", at(0));
        assert!(written && first.state == State::Pending);
        let (second, written) = asked(Some(first), &email, Language::Fr, "/newsletter/", at(599));
        assert!(!written);
        let (third, written) = asked(Some(second), &email, Language::Fr, "/newsletter/", at(600));
        assert!(written);
        assert_eq!(third.created, at(0));
    }

    #[tokio::test]
    async fn who_left_is_not_brought_back_by_an_old_link() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
        let email = Email::parse("a@example.org").unwrap();
        let id = app.sealer.lookup("subscriber", "a@example.org");
        assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Gone);
        ask(&app, &email, Language::Fr, "/newsletter/").await.unwrap();
        assert_eq!(list(&app).await.unwrap()[0].state, State::Pending);
        assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Yes);
        assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Yes);
        leave(&app, &id).await.unwrap();
        leave(&app, &id).await.unwrap();
        assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Gone);
        assert_eq!(list(&app).await.unwrap()[0].state, State::Unsubscribed);
    }

    #[test]
    fn p_newsletter_fields_the_proof_of_consent_names_the_policy_and_the_page() {
        let email = Email::parse("a@example.org").unwrap();
        let (first, _) = asked(None, &email, Language::Fr, "/newsletter/", at(0));
        let request = Request { at: at(0), policy: "2023-01-25".into(), page: "/newsletter/".into() };
        assert_eq!(first.request.as_ref(), Some(&request));
        let confirmed = Subscriber { state: State::Confirmed, confirmed: Some(at(60)), ..first };
        let (again, written) = asked(Some(confirmed), &email, Language::En, "/en/", at(900));
        assert!(!written);
        assert_eq!(again.request, Some(request), "asking again does not alter the proof");
        assert_eq!(ends(&again, at(900)), Some("1973-01-01T00:01:00Z".parse().unwrap()), "three years later");
    }
}
