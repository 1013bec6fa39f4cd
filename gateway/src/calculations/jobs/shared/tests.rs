//! The shared queue on a server of Debian's package.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::config::ValkeyConfig;

/// A server on a socket in its folder.
struct Server(Child, TempDir);

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "queue.sock", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed by cargo xtask test");
        for _ in 0..500 {
            if std::os::unix::net::UnixStream::connect(folder.path().join("queue.sock")).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(started, folder)
    }

    fn queue(&self) -> Shared {
        Shared::on(self.valkey()).unwrap()
    }

    fn valkey(&self) -> Valkey {
        let urls = vec![format!("redis+unix://{}/queue.sock", self.1.path().display())];
        Valkey::new(&ValkeyConfig { urls, user: None, authority: None, certificate: None }, None).unwrap()
    }

    /// The names that stand there.
    async fn names(&self) -> Vec<String> {
        let connection = self.valkey().connect().await.unwrap();
        let mut names: Vec<String> = connection.ask(redis::cmd("KEYS").arg("*")).await.unwrap();
        names.sort();
        names
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn waiting(organisation: &str, id: &str, size: u32) -> Waiting {
    Waiting { organisation: organisation.into(), id: id.into(), size }
}

async fn order(queue: &Shared, takes: Takes) -> Vec<String> {
    let mut order = Vec::new();
    while let Some(held) = queue.take(takes).await.unwrap() {
        order.push(held.waiting.id);
    }
    order
}

#[tokio::test]
async fn organisations_take_turns_each_has_its_small_ones_first_and_each_is_had_once() {
    let server = Server::start();
    let (one, other) = (server.queue(), server.queue());
    for (organisation, id, size) in
        [("a", "a1", 50), ("a", "a2", 50), ("a", "a3", 1), ("b", "b1", 99), ("c", "c1", 2), ("b", "b2", 3)]
    {
        one.push(&waiting(organisation, id, size)).await.unwrap();
    }
    // What is known is not put there twice.
    other.push(&waiting("a", "a1", 50)).await.unwrap();
    assert_eq!(one.waiting("a").await.unwrap(), 3);
    let first = other.take(Takes::Small).await.unwrap().unwrap();
    assert_eq!(first.waiting, waiting("a", "a3", 1));
    assert_eq!(order(&one, Takes::Small).await, ["b2", "c1"]);
    assert_eq!(order(&other, Takes::All).await, ["a1", "b1", "a2"]);
}

#[tokio::test]
async fn of_many_organisations_each_has_the_same_share_at_any_time() {
    let server = Server::start();
    let queue = server.queue();
    for number in 0..200 {
        // The first organisation asks for half of all.
        let organisation = if number < 100 { 0 } else { 1 + number % 9 };
        queue.push(&waiting(&format!("org_{organisation}"), &format!("{number}"), 1)).await.unwrap();
    }
    let mut served: HashMap<String, usize> = HashMap::new();
    for _ in 0..50 {
        *served.entry(queue.take(Takes::All).await.unwrap().unwrap().waiting.organisation).or_default() += 1;
    }
    assert_eq!((served.len(), served.values().min(), served.values().max()), (10, Some(&5), Some(&5)));
}

#[tokio::test]
async fn what_is_over_leaves_nothing_and_may_be_asked_for_anew() {
    let server = Server::start();
    let queue = server.queue();
    for round in 0..2 {
        queue.push(&waiting("a", "a1", 1)).await.unwrap();
        let held = queue.take(Takes::All).await.unwrap().unwrap();
        assert!(queue.beat(&held, 0.25).await.unwrap());
        queue.hear().await.unwrap();
        assert_eq!(queue.progress("a1"), Some(0.25), "round {round}");
        queue.done(&held).await.unwrap();
        queue.hear().await.unwrap();
        assert_eq!(queue.progress("a1"), None);
        assert!(!queue.beat(&held, 0.5).await.unwrap(), "it is nobody's any more");
        queue.done(&held).await.unwrap();
        assert_eq!(queue.take(Takes::All).await.unwrap(), None);
        assert_eq!(server.names().await, [name("about")]);
    }
}

#[tokio::test]
async fn what_is_given_back_comes_again_after_the_others() {
    let server = Server::start();
    let (one, other) = (server.queue(), server.queue());
    for id in ["a1", "a2"] {
        one.push(&waiting("a", id, 1)).await.unwrap();
    }
    let held = one.take(Takes::All).await.unwrap().unwrap();
    one.back(&held).await.unwrap();
    assert_eq!(order(&other, Takes::All).await, ["a2", "a1"]);
    // Leaving gives back all, and what another has meanwhile stays the other's.
    one.back(&held).await.unwrap();
    assert_eq!(one.take(Takes::All).await.unwrap(), None);
    other.leave().await.unwrap();
    let mut again = order(&one, Takes::All).await;
    again.sort();
    assert_eq!(again, ["a1", "a2"]);
}

#[tokio::test]
async fn what_is_not_heard_of_is_taken_over_and_its_worker_hears_that_it_lost_it() {
    let server = Server::start();
    let (dead, alive) = (server.queue(), server.queue());
    for id in ["a1", "a2"] {
        dead.push(&waiting("a", id, 50)).await.unwrap();
    }
    let lost = dead.take(Takes::All).await.unwrap().unwrap();
    let kept = dead.take(Takes::All).await.unwrap().unwrap();
    let begun = tokio::time::Instant::now();
    let taken = loop {
        assert!(dead.beat(&kept, 0.0).await.unwrap());
        match alive.take(Takes::All).await.unwrap() {
            Some(taken) => break taken,
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    assert!(begun.elapsed() >= LEASE - Duration::from_secs(1) && begun.elapsed() < LEASE * 2);
    assert_eq!(taken.waiting, lost.waiting);
    assert!(!dead.beat(&lost, 0.5).await.unwrap());
    assert!(alive.beat(&taken, 0.5).await.unwrap());
    // Too late to give it back.
    dead.back(&lost).await.unwrap();
    assert_eq!(alive.take(Takes::All).await.unwrap(), None);
}

#[tokio::test]
async fn one_of_many_looks_through_the_store() {
    let server = Server::start();
    let (one, other) = (server.queue(), server.queue());
    assert!(one.looks().await.unwrap());
    assert!(!other.looks().await.unwrap() && !one.looks().await.unwrap());
}

/// The server goes and comes back with nothing: what is asked meanwhile fails, what is asked later is answered.
#[tokio::test]
async fn a_server_that_comes_back_is_asked_again() {
    let mut server = Server::start();
    let queue = server.queue();
    queue.push(&waiting("a", "a1", 1)).await.unwrap();
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    assert!(queue.take(Takes::All).await.is_err());
    server.0 = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket", "queue.sock", "--dir"])
        .arg(server.1.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..500 {
        if queue.looks().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(queue.take(Takes::All).await.unwrap(), None, "it has lost what it held");
    queue.push(&waiting("a", "a1", 1)).await.unwrap();
    assert_eq!(order(&queue, Takes::All).await, ["a1"]);
}
