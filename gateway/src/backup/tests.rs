//! Backups made under load, touched, and restored.

use std::sync::Arc;

use jiff::SignedDuration;

use super::*;
use crate::clock::Clock;
use crate::files::synced;
use crate::store::{Batch, Expect};
use crate::testing;

const PLANTED: &str = "plantee-a-retrouver@example.org";

fn sealer(app: &crate::App) -> Sealer {
    Sealer::new(MasterKey::load(&app.settings).unwrap()).unwrap()
}

fn empty(folder: &Path) -> RedbStore {
    RedbStore::open(&folder.join("restored.redb"), Clock::default()).unwrap()
}

async fn everything(store: &dyn Store) -> Vec<Copied> {
    let (to, mut from) = mpsc::channel(WAITING);
    let gather = async {
        let mut all = Vec::new();
        while let Some(one) = from.recv().await {
            all.push(one);
        }
        all
    };
    let (done, all) = tokio::join!(store.copy(to), gather);
    done.unwrap();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_names_of_a_backup_and_of_what_is_restored_are_on_the_disk_before_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    let file = folder.path().join("a.backup");
    synced::take();
    write(&*app.store, None, &app.sealer, &file).await.unwrap();
    assert_eq!(synced::take(), [file.as_path()]);
    let settings = testing::settings(&folder.path().join("elsewhere"), SignedDuration::ZERO);
    // In development the master key stands beside the store.
    fs::create_dir_all(&settings.data).unwrap();
    files::write_private(
        &settings.data.join("master.key"),
        &fs::read(app.settings.data.join("master.key")).unwrap(),
    )
    .unwrap();
    synced::take();
    restore_place(&settings, &file, &BTreeSet::new()).await.unwrap();
    let [part, place] = ["aops.redb.restoring", "aops.redb"].map(|name| settings.data.join(name));
    assert_eq!(synced::take(), [settings.data, part, place]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_under_load_restores_to_the_byte_and_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = Arc::new(testing::app(folder.path(), SignedDuration::ZERO).await);
    testing::account(&app, PLANTED).await;
    let writer =
        {
            let app = Arc::clone(&app);
            tokio::spawn(async move {
                for n in 0..300_u32 {
                    let value = n.to_string().into_bytes();
                    let pair = Batch::new("p")
                        .put("things", "left", Expect::Anything, value.clone(), None)
                        .put("things", "right", Expect::Anything, value, None);
                    app.store.commit(pair).await.unwrap();
                }
            })
        };
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let file = folder.path().join("a.backup");
    let written = write(&*app.store, None, &app.sealer, &file).await.unwrap();
    writer.await.unwrap();
    assert_eq!(verify(&app.sealer, &file).unwrap(), written);
    assert!(matches!(write(&*app.store, None, &app.sealer, &file).await, Err(BackupError::File { .. })));
    let bytes = fs::read(&file).unwrap();
    for told in [PLANTED, "things", "account_addresses", "org_"] {
        assert!(!bytes.windows(told.len()).any(|window| window == told.as_bytes()), "{told} in clear");
    }
    let store = empty(folder.path());
    let restored = restore(&store, sealer(&app), &file, &BTreeSet::new()).await.unwrap();
    assert_eq!(restored, written);
    let body = async |key: &str| {
        let stored = store.read(&Address::new("things", "p", key)).await.unwrap();
        stored.map(|stored| stored.body)
    };
    assert_eq!(body("left").await, body("right").await, "half a batch");
    // Nothing but the pair was written meanwhile: the rest is the same, versions and ends included.
    let rest =
        |all: Vec<Copied>| all.into_iter().filter(|one| one.collection != "things").collect::<Vec<_>>();
    assert_eq!(rest(everything(&store).await), rest(everything(&*app.store).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_erased_since_stays_erased() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    let gone = testing::account(&app, "gone@example.org").await;
    let stays = testing::account(&app, "stays@example.org").await;
    let file = folder.path().join("a.backup");
    write(&*app.store, None, &app.sealer, &file).await.unwrap();
    let mut batch = Batch::new(&gone.organisation);
    records::erase(&app, &mut batch, &gone.id).await.unwrap();
    app.store.commit(batch).await.unwrap();
    let mut nobody = Batch::new(&gone.organisation);
    records::erase(&app, &mut nobody, &gone.id).await.unwrap();
    assert_eq!(nobody.writes, [], "erased already");
    let erased = records::erased(&app).await.unwrap();
    assert_eq!(erased.len(), 1);
    let store = empty(folder.path());
    let restored = restore(&store, sealer(&app), &file, &erased.into_iter().collect()).await.unwrap();
    assert_eq!(restored.erased, 1);
    let key = |account: &crate::accounts::Account| {
        Address::new(records::KEYS, account.organisation.clone(), account.id.clone())
    };
    assert_eq!(store.read(&key(&gone)).await.unwrap(), None);
    assert!(store.read(&key(&stays)).await.unwrap().is_some());
    // Whoever comes back has another key, which stays.
    let mut batch = Batch::new(&gone.organisation);
    records::subject_key(&app, &gone.organisation, &gone.id, &mut batch).await.unwrap();
    app.store.commit(batch).await.unwrap();
    let later = folder.path().join("later.backup");
    write(&*app.store, None, &app.sealer, &later).await.unwrap();
    let store = RedbStore::open(&folder.path().join("later.redb"), Clock::default()).unwrap();
    let erased = records::erased(&app).await.unwrap().into_iter().collect();
    assert_eq!(restore(&store, sealer(&app), &later, &erased).await.unwrap().erased, 0);
    assert!(store.read(&key(&gone)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_touched_restores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path(), SignedDuration::ZERO).await;
    testing::account(&app, PLANTED).await;
    let file = folder.path().join("a.backup");
    write(&*app.store, None, &app.sealer, &file).await.unwrap();
    let whole = fs::read(&file).unwrap();
    let store = empty(folder.path());
    let middle = whole.len() / 2;
    let mut flipped = whole.clone();
    flipped[middle] ^= 1;
    let longer = [&whole[..], b"x"].concat();
    for (bytes, why) in [
        (&whole[..middle], "cut short"),
        (&whole[..0], "cut short"),
        (&flipped[..], "altered"),
        (&longer[..], "does not end"),
        (&b"something else"[..], "does not begin"),
    ] {
        fs::write(&file, bytes).unwrap();
        let error = restore(&store, sealer(&app), &file, &BTreeSet::new()).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(everything(&store).await, []);
    }
    fs::write(&file, &whole).unwrap();
    let other = MasterKey::from_base64(&STANDARD.encode([9; 32]), "test").unwrap();
    let stranger = Sealer::new(vec![other]).unwrap();
    let error = verify(&stranger, &file).unwrap_err().to_string();
    assert!(error.contains("none of our master keys"), "{error}");
}
