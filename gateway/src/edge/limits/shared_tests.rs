//! Gateways' tables against a real server, over sockets.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use futures::FutureExt;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{LimitsConfig, Rate, ValkeyConfig};
use crate::edge::prefix::ClientPrefix;
use crate::edge::route_class::RouteClass;

const CLASS: RouteClass = RouteClass::SignIn;
/// Nothing worth speaking of comes back within a test.
const RATE: Rate = Rate { per_minute: 1, burst: 40 };
const GATEWAYS: u32 = 2;
const RESERVE: u32 = RATE.burst / 8;

/// A server of its own, which goes with this value.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path, port: u16, more: &[&str]) -> Self {
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed by cargo xtask test");
        Self { process, port }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn valkey(url: &str, password: Option<&str>) -> Valkey {
    let config = ValkeyConfig { urls: vec![url.into()], user: None, authority: None, certificate: None };
    Valkey::new(&config, password).unwrap()
}

fn gateway(url: &str, password: Option<&str>) -> Arc<Limits> {
    let config = LimitsConfig { sign_in: RATE, gateways: GATEWAYS, ..LimitsConfig::default() };
    let limits = Arc::new(Limits::new(&config, 1, [3; 16]));
    let (shared, valkey) = (Arc::clone(&limits), valkey(url, password));
    tokio::spawn(async move { run(&shared, &valkey).await });
    limits
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within fifteen seconds: {what}");
}

fn heard(limits: &Limits) -> bool {
    limits.shared().unwrap().heard()
}

fn client(n: u32) -> ClientPrefix {
    ClientPrefix::of(std::net::Ipv4Addr::from(0x0a00_0000 + n).into())
}

/// How many of so many tries are let in, one after the other, each followed by a little time.
async fn let_in(gateways: &[&Limits], client: ClientPrefix, tries: u32, pause: Duration) -> u32 {
    let mut count = 0;
    for n in 0..tries {
        count += u32::from(gateways[n as usize % gateways.len()].take(CLASS, client).is_ok());
        tokio::time::sleep(pause).await;
    }
    count
}

#[tokio::test]
async fn two_gateways_let_a_client_have_one_limit_between_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), free_port(), &[]);
    let (a, b) = (gateway(&server.url(), None), gateway(&server.url(), None));
    until("both hear the server", || heard(&a) && heard(&b)).await;
    let slowly = let_in(&[&a, &b], client(1), 120, Duration::from_millis(30)).await;
    assert!(slowly <= RATE.burst + GATEWAYS * RESERVE, "{slowly}");
    assert!(slowly >= RATE.burst - 1, "nobody is refused what is there: {slowly}");
    // What one has used up, the other knows.
    let all = let_in(&[&a], client(2), 80, Duration::from_millis(30)).await;
    assert!((RATE.burst - 1..=RATE.burst + RESERVE).contains(&all), "{all}");
    until("the other hears of it", || b.take(CLASS, client(2)).is_err()).await;
    let more = let_in(&[&b], client(2), 20, Duration::ZERO).await;
    assert_eq!(more, 0);
    // As fast as can be: never more than the limit and the reserves.
    let fast = let_in(&[&a, &b], client(3), 5_000, Duration::ZERO).await;
    let later = let_in(&[&a, &b], client(3), 100, Duration::from_millis(10)).await;
    assert!(fast + later <= RATE.burst + GATEWAYS * RESERVE, "{fast} and {later}");
}

#[tokio::test]
async fn without_the_server_each_gateway_has_its_part_and_a_server_that_comes_back_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let (a, b) = {
        let server = Server::start(folder.path(), port, &[]);
        let (a, b) = (gateway(&server.url(), None), gateway(&server.url(), None));
        until("both hear the server", || heard(&a) && heard(&b)).await;
        assert!(a.take(CLASS, client(1)).is_ok());
        (a, b)
    };
    until("both know that it is away", || !heard(&a) && !heard(&b)).await;
    for limits in [&a, &b] {
        let part = let_in(&[limits], client(2), 100, Duration::ZERO).await;
        assert_eq!(part, RATE.burst / GATEWAYS);
    }
    let mut headers = http::HeaderMap::new();
    let allowance = a.take(CLASS, client(3)).unwrap();
    a.tell(CLASS, Some(&allowance), &mut headers);
    assert_eq!(headers["ratelimit-policy"], "\"sign_in\";q=20;w=2400");
    let _server = Server::start(folder.path(), port, &[]);
    until("both hear it again", || heard(&a) && heard(&b)).await;
    assert_eq!(let_in(&[&a], client(2), 10, Duration::ZERO).await, 0, "what was owed is owed");
    let whole = let_in(&[&a, &b], client(4), 120, Duration::from_millis(25)).await;
    assert!((RATE.burst - 1..=RATE.burst + GATEWAYS * RESERVE).contains(&whole), "{whole}");
}

#[tokio::test]
async fn a_server_that_is_two_seconds_late_is_away_until_it_is_in_time_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), free_port(), &[]);
    let (delay, delays) = tokio::sync::watch::channel(Duration::ZERO);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let to = server.port;
    tokio::spawn(async move {
        while let Ok((inward, _)) = listener.accept().await {
            let mut delays = delays.clone();
            tokio::spawn(async move {
                let mut outward = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let (mut from_client, mut to_client) = inward.into_split();
                let (mut from_server, mut to_server) = outward.split();
                let slowly = async {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) =
                        tokio::io::AsyncReadExt::read(&mut from_server, &mut bytes).await
                    {
                        let wait = *delays.borrow_and_update();
                        tokio::time::sleep(wait).await;
                        let sent = tokio::io::AsyncWriteExt::write_all(&mut to_client, &bytes[..read]).await;
                        if sent.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = slowly => {}
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                }
            });
        }
    });
    let limits = gateway(&url, None);
    until("the server is heard", || heard(&limits)).await;
    delay.send(Duration::from_secs(2)).unwrap();
    until("it is away", || !heard(&limits)).await;
    assert_eq!(let_in(&[&limits], client(1), 100, Duration::ZERO).await, RATE.burst / GATEWAYS);
    delay.send(Duration::ZERO).unwrap();
    until("it is heard again", || heard(&limits)).await;
}

#[tokio::test]
async fn with_a_wrong_password_a_gateway_goes_on_alone_and_with_the_right_one_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), free_port(), &["--requirepass", "right"]);
    let right = gateway(&server.url(), Some("right"));
    until("the right one is heard", || heard(&right)).await;
    let wrong = gateway(&server.url(), Some("wrong"));
    let why = valkey(&server.url(), Some("wrong")).connect().await.err().unwrap().to_string();
    assert!(why.to_lowercase().contains("password") && !why.contains("wrong:"), "{why}");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!heard(&wrong));
    assert_eq!(let_in(&[&wrong], client(1), 100, Duration::ZERO).await, RATE.burst / GATEWAYS);
}

/// The runtime has one thread, which never waits here: whatever is answered was answered without the network.
#[tokio::test(flavor = "current_thread")]
async fn no_request_waits_for_a_server_that_stalls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = gateway(&format!("redis://{}", listener.local_addr().unwrap()), None);
    let (mut stalled, _) = listener.accept().await.unwrap();
    let alone = (0..100).filter(|_| limits.take(CLASS, client(1)).is_ok()).count();
    assert_eq!(alone as u32, RATE.burst / GATEWAYS);
    // And while it is believed to be there.
    limits.shared().unwrap().heard.store(true, Ordering::Relaxed);
    let answered: Vec<_> = (0..200_000).map(|n| limits.take(CLASS, client(n)).is_ok()).collect();
    assert!(answered[10_000], "a reserve is had at once");
    let one = (0..100).filter(|_| limits.take(CLASS, client(500_000)).is_ok()).count();
    assert_eq!(one as u32, RESERVE, "and no more than that");
    drop(copy_bidirectional(&mut stalled, &mut tokio::io::empty()).now_or_never());
}

/// 40,000 clients, the hundredth part of a second's worth each; what a million would weigh follows.
#[tokio::test]
async fn the_server_remembers_none_but_those_that_owe() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), free_port(), &[]);
    let config = LimitsConfig {
        sign_in: Rate { per_minute: 60, burst: 8 },
        gateways: GATEWAYS,
        ..LimitsConfig::default()
    };
    let limits = Arc::new(Limits::new(&config, 1, [3; 16]));
    let (shared, to) = (Arc::clone(&limits), valkey(&server.url(), None));
    tokio::spawn(async move { run(&shared, &to).await });
    until("the server is heard", || heard(&limits)).await;
    let connection = valkey(&server.url(), None).connect().await.unwrap();
    let used = async || -> u64 {
        let info: String = connection.ask(redis::cmd("INFO").arg("memory")).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:")).unwrap();
        line.parse().unwrap()
    };
    let size = async || -> u64 { connection.ask(&redis::cmd("DBSIZE")).await.unwrap() };
    let (before, mut peak, mut most) = (used().await, 0, 0);
    for n in 0..40_000 {
        let _ = limits.take(CLASS, client(n));
        if n % 400 == 0 {
            tokio::time::sleep(Duration::from_millis(25)).await;
            (peak, most) = (peak.max(size().await), most.max(used().await));
        }
    }
    assert!(heard(&limits), "it kept up");
    assert!(peak > 5_000 && peak < 40_000, "what is paid is forgotten meanwhile: {peak} of 40,000");
    let each = most.saturating_sub(before) / peak;
    assert!(each < 400, "{each} bytes a client");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let keys: Vec<String> = connection.ask(redis::cmd("KEYS").arg("*")).await.unwrap();
    assert!(keys.len() < 100, "{}", keys.len());
}
