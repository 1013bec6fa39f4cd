use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::deliver::{WAITS, attempt};
use super::document::{self, DELIVERIES, HEALTH, Health, Kind, State, WAITING, WEBHOOKS, Waiting};
use super::health::{LONGEST, MOST_FAILURES};
use super::keep::Who;
use super::*;
use crate::accounts::{Account, api_keys};
use crate::app::App;
use crate::inventory;
use crate::records;
use crate::store::{Batch, Expect};
use crate::testing;

const ALL: &str = "/api/v1/webhooks";

/// A server that answers every call with a status, and how many came.
async fn server(status: u16) -> (SocketAddr, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, calls) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 4096];
            let _ = stream.read(&mut heard).await;
            *counted.lock().unwrap() += 1;
            let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, calls)
}

/// An application that may call this place, and the key of a client.
async fn client(folder: &std::path::Path, here: SocketAddr) -> (SharedApp, Account, HeaderMap) {
    let app = Arc::new(testing::calling(folder, here).await);
    let account = testing::account(&app, "a@example.com").await;
    let key = api_keys::create(&app, &account).await.unwrap().key;
    let bearer = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
    (app, account, HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
}

async fn send(app: &SharedApp, key: &HeaderMap, method: Method, path: &str, body: &Value) -> Response {
    let mut headers = key.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    testing::ask(app, method, path, &headers, Body::from(body.to_string())).await
}

async fn told(response: Response) -> Value {
    serde_json::from_str(&testing::text(response).await).unwrap_or_default()
}

async fn registered(app: &SharedApp, key: &HeaderMap, here: SocketAddr) -> Value {
    let answer = send(app, key, Method::POST, ALL, &json!({ "url": format!("http://{here}/") })).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    told(answer).await
}

/// A message that waits.
async fn recorded(app: &App, organisation: &str) -> Address {
    let mut batch = Batch::new(organisation);
    let ended = Ended { calculation: "calc_1", module: "ifc", done: true, test: false };
    let recorded = announce(app, &mut batch, ended).await.unwrap();
    app.store.commit(batch).await.unwrap();
    recorded.0[0].0.clone()
}

async fn state(app: &App, address: &Address) -> document::Delivery {
    document::delivery(app, &address.partition, &address.key).await.unwrap().unwrap().0
}

/// Makes it due now, tried so often before.
async fn due(app: &App, address: &Address, tries: u32) {
    let mut batch = Batch::new(&address.partition);
    let waiting = Waiting { due: app.clock.now(), tries };
    records::put_plain(&mut batch, WAITING, &address.key, Expect::Anything, &waiting, None).unwrap();
    app.store.commit(batch).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_told_once_and_stands_in_no_list_page_or_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(204).await;
    let (app, account, key) = client(folder.path(), here).await;
    let made = registered(&app, &key, here).await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!(made["events"], json!(["calculation.completed", "calculation.failed"]));
    for path in [ALL.to_owned(), format!("{ALL}/{id}"), format!("{ALL}/{id}/deliveries")] {
        let shown = testing::text(testing::ask(&app, Method::GET, &path, &key, Body::empty()).await).await;
        assert!(!shown.contains("whsec_"), "{path}");
    }
    let renewed =
        told(send(&app, &key, Method::POST, &format!("{ALL}/{id}/secret"), &Value::Null).await).await;
    assert_ne!(renewed["secret"].as_str().unwrap(), secret);
    assert!(renewed["former_secret_until"].is_string());
    let copy = inventory::about(&app, &account).await.unwrap().to_string();
    assert!(copy.contains(id) && !copy.contains("whsec_"), "{copy}");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(204).await;
    let (app, _, key) = client(folder.path(), here).await;
    let good = format!("http://{here}/");
    for (body, expected) in [
        (json!({ "url": "https://169.254.169.254/" }), 422),
        (json!({ "url": "https://localhost/" }), 422),
        (json!({ "url": format!("https://8.8.8.8/{}", "a".repeat(2_000)) }), 422),
        (json!({ "url": good, "events": [] }), 422),
        (json!({ "url": good, "events": ["webhook.test"] }), 422),
        (json!({ "url": good, "events": ["calculation.completed", "x"] }), 422),
        (json!({ "url": good, "secret": "mine" }), 422),
        (json!({ "url": 1 }), 422),
        (json!({}), 422),
    ] {
        let answer = send(&app, &key, Method::POST, ALL, &body).await;
        assert_eq!(answer.status().as_u16(), expected, "{body}");
    }
    let without = testing::ask(&app, Method::POST, ALL, &key, Body::from("{}")).await;
    assert_eq!(without.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let none = told(testing::ask(&app, Method::GET, ALL, &key, Body::empty()).await).await;
    assert_eq!(none["webhooks"], json!([]));
    for _ in 0..document::MOST {
        registered(&app, &key, here).await;
    }
    let one_more = send(&app, &key, Method::POST, ALL, &json!({ "url": good })).await;
    assert_eq!(one_more.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_webhook_hears_of_what_it_asked_for_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(204).await;
    let (app, account, key) = client(folder.path(), here).await;
    let failed = json!({ "url": format!("http://{here}/"), "events": ["calculation.failed"] });
    let made = told(send(&app, &key, Method::POST, ALL, &failed).await).await;
    let id = made["id"].as_str().unwrap();
    for (done, expected) in [(true, 0), (false, 1)] {
        let mut batch = Batch::new(&account.organisation);
        let ended = Ended { calculation: "calc_1", module: "ifc", done, test: false };
        let recorded = announce(&app, &mut batch, ended).await.unwrap();
        assert_eq!(recorded.0.len(), expected);
        app.store.commit(batch).await.unwrap();
    }
    let (all, _) = document::deliveries(&app, &account.organisation, id, None, 9).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(
        Value::Object(all[0].data.clone()),
        json!({ "id": "calc_1", "module": "ifc", "state": "failed" })
    );
    let stranger = testing::account(&app, "b@example.com").await;
    let mut batch = Batch::new(&stranger.organisation);
    let ended = Ended { calculation: "calc_2", module: "ifc", done: false, test: false };
    assert!(announce(&app, &mut batch, ended).await.unwrap().0.is_empty(), "of another organisation");
}

#[tokio::test]
async fn a_message_is_tried_for_a_day_and_then_given_up_and_may_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let (here, calls) = server(503).await;
    let (app, account, key) = client(folder.path(), here).await;
    let id = registered(&app, &key, here).await["id"].as_str().unwrap().to_owned();
    let address = recorded(&app, &account.organisation).await;
    let mut waited = SignedDuration::ZERO;
    for tries in 0..=WAITS.len() {
        due(&app, &address, u32::try_from(tries).unwrap()).await;
        let (_, again) = attempt(&app, address.clone()).await;
        assert_eq!(again.is_some(), tries < WAITS.len(), "{tries}");
        waited += again.map_or(SignedDuration::ZERO, |again| again.duration_since(app.clock.now()));
    }
    let hours = waited.as_secs() / 3_600;
    assert!((22..28).contains(&hours), "{hours}");
    let given_up = state(&app, &address).await;
    assert_eq!((given_up.state, given_up.tries.len()), (State::Failed, WAITS.len() + 1));
    assert_eq!(given_up.tries[0].status, Some(503));
    assert_eq!(*calls.lock().unwrap(), WAITS.len() + 1);
    assert!(document::waiting(&app, &address.partition, &address.key).await.unwrap().is_none());
    let path = format!("{ALL}/{id}/deliveries/{}/retry", given_up.id);
    assert_eq!(send(&app, &key, Method::POST, &path, &Value::Null).await.status(), StatusCode::ACCEPTED);
    assert_eq!(state(&app, &address).await.state, State::Waiting);
    let soon = send(&app, &key, Method::POST, &path, &Value::Null).await;
    assert_eq!(soon.status(), StatusCode::TOO_MANY_REQUESTS, "nobody makes us call as often as they like");
    for nothing in ["msg_x", "x", "..%2F"] {
        let path = format!("{ALL}/{id}/deliveries/{nothing}/retry");
        let answer = send(&app, &key, Method::POST, &path, &Value::Null).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{nothing}");
    }
}

#[tokio::test]
async fn a_webhook_that_nothing_reaches_for_days_is_switched_off_with_a_letter() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(500).await;
    let (app, account, key) = client(folder.path(), here).await;
    let id = registered(&app, &key, here).await["id"].as_str().unwrap().to_owned();
    let organisation = &account.organisation;
    let failing = async |failures: u32, since: SignedDuration| {
        let since = app.clock.now() - since;
        let health = Health { failures, since: Some(since), asked: None };
        let mut batch = Batch::new(organisation);
        records::put_plain(&mut batch, HEALTH, &id, Expect::Anything, &health, None).unwrap();
        app.store.commit(batch).await.unwrap();
        let address = recorded(&app, organisation).await;
        attempt(&app, address).await;
        document::read(&app, organisation, &id).await.unwrap().unwrap().0.off
    };
    assert_eq!(
        failing(MOST_FAILURES * 9, LONGEST - SignedDuration::from_hours(1)).await,
        None,
        "not for long"
    );
    assert_eq!(failing(MOST_FAILURES - 2, LONGEST * 2).await, None, "not often");
    let off = failing(MOST_FAILURES - 1, LONGEST).await.unwrap();
    assert_eq!(off.why, document::Why::Failing);
    let letters = testing::letters(&app).await;
    let letter = letters.iter().find(|mail| mail.template == "webhook_arrete").unwrap();
    assert_eq!((letter.to.as_str(), &letter.context["host"]), ("a@example.com", &json!("127.0.0.1")));
    assert!(letter.context["link"].as_str().unwrap().ends_with(&format!("/espace-client/webhooks/{id}")));
    let mut batch = Batch::new(organisation);
    let ended = Ended { calculation: "calc_1", module: "ifc", done: true, test: false };
    assert!(announce(&app, &mut batch, ended).await.unwrap().0.is_empty(), "it hears nothing more");
    let path = format!("{ALL}/{id}");
    let on = told(send(&app, &key, Method::PATCH, &path, &json!({ "active": true })).await).await;
    assert_eq!((&on["active"], &on["failures"]), (&json!(true), &json!(0)), "its failures are forgotten");
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_called_again() {
    let folder = tempfile::tempdir().unwrap();
    let (here, calls) = server(410).await;
    let (app, account, key) = client(folder.path(), here).await;
    let id = registered(&app, &key, here).await["id"].as_str().unwrap().to_owned();
    let [first, second] =
        [recorded(&app, &account.organisation).await, recorded(&app, &account.organisation).await];
    assert_eq!(attempt(&app, first.clone()).await.1, None);
    assert_eq!(state(&app, &first).await.state, State::Failed);
    let (webhook, _) = document::read(&app, &account.organisation, &id).await.unwrap().unwrap();
    assert_eq!(webhook.off.unwrap().why, document::Why::Gone);
    assert_eq!(attempt(&app, second.clone()).await.1, None);
    assert_eq!(state(&app, &second).await.tries[0].fault, Some(document::Fault::Off));
    assert_eq!(*calls.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_was_taken_is_forgotten_as_failures_and_waits_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(200).await;
    let (app, account, key) = client(folder.path(), here).await;
    let id = registered(&app, &key, here).await["id"].as_str().unwrap().to_owned();
    let organisation = &account.organisation;
    let mut batch = Batch::new(organisation);
    let health = Health { failures: 7, since: Some(app.clock.now()), asked: None };
    records::put_plain(&mut batch, HEALTH, &id, Expect::Absent, &health, None).unwrap();
    app.store.commit(batch).await.unwrap();
    let address = recorded(&app, organisation).await;
    assert_eq!(attempt(&app, address.clone()).await.1, None);
    assert_eq!(state(&app, &address).await.state, State::Delivered);
    assert_eq!(document::health(&app, organisation, &id).await.unwrap().0, Health::default());
    assert_eq!(attempt(&app, address).await.1, None, "a second look finds nothing to do");
}

#[tokio::test]
async fn messages_are_gone_after_thirty_days_and_with_their_webhook_and_organisation() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(500).await;
    let (app, account, key) = client(folder.path(), here).await;
    let id = registered(&app, &key, here).await["id"].as_str().unwrap().to_owned();
    let organisation = account.organisation.clone();
    let address = recorded(&app, &organisation).await;
    let count = async |app: &App| {
        let mut counts = Vec::new();
        for collection in [WEBHOOKS, DELIVERIES, WAITING] {
            counts.push(records::names(app, collection, &organisation).await.unwrap().len());
        }
        counts
    };
    assert_eq!(count(&app).await, [1, 1, 1]);
    let end = app.store.read(&Address::new(DELIVERIES, &organisation, &address.key)).await.unwrap().unwrap();
    let days = end.expires.unwrap().duration_since(app.clock.now()).as_hours() / 24;
    assert!((29..=30).contains(&days), "{days}");
    let removed = testing::ask(&app, Method::DELETE, &format!("{ALL}/{id}"), &key, Body::empty()).await;
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    assert_eq!(count(&app).await, [0, 0, 0]);
    registered(&app, &key, here).await;
    recorded(&app, &organisation).await;
    let mut batch = Batch::new(&organisation);
    end_all(&app, &mut batch).await.unwrap();
    app.store.commit(batch).await.unwrap();
    assert_eq!(count(&app).await, [0, 0, 0]);
}

#[tokio::test]
async fn only_the_version_that_was_seen_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(204).await;
    let (app, account, key) = client(folder.path(), here).await;
    let id = registered(&app, &key, here).await["id"].as_str().unwrap().to_owned();
    let path = format!("{ALL}/{id}");
    let read = testing::ask(&app, Method::GET, &path, &key, Body::empty()).await;
    let tag = read.headers()[header::ETAG].clone();
    let who = Who { organisation: account.organisation.clone(), account: account.id.clone() };
    keep::renew(&app, &who, &id, &crate::web::conditional::IfMatch::default()).await.unwrap();
    let mut stale = key.clone();
    stale.insert(header::IF_MATCH, tag);
    for (method, body) in [(Method::PATCH, json!({ "active": false })), (Method::DELETE, Value::Null)] {
        let answer = send(&app, &stale, method, &path, &body).await;
        assert_eq!(answer.status(), StatusCode::PRECONDITION_FAILED);
    }
    assert_eq!(send(&app, &key, Method::DELETE, &path, &Value::Null).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn messages_are_listed_the_newest_first_page_after_page() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(204).await;
    let (app, account, key) = client(folder.path(), here).await;
    let id = registered(&app, &key, here).await["id"].as_str().unwrap().to_owned();
    for number in 0..5 {
        let data = Map::from_iter([("number".to_owned(), json!(number))]);
        let at = app.clock.now() + SignedDuration::from_secs(number);
        let delivery = document::Delivery::new(&id, Kind::Test, at, data).unwrap();
        let mut batch = Batch::new(&account.organisation);
        let sealing = document::key(&app, &mut batch).await.unwrap();
        delivery.put(&app, &mut batch, &sealing, Expect::Absent).unwrap();
        app.store.commit(batch).await.unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{ALL}/{id}/deliveries?limit=2{cursor}");
        let page = told(testing::ask(&app, Method::GET, &path, &key, Body::empty()).await).await;
        seen.extend(page["deliveries"].as_array().unwrap().iter().map(|one| one["data"]["number"].clone()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0].map(|number| json!(number)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_that_are_registered_at_once_there_are_ten() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(200).await;
    let (app, account, key) = client(folder.path(), here).await;
    let asked = (0..30).map(|number| {
        let (app, key) = (app.clone(), key.clone());
        let url = json!({ "url": format!("http://{here}/{number}") });
        tokio::spawn(async move { send(&app, &key, Method::POST, ALL, &url).await.status() })
    });
    for asked in asked.collect::<Vec<_>>() {
        let status = asked.await.unwrap();
        let known = [StatusCode::CREATED, StatusCode::UNPROCESSABLE_ENTITY, StatusCode::SERVICE_UNAVAILABLE];
        assert!(known.contains(&status), "{status}");
    }
    // Whoever came too often at once comes again, and finds that there are enough.
    for number in 0..document::MOST {
        let url = json!({ "url": format!("http://{here}/again/{number}") });
        send(&app, &key, Method::POST, ALL, &url).await;
    }
    assert_eq!(document::all(&app, &account.organisation).await.unwrap().len(), document::MOST);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_refused_where_it_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let (here, _) = server(200).await;
    let (app, _, key) = client(folder.path(), here).await;
    let url = json!({ "url": "https://nowhere.invalid/aops" });
    let refused = send(&app, &key, Method::POST, ALL, &url).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let error = refused.extensions().get::<crate::web::WebError>().cloned();
    let Some(crate::web::WebError::Unprocessable(told)) = error else { panic!("{error:?}") };
    // The frame of tests has no words: the key of the sentence stands for it.
    assert_eq!(told["errors"]["url"], "error.webhook_name");
}
