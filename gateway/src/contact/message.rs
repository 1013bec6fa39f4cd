//! What a message is, and how it is recorded.

use aops_manifest::Language;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::email::Email;
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::retention::{Ground, Retention, Term};
use crate::sealing::{hex, random};
use crate::store::{Batch, Expect, Scan, StoreError};

const PARTITION: &str = "contact";
const MESSAGES: &str = "messages";

/// Messages of prospects (`p-retention`).
const KEPT: Retention = Retention {
    what: "messages of the contact form",
    term: Term::Years(3),
    from: "the last contact",
    ground: Ground::LegitimateInterest,
};

/// A message as its writer sent it: the promised fields (`p-contact-fields`), an address to answer to, and
/// the message itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// Last name.
    pub nom: String,
    /// First name.
    pub prenom: String,
    /// Where to answer.
    pub email: Email,
    /// Optional.
    pub telephone: Option<String>,
    /// Company.
    pub raison_sociale: String,
    /// Its address.
    pub adresse: String,
    /// The message.
    pub message: String,
    /// The language of the page that it was written on.
    pub language: Language,
}

/// A line of `aops admin messages list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// When it was received.
    pub created: Timestamp,
}

/// Keeps a message and answers it, in one batch.
///
/// # Errors
/// [`RecordError`]; nothing was recorded then.
pub async fn record(app: &App, message: Message) -> Result<(), RecordError> {
    let subject = app.sealer.lookup("contact address", &message.email.folded());
    let line = Line { message, created: app.clock.now() };
    match record_under(app, &subject, &line).await {
        // Two first messages of one person at once: by now the key of one of them stands.
        Err(RecordError::Store(StoreError::Conflict(_))) => record_under(app, &subject, &line).await?,
        settled => settled?,
    }
    app.outbox_wake.notify_one();
    Ok(())
}

/// Every message, the oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    let mut scan = Scan {
        collection: MESSAGES,
        partition: Some(PARTITION.into()),
        prefix: String::new(),
        after: None,
        limit: 1_000,
    };
    loop {
        let page = app.store.scan(scan.clone()).await?;
        for (address, _) in page.documents {
            let subject = address.key.rsplit('.').next().unwrap_or_default().to_owned();
            lines.extend(records::read_sealed::<Line>(app, &address, &subject).await?.map(|(line, _)| line));
        }
        match page.next {
            Some(next) => scan.after = Some(next),
            None => return Ok(lines),
        }
    }
}

async fn record_under(app: &App, subject: &str, line: &Line) -> Result<(), RecordError> {
    let now = line.created;
    let message = &line.message;
    let mut batch = Batch::new(PARTITION);
    let key = records::subject_key(app, PARTITION, subject, &mut batch).await?;
    // Names follow time, and end in whose key opens them.
    let name = format!("{:015}-{}.{subject}", now.as_millisecond().max(0), hex(&random::<8>()?));
    records::put_sealed(&mut batch, &key, MESSAGES, &name, Expect::Absent, line, Some(KEPT.end(now)))?;
    let mail = |to: Email, template: &str, language: Language| Mail {
        to,
        template: template.into(),
        language,
        purpose: Purpose::Contact,
        context: json!(message),
        unsubscribe: None,
        subject: subject.to_owned(),
    };
    let receipt = mail(message.email.clone(), "contact_accuse", message.language);
    outbox::enqueue(&mut batch, &key, now, &receipt)?;
    if let Ok(staff) = Email::parse(&app.settings.mail.staff) {
        outbox::enqueue(&mut batch, &key, now, &mail(staff, "contact_equipe", Language::Fr))?;
    }
    Ok(app.store.commit(batch).await?)
}
