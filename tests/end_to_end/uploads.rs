//! Files in parts through kills of the process, and who is no longer who they were when a file began to come.

use std::time::{Duration, Instant};

use futures::{Stream, StreamExt, stream};
use reqwest::{Body, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::datasets::payroll;
use crate::support::Gateway;

const QUERY: &str = "module=ifc&warranty=accepted&name=paie.csv";
/// So much is kept at a time (`uploads/append.rs`); what has not come to it when the process is killed comes again.
const PIECE: usize = 1 << 20;

/// A program that sends files.
#[derive(Clone)]
struct Program {
    client: reqwest::Client,
    origin: String,
    key: String,
}

impl Program {
    fn of(gateway: &Gateway, key: &str) -> Self {
        Self { client: gateway.client(), origin: gateway.url(""), key: key.to_owned() }
    }

    fn ask(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        request.bearer_auth(&self.key).header("tus-resumable", "1.0.0")
    }

    async fn told(&self, path: &str) -> Value {
        self.ask(Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    async fn begun(&self, length: usize) -> String {
        let request = self.ask(Method::POST, &format!("/api/v1/uploads?{QUERY}"));
        let answer = request.header("upload-length", length).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Where the service stands.
    async fn stands(&self, place: &str) -> usize {
        let answer = self.ask(Method::HEAD, place).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        offset(&answer)
    }

    async fn send(&self, place: &str, at: usize, body: impl Into<Body>) -> reqwest::Result<Response> {
        let request = self.ask(Method::PATCH, place).header("upload-offset", at);
        request.header("content-type", "application/offset+octet-stream").body(body).send().await
    }

    async fn at_once(&self, body: impl Into<Body>) -> Response {
        let request = self.ask(Method::POST, &format!("/api/v1/datasets?{QUERY}"));
        request.header("content-type", "text/csv").body(body).send().await.unwrap()
    }
}

fn offset(answer: &Response) -> usize {
    answer.headers()["upload-offset"].to_str().unwrap().parse().unwrap()
}

fn pieces(bytes: &[u8]) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> + use<> {
    let pieces: Vec<Vec<u8>> = bytes.chunks(64 << 10).map(<[u8]>::to_vec).collect();
    stream::iter(pieces.into_iter().map(Ok))
}

/// A body of these bytes whose end never comes.
fn without_end(bytes: &[u8]) -> Body {
    Body::wrap_stream(pieces(bytes).chain(stream::pending()))
}

/// A body whose second half comes once it is let through.
fn held(bytes: &[u8]) -> (Body, oneshot::Sender<()>) {
    let (through, wait) = oneshot::channel();
    let (begin, end) = bytes.split_at(bytes.len() / 2);
    let end = end.to_vec();
    let rest = stream::once(async move {
        wait.await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(end)
    });
    (Body::wrap_stream(pieces(begin).chain(rest)), through)
}

/// Waits until the service stands past a byte.
async fn past(program: &Program, place: &str, at: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while program.stands(place).await <= at {
        assert!(Instant::now() < deadline, "nothing comes past {at}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_file_in_parts_comes_to_its_end_through_kills_and_is_the_data_set_of_the_same_bytes() {
    let mut gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", None);
    let file = payroll(60_000, 30);
    assert!(file.len() > 3 * PIECE, "{}", file.len());
    let mut program = Program::of(&gateway, &key);
    let at_once: Value = program.at_once(file.clone()).await.json().await.unwrap();
    let place = program.begun(file.len()).await;
    let mut at = 0;
    for _ in 0..2 {
        let end = at + PIECE + PIECE / 4;
        let sending = {
            let (program, place, body) = (program.clone(), place.clone(), without_end(&file[at..end]));
            tokio::spawn(async move { program.send(&place, at, body).await })
        };
        past(&program, &place, at).await;
        gateway.kill();
        assert!(sending.await.unwrap().is_err(), "the connection is cut");
        gateway.launch().await;
        program = Program::of(&gateway, &key);
        let stands = program.stands(&place).await;
        assert!(at + PIECE <= stands && stands < end, "{stands} of {at} to {end}");
        at = stands;
    }
    // The last part, killed while it comes, while the file is read, and while it is recorded.
    for delay in [5, 60, 250, 700] {
        let sending = {
            let (program, place, rest) = (program.clone(), place.clone(), file[at..].to_vec());
            tokio::spawn(async move { program.send(&place, at, rest).await })
        };
        tokio::time::sleep(Duration::from_millis(delay)).await;
        gateway.kill();
        drop(sending.await.unwrap());
        gateway.launch().await;
        program = Program::of(&gateway, &key);
        let stands = program.stands(&place).await;
        assert!(stands >= at, "{stands} after {at}");
        at = stands;
    }
    let answer = program.send(&place, at, file[at..].to_vec()).await.unwrap();
    assert_eq!((answer.status(), offset(&answer)), (StatusCode::NO_CONTENT, file.len()));
    let came = program.told(answer.headers()["location"].to_str().unwrap()).await;
    assert_eq!((&came["rows"], &came["digest"]), (&json!(60_000), &at_once["digest"]));
    assert!(came["digest"].is_string(), "{came}");
    assert_eq!(program.told("/api/v1/datasets").await["datasets"].as_array().unwrap().len(), 2);
    assert_eq!(program.told("/api/v1/uploads").await["uploads"], json!([]));
    assert_eq!(program.told(&place).await["state"], "kept");
}

#[tokio::test]
async fn a_key_revoked_while_a_file_comes_makes_no_data_set_of_it() {
    let gateway = Gateway::start().await;
    let email = "client@example.org";
    let (password, key) = gateway.client_account(email, None);
    let cookie = gateway.sign_in(email, &password).await;
    let other = Program::of(&gateway, &key);
    let file = payroll(45_000, 30);
    let place = other.begun(file.len()).await;
    let made = gateway.admin(&["apikey", "create", "--account", email]);
    let program = Program::of(&gateway, made["key"].as_str().unwrap());
    let (body, through) = held(&file);
    let sending = {
        let (program, place) = (program.clone(), place.clone());
        tokio::spawn(async move { program.send(&place, 0, body).await.unwrap() })
    };
    let (body, through_too) = held(&file);
    let at_once = {
        let program = program.clone();
        tokio::spawn(async move { program.at_once(body).await })
    };
    past(&other, &place, 0).await;
    let revoked = format!("/espace-client/cles/{}/retrait", made["id"].as_str().unwrap());
    assert_eq!(gateway.post_as(&revoked, &[], Some(&cookie)).await.status(), 303);
    through.send(()).unwrap();
    through_too.send(()).unwrap();
    assert_eq!(sending.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(at_once.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    for answer in [
        program.send(&place, file.len(), Vec::new()).await.unwrap(),
        program.ask(Method::HEAD, &place).send().await.unwrap(),
    ] {
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(other.told("/api/v1/datasets").await["datasets"], json!([]));
    // What came is the organisation's: another key goes on with it.
    let at = other.stands(&place).await;
    let answer = other.send(&place, at, file[at..].to_vec()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let came = other.told(answer.headers()["location"].to_str().unwrap()).await;
    assert_eq!(came["rows"], 45_000);
}

#[tokio::test]
async fn a_session_that_ended_while_a_file_came_keeps_nothing() {
    let gateway = Gateway::start().await;
    let email = "client@example.org";
    let (password, key) = gateway.client_account(email, None);
    let cookie = gateway.sign_in(email, &password).await;
    let mut form = Vec::new();
    for (name, value) in [("module", "ifc"), ("garantie", "accepte")] {
        let part = format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend_from_slice(part.as_bytes());
    }
    form.extend_from_slice(
        b"--x\r\ncontent-disposition: form-data; name=\"fichier\"; filename=\"paie.csv\"\r\n\r\n",
    );
    form.extend_from_slice(&payroll(2_000, 30));
    form.extend_from_slice(b"\r\n--x--\r\n");
    let (body, through) = held(&form);
    let post = gateway.client().post(gateway.url("/espace-client/donnees")).header("cookie", &cookie);
    let post = post.header("origin", gateway.url("")).header("sec-fetch-site", "same-origin");
    let post = post.header("content-type", "multipart/form-data; boundary=x").body(body);
    let sending = tokio::spawn(async move { post.send().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!sending.is_finished(), "half of the form is enough for an answer");
    assert_eq!(gateway.post_as("/compte/deconnexion", &[], Some(&cookie)).await.status(), 303);
    through.send(()).unwrap();
    let answer = sending.await.unwrap();
    assert_eq!(answer.status(), 303);
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(to.starts_with("/compte/connexion"), "{to}");
    let program = Program::of(&gateway, &key);
    assert_eq!(program.told("/api/v1/datasets").await["datasets"], json!([]));
}
