//! Lists that others keep: fetched from a server of the test's own, in every state that a server can be in.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::raw::{Raw, connect_from, status};
use crate::support::{Gateway, eventually};

/// A server whose whole answer the test writes, byte by byte.
struct Server {
    address: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (telling, hearing) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                hearing.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                let _ = stream.write_all(&telling.lock().unwrap());
            }
        });
        Self { address, answer, asked }
    }

    fn says(&self, answer: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = answer.into();
    }

    fn lists(&self, list: &str) {
        let length = list.len();
        self.says(format!("HTTP/1.1 200 OK\r\nETag: \"{length}\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{list}"));
    }
}

fn prepare(server: &Server) -> Gateway {
    let gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let trusted = "hosts = [\"localhost\"]\ntrusted = { proxies = [\"127.0.0.8/32\"] }";
    let feed = format!(
        "\n[[gateway.feeds]]\nname = \"drop\"\nurl = \"http://{}/drop.txt\"\nevery = \"1s\"\nmax_bytes = 100000\n",
        server.address
    );
    fs::write(&config, text.replace("hosts = [\"localhost\"]", trusted) + &feed).unwrap();
    gateway
}

/// What a client behind the listed proxy is answered.
fn behind(gateway: &Gateway, client: &str) -> u16 {
    let mut raw = Raw::over(gateway, connect_from([127, 0, 0, 8], gateway.https()).unwrap(), b"http/1.1");
    let request =
        format!("GET /favicon.svg HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n");
    raw.send(request.as_bytes()).unwrap();
    status(&raw.answer().unwrap().0)
}

fn state(gateway: &Gateway) -> Value {
    gateway.admin(&["ban", "feeds"])[0].clone()
}

async fn until(gateway: &Gateway, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || Some(state(gateway)).filter(&is)).await
}

fn networks(count: u32) -> String {
    (0..count).map(|n| format!("198.51.{n}.0/24 ; SBL{n}\n")).collect()
}

#[tokio::test]
async fn a_feed_is_in_force_soon_kept_over_a_restart_and_asked_for_only_what_changed() {
    let server = Server::start();
    server.lists("; DROP\n203.0.113.0/24 ; SBL1\n10.0.0.0/8\n127.0.0.0/24\n");
    let mut gateway = prepare(&server);
    gateway.launch().await;
    let fresh = until(&gateway, "a list", |state| state["state"] == "fresh").await;
    assert_eq!((&fresh["blocks"], &fresh["left_out"]), (&Value::from(1), &Value::from(2)), "{fresh}");
    assert_eq!(behind(&gateway, "203.0.113.7"), 403);
    assert_eq!(behind(&gateway, "203.0.114.7"), 200);
    assert_eq!(behind(&gateway, "10.1.2.3"), 200, "private space is no public list's matter");
    server.says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    let asked =
        || server.asked.lock().unwrap().last().filter(|head| head.contains("if-none-match: \"")).map(|_| ());
    eventually("a question by tag", asked).await;
    assert_eq!(state(&gateway)["state"], "fresh");
    server.says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    gateway.stop();
    gateway.launch().await;
    assert_eq!(behind(&gateway, "203.0.113.7"), 403, "before any fetch");
    let doubted = until(&gateway, "a failure", |state| state["state"] == "doubted").await;
    assert!(doubted["reason"].as_str().unwrap().contains("503") && doubted["blocks"] == 1, "{doubted}");
    let told = format!("http://{}/metrics", gateway.operations());
    let metrics = reqwest::get(told).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("blocklist_blocks{source=\"drop\"} 1"), "{metrics}");
    assert!(metrics.contains("feed_age_seconds{source=\"drop\"}"), "{metrics}");
}

#[tokio::test]
async fn what_is_cut_wrong_or_too_much_is_refused_and_what_was_there_stays() {
    let whole = networks(100);
    let half = &whole[..whole.len() / 2 + 7];
    assert!(!half.ends_with('\n'));
    let long = "198.51.100.0/24\n".repeat(10_000);
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{half}", whole.len());
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "cut by length",
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{half}", whole.len()).into(),
            "fetched",
        ),
        ("cut in a chunk", chunked.into(), "fetched"),
        (
            "cut, and no length told",
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{half}").into(),
            "cut",
        ),
        (
            "the world",
            "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n1.2.3.0/24\n    0.0.0.0/0\n".into(),
            "0.0.0.0/0",
        ),
        ("a page", "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n<!doctype html>\n".into(), "line 1"),
        ("nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into(), "no public block"),
        (
            "more than may be",
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}", long.len()).into(),
            "larger",
        ),
        ("endless", format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{long}").into(), "larger"),
        (
            "elsewhere in clear",
            "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n".into(),
            "302",
        ),
        ("not text", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\n".to_vec(), "no text"),
    ];
    let server = Server::start();
    server.lists(&whole);
    let mut gateway = prepare(&server);
    gateway.launch().await;
    for (case, answer, why) in cases {
        until(&gateway, case, |state| state["state"] == "fresh").await;
        server.says(answer);
        let doubted = until(&gateway, case, |state| state["state"] == "doubted").await;
        assert!(doubted["reason"].as_str().unwrap().contains(why), "{case}: {doubted}");
        assert_eq!(doubted["blocks"], 100, "{case}");
        assert_eq!(behind(&gateway, "198.51.99.1"), 403, "{case}");
        server.lists(&whole);
    }
}

#[tokio::test]
async fn a_feed_that_shrinks_by_more_than_half_is_taken_only_when_it_stays_so() {
    let server = Server::start();
    server.lists(&networks(100));
    let mut gateway = prepare(&server);
    gateway.launch().await;
    until(&gateway, "a list", |state| state["blocks"] == 100).await;
    server.lists(&networks(20));
    eventually("a doubt", || gateway.log().contains("from 100 blocks to 20").then_some(())).await;
    until(&gateway, "the shorter list", |state| state["blocks"] == 20 && state["state"] == "fresh").await;
    assert_eq!(behind(&gateway, "198.51.99.1"), 200);
    assert_eq!(behind(&gateway, "198.51.19.1"), 403);
}

#[tokio::test]
async fn a_kept_list_cut_short_is_told_and_fetched_anew() {
    let server = Server::start();
    server.lists(&networks(100));
    let mut gateway = prepare(&server);
    gateway.launch().await;
    until(&gateway, "a list", |state| state["state"] == "fresh").await;
    gateway.kill();
    let kept = gateway.data().join("feeds/drop.list");
    let whole = fs::read(&kept).unwrap();
    fs::write(&kept, &whole[..whole.len() / 2]).unwrap();
    gateway.launch().await;
    assert!(gateway.log().contains("the kept list of a feed is not taken"));
    until(&gateway, "a list", |state| state["blocks"] == 100).await;
    assert_eq!(behind(&gateway, "198.51.99.1"), 403);
}

#[tokio::test]
async fn doctor_refuses_a_feed_in_clear_with_a_strange_name_or_too_often() {
    for (url, name, why) in [
        ("http://lists.example/drop.txt", "drop", "https://"),
        ("https://lists.example/drop.txt", "../drop", "small letters"),
        ("https://lists.example/drop.txt", "drop", "5m at least"),
    ] {
        let gateway = Gateway::prepare(&[]);
        let config = gateway.root().join("site.toml");
        let text = fs::read_to_string(&config).unwrap();
        let feed = format!("\n[[gateway.feeds]]\nname = \"{name}\"\nurl = \"{url}\"\nevery = \"10s\"\n");
        fs::write(&config, text + &feed).unwrap();
        let refused = gateway.command(&["doctor"]).output().unwrap();
        assert!(!refused.status.success());
        let told = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(told.contains("feeds: [[gateway.feeds]]") && told.contains(why), "{url} {name}: {told}");
    }
}

#[tokio::test]
async fn a_country_may_be_refused_whole_or_at_the_door_of_signing_in_alone() {
    for (classes, page, sign_in) in [("", 403, 403), ("classes = [\"sign_in\"]", 200, 403)] {
        let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
        let config = gateway.root().join("site.toml");
        let text = fs::read_to_string(&config).unwrap();
        let trusted = "hosts = [\"localhost\"]\ntrusted = { proxies = [\"127.0.0.8/32\"] }";
        let countries =
            format!("\n[gateway.countries]\ntable = \"countries.csv\"\nblock = [\"XX\"]\n{classes}\n");
        fs::write(&config, text.replace("hosts = [\"localhost\"]", trusted) + &countries).unwrap();
        let table = gateway.root().join("countries.csv");
        fs::write(&table, "203.0.113.0,203.0.113.255,XX\n198.51.100.0,198.51.100.255,FR\n").unwrap();
        gateway.launch().await;
        let post = |client: &str| {
            let mut raw =
                Raw::over(&gateway, connect_from([127, 0, 0, 8], gateway.https()).unwrap(), b"http/1.1");
            let (port, origin) = (gateway.https().port(), gateway.url(""));
            let head = format!(
                "POST /compte/connexion HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\n\
                 X-Forwarded-For: {client}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            raw.send(head.as_bytes()).unwrap();
            status(&raw.answer().unwrap().0)
        };
        assert_eq!((behind(&gateway, "203.0.113.7"), post("203.0.113.7")), (page, sign_in), "{classes}");
        assert_eq!(behind(&gateway, "198.51.100.7"), 200);
        assert_eq!(post("198.51.100.7"), 401);
        fs::write(&table, "198.51.100.0,198.51.100.255,FR\n").unwrap();
        eventually("the new table", || (post("203.0.113.7") != 403).then_some(())).await;
    }
}

#[tokio::test]
async fn a_blocklist_cut_in_half_does_not_open_the_door() {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let config = gateway.root().join("site.toml");
    let text = fs::read_to_string(&config).unwrap();
    let listed = "hosts = [\"localhost\"]\ntrusted = { proxies = [\"127.0.0.8/32\"] }";
    let text = text.replace("hosts = [\"localhost\"]", listed);
    fs::write(&config, text.replace("blocklist = \"deploy/blocklist.txt\"", "blocklist = \"blocks.txt\""))
        .unwrap();
    let list: String = (0..4_000).map(|n| format!("198.{}.{}.0/24\n", n / 256, n % 256)).collect();
    let file = gateway.root().join("blocks.txt");
    fs::write(&file, &list).unwrap();
    gateway.launch().await;
    assert_eq!(behind(&gateway, "198.15.1.1"), 403);
    // In the middle of a line that is no block any more, then at the end of one.
    // Lines at the beginning are shorter: the first third in bytes is less than half of the blocks.
    let middle = list.len() / 3;
    let in_a_line = list[..middle].rfind('.').unwrap();
    fs::write(&file, &list[..in_a_line]).unwrap();
    eventually("word of the line", || {
        gateway.log().contains("is no address and no CIDR block").then_some(())
    })
    .await;
    assert_eq!(behind(&gateway, "198.15.1.1"), 403);
    let at_a_line = list[..middle].rfind('\n').unwrap() + 1;
    fs::write(&file, &list[..at_a_line]).unwrap();
    eventually("a doubt", || gateway.log().contains("lost most of its blocks").then_some(())).await;
    assert_eq!(behind(&gateway, "198.15.1.1"), 403);
}
