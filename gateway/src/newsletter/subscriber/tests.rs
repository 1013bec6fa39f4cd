use super::*;
use crate::clock::Clock;
use crate::inventory::SHAPES;
use crate::records::{KEYS, Newer, verify};
use crate::retention::{Terms, run};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn request(second: i64, page: &str) -> Request {
    Request { at: at(second), policy: "2023-01-25".into(), page: page.into(), text: Some("a1".into()) }
}

/// Proves p-newsletter-fields.
#[test]
fn asking_again_at_once_sends_no_second_letter() {
    let email = Email::parse("a@example.org").unwrap();
    let ask =
        |before, second| asked(before, &email, Language::Fr, request(second, "/newsletter/"), at(second));
    let (first, written) = ask(None, 0);
    assert!(written && first.state == State::Pending);
    let (second, written) = ask(Some(first), 599);
    assert!(!written);
    let (third, written) = ask(Some(second), 600);
    assert!(written);
    assert_eq!(third.created, at(0));
}

#[tokio::test]
async fn who_left_is_not_brought_back_by_an_old_link() {
    let folder = tempfile::tempdir().unwrap();
    let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
    let email = Email::parse("a@example.org").unwrap();
    let id = id(&app, &email);
    assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Gone);
    ask(&app, &email, Language::Fr, "/newsletter/").await.unwrap();
    assert_eq!(list(&app).await.unwrap()[0].state, State::Pending);
    assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Yes);
    assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Yes);
    leave(&app, &id, None).await.unwrap();
    leave(&app, &id, None).await.unwrap();
    assert_eq!(confirm(&app, &id).await.unwrap(), Confirmed::Gone);
    assert_eq!(list(&app).await.unwrap()[0].state, State::Unsubscribed);
    assert!(!choose(&app, &id, Some(Language::En)).await.unwrap(), "nor by a choice");
}

#[tokio::test]
async fn p_marketing_optout_who_left_is_on_the_list_until_they_confirm_anew() {
    let folder = tempfile::tempdir().unwrap();
    let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
    let email = Email::parse("a@example.org").unwrap();
    let id = id(&app, &email);
    let blocked = async || suppression::blocks(&app, &email, Purpose::Newsletter).await.unwrap();
    ask(&app, &email, Language::Fr, "/newsletter/").await.unwrap();
    confirm(&app, &id).await.unwrap();
    assert_eq!(blocked().await, None);
    leave(&app, &id, None).await.unwrap();
    assert_eq!(blocked().await, Some(Reason::Unsubscribe));
    ask(&app, &email, Language::Fr, "/newsletter/").await.unwrap();
    assert_eq!(blocked().await, Some(Reason::Unsubscribe), "anybody may ask");
    confirm(&app, &id).await.unwrap();
    assert_eq!(blocked().await, None);
}

#[tokio::test]
async fn one_address_is_one_subscriber_however_its_domain_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
    for text in ["a@société.example", "A@SOCIÉTÉ.example", "a@xn--socit-esab.example"] {
        ask(&app, &Email::parse(text).unwrap(), Language::Fr, "/newsletter/").await.unwrap();
    }
    ask(&app, &Email::parse("a+b@société.example").unwrap(), Language::Fr, "/").await.unwrap();
    assert_eq!(list(&app).await.unwrap().len(), 2, "what stands after + makes another address");
}

#[test]
fn p_newsletter_fields_the_proof_of_consent_names_the_policy_the_words_and_the_page() {
    let email = Email::parse("a@example.org").unwrap();
    let (first, _) = asked(None, &email, Language::Fr, request(0, "/newsletter/"), at(0));
    assert_eq!(first.request.as_ref(), Some(&request(0, "/newsletter/")));
    let confirmed =
        Subscriber { state: State::Confirmed, confirmed: Some(at(60)), contact: Some(at(60)), ..first };
    let (again, written) = asked(Some(confirmed), &email, Language::En, request(900, "/en/"), at(900));
    assert!(!written);
    assert_eq!(again.request, Some(request(0, "/newsletter/")), "asking again does not alter the proof");
    let end: Timestamp = "1973-01-01T00:01:00Z".parse().unwrap();
    assert_eq!(ends(&Terms::default(), &again), end, "three years later");
    let client = Subscriber { client: true, ..again };
    let end: Timestamp = "1975-01-01T00:01:00Z".parse().unwrap();
    assert_eq!(ends(&Terms::default(), &client), end, "five for a client");
}

/// A subscriber as an earlier program left it, within the term.
const BEFORE: &[u8] = include_bytes!("../fixtures/subscriber-0.json");

/// An application in the year in which [`BEFORE`] was kept, where it stands with `head` before it; and where.
async fn planted(folder: &std::path::Path, head: &[u8]) -> (App, String, Address) {
    let then: Timestamp = "2026-11-27T08:00:00Z".parse().unwrap();
    let app = crate::testing::app(folder, then.duration_since(Clock::default().now())).await;
    let id = id(&app, &Email::parse("ancienne@example.org").unwrap());
    let place = Address::new(SUBSCRIBERS, partition(&id), &id);
    let mut batch = Batch::new(&place.partition);
    let key = records::subject_key(&app, &place.partition, &id, &mut batch).await.unwrap();
    let sealed = key.seal(&place, &[head, BEFORE].concat()).unwrap();
    // Past the end that the engine reads, before the one at which the store forgets.
    let expires = retention::expiry(then - SignedDuration::from_hours(24));
    app.store.commit(batch.put(SUBSCRIBERS, &id, Expect::Absent, sealed, expires)).await.unwrap();
    (app, id, place)
}

#[tokio::test]
async fn a_subscriber_of_an_earlier_version_is_read_and_stands_anew_once_written() {
    let folder = tempfile::tempdir().unwrap();
    let (app, id, place) = planted(folder.path(), b"").await;
    let lines = list(&app).await.unwrap();
    assert_eq!(lines[0].until, Some("2028-02-03T08:05:00Z".parse().unwrap()), "from the confirmation");
    let verified = verify(&app, &SHAPES).await.unwrap();
    assert_eq!((verified.damaged, verified.newer), (Vec::new(), Vec::new()));
    assert!(choose(&app, &id, Some(Language::En)).await.unwrap());
    let wrapped = app.store.read(&Address::new(KEYS, &place.partition, &id)).await.unwrap().unwrap();
    let stored = app.store.read(&place).await.unwrap().unwrap();
    let plain = app.sealer.unwrap(&id, &wrapped.body).unwrap().open(&place, &stored.body).unwrap();
    assert!(plain.starts_with(b"\x02\x00\x01{"), "{}", String::from_utf8_lossy(&plain));
    assert_eq!(list(&app).await.unwrap()[0].language, Language::En);
}

#[tokio::test]
async fn a_subscriber_of_a_later_version_is_told_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (app, id, place) = planted(folder.path(), b"\x02\x00\x09").await;
    let before = app.store.read(&place).await.unwrap();
    let email = Email::parse("ancienne@example.org").unwrap();
    let newer = |outcome: Result<(), RecordError>| {
        assert!(matches!(outcome, Err(RecordError::Newer { schema: 9, known: 1, .. })), "{outcome:?}");
    };
    newer(ask(&app, &email, Language::Fr, "/").await);
    newer(confirm(&app, &id).await.map(drop));
    newer(choose(&app, &id, None).await.map(drop));
    newer(leave(&app, &id, None).await);
    assert!(list(&app).await.unwrap().is_empty());
    assert_eq!(run(&app, &[&super::super::Subscribers], app.clock.now()).await.unwrap(), []);
    assert_eq!(app.store.read(&place).await.unwrap(), before);
    let verified = verify(&app, &SHAPES).await.unwrap();
    assert_eq!(verified.newer, [Newer { at: place.to_string(), schema: 9 }]);
    assert_eq!(verified.damaged, []);
}
