//! The distributed side against what every side promises: one server, and a cluster of three.

mod apart;
mod faults;
mod kill;
mod secured;
mod server;

use std::path::Path;

use jiff::SignedDuration;

use self::server::{Cluster, Server, folder};
use super::*;
use crate::store::conformance;

async fn store(valkey: &Valkey, folder: &Path) -> ValkeyStore {
    ValkeyStore::open(valkey, 0, folder, Clock::default()).await.unwrap()
}

/// Every promise, on a server of its own.
macro_rules! promises {
    ($side:ident, $start:expr) => {
        mod $side {
            use super::*;

            #[tokio::test]
            async fn batches_are_whole_or_not_at_all_and_versions_grow() {
                let (server, folder) = ($start.await, folder());
                conformance::batches(&store(&server.valkey(), folder.path()).await).await;
            }

            #[tokio::test]
            async fn scans_page_through_a_prefix_in_order() {
                let (server, folder) = ($start.await, folder());
                conformance::scans(&store(&server.valkey(), folder.path()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn scans_are_stable_under_writes() {
                let (server, folder) = ($start.await, folder());
                conformance::scans_are_stable(Arc::new(store(&server.valkey(), folder.path()).await)).await;
            }

            #[tokio::test]
            async fn documents_end_to_the_second_by_the_clock_port() {
                let (server, folder) = ($start.await, folder());
                conformance::expiry(async |ahead: SignedDuration| {
                    let clock = Clock::shifted(ahead);
                    let store = ValkeyStore::open(&server.valkey(), 0, folder.path(), clock).await.unwrap();
                    let store: Arc<dyn Store> = Arc::new(store);
                    store
                })
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_document_is_linearizable_under_concurrent_clients() {
                let (server, folder) = ($start.await, folder());
                conformance::linearizable(Arc::new(store(&server.valkey(), folder.path()).await)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_name_is_never_given_twice() {
                let (server, folder) = ($start.await, folder());
                conformance::reservations(Arc::new(store(&server.valkey(), folder.path()).await)).await;
            }

            #[tokio::test]
            async fn a_watch_tells_every_write_or_that_some_were_missed() {
                let (server, folder) = ($start.await, folder());
                conformance::watches(&store(&server.valkey(), folder.path()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_copy_under_load_is_of_one_instant_and_loads_elsewhere() {
                let (server, here) = ($start.await, folder());
                let (other, there) = (Server::start(&[]).await, folder());
                let empty = store(&other.valkey(), there.path()).await;
                conformance::copies(Arc::new(store(&server.valkey(), here.path()).await), &empty).await;
            }
        }
    };
}

promises!(one, Server::start(&[]));
promises!(cluster, Cluster::start(0));
