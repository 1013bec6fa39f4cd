//! A client's own server on this machine: takes calls of webhooks, answers them as it is told, and checks signatures by
//! itself, as Standard Webhooks says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With this status.
    Status(u16),
    /// 302 to this address.
    Redirect(String),
    /// 200, and a body that does not end.
    Endless,
    /// Not at all.
    Silence,
}

/// A call that came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The path.
    pub(crate) path: String,
    /// `webhook-id`.
    pub(crate) id: String,
    /// `webhook-timestamp`.
    pub(crate) timestamp: String,
    /// The signatures of `webhook-signature`.
    pub(crate) signatures: Vec<String>,
    /// The fields, in small letters.
    pub(crate) head: String,
    /// The bytes that are signed.
    pub(crate) body: String,
}

impl Call {
    /// Which of these secrets signed it, each in its place.
    pub(crate) fn signed_by(&self, secrets: &[&str]) -> Vec<bool> {
        let made = |secret: &&str| {
            let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
            let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            self.signatures.contains(&expected)
        };
        secrets.iter().map(made).collect()
    }

    /// The body.
    pub(crate) fn told(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The server.
#[derive(Clone)]
pub(crate) struct Receiver {
    book: Arc<Mutex<Book>>,
    address: SocketAddr,
}

#[derive(Default)]
struct Book {
    /// Answers to come; then everything is taken.
    script: Vec<Answer>,
    calls: Vec<Call>,
}

impl Receiver {
    /// Opens, and answers the first calls so.
    pub(crate) async fn open(script: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self { book: Arc::default(), address };
        receiver.answer(script);
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = serving.clone();
                tokio::spawn(async move { receiver.serve(stream).await });
            }
        });
        receiver
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// An address on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers the next calls so.
    pub(crate) fn answer(&self, script: &[Answer]) {
        self.book.lock().unwrap().script = script.iter().rev().cloned().collect();
    }

    /// The calls that came.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.book.lock().unwrap().calls.clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(call) = heard(&mut stream).await else { return };
        let answer = {
            let mut book = self.book.lock().unwrap();
            book.calls.push(call);
            book.script.pop().unwrap_or(Answer::Status(204))
        };
        let text = match &answer {
            Answer::Status(status) => {
                format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            }
            Answer::Redirect(to) => {
                format!(
                    "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
            }
            Answer::Endless => "HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n".to_owned(),
            Answer::Silence => return tokio::time::sleep(std::time::Duration::from_secs(60)).await,
        };
        let _ = stream.write_all(text.as_bytes()).await;
        if answer == Answer::Endless {
            while stream.write_all(&[b'a'; 64 << 10]).await.is_ok() {}
        }
    }
}

async fn heard(stream: &mut TcpStream) -> Option<Call> {
    let mut heard = Vec::new();
    loop {
        if let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&heard[..end]).into_owned();
            let field = |name: &str| {
                let found = head.lines().find_map(|line| {
                    let (field, value) = line.split_once(':')?;
                    field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
                });
                found.unwrap_or_default()
            };
            let length: usize = field("content-length").parse().ok()?;
            if heard.len() >= end + 4 + length {
                return Some(Call {
                    path: head.split(' ').nth(1)?.to_owned(),
                    id: field("webhook-id"),
                    timestamp: field("webhook-timestamp"),
                    signatures: field("webhook-signature").split(' ').map(str::to_owned).collect(),
                    body: String::from_utf8(heard[end + 4..end + 4 + length].to_vec()).ok()?,
                    head: head.to_lowercase(),
                });
            }
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        heard.extend_from_slice(&piece[..count]);
    }
}
