//! A stand-in for SendGrid on this machine: answers as it is told, and remembers what it accepted by its name.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202.
    Accept,
    /// It is accepted, but the answer is cut in its first line.
    AcceptAndCut,
    /// 429, to come back after so many seconds.
    Busy(u32),
    /// 500.
    Broken,
    /// 400.
    Refuse,
}

/// What was accepted and how it is answered.
#[derive(Default)]
struct Book {
    /// Answers to come; then everything is accepted.
    script: Vec<Answer>,
    /// By idempotency key: the call, and how often it came.
    accepted: HashMap<String, (Value, usize)>,
    calls: usize,
}

/// The stand-in.
#[derive(Clone)]
pub(crate) struct PostOffice {
    book: Arc<Mutex<Book>>,
    address: SocketAddr,
}

impl PostOffice {
    /// Opens, and answers the first calls so.
    pub(crate) async fn open(script: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Book { script: script.iter().rev().copied().collect(), ..Book::default() };
        let office = Self { book: Arc::new(Mutex::new(book)), address };
        let serving = office.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let office = serving.clone();
                tokio::spawn(async move { office.serve(stream).await });
            }
        });
        office
    }

    /// The variables that make a gateway use it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        [("SENDGRID_API_BASE", format!("http://{}", self.address)), ("SENDGRID_API_KEY", "SG.test".into())]
    }

    /// Answers the next calls so.
    pub(crate) fn answer(&self, script: &[Answer]) {
        self.book.lock().unwrap().script = script.iter().rev().copied().collect();
    }

    /// How many calls came.
    pub(crate) fn calls(&self) -> usize {
        self.book.lock().unwrap().calls
    }

    /// The calls that were accepted, each once, with how often it came.
    pub(crate) fn accepted(&self) -> Vec<(Value, usize)> {
        self.book.lock().unwrap().accepted.values().cloned().collect()
    }

    /// Every recipient's personalization, each call once.
    pub(crate) fn recipients(&self) -> Vec<Value> {
        let calls = self.accepted();
        calls.iter().flat_map(|(call, _)| call["personalizations"].as_array().unwrap().clone()).collect()
    }

    /// Answers calls until the connection ends.
    async fn serve(&self, mut stream: TcpStream) {
        let mut heard = Vec::new();
        loop {
            let Some((key, body)) = next_call(&mut stream, &mut heard).await else {
                return;
            };
            let answer = self.note(key, body);
            let text = match answer {
                Answer::Accept => "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned(),
                Answer::AcceptAndCut => "HTTP/1.1 202 Acc".to_owned(),
                Answer::Busy(seconds) => format!(
                    "HTTP/1.1 429 Too Many Requests\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n"
                ),
                Answer::Broken => "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".to_owned(),
                Answer::Refuse => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_owned(),
            };
            if stream.write_all(text.as_bytes()).await.is_err() || answer == Answer::AcceptAndCut {
                return;
            }
        }
    }

    fn note(&self, key: String, body: Value) -> Answer {
        let mut book = self.book.lock().unwrap();
        book.calls += 1;
        let answer = book.script.pop().unwrap_or(Answer::Accept);
        if matches!(answer, Answer::Accept | Answer::AcceptAndCut) {
            book.accepted.entry(key).or_insert((body, 0)).1 += 1;
        }
        answer
    }
}

/// The idempotency key and the body of the next call.
async fn next_call(stream: &mut TcpStream, heard: &mut Vec<u8>) -> Option<(String, Value)> {
    loop {
        if let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&heard[..end]).to_lowercase();
            let field = |name: &str| {
                head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
            };
            let length: usize = field("content-length:")?.parse().ok()?;
            if heard.len() >= end + 4 + length {
                let body = serde_json::from_slice(&heard[end + 4..end + 4 + length]).ok()?;
                let key = field("idempotency-key:")?;
                heard.drain(..end + 4 + length);
                return Some((key, body));
            }
        }
        let mut piece = vec![0; 64 << 10];
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        heard.extend_from_slice(&piece[..count]);
    }
}
