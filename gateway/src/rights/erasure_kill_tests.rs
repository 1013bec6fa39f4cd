//! A kill between any two writes of an erasure: each write is whole or not there, so that these are all the moments at
//! which one can come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::sync::mpsc;

use super::tests::{left, planted};
use super::*;
use crate::records::Use;
use crate::store::{Batch, Copied, Page, Scan, Store, StoreError, Stored, Watch};
use crate::testing;

/// A store of a process that is killed after so many writes.
struct Killed {
    store: Arc<dyn Store>,
    left: AtomicUsize,
}

#[async_trait]
impl Store for Killed {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let some = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, some) {
            Ok(_) => self.store.commit(batch).await,
            Err(_) => Err(StoreError::Away("the process was killed".into())),
        }
    }

    async fn read(&self, address: &crate::store::Address) -> Result<Option<Stored>, StoreError> {
        self.store.read(address).await
    }

    async fn scan(&self, scan: Scan) -> Result<Page, StoreError> {
        self.store.scan(scan).await
    }

    async fn count(&self, collection: &'static str, partition: Option<&str>) -> Result<u64, StoreError> {
        self.store.count(collection, partition).await
    }

    async fn watch(&self, collection: &'static str) -> Result<Watch, StoreError> {
        self.store.watch(collection).await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, StoreError> {
        self.store.sweep(limit).await
    }

    async fn copy(&self, to: mpsc::Sender<Copied>) -> Result<(), StoreError> {
        self.store.copy(to).await
    }

    async fn load(&self, copied: Vec<Copied>) -> Result<(), StoreError> {
        self.store.load(copied).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }
}

#[tokio::test]
async fn p_rights_a_kill_between_any_two_writes_of_an_erasure_leaves_what_the_next_start_brings_to_its_end() {
    let mut moments = 0;
    for writes in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let address = planted(&app).await;
        drop(app);
        let mut app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let killed = Arc::new(Killed { store: Arc::clone(&app.store), left: AtomicUsize::new(writes) });
        app.store = Arc::clone(&killed) as Arc<dyn Store>;
        let ended = run(&app, &address, "").await;
        drop((app, killed));

        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let began = under_way(&app).await.unwrap();
        if writes == 0 {
            // It had not begun: the officer asks again.
            assert_eq!(began, 0);
            run(&app, &address, "").await.unwrap().unwrap();
        }
        assert_eq!(left(&app).await, ["suppressions"], "after {writes} writes");
        let accounts = crate::records::reading_for(Use::Storage, accounts::list(&app)).await.unwrap();
        assert_eq!(accounts, [], "found by its address or not, after {writes} writes");
        let request = request::read(&app, &address).await.unwrap().unwrap().request;
        assert_eq!(request.state, State::Fulfilled, "after {writes} writes");
        assert_eq!(crate::records::verify(&app, &inventory::SHAPES).await.unwrap().damaged, []);
        let letters = testing::letters(&app).await;
        let told = |template: &str, state: Option<&str>| {
            let one = |mail: &&outbox::Mail| {
                mail.template == template && state.is_none_or(|state| mail.context["state"] == state)
            };
            letters.iter().filter(one).count()
        };
        assert_eq!(told("droits_reponse", Some("fulfilled")), 1, "told once, after {writes} writes");
        assert_eq!(told("compte_ferme", None), 1, "told once, after {writes} writes");
        if ended.is_ok() {
            break;
        }
        moments = writes + 1;
    }
    assert!(moments > STEPS.len(), "there are moments within steps too: {moments}");
}
