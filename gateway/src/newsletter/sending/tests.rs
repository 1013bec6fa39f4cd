//! Mailings over a real store and a mailer that does as it is told; and a measure, run by `cargo xtask bench --newsletter`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aops_manifest::Letter as Page;
use async_trait::async_trait;

use super::super::mailing::{list, plan};
use super::super::subscriber::{id, put};
use super::*;
use crate::mail::{Handed, Letter, Mailer};
use crate::testing;

/// Answers each call with what comes next, then takes everything; remembers how often it took each letter.
#[derive(Default)]
struct Scripted {
    answers: Mutex<Vec<Handed>>,
    taken: Arc<Mutex<BTreeMap<String, usize>>>,
}

#[async_trait]
impl Mailer for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn bulk(&self) -> usize {
        3
    }

    async fn send(&self, _: &Letter) -> Result<(), MailError> {
        Ok(())
    }

    async fn send_many(&self, bulk: &Bulk) -> Handed {
        let answer = self.answers.lock().unwrap().pop();
        let answer = answer
            .unwrap_or_else(|| Handed { taken: (0..bulk.readers.len()).collect(), ..Handed::default() });
        for place in answer.taken.iter().filter(|place| **place < bulk.readers.len()) {
            *self.taken.lock().unwrap().entry(bulk.readers[*place].to.clone()).or_default() += 1;
        }
        answer
    }
}

fn page(title: &str) -> Page {
    Page { page: "/l/".into(), title: title.into(), lead: "Chapeau".into(), text: "[a](/b/)".into() }
}

/// An application whose site has the issue `un` in French and `deux` in both languages.
async fn app(folder: &Path, mut answers: Vec<Handed>) -> (App, Arc<Mutex<BTreeMap<String, usize>>>) {
    answers.reverse();
    let mailer = Scripted { answers: Mutex::new(answers), taken: Arc::default() };
    let taken = Arc::clone(&mailer.taken);
    let mut app = testing::with_letters(
        folder,
        BTreeMap::from([
            ("un".to_owned(), BTreeMap::from([(Language::Fr, page("Un"))])),
            ("deux".to_owned(), BTreeMap::from([(Language::Fr, page("Deux")), (Language::En, page("Two"))])),
        ]),
    )
    .await;
    app.mailer = Box::new(mailer);
    (app, taken)
}

async fn reader(app: &App, address: &str, language: Language) -> String {
    let email = Email::parse(address).unwrap();
    let id = id(app, &email);
    let now = app.clock.now();
    let subscriber = Subscriber {
        email: address.into(),
        language,
        state: State::Confirmed,
        created: now,
        asked: now,
        confirmed: Some(now),
        request: None,
        contact: Some(now),
        left: None,
        warned: None,
        client: false,
    };
    let (batch, _) = put(app, &id, Expect::Absent, &subscriber).await.unwrap();
    app.store.commit(batch).await.unwrap();
    id
}

async fn sent(app: &App, issue: &str, segment: Segment) -> u64 {
    let mailing = plan(app, issue, segment, None).await.unwrap();
    let (_, stopped) = watch::channel(false);
    carry_out(app, &mailing, &stopped).await;
    list(app).await.unwrap()[0].sent
}

#[tokio::test]
async fn a_segment_gets_an_issue_in_its_language_or_french_and_nobody_gets_it_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (app, taken) = app(folder.path(), Vec::new()).await;
    for number in 0..4 {
        reader(&app, &format!("fr{number}@example.org"), Language::Fr).await;
        reader(&app, &format!("en{number}@example.org"), Language::En).await;
    }
    let english = Segment { language: Some(Language::En), who: Who::All };
    assert_eq!(sent(&app, "deux", english).await, 4);
    let clients = Segment { language: None, who: Who::Clients };
    assert_eq!(sent(&app, "deux", clients).await, 4, "none is a client");
    assert_eq!(sent(&app, "deux", Segment::default()).await, 8);
    assert!(taken.lock().unwrap().values().all(|times| *times == 1));
    assert_eq!(sent(&app, "un", Segment::default()).await, 8, "English readers get it in French");
}

#[tokio::test]
async fn p_marketing_optout_who_left_or_bounced_or_is_pending_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (app, taken) = app(folder.path(), Vec::new()).await;
    reader(&app, "stays@example.org", Language::Fr).await;
    let leaves = reader(&app, "leaves@example.org", Language::Fr).await;
    super::super::subscriber::leave(&app, &leaves, None).await.unwrap();
    reader(&app, "bounces@example.org", Language::Fr).await;
    let bounced = Email::parse("bounces@example.org").unwrap();
    suppression::add(&app, &bounced, suppression::Reason::Bounce, app.clock.now()).await.unwrap();
    let pending = Email::parse("pending@example.org").unwrap();
    super::super::subscriber::ask(&app, &pending, Language::Fr, "/").await.unwrap();
    assert_eq!(sent(&app, "un", Segment::default()).await, 1);
    assert_eq!(taken.lock().unwrap().keys().collect::<Vec<_>>(), ["stays@example.org"]);
}

#[tokio::test]
async fn a_letter_refused_for_good_keeps_nobody_else_s_back_and_a_pause_misses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let away = MailError::Away { why: "busy".into(), after: Some(Duration::from_millis(5)) };
    let answers = vec![
        Handed { error: Some(away), ..Handed::default() },
        Handed { refused: vec![0], ..Handed::default() },
    ];
    let (app, taken) = app(folder.path(), answers).await;
    for number in 0..6 {
        reader(&app, &format!("r{number}@example.org"), Language::Fr).await;
    }
    assert_eq!(sent(&app, "un", Segment::default()).await, 5);
    assert_eq!(list(&app).await.unwrap()[0].refused, 1);
    assert_eq!(taken.lock().unwrap().len(), 5);
}

/// 100,000 readers over the SendGrid side to a server on this machine that takes everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measure, run by `cargo xtask bench --newsletter`"]
async fn a_hundred_thousand_readers() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    const READERS: usize = 100_000;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard: Vec<u8> = Vec::new();
                let mut piece = vec![0; 256 << 10];
                while let Ok(count) = stream.read(&mut piece).await {
                    if count == 0 {
                        return;
                    }
                    heard.extend_from_slice(&piece[..count]);
                    let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") else {
                        continue;
                    };
                    let head = String::from_utf8_lossy(&heard[..end]).to_lowercase();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let length: usize = length.unwrap().parse().unwrap();
                    if heard.len() >= end + 4 + length {
                        heard.drain(..end + 4 + length);
                        let taken = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
                        stream.write_all(taken).await.unwrap();
                    }
                }
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (mut app, _) = app(folder.path(), Vec::new()).await;
    app.mailer = Box::new(crate::mail::SendGrid::new("SG.key", Some(&base), &app.settings.mail).unwrap());
    app.settings.mail.readers_per_second = u32::MAX;
    let began = Instant::now();
    for chunk in 0..READERS / 1_000 {
        let many = (0..1_000).map(|number| {
            let (app, address) = (&app, format!("reader{chunk}-{number}@example.org"));
            async move { reader(app, &address, Language::Fr).await }
        });
        futures::future::join_all(many).await;
    }
    println!(
        "{READERS} subscribers in {:.1} s, memory {} MB",
        began.elapsed().as_secs_f64(),
        testing::resident()
    );
    let began = Instant::now();
    let watching = tokio::spawn(async move {
        let mut most = 0;
        loop {
            most = most.max(testing::resident());
            tokio::time::sleep(Duration::from_millis(250)).await;
            println!("memory {} MB, at most {most} MB", testing::resident());
        }
    });
    assert_eq!(sent(&app, "un", Segment::default()).await as usize, READERS);
    watching.abort();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{READERS} letters in {seconds:.1} s: {:.0}/s, memory {} MB",
        READERS as f64 / seconds,
        testing::resident()
    );
}
