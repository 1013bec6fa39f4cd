//! The contact form: a message is kept, acknowledged, and told to the firm. Answering it is people's work.

use std::net::IpAddr;

use aops_manifest::Language;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::antispam::{self, Verdict};
use crate::app::{App, SharedApp};
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::retention::{Ground, Retention, Term, Then};
use crate::store::{Address, Batch, Expect, Scan, StoreError};
use crate::typed::in_order;
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render};

const MESSAGES: &str = "messages";
const PAGE: usize = 500;
const FIELDS: [&str; 7] = ["nom", "prenom", "email", "telephone", "raison_sociale", "adresse", "message"];
const THANKS: &str = "/contact/merci";
/// So much of a message's hash is its name.
const ID_DIGITS: usize = 24;
/// The same message of the same sender within this time is one message posted twice.
const TWICE: SignedDuration = SignedDuration::from_mins(10);

/// A prospect's message.
const KEPT: Retention = Retention {
    what: "contact message",
    term: Term::Years(3),
    from: "message",
    ground: Ground::LegitimateInterest,
    then: Then::Delete,
};

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
}

/// The routes of this feature.
pub fn routes() -> Router<SharedApp> {
    Router::new().route("/contact", post(write)).route("/contact/merci", get(thanks))
}

/// Every message, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Message>, RecordError> {
    let mut messages = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { collection: MESSAGES, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, _) in page.documents {
            let found = records::read_sealed::<Message>(app, &address, &address.key).await?;
            messages.extend(found.map(|(message, _)| message));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    messages.sort_by_key(|message| message.created);
    Ok(messages)
}

/// `POST /contact`.
async fn write(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    if antispam::trapped(&posted, "contact") {
        return Ok(posted.accepted(THANKS));
    }
    let mut checker = posted.check(&[&FIELDS[..], &antispam::FIELDS].concat());
    let nom = checker.text("nom", 1..=100);
    let prenom = checker.text("prenom", 1..=100);
    let email = checker.email("email");
    let telephone = checker.optional_phone("telephone");
    let raison_sociale = checker.text("raison_sociale", 1..=200);
    let adresse = checker.text("adresse", 1..=300);
    let message = checker.long_text("message", 1..=5_000);
    let email = match (checker.finish(), email) {
        (Ok(()), Some(email)) => email.as_str().to_owned(),
        (Err(errors), _) => return Ok(posted.refused(&app, "contact", "/contact", &errors)),
        (Ok(()), None) => return Err(WebError::Internal("a wrong address passed".into())),
    };
    let created = app.clock.now();
    let message = Message { nom, prenom, email, telephone, raison_sociale, adresse, message, created };
    let [id, before] = ids(&app, &message, posted.peer)?;
    if kept_lately(&app, &id, created).await? || kept_lately(&app, &before, created).await? {
        return Ok(posted.accepted(THANKS));
    }
    if let Verdict::Ask(page) = antispam::judge(&app, &posted, "contact", "/contact").await? {
        return Ok(*page);
    }
    keep(&app, &id, &message, posted.language).await?;
    Ok(posted.accepted(THANKS))
}

/// `GET /contact/merci`.
async fn thanks(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    let language = negotiation::language(&uri, &headers);
    let context = json!({ "kind": "contact" });
    render(&app, StatusCode::OK, language, "merci.contact.title", "gateway/merci.html", context)
}

/// The name of a message now, and the one that it would have got a moment before: the same words of the same
/// sender have the same name, whatever the button was pressed twice for.
fn ids(app: &App, message: &Message, sender: IpAddr) -> Result<[String; 2], RecordError> {
    let fault = |error: serde_json::Error| RecordError::Shape { at: MESSAGES.into(), why: error.to_string() };
    let moment = message.created.as_second().div_euclid(TWICE.as_secs());
    let words = Message { created: Timestamp::UNIX_EPOCH, ..message.clone() };
    let words = serde_json::to_string(&words).map_err(fault)?;
    Ok([moment, moment - 1].map(|moment| {
        let hash = app.sealer.lookup("contact message", &format!("{moment} {sender} {words}"));
        format!("msg_{}", hash.get(..ID_DIGITS).unwrap_or_default())
    }))
}

/// Whether a message of this name was kept within the time in which it counts as the same one.
async fn kept_lately(app: &App, id: &str, now: Timestamp) -> Result<bool, RecordError> {
    let found = records::read_sealed::<Message>(app, &Address::new(MESSAGES, id, id), id).await?;
    Ok(found.is_some_and(|(message, _)| now.duration_since(message.created) < TWICE))
}

/// The message and its two letters, together or not at all; each message has a key and a partition of its own.
async fn keep(app: &App, id: &str, message: &Message, language: Language) -> Result<(), RecordError> {
    let mut batch = Batch::new(id);
    let key = records::subject_key(app, id, id, &mut batch).await?;
    let ends = Some(KEPT.end(message.created));
    records::put_sealed(&mut batch, &key, MESSAGES, id, Expect::Absent, message, ends)?;
    let receipt = Mail {
        to: message.email.clone(),
        reply_to: None,
        template: "contact_accuse".into(),
        language,
        purpose: Purpose::Contact,
        context: json!({ "message": in_order(&message.message) }),
        unsubscribe: None,
        subject: id.to_owned(),
    };
    let notice = Mail {
        to: app.settings.mail.staff.clone(),
        reply_to: Some(message.email.clone()),
        purpose: Purpose::Staff,
        template: "contact_equipe".into(),
        language: Language::Fr,
        context: json!({
            "nom": in_order(&message.nom),
            "prenom": in_order(&message.prenom),
            "email": message.email,
            "telephone": message.telephone.as_deref().unwrap_or_default(),
            "raison_sociale": in_order(&message.raison_sociale),
            "adresse": in_order(&message.adresse),
            "message": in_order(&message.message),
        }),
        ..receipt.clone()
    };
    for mail in [&receipt, &notice] {
        outbox::enqueue(app, &mut batch, &key, mail)?;
    }
    match app.store.commit(batch).await {
        // The same message was posted at the same time, and is kept.
        Ok(()) | Err(StoreError::Conflict(_)) => {}
        Err(error) => return Err(error.into()),
    }
    app.outbox.wake();
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_message_is_kept_as_typed_with_its_two_letters() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let form = "nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=un%0D%0Adeux";
        let answer = testing::post(&app, "/contact", &HeaderMap::new(), form).await;
        assert_eq!((answer.status(), testing::location(&answer)), (StatusCode::SEE_OTHER, "/contact/merci"));
        let kept = list(&app).await.unwrap();
        assert_eq!((kept.len(), kept[0].message.as_str()), (1, "un\ndeux"));
        let scan =
            Scan { collection: "outbox", partition: None, prefix: String::new(), after: None, limit: 9 };
        assert_eq!(app.store.scan(scan).await.unwrap().documents.len(), 2);
    }

    #[tokio::test]
    async fn a_faulty_message_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let answer =
            testing::post(&app, "/contact", &HeaderMap::new(), "nom=A&role=admin&email=a%40example.org")
                .await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(list(&app).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_same_message_posted_twice_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let form = |message: &str| {
            format!("nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message={message}")
        };
        let one = form("un");
        let none = HeaderMap::new();
        let both = tokio::join!(
            testing::post(&app, "/contact", &none, &one),
            testing::post(&app, "/contact", &none, &one)
        );
        for answer in [both.0, both.1, testing::post(&app, "/contact", &none, &one).await] {
            assert_eq!(testing::location(&answer), "/contact/merci");
        }
        assert_eq!(list(&app).await.unwrap().len(), 1);
        testing::post(&app, "/contact", &none, &form("deux")).await;
        assert_eq!(list(&app).await.unwrap().len(), 2, "other words are another message");
    }

    #[tokio::test]
    async fn the_same_words_an_hour_later_are_another_message() {
        let folder = tempfile::tempdir().unwrap();
        let form = "nom=A&prenom=B&email=a%40example.org&raison_sociale=C&adresse=D&message=un";
        for (hours, kept) in [(0, 1), (1, 2)] {
            let app = testing::app(folder.path(), SignedDuration::from_hours(hours)).await;
            let app = std::sync::Arc::new(app);
            testing::post(&app, "/contact", &HeaderMap::new(), form).await;
            assert_eq!(list(&app).await.unwrap().len(), kept);
        }
    }

    #[tokio::test]
    async fn whatever_visitors_type_is_kept_as_it_is_and_reorders_no_letter_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let typed = ["👩‍🔬", "שלום", "<script>alert(1)</script>", "a\u{202e}b"];
        for text in typed {
            let value = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            let form = format!(
                "nom={value}&prenom={value}&email=a%40example.org&raison_sociale={value}&adresse={value}&message={value}"
            );
            let answer = testing::post(&app, "/contact", &HeaderMap::new(), &form).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{text}");
        }
        let mut kept: Vec<_> = list(&app).await.unwrap().into_iter().map(|message| message.nom).collect();
        kept.sort();
        let mut expected = typed.map(String::from);
        expected.sort();
        assert_eq!(kept, expected);
        for name in ["nom", "prenom", "raison_sociale", "adresse"] {
            let form = format!("{name}={}", "é".repeat(10_000));
            let answer = testing::post(&app, "/contact", &HeaderMap::new(), &form).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        }
    }
}
