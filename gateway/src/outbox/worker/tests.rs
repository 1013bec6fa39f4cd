//! Letters over a real store and a mailer that does as it is told.

use std::sync::{Arc, Mutex};

use aops_manifest::Language;
use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::mail::Mailer;
use crate::outbox::{Mail, Purpose, enqueue, list, retry};
use crate::records::KEYS;
use crate::store::Scan;
use crate::suppression::Reason;
use crate::testing;

/// Answers each letter with what comes next, then takes everything; remembers the names of what it took.
#[derive(Default)]
struct Scripted {
    answers: Mutex<Vec<MailError>>,
    taken: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Mailer for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let answer = self.answers.lock().unwrap().pop();
        match answer {
            Some(error) => Err(error),
            None => {
                self.taken.lock().unwrap().push(letter.id.clone());
                Ok(())
            }
        }
    }
}

fn away(millis: u64) -> MailError {
    MailError::Away { why: "busy".into(), after: Some(Duration::from_millis(millis)) }
}

async fn app(folder: &std::path::Path, mut answers: Vec<MailError>) -> (App, Arc<Mutex<Vec<String>>>) {
    answers.reverse();
    let mailer = Scripted { answers: Mutex::new(answers), taken: Arc::default() };
    let taken = Arc::clone(&mailer.taken);
    let mut app = testing::app(folder, SignedDuration::ZERO).await;
    app.mailer = Box::new(mailer);
    (app, taken)
}

async fn put_in(app: &App, to: &str, purpose: Purpose) {
    let mut batch = Batch::new("p");
    let key = records::subject_key(app, "p", "someone", &mut batch).await.unwrap();
    let mail = Mail {
        to: to.into(),
        reply_to: None,
        template: "a".into(),
        language: Language::Fr,
        purpose,
        context: json!({}),
        unsubscribe: None,
        subject: "someone".into(),
    };
    enqueue(app, &mut batch, &key, &mail).unwrap();
    app.store.commit(batch).await.unwrap();
    app.outbox.wake();
}

/// Runs the worker until `done` says so, for at most ten seconds.
async fn run_until(app: &SharedApp, done: impl AsyncFn() -> bool) {
    let (stop, stopped) = watch::channel(false);
    let worker = run(Arc::clone(app), stopped);
    let watching = async {
        for _ in 0..500 {
            if done().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.send(true).unwrap();
        app.outbox.wake();
    };
    tokio::join!(worker, watching);
    assert!(done().await, "not within ten seconds");
}

#[test]
fn waits_grow_from_a_second_to_ten_minutes() {
    for (tries, millis) in [(0, 1_000), (1, 2_000), (5, 32_000), (10, 600_000), (u32::MAX, 600_000)] {
        for _ in 0..100 {
            let wait = patience(tries).as_millis();
            assert!((millis * 3 / 4..=millis * 5 / 4).contains(&wait), "{tries}: {wait}");
        }
    }
}

#[tokio::test]
async fn a_letter_that_is_refused_now_leaves_later_once() {
    let folder = tempfile::tempdir().unwrap();
    let (app, taken) = app(folder.path(), vec![away(1), MailError::Later("full".into())]).await;
    let app = Arc::new(app);
    put_in(&app, "c@example.org", Purpose::Contact).await;
    run_until(&app, async || list(&app).await.unwrap().is_empty()).await;
    assert_eq!(taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_letter_refused_for_good_is_listed_and_leaves_at_staff_s_word() {
    let folder = tempfile::tempdir().unwrap();
    let (app, taken) = app(folder.path(), vec![MailError::Never("no such user".into())]).await;
    let app = Arc::new(app);
    put_in(&app, "c@example.org", Purpose::Contact).await;
    put_in(&app, "d@example.org", Purpose::Contact).await;
    run_until(&app, async || {
        let listed = list(&app).await.unwrap();
        listed.len() == 1 && listed[0].state == "dead"
    })
    .await;
    let listed = list(&app).await.unwrap();
    assert_eq!((listed[0].state, listed[0].tries, listed[0].purpose.as_str()), ("dead", 1, "contact"));
    assert_eq!(listed[0].why.as_deref(), Some("no such user"));
    assert!(listed[0].to.as_deref().is_some_and(|to| to.ends_with("@example.org")));
    assert_eq!(retry(&app, Some("another")).await.unwrap(), 0);
    assert_eq!(retry(&app, Some(&listed[0].id)).await.unwrap(), 1);
    run_until(&app, async || list(&app).await.unwrap().is_empty()).await;
    assert!(taken.lock().unwrap().contains(&listed[0].id), "under the same name");
    assert_eq!(taken.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn while_the_mailer_is_away_letters_keep_their_tries() {
    let folder = tempfile::tempdir().unwrap();
    let (app, taken) = app(folder.path(), vec![away(1_500)]).await;
    let app = Arc::new(app);
    for _ in 0..20 {
        put_in(&app, "c@example.org", Purpose::Contact).await;
    }
    run_until(&app, async || {
        // Those that were under way when it opened may have left; the others are not even tried.
        let waiting = list(&app).await.unwrap();
        let tried = waiting.iter().filter(|line| line.tries > 0).count();
        let away = app.outbox.breaker.closed_for(Instant::now()).is_some();
        away && tried == 1 && waiting.len() > 20 - CONCURRENT
    })
    .await;
    run_until(&app, async || list(&app).await.unwrap().is_empty()).await;
    assert!(taken.lock().unwrap().len() >= 20);
}

#[tokio::test]
async fn p_marketing_optout_a_suppressed_address_gets_only_what_is_necessary() {
    let folder = tempfile::tempdir().unwrap();
    let (app, taken) = app(folder.path(), vec![]).await;
    let app = Arc::new(app);
    let email = Email::parse("c@example.org").unwrap();
    suppression::add(&app, &email, Reason::Bounce, app.clock.now()).await.unwrap();
    for purpose in [Purpose::Newsletter, Purpose::Contact, Purpose::Confirmation, Purpose::Security] {
        put_in(&app, "C@example.org", purpose).await;
    }
    run_until(&app, async || list(&app).await.unwrap().is_empty()).await;
    assert_eq!(taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_letter_to_someone_erased_goes_nowhere_and_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (app, taken) = app(folder.path(), vec![]).await;
    let app = Arc::new(app);
    put_in(&app, "c@example.org", Purpose::Contact).await;
    app.store.commit(Batch::new("p").delete(KEYS, "someone", Expect::Anything)).await.unwrap();
    let address = {
        let scan = Scan { collection: OUTBOX, partition: None, prefix: String::new(), after: None, limit: 9 };
        app.store.scan(scan).await.unwrap().documents.remove(0).0
    };
    attempt(&app, address, false).await;
    assert_eq!(list(&app).await.unwrap(), []);
    assert!(taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn where_the_store_is_shared_a_letter_is_handed_over_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let (mut app, taken) = app(folder.path(), vec![]).await;
    app.outbox.shared = true;
    let app = Arc::new(app);
    for _ in 0..20 {
        put_in(&app, "c@example.org", Purpose::Contact).await;
    }
    let scan = Scan { collection: OUTBOX, partition: None, prefix: String::new(), after: None, limit: 99 };
    let letters = app.store.scan(scan).await.unwrap().documents;
    let both = letters.iter().flat_map(|(address, _)| [address.clone(), address.clone()]);
    futures::future::join_all(both.map(|address| attempt(&app, address, false))).await;
    let mut names = taken.lock().unwrap().clone();
    names.sort();
    names.dedup();
    assert_eq!((taken.lock().unwrap().len(), names.len()), (20, 20));
}

#[test]
fn a_letter_that_could_not_leave_for_days_is_given_up() {
    let put_in: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let address = Address::new(OUTBOX, "p", format!("{:013x}-00", put_in.as_millisecond()));
    let waiting = Waiting {
        subject: "s".into(),
        tries: 500,
        due: put_in,
        purpose: "contact".into(),
        template: "a".into(),
        why: None,
        revived: None,
        sealed: String::new(),
    };
    let after = |days: i64, revived: Option<Timestamp>| {
        let now = put_in + SignedDuration::from_hours(24 * days);
        let waiting = Waiting { revived, ..waiting.clone() };
        settled(&address, 1, waiting, Err(MailError::Later("full".into())), now).unwrap().1
    };
    assert!(after(4, None).is_some());
    assert!(after(6, None).is_none());
    assert!(after(6, Some(put_in + SignedDuration::from_hours(24 * 5))).is_some());
}
