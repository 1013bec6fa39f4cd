//! The two forms, a message and a complaint: they ask for the same fields.

use std::net::IpAddr;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::spam;
use super::thread::{self, COMPLAINT, Kind, MESSAGES, Message, State as Standing, Thread};
use crate::antispam::{self, Verdict};
use crate::app::{App, SharedApp};
use crate::outbox::{self, Mail, Purpose};
use crate::records::{self, RecordError};
use crate::store::{Address, Batch, Expect, StoreError};
use crate::typed::in_order;
use crate::web::WebError;
use crate::web::posted::{self, Posted};

const FIELDS: [&str; 7] = ["nom", "prenom", "email", "telephone", "raison_sociale", "adresse", "message"];
const THANKS: &str = "/contact/merci";
/// So much of a message's hash is its name.
const ID_DIGITS: usize = 24;
/// The same message of the same sender within this time is one message posted twice.
const TWICE: SignedDuration = SignedDuration::from_mins(10);
const TRIES: usize = 5;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/contact", post(write))
        .route("/reclamation", post(complain))
        .route("/contact/merci", get(thanks))
}

/// `POST /contact`.
async fn write(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    receive(&app, &posted, Kind::Question, "contact").await
}

/// `POST /reclamation`.
async fn complain(State(app): State<SharedApp>, posted: Posted) -> Result<Response, WebError> {
    receive(&app, &posted, Kind::Reclamation, "reclamation").await
}

async fn receive(
    app: &SharedApp,
    posted: &Posted,
    kind: Kind,
    form: &'static str,
) -> Result<Response, WebError> {
    let action = format!("/{form}");
    if antispam::trapped(posted, form) {
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
        (Err(errors), _) => return Ok(posted.refused(app, form, &action, &errors)),
        (Ok(()), None) => return Err(WebError::Internal("a wrong address passed".into())),
    };
    let (created, language) = (app.clock.now(), posted.language);
    let message = Message {
        nom,
        prenom,
        email,
        telephone,
        raison_sociale,
        adresse,
        message,
        created,
        kind,
        language,
        spam: spam::Spam::default(),
    };
    let [id, before] = ids(app, &message, posted.peer)?;
    if kept_lately(app, &message, &id).await? || kept_lately(app, &message, &before).await? {
        return Ok(posted.accepted(THANKS));
    }
    let doubts = match antispam::judge(app, posted, form, &action).await? {
        Verdict::Ask(page) => return Ok(*page),
        Verdict::Keep(doubts) => doubts,
    };
    let names = [&message.nom, &message.prenom, &message.raison_sociale, &message.adresse];
    let spam = spam::judge(&names.map(String::as_str), &message.message, &doubts);
    keep(app, &id, &Message { spam, ..message }).await?;
    Ok(posted.accepted(THANKS))
}

/// `GET /contact/merci`.
async fn thanks(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Response {
    posted::thanks(&app, "contact", &uri, &headers)
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
async fn kept_lately(app: &App, message: &Message, id: &str) -> Result<bool, RecordError> {
    let partition = thread::partition(app, &message.email);
    let address = Address::new(MESSAGES, &partition, id);
    let found = records::read_sealed::<Message>(app, &address, &partition).await?;
    Ok(found.is_some_and(|(found, _)| message.created.duration_since(found.created) < TWICE))
}

/// The message, its thread and its two letters, together or not at all.
async fn keep(app: &App, id: &str, message: &Message) -> Result<(), RecordError> {
    let partition = thread::partition(app, &message.email);
    let mut tries = 0;
    loop {
        let mut batch = Batch::new(&partition);
        let key = records::subject_key(app, &partition, &partition, &mut batch).await?;
        records::put_sealed(&mut batch, &key, MESSAGES, id, Expect::Absent, message, None)?;
        let before = thread::read(app, &partition).await?;
        let answer_by = (message.kind == Kind::Reclamation).then(|| COMPLAINT.after(message.created));
        let (thread, expect) = match before {
            Some((before, version)) => {
                let thread = Thread {
                    state: Standing::Open,
                    language: message.language,
                    contact: message.created,
                    answer_by: before.answer_by.or(answer_by),
                    closed: None,
                    warned: None,
                    ..before
                };
                (thread, Expect::Version(version))
            }
            None => (new_thread(message, answer_by), Expect::Anything),
        };
        thread::put(app, &mut batch, &key, &thread, expect)?;
        for mail in letters(app, id, message, &partition, answer_by) {
            outbox::enqueue(app, &mut batch, &key, &mail)?;
        }
        match app.store.commit(batch).await {
            Ok(()) => break,
            // The same message was posted at the same time, and is kept.
            Err(StoreError::Conflict(place)) if place.collection == MESSAGES => break,
            Err(StoreError::Conflict(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
    app.outbox.wake();
    Ok(())
}

fn new_thread(message: &Message, answer_by: Option<Timestamp>) -> Thread {
    Thread {
        state: Standing::Open,
        email: message.email.clone(),
        language: message.language,
        created: message.created,
        contact: message.created,
        answer_by,
        closed: None,
        satisfaction: None,
        client: false,
        warned: None,
    }
}

/// The receipt, and the notice to the firm.
fn letters(app: &App, id: &str, message: &Message, subject: &str, answer_by: Option<Timestamp>) -> [Mail; 2] {
    let complaint = message.kind == Kind::Reclamation;
    let template = if complaint { "reclamation_accuse" } else { "contact_accuse" };
    let by = answer_by.map(|at| at.to_string());
    let receipt = Mail {
        to: message.email.clone(),
        reply_to: Some(app.settings.mail.staff.clone()),
        template: template.into(),
        language: message.language,
        purpose: Purpose::Contact,
        context: json!({ "message": in_order(&message.message), "reference": id, "answer_by": by }),
        unsubscribe: None,
        subject: subject.to_owned(),
    };
    let notice = Mail {
        to: app.settings.mail.staff.clone(),
        reply_to: Some(message.email.clone()),
        template: "contact_equipe".into(),
        language: aops_manifest::Language::Fr,
        purpose: Purpose::Staff,
        context: json!({
            "reference": id,
            "complaint": complaint,
            "answer_by": by,
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
    [receipt, notice]
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::list;
    use super::*;
    use crate::testing;

    const COMPANY: &str = "raison_sociale=C&adresse=D";

    fn form(message: &str) -> String {
        format!("nom=A&prenom=B&email=a%40example.org&{COMPANY}&message={message}")
    }

    #[tokio::test]
    async fn a_message_is_kept_as_typed_with_its_two_letters() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let answer = testing::post(&app, "/contact", &HeaderMap::new(), &form("un%0D%0Adeux")).await;
        assert_eq!((answer.status(), testing::location(&answer)), (StatusCode::SEE_OTHER, "/contact/merci"));
        let kept = list(&app).await.unwrap();
        assert_eq!((kept.len(), kept[0].message.message.as_str()), (1, "un\ndeux"));
        let letters = outbox::list(&app).await.unwrap();
        let mut purposes: Vec<_> = letters.iter().map(|letter| letter.purpose.as_str()).collect();
        purposes.sort_unstable();
        assert_eq!(purposes, ["contact", "staff"]);
    }

    #[tokio::test]
    async fn p_contact_fields_a_faulty_message_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let faulty = "nom=A&role=admin&email=a%40example.org";
        for path in ["/contact", "/reclamation"] {
            let answer = testing::post(&app, path, &HeaderMap::new(), faulty).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        }
        let more = format!("{}&role=admin", form("un"));
        let answer = testing::post(&app, "/contact", &HeaderMap::new(), &more).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "a field that is not promised");
        assert!(list(&app).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_same_message_posted_twice_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (one, none) = (form("un"), HeaderMap::new());
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
    async fn the_same_words_an_hour_later_are_another_message_of_the_same_thread() {
        let folder = tempfile::tempdir().unwrap();
        for (hours, kept) in [(0, 1), (1, 2)] {
            let app = testing::app(folder.path(), SignedDuration::from_hours(hours)).await;
            let app = std::sync::Arc::new(app);
            testing::post(&app, "/contact", &HeaderMap::new(), &form("un")).await;
            let listed = list(&app).await.unwrap();
            assert_eq!(listed.len(), kept);
            assert_eq!(listed[0].thread, listed[kept - 1].thread);
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
        let mut kept: Vec<_> = list(&app).await.unwrap().into_iter().map(|line| line.message.nom).collect();
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

    #[tokio::test]
    async fn a_complaint_has_a_day_by_which_it_is_answered_two_months_later() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        testing::post(&app, "/reclamation", &HeaderMap::new(), &form("un")).await;
        testing::post(&app, "/contact", &HeaderMap::new(), &form("deux")).await;
        let listed = list(&app).await.unwrap();
        assert_eq!((listed[0].message.kind, listed[1].message.kind), (Kind::Reclamation, Kind::Question));
        let by = Some(COMPLAINT.after(listed[0].message.created));
        assert_eq!(
            (listed[0].answer_by, listed[1].answer_by),
            (by, by),
            "another message does not put it off"
        );
    }
}
