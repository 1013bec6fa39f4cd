use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::document::{FINISHED, UPLOADS, Uploads};
use crate::accounts::{Account, api_keys};
use crate::app::{App, SharedApp};
use crate::retention::{self, Kept, run};
use crate::store::{Address, Scan};
use crate::testing;

const HEAD: &str = "id;sex;birth_date;hire_date;annual_salary\n";
const BEGIN: &str = "/api/v1/uploads?module=ifc&warranty=accepted";

/// A sound file of so many lines.
fn file(lines: usize) -> String {
    let line = |index: usize| format!("A-{index};H;12/05/1970;01/09/1998;45 000,50\n");
    std::iter::once(HEAD.to_owned()).chain((0..lines).map(line)).collect()
}

async fn keyed(app: &SharedApp, email: &str) -> (Account, HeaderMap) {
    let account = testing::account(app, email).await;
    (account.clone(), key(app, &account).await)
}

async fn key(app: &SharedApp, account: &Account) -> HeaderMap {
    let key = api_keys::create(app, account).await.unwrap().key;
    let bearer = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, bearer)])
}

async fn ask(
    app: &SharedApp,
    key: &HeaderMap,
    method: Method,
    path: &str,
    fields: &[(&'static str, &str)],
    body: Body,
) -> Response {
    let mut headers = key.clone();
    headers.insert("tus-resumable", HeaderValue::from_static("1.0.0"));
    for (name, value) in fields {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    testing::ask(app, method, path, &headers, body).await
}

async fn begin(app: &SharedApp, key: &HeaderMap, length: usize) -> Response {
    ask(app, key, Method::POST, BEGIN, &[("upload-length", &length.to_string())], Body::empty()).await
}

async fn begun(app: &SharedApp, key: &HeaderMap, length: usize) -> String {
    let answer = begin(app, key, length).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    testing::location(&answer).to_owned()
}

async fn send(
    app: &SharedApp,
    key: &HeaderMap,
    place: &str,
    offset: usize,
    body: impl Into<Body>,
) -> Response {
    let offset = offset.to_string();
    let fields = [("content-type", "application/offset+octet-stream"), ("upload-offset", offset.as_str())];
    ask(app, key, Method::PATCH, place, &fields, body.into()).await
}

async fn stands(app: &SharedApp, key: &HeaderMap, place: &str) -> usize {
    let answer = ask(app, key, Method::HEAD, place, &[], Body::empty()).await;
    assert_eq!(
        (answer.status(), &answer.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    assert!(answer.headers().contains_key("upload-expires"));
    offset(&answer)
}

fn offset(answer: &Response) -> usize {
    answer.headers()["upload-offset"].to_str().unwrap().parse().unwrap()
}

async fn told(app: &SharedApp, key: &HeaderMap, path: &str) -> Value {
    let answer = ask(app, key, Method::GET, path, &[], Body::empty()).await;
    serde_json::from_str(&testing::text(answer).await).unwrap()
}

/// Documents of an organisation in a collection.
async fn left(app: &App, organisation: &str, collection: &'static str) -> usize {
    let partition = Some(organisation.to_owned());
    let scan = Scan { collection, partition, prefix: String::new(), after: None, limit: 500 };
    app.store.scan(scan).await.unwrap().documents.len()
}

#[tokio::test]
async fn a_file_in_parts_becomes_the_data_set_that_it_is_at_once_and_the_upload_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, key) = keyed(&app, "a@example.com").await;
    let file = file(900);
    let named = "filename cGFpZS5jc3Y=";
    let length = file.len().to_string();
    let fields = [("upload-length", length.as_str()), ("upload-metadata", named)];
    let answer = ask(&app, &key, Method::POST, BEGIN, &fields, Body::empty()).await;
    let place = testing::location(&answer).to_owned();
    assert_eq!((answer.status(), offset(&answer)), (StatusCode::CREATED, 0));
    let mut at = 0;
    for end in [1, 700, 701, 20_000, file.len()] {
        assert_eq!(stands(&app, &key, &place).await, at);
        let answer = send(&app, &key, &place, at, file[at..end].to_owned()).await;
        assert_eq!((answer.status(), offset(&answer)), (StatusCode::NO_CONTENT, end));
        at = end;
    }
    assert_eq!(stands(&app, &key, &place).await, file.len());
    let done = told(&app, &key, &place).await;
    assert_eq!(done["state"], "kept");
    let dataset = format!("/api/v1/datasets/{}", done["dataset"].as_str().unwrap());
    let whole = told(&app, &key, &dataset).await;
    assert_eq!((&whole["rows"], &whole["name"]), (&json!(900), &json!("paie.csv")));
    // The answer to the last part was lost: asking again says the same, and makes nothing.
    let again = send(&app, &key, &place, file.len(), Body::empty()).await;
    assert_eq!((again.status(), testing::location(&again)), (StatusCode::NO_CONTENT, dataset.as_str()));
    assert_eq!(told(&app, &key, "/api/v1/datasets").await["datasets"].as_array().unwrap().len(), 1);
    assert_eq!(left(&app, &account.organisation, UPLOADS).await, 0);
    assert_eq!(left(&app, &account.organisation, "blobs").await, 2, "those of the data set alone");
    let id = place.rsplit('/').next().unwrap();
    let wrapped = Address::new(crate::records::KEYS, &account.organisation, id);
    assert_eq!(app.store.read(&wrapped).await.unwrap(), None, "its key is destroyed");
}

#[tokio::test]
async fn what_came_before_the_connection_broke_is_kept_and_sealed_and_the_next_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, first) = keyed(&app, "a@example.com").await;
    let file = file(60_000);
    assert!(file.len() > 2 << 20);
    let place = begun(&app, &first, file.len()).await;
    let broken = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let cut = 1_500_000;
    let came = [Ok(Bytes::from(file[..cut].to_owned())), Err(broken())];
    let answer = send(&app, &first, &place, 0, Body::from_stream(stream::iter(came))).await;
    assert!(answer.status().is_client_error(), "{}", answer.status());
    assert_eq!(stands(&app, &first, &place).await, cut);
    // What is on the disk tells nothing of it.
    drop(app);
    let disk = std::fs::read_dir(folder.path().join("data")).unwrap();
    for entry in disk.flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        let plain = bytes.windows(12).any(|window| window == b"A-7;H;12/05/");
        assert!(!plain, "{:?}", entry.path());
    }
    let app = testing::shared(folder.path()).await;
    // The key ended meanwhile: another one of the same organisation goes on.
    let second = key(&app, &account).await;
    let wrong = send(&app, &second, &place, cut + 1, "x").await;
    assert_eq!((wrong.status(), offset(&wrong)), (StatusCode::CONFLICT, cut));
    let answer = send(&app, &second, &place, cut, file[cut..].to_owned()).await;
    assert_eq!((answer.status(), offset(&answer)), (StatusCode::NO_CONTENT, file.len()));
    let done = told(&app, &second, testing::location(&answer)).await;
    assert_eq!(done["rows"], 60_000);
}

#[tokio::test]
async fn each_wrong_request_is_told_by_its_status_and_keeps_nothing_past_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, key) = keyed(&app, "a@example.com").await;
    let (_, stranger) = keyed(&app, "b@example.com").await;
    let place = begun(&app, &key, 10).await;
    let part = [("content-type", "application/offset+octet-stream"), ("upload-offset", "0")];
    let old = [part[0], part[1], ("tus-resumable", "0.2.2")];
    let none: &[(&'static str, &str)] = &[];
    let [nothing, much, nine] = ["0", "33554433", "9"].map(|length| vec![("upload-length", length)]);
    let cases = [
        (&key, Method::POST, BEGIN, none, 400),
        (&key, Method::POST, BEGIN, &nothing[..], 400),
        (&key, Method::POST, BEGIN, &much[..], 413),
        (&key, Method::POST, "/api/v1/uploads?module=ifc", &nine[..], 422),
        (&key, Method::PATCH, &place, &part[..1], 400),
        (&key, Method::PATCH, &place, &part[1..], 415),
        (&key, Method::PATCH, &place, &old[..], 412),
        (&stranger, Method::PATCH, &place, &part[..], 404),
        (&stranger, Method::GET, &place, none, 404),
        (&stranger, Method::HEAD, &place, none, 404),
        (&stranger, Method::DELETE, &place, none, 404),
        (&key, Method::PATCH, "/api/v1/uploads/up_x", &part[..], 404),
    ];
    for (key, method, path, fields, expected) in cases {
        let answer = ask(&app, key, method.clone(), path, fields, Body::from("x")).await;
        assert_eq!(answer.status().as_u16(), expected, "{method} {path} {fields:?}");
    }
    let nobody = send(&app, &HeaderMap::new(), &place, 0, "x").await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stands(&app, &key, &place).await, 0);
    let long = send(&app, &key, &place, 0, "01234567890123").await;
    assert_eq!((long.status(), offset(&long)), (StatusCode::PAYLOAD_TOO_LARGE, 10));
    // What is whole and no file is told with its faults, as often as it is asked.
    for _ in 0..2 {
        let refused = send(&app, &key, &place, 10, Body::empty()).await;
        assert_eq!((refused.status(), offset(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, 10));
    }
    assert_eq!(told(&app, &key, &place).await["state"], "received");
    let gone = ask(&app, &key, Method::DELETE, &place, &[], Body::empty()).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let gone = ask(&app, &key, Method::HEAD, &place, &[], Body::empty()).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_spoken_is_told_to_who_has_a_key_whatever_version_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, key) = keyed(&app, "a@example.com").await;
    for version in ["1.0.0", "0.2.2"] {
        let fields = [("tus-resumable", version)];
        let answer = ask(&app, &key, Method::OPTIONS, "/api/v1/uploads", &fields, Body::empty()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        for (name, value) in [
            ("allow", "GET, HEAD, POST, OPTIONS"),
            ("tus-resumable", "1.0.0"),
            ("tus-version", "1.0.0"),
            ("tus-extension", "creation,expiration,termination"),
            ("tus-max-size", "33554432"),
        ] {
            assert_eq!(answer.headers()[name], value, "{name}");
        }
        assert_eq!(testing::text(answer).await, "");
    }
    let nobody = HeaderMap::new();
    for (key, path, expected) in [
        (&nobody, "/api/v1/uploads", StatusCode::UNAUTHORIZED),
        (&key, "/api/v1/uploads/up_x", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = ask(&app, key, Method::OPTIONS, path, &[], Body::empty()).await;
        assert_eq!(answer.status(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_key_that_ended_while_the_file_came_makes_no_data_set_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    let second = key(&app, &account).await;
    let file = file(50);
    let place = begun(&app, &second, file.len()).await;
    let at_once = [("content-type", "text/csv")];
    let part = [("content-type", "application/offset+octet-stream"), ("upload-offset", "0")];
    for (method, path, fields) in [
        (Method::POST, "/api/v1/datasets?module=ifc&warranty=accepted", &at_once[..]),
        (Method::PATCH, place.as_str(), &part[..]),
    ] {
        let made = api_keys::create(&app, &account).await.unwrap();
        let bearer = HeaderValue::from_str(&format!("Bearer {}", made.key)).unwrap();
        let first = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        let revoke = {
            let (app, session) = (app.clone(), session.clone());
            async move {
                let path = format!("/espace-client/cles/{}/retrait", made.id);
                assert_eq!(testing::post(&app, &path, &session, "").await.status(), StatusCode::SEE_OTHER);
            }
        };
        let (begin, end) = file.split_at(700);
        let (begin, end) = (Bytes::from(begin.to_owned()), Bytes::from(end.to_owned()));
        let came = stream::iter([Ok::<_, std::io::Error>(begin)]).chain(stream::once(async move {
            revoke.await;
            Ok(end)
        }));
        let answer = ask(&app, &first, method.clone(), path, fields, Body::from_stream(came)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(told(&app, &second, "/api/v1/datasets").await["datasets"], json!([]), "{method} {path}");
    }
    // What came is there for a key that has not ended.
    assert_eq!(told(&app, &second, &place).await["state"], "received");
    let answer = send(&app, &second, &place, file.len(), Body::empty()).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(told(&app, &second, testing::location(&answer)).await["rows"], 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_organisation_has_so_many_under_way_also_of_those_begun_at_once_and_one_part_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, key) = keyed(&app, "a@example.com").await;
    let asked = (0..super::MOST + 10).map(|_| {
        let (app, key) = (app.clone(), key.clone());
        tokio::spawn(async move { begin(&app, &key, 100).await.status() })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    while begin(&app, &key, 100).await.status() == StatusCode::CREATED {}
    assert_eq!(left(&app, &account.organisation, UPLOADS).await, super::MOST);
    let (other, stranger) = keyed(&app, "b@example.com").await;
    for _ in 0..super::MOST_BYTES / (32 << 20) {
        assert_eq!(begin(&app, &stranger, 32 << 20).await.status(), StatusCode::CREATED);
    }
    assert_eq!(begin(&app, &stranger, 1).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "too many bytes");
    assert_eq!(left(&app, &other.organisation, FINISHED).await, 0);
    let list = told(&app, &key, "/api/v1/uploads").await;
    let id = list["uploads"][0]["id"].as_str().unwrap();
    let place = format!("/api/v1/uploads/{id}");
    let sent = (0..8).map(|_| {
        let (app, key, place) = (app.clone(), key.clone(), place.clone());
        tokio::spawn(async move { send(&app, &key, &place, 0, "0123456789").await.status() })
    });
    let mut kept = 0;
    for sent in sent.collect::<Vec<_>>() {
        match sent.await.unwrap() {
            StatusCode::NO_CONTENT => kept += 1,
            status => assert_eq!(status, StatusCode::CONFLICT),
        }
    }
    assert_eq!((kept, stands(&app, &key, &place).await), (1, 10));
}

#[tokio::test]
async fn p_delete_6_months_an_upload_that_nobody_goes_on_with_is_gone_after_a_day_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, key) = keyed(&app, "a@example.com").await;
    let place = begun(&app, &key, 100).await;
    send(&app, &key, &place, 0, "id;sex").await;
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_hours(25)).await);
    let gone = ask(&app, &key, Method::HEAD, &place, &[], Body::empty()).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let kept: [&dyn Kept; 1] = [&Uploads];
    let done = run(&app, &kept, app.clock.now()).await.unwrap();
    assert_eq!((done[0].what.as_str(), done[0].count), ("calculation_upload", 1));
    for collection in [UPLOADS, "blobs"] {
        assert_eq!(left(&app, &account.organisation, collection).await, 0, "{collection}");
    }
    let proofs = retention::proofs(&app).await.unwrap();
    assert!(proofs.iter().any(|proof| proof.done.what == "calculation_upload"));
}
