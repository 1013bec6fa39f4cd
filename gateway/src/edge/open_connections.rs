//! The connections that are open, by client: a ban ends those that stand already, and where a client holds too
//! many, one that rests makes room for a new one.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::AbortHandle;

use crate::edge::prefix::ClientPrefix;

/// From this on a connection without a request rests.
const RESTS: Duration = Duration::from_secs(1);

/// What a connection does, told by itself.
#[derive(Debug)]
pub struct Activity {
    /// By [`now`].
    begun: u64,
    /// Answers that have not left whole.
    answering: AtomicU32,
    /// The last sign of life, by [`now`]; the same instant as `begun` before the first.
    last: AtomicU64,
}

impl Activity {
    /// A connection that begins now.
    pub fn new() -> Arc<Self> {
        let begun = now();
        Arc::new(Self { begun, answering: AtomicU32::new(0), last: AtomicU64::new(begun) })
    }

    /// A request came; its answer has left when the value goes.
    pub fn answering(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        self.touch();
        Answering(Arc::clone(self))
    }

    /// Whether a request has come.
    pub fn has_asked(&self) -> bool {
        !self.at_rest() || self.last.load(Ordering::Relaxed) > self.begun
    }

    /// Whether no answer is on its way.
    pub fn at_rest(&self) -> bool {
        self.answering.load(Ordering::Relaxed) == 0
    }

    /// Since the last sign of life.
    pub fn still_for(&self) -> Duration {
        Duration::from_millis(now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    /// Since it began.
    pub fn age(&self) -> Duration {
        Duration::from_millis(now().saturating_sub(self.begun))
    }

    fn touch(&self) {
        // Whoever asked within the first tick has asked all the same.
        self.last.store(now().max(self.begun + 1), Ordering::Relaxed);
    }
}

/// Milliseconds of the monotonic clock, to a tick of the kernel: an answer looks several times, and the exact clock
/// costs four times as much.
fn now() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec.unsigned_abs() * 1_000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

/// An answer on its way.
#[derive(Debug)]
pub struct Answering(Arc<Activity>);

impl Answering {
    /// Something of it left.
    pub fn moved(&self) {
        self.0.touch();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.touch();
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Every open connection.
#[derive(Debug, Default, Clone)]
pub struct OpenConnections(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// By client, the oldest first.
    clients: HashMap<ClientPrefix, BTreeMap<u64, Connection>>,
}

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    activity: Arc<Activity>,
    task: AbortHandle,
}

impl OpenConnections {
    /// Enters a connection; it is taken out when the place goes.
    pub fn enter(&self, address: IpAddr, activity: Arc<Activity>, task: AbortHandle) -> Entered {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, client) = (open.next, ClientPrefix::of(address));
        open.next += 1;
        open.clients.entry(client).or_default().insert(id, Connection { address, activity, task });
        Entered { id, client, open: Arc::clone(&self.0) }
    }

    /// Ends the connections of these addresses at once; how many there were.
    pub fn cut(&self, whose: impl Fn(IpAddr) -> bool) -> usize {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = open.clients.values().flat_map(BTreeMap::values);
        let cut: Vec<_> = connections.filter(|connection| whose(connection.address)).collect();
        cut.iter().for_each(|connection| connection.task.abort());
        counter!("connections_cut_total").increment(cut.len() as u64);
        cut.len()
    }

    /// Ends the oldest connection of a client that rests, if there is one.
    pub fn make_room(&self, client: ClientPrefix) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(connections) = open.clients.get_mut(&client) else { return false };
        let rests = |connection: &Connection| {
            connection.activity.at_rest() && connection.activity.still_for() >= RESTS
        };
        let Some(id) = connections.iter().find(|(_, connection)| rests(connection)).map(|(id, _)| *id) else {
            return false;
        };
        if let Some(connection) = connections.remove(&id) {
            connection.task.abort();
        }
        counter!("connections_evicted_total").increment(1);
        true
    }
}

/// A connection among the open ones.
#[derive(Debug)]
pub struct Entered {
    id: u64,
    client: ClientPrefix,
    open: Arc<Mutex<Open>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = open.clients.get_mut(&self.client) {
            connections.remove(&self.id);
            if connections.is_empty() {
                open.clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_connections_of_those_meant_are_cut() {
        let open = OpenConnections::default();
        let task = || tokio::spawn(std::future::pending::<()>());
        let (one, other) = (task(), task());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let _one = open.enter(address("192.0.2.1"), Activity::new(), one.abort_handle());
        let entered = open.enter(address("192.0.2.2"), Activity::new(), other.abort_handle());
        assert_eq!(open.cut(|client| client == address("192.0.2.1")), 1);
        assert!(one.await.unwrap_err().is_cancelled());
        assert!(!other.is_finished());
        drop(entered);
        assert_eq!(open.cut(|client| client == address("192.0.2.2")), 0);
    }

    #[tokio::test]
    async fn only_a_connection_that_rests_makes_room() {
        let open = OpenConnections::default();
        let task = tokio::spawn(std::future::pending::<()>());
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let long_ago = now() - 2_000;
        let last = AtomicU64::new(long_ago);
        let activity = Arc::new(Activity { begun: long_ago, answering: AtomicU32::new(0), last });
        let _entered = open.enter(address, Arc::clone(&activity), task.abort_handle());
        let answering = activity.answering();
        assert!(!open.make_room(ClientPrefix::of(address)), "an answer is on its way");
        drop(answering);
        assert!(!open.make_room(ClientPrefix::of(address)), "it has just left");
        activity.last.store(long_ago, Ordering::Relaxed);
        assert!(open.make_room(ClientPrefix::of(address)));
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!open.make_room(ClientPrefix::of(address)));
    }
}
