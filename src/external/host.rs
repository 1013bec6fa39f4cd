//! Whose turn it is: how many requests go out at once, to one host and in total. It sends none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// At once, to all hosts.
const IN_TOTAL: usize = 16;
/// At once, to one host.
const PER_HOST: usize = 2;
/// From the beginning of a request to the beginning of the next one to the same host.
const PAUSE: Duration = Duration::from_millis(200);

/// Every host that was asked.
pub(super) struct Hosts {
    by_authority: Mutex<HashMap<String, Arc<Host>>>,
    in_total: Arc<Semaphore>,
}

/// The right to send one request; it ends when it is dropped.
pub(super) struct Turn {
    _of_host: OwnedSemaphorePermit,
    _in_total: OwnedSemaphorePermit,
}

struct Host {
    at_once: Arc<Semaphore>,
    free_from: Mutex<Instant>,
    /// Why no connection was had: the host is not asked again.
    unreachable: OnceLock<String>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self { by_authority: Mutex::default(), in_total: Arc::new(Semaphore::new(IN_TOTAL)) }
    }
}

impl Hosts {
    /// Waits until the host of an address may be asked.
    ///
    /// # Errors
    /// The reason why that host was given up.
    pub(super) async fn turn(&self, url: &Url) -> Result<Turn, String> {
        let host = self.host(url);
        let closed = |_| "the turns are over".to_owned();
        let of_host = Arc::clone(&host.at_once).acquire_owned().await.map_err(closed)?;
        if let Some(reason) = host.unreachable.get() {
            return Err(reason.clone());
        }
        let begin = {
            let mut free_from = host.free_from.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = (*free_from).max(Instant::now());
            *free_from = begin + PAUSE;
            begin
        };
        tokio::time::sleep_until(begin).await;
        // Last, so that waiting for one host holds no place of the others.
        let in_total = Arc::clone(&self.in_total).acquire_owned().await.map_err(closed)?;
        Ok(Turn { _of_host: of_host, _in_total: in_total })
    }

    /// Lets nobody wait for a host that does not take connections.
    pub(super) fn give_up(&self, url: &Url, reason: &str) {
        self.host(url).unreachable.get_or_init(|| reason.to_owned());
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let mut hosts = self.by_authority.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(url.authority().to_owned()).or_insert_with(|| {
            Arc::new(Host {
                at_once: Arc::new(Semaphore::new(PER_HOST)),
                free_from: Mutex::new(Instant::now()),
                unreachable: OnceLock::new(),
            })
        });
        Arc::clone(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_host_is_asked_twice_at_once_and_after_a_pause() {
        let hosts = Hosts::default();
        let begin = Instant::now();
        let first = hosts.turn(&url("https://a.example/1")).await.unwrap();
        let _second = hosts.turn(&url("https://a.example/2")).await.unwrap();
        assert!(begin.elapsed() >= PAUSE);
        let third = tokio::time::timeout(2 * PAUSE, hosts.turn(&url("https://a.example/3"))).await;
        assert!(third.is_err(), "a third request at once");
        let other = tokio::time::timeout(PAUSE / 2, hosts.turn(&url("https://b.example/"))).await;
        assert!(other.is_ok(), "another host waits for the first");
        drop(first);
        assert!(hosts.turn(&url("https://a.example/3")).await.is_ok());
    }

    #[tokio::test]
    async fn a_host_that_was_given_up_is_not_asked() {
        let hosts = Hosts::default();
        hosts.give_up(&url("https://a.example/1"), "no such name");
        assert_eq!(hosts.turn(&url("https://a.example/2")).await.err().as_deref(), Some("no such name"));
        assert!(hosts.turn(&url("https://b.example/")).await.is_ok());
    }
}
