//! Leaving: every connection is told that the gateway ends, and the gateway waits until the last has gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long a connection may take to ask for the first time once the gateway ends.
const FIRST_WORD: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// Whoever says farewell to the connections of a worker.
#[derive(Debug, Default, Clone)]
pub struct Farewell(Arc<watch::Sender<bool>>);

/// A connection that waits to be told; the gateway waits for it until it is dropped.
#[derive(Debug)]
pub struct Guest(watch::Receiver<bool>);

impl Farewell {
    /// One more that is told and waited for.
    pub fn guest(&self) -> Guest {
        Guest(self.0.subscribe())
    }

    /// Tells every guest, and waits until the last has gone.
    pub async fn say(&self) {
        self.0.send_replace(true);
        self.0.closed().await;
    }
}

impl Guest {
    /// Ends when the gateway ends and the connection may be told: hyper ends a connection that has not asked yet as
    /// if it rested, although its first request is on its way. `asked` says whether it has.
    pub async fn told(&mut self, asked: impl Fn() -> bool) {
        // The sender outlives its connections.
        let _ = self.0.wait_for(|said| *said).await.map(drop);
        let first_word = async {
            while !asked() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _ = tokio::time::timeout(FIRST_WORD, first_word).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_gateway_waits_for_its_guests_and_they_for_their_first_request() {
        let farewell = Farewell::default();
        let mut guest = farewell.guest();
        assert!(tokio::time::timeout(Duration::from_secs(9), guest.told(|| true)).await.is_err());
        let said = tokio::spawn({
            let farewell = farewell.clone();
            async move { farewell.say().await }
        });
        guest.told(|| true).await;
        let asked = AtomicBool::new(false);
        let begun = tokio::time::Instant::now();
        let later = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            asked.store(true, Ordering::Relaxed);
        };
        tokio::join!(guest.told(|| asked.load(Ordering::Relaxed)), later);
        assert!((500..600).contains(&begun.elapsed().as_millis()));
        guest.told(|| false).await;
        assert!(begun.elapsed() >= FIRST_WORD, "one that never asks is told all the same");
        assert!(!said.is_finished());
        drop(guest);
        said.await.unwrap();
    }
}
