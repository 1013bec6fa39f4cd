//! What a subscription is, and the three things that can happen to it.

use aops_manifest::Language;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::retention::{Ground, Retention, Term};
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::tokens::TokenError;

/// Where subscribers stand: a partition and a collection of their own.
const PARTITION: &str = "newsletter";
const SUBSCRIBERS: &str = "subscribers";

/// What confirmation links are signed for.
const CONFIRMATION: &str = "newsletter confirmation";
/// What unsubscription links are signed for.
const UNSUBSCRIPTION: &str = "newsletter unsubscription";

/// How long a confirmation link is good.
const CONFIRMATION_TERM: SignedDuration = SignedDuration::from_hours(72);
/// How long before the same address is sent another confirmation link.
const RESEND_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The version of the privacy policy that a confirmation accepts.
const POLICY_VERSION: &str = "2023-01-25";

/// Addresses that were never confirmed.
const UNCONFIRMED: Retention = Retention {
    what: "newsletter addresses awaiting confirmation",
    term: Term::Days(30),
    from: "the request",
    ground: Ground::LegitimateInterest,
};

/// Confirmed addresses of prospects (`p-retention`).
const CONFIRMED: Retention = Retention {
    what: "newsletter addresses",
    term: Term::Years(3),
    from: "the last contact",
    ground: Ground::LegitimateInterest,
};

/// How often a change is tried again when another one came first.
const TRIES: usize = 5;

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Asked for, not confirmed.
    Pending,
    /// Confirmed by whoever reads the mailbox.
    Confirmed,
    /// Left.
    Unsubscribed,
}

/// One subscription.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Subscriber {
    email: Email,
    state: State,
    language: Language,
    created: Timestamp,
    /// When the last confirmation link was sent.
    asked: Timestamp,
    /// When and under which policy it was confirmed: the proof of consent (GDPR art. 7.1).
    proof: Option<Proof>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Proof {
    at: Timestamp,
    policy: String,
    page: String,
}

/// A line of `aops admin subscribers list`.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The address.
    pub email: Email,
    /// Where it stands.
    pub state: State,
    /// When it was first asked for.
    pub created: Timestamp,
}

/// What a confirmation link led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// It is confirmed, by this request or an earlier one.
    Yes,
    /// The link was good once.
    Expired,
    /// The link is not one of ours.
    Invalid,
}

/// Takes an address. Nothing tells the caller whether it was known.
///
/// # Errors
/// [`RecordError`]; nothing was recorded then.
pub async fn subscribe(app: &App, email: &Email, language: Language) -> Result<(), RecordError> {
    let name = app.sealer.lookup("newsletter address", &email.folded());
    retried(|| Box::pin(try_subscribe(app, &name, email, language))).await?;
    app.outbox_wake.notify_one();
    Ok(())
}

async fn try_subscribe(app: &App, name: &str, email: &Email, language: Language) -> Result<(), RecordError> {
    let now = app.clock.now();
    let found = read(app, name).await?;
    let (created, expect) = match &found {
        Some((known, _)) if known.state == State::Confirmed => return Ok(()),
        Some((known, _)) if known.state == State::Pending && now < later(known.asked, RESEND_AFTER) => {
            return Ok(());
        }
        Some((known, version)) => (known.created, Expect::Version(*version)),
        None => (now, Expect::Absent),
    };
    let mut batch = Batch::new(PARTITION);
    let key = records::subject_key(app, PARTITION, name, &mut batch).await?;
    let pending = Subscriber {
        email: email.clone(),
        state: State::Pending,
        language,
        created,
        asked: now,
        proof: None,
    };
    records::put_sealed(&mut batch, &key, SUBSCRIBERS, name, expect, &pending, Some(UNCONFIRMED.end(now)))?;
    let token = app.tokens.sign(CONFIRMATION, name, later(now, CONFIRMATION_TERM));
    let link = format!("{}/newsletter/confirmation?jeton={token}{}", app.settings.base_url, suffix(language));
    let mail = mail(&pending, name, "newsletter_confirmation", json!({ "link": link }), None);
    outbox::enqueue(&mut batch, &key, now, &mail)?;
    Ok(app.store.commit(batch).await?)
}

/// Follows a confirmation link.
///
/// # Errors
/// [`RecordError`].
pub async fn confirm(app: &App, token: &str) -> Result<Confirmed, RecordError> {
    let now = app.clock.now();
    let name = match app.tokens.verify(CONFIRMATION, token, now) {
        Ok(name) => name,
        Err(TokenError::Expired) => return Ok(Confirmed::Expired),
        Err(TokenError::Invalid) => return Ok(Confirmed::Invalid),
    };
    let outcome = retried(|| Box::pin(try_confirm(app, &name))).await?;
    app.outbox_wake.notify_one();
    Ok(outcome)
}

async fn try_confirm(app: &App, name: &str) -> Result<Confirmed, RecordError> {
    let now = app.clock.now();
    let Some((known, version)) = read(app, name).await? else {
        return Ok(Confirmed::Expired);
    };
    match known.state {
        State::Confirmed => return Ok(Confirmed::Yes),
        // Whoever left comes back by asking again, not by an old link.
        State::Unsubscribed => return Ok(Confirmed::Expired),
        State::Pending => {}
    }
    let mut batch = Batch::new(PARTITION);
    let key = records::subject_key(app, PARTITION, name, &mut batch).await?;
    let proof = Proof { at: now, policy: POLICY_VERSION.into(), page: "/newsletter/".into() };
    let confirmed = Subscriber { state: State::Confirmed, proof: Some(proof), ..known };
    let expect = Expect::Version(version);
    records::put_sealed(&mut batch, &key, SUBSCRIBERS, name, expect, &confirmed, Some(CONFIRMED.end(now)))?;
    let link = unsubscription_link(app, name, confirmed.language);
    let mail = mail(&confirmed, name, "newsletter_bienvenue", json!({}), Some(link));
    outbox::enqueue(&mut batch, &key, now, &mail)?;
    app.store.commit(batch).await?;
    Ok(Confirmed::Yes)
}

/// Whether an unsubscription link is one of ours; such links never expire.
pub fn may_unsubscribe(app: &App, token: &str) -> bool {
    app.tokens.verify(UNSUBSCRIPTION, token, app.clock.now()).is_ok()
}

/// Follows an unsubscription link: from now on nothing more is sent. Whether the link was one of ours.
///
/// # Errors
/// [`RecordError`].
pub async fn unsubscribe(app: &App, token: &str) -> Result<bool, RecordError> {
    let Ok(name) = app.tokens.verify(UNSUBSCRIPTION, token, app.clock.now()) else {
        return Ok(false);
    };
    retried(|| Box::pin(try_unsubscribe(app, &name))).await?;
    Ok(true)
}

async fn try_unsubscribe(app: &App, name: &str) -> Result<(), RecordError> {
    let now = app.clock.now();
    let Some((known, version)) = read(app, name).await? else {
        return Ok(());
    };
    if known.state == State::Unsubscribed {
        return Ok(());
    }
    let mut batch = Batch::new(PARTITION);
    let key = records::subject_key(app, PARTITION, name, &mut batch).await?;
    let left = Subscriber { state: State::Unsubscribed, ..known };
    let end = Some(CONFIRMED.end(now));
    records::put_sealed(&mut batch, &key, SUBSCRIBERS, name, Expect::Version(version), &left, end)?;
    Ok(app.store.commit(batch).await?)
}

/// Every subscription, in order of first request.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    let mut scan = Scan {
        collection: SUBSCRIBERS,
        partition: Some(PARTITION.into()),
        prefix: String::new(),
        after: None,
        limit: 1_000,
    };
    loop {
        let page = app.store.scan(scan.clone()).await?;
        for (address, _) in page.documents {
            if let Some((known, _)) = read(app, &address.key).await? {
                lines.push(Line { email: known.email, state: known.state, created: known.created });
            }
        }
        match page.next {
            Some(next) => scan.after = Some(next),
            None => break,
        }
    }
    lines.sort_by(|a, b| (a.created, &a.email).cmp(&(b.created, &b.email)));
    Ok(lines)
}

async fn read(app: &App, name: &str) -> Result<Option<(Subscriber, u64)>, RecordError> {
    records::read_sealed(app, &Address::new(SUBSCRIBERS, PARTITION, name), name).await
}

/// Tries again from the reading when another change came first.
async fn retried<'a, T>(act: impl Fn() -> BoxFuture<'a, Result<T, RecordError>>) -> Result<T, RecordError> {
    for _ in 1..TRIES {
        match act().await {
            Err(RecordError::Store(StoreError::Conflict(_))) => {}
            settled => return settled,
        }
    }
    act().await
}

fn mail(
    subscriber: &Subscriber,
    name: &str,
    template: &str,
    context: serde_json::Value,
    unsubscribe: Option<String>,
) -> Mail {
    Mail {
        to: subscriber.email.clone(),
        template: template.into(),
        language: subscriber.language,
        purpose: Purpose::Information,
        context,
        unsubscribe,
        subject: name.to_owned(),
    }
}

fn unsubscription_link(app: &App, name: &str, language: Language) -> String {
    let token = app.tokens.sign(UNSUBSCRIPTION, name, Timestamp::MAX);
    format!("{}/newsletter/desinscription?jeton={token}{}", app.settings.base_url, suffix(language))
}

fn suffix(language: Language) -> &'static str {
    if language == Language::En { "&lang=en" } else { "" }
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}
