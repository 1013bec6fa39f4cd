use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use jiff::SignedDuration;
use object_store::memory::InMemory;
use object_store::path::Path as Place;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::*;
use crate::app::SharedApp;
use crate::backup;
use crate::retention;
use crate::testing;

/// What does not compress.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(|_| draw()).collect()
}

/// A bucket in memory that fails as it is told.
#[derive(Debug, Default)]
struct Faulty {
    within: InMemory,
    /// Reads that come altered before one comes whole.
    altered: AtomicU32,
    /// Calls that are never answered.
    silent: AtomicU32,
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a bucket with faults")
    }
}

fn spent(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        at: &Place,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        if spent(&self.silent) {
            std::future::pending::<()>().await;
        }
        self.within.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Place,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.within.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Place, options: GetOptions) -> object_store::Result<GetResult> {
        if spent(&self.altered) {
            let mut bytes = self.within.get(at).await?.bytes().await?.to_vec();
            bytes[0] ^= 1;
            let other = InMemory::new();
            other.put(at, bytes.into()).await?;
            return other.get_opts(at, options).await;
        }
        self.within.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, object_store::Result<Place>>,
    ) -> BoxStream<'static, object_store::Result<Place>> {
        self.within.delete_stream(places)
    }

    fn list(&self, prefix: Option<&Place>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.within.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Place>) -> object_store::Result<ListResult> {
        self.within.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Place, to: &Place, options: CopyOptions) -> object_store::Result<()> {
        self.within.copy_opts(from, to, options).await
    }
}

/// An application whose contents are in a bucket.
async fn with_bucket(folder: &Path, bucket: &Arc<Faulty>) -> SharedApp {
    let mut app = testing::app(folder, SignedDuration::ZERO).await;
    let dynamic: Arc<dyn ObjectStore> = Arc::clone(bucket) as _;
    app.blobs = Some(Objects::new(dynamic, "folder".into(), Duration::from_millis(200)));
    Arc::new(app)
}

async fn objects(bucket: &Faulty) -> Vec<String> {
    let all: Vec<ObjectMeta> = bucket.within.list(None).try_collect().await.unwrap();
    all.into_iter().map(|meta| meta.location.to_string()).collect()
}

async fn recorded(app: &App, content: &[u8]) -> Blob {
    let mut batch = Batch::new("org_a");
    let key = records::subject_key(app, "org_a", "ds_a", &mut batch).await.unwrap();
    let blob = put(app, &mut batch, &key, "ds_a/lines", content, None).await.unwrap();
    commit(app, batch).await.unwrap();
    blob
}

async fn read_back(app: &App, blob: Blob) -> Result<Option<Zeroizing<Vec<u8>>>, RecordError> {
    read(app, "org_a", "ds_a", "ds_a/lines", blob).await
}

#[tokio::test]
async fn p_confidentiality_a_content_comes_back_whole_and_goes_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let noise = noise(2 * PIECE);
    let blob = recorded(&app, &noise).await;
    let mut batch = Batch::new("org_a");
    let key = records::subject_key(&app, "org_a", "ds_a", &mut batch).await.unwrap();
    let empty = put(&app, &mut batch, &key, "ds_a/empty", b"", None).await.unwrap();
    commit(&app, batch).await.unwrap();
    assert!(blob.pieces > 1 && empty.pieces == 1, "{blob:?}");
    assert_eq!(read_back(&app, blob).await.unwrap().unwrap().as_slice(), noise);
    assert_eq!(read(&app, "org_a", "ds_a", "ds_a/empty", empty).await.unwrap().unwrap().as_slice(), b"");
    let mut batch = Batch::new("org_a");
    records::erase(&app, &mut batch, "ds_a").await.unwrap();
    remove(&app, &mut batch, "ds_a/lines", blob).unwrap();
    commit(&app, batch).await.unwrap();
    assert_eq!(read_back(&app, blob).await.unwrap(), None);
    assert_eq!(app.store.count(BLOBS, Some("org_a")).await.unwrap(), 1);
    let mut batch = Batch::new("org_a");
    remove_all(&app, &mut batch, "ds_a").await.unwrap();
    commit(&app, batch).await.unwrap();
    assert_eq!(app.store.count(BLOBS, Some("org_a")).await.unwrap(), 0);
}

#[tokio::test]
async fn p_confidentiality_in_a_bucket_a_content_is_sealed_comes_back_whole_and_leaves_it_when_it_is_removed()
{
    let folder = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Faulty::default());
    let app = with_bucket(folder.path(), &bucket).await;
    let content = [b"planted name ".as_slice(), &noise(OBJECT + 9)].concat();
    let blob = recorded(&app, &content).await;
    assert_eq!(blob.pieces, 2);
    assert_eq!(app.store.count(BLOBS, None).await.unwrap(), 0, "nothing of it is in the store");
    let paths = objects(&bucket).await;
    assert_eq!(paths.len(), 2);
    for path in &paths {
        assert!(path.starts_with("folder/org_a/ds_a/lines/0000"), "{path}");
        let bytes = bucket.within.get(&Place::from(path.as_str())).await.unwrap().bytes().await.unwrap();
        assert!(!bytes.windows(12).any(|part| part == b"planted name"));
    }
    assert_eq!(read_back(&app, blob).await.unwrap().unwrap().as_slice(), content);
    assert_eq!(records::verify(&app, &crate::inventory::SHAPES).await.unwrap().damaged, []);
    let mut batch = Batch::new("org_a");
    remove(&app, &mut batch, "ds_a/lines", blob).unwrap();
    commit(&app, batch).await.unwrap();
    assert_eq!(read_back(&app, blob).await.unwrap(), None, "at once, whatever the bucket still holds");
    let follow = tokio::spawn(follow(Arc::clone(&app)));
    for _ in 0..200 {
        if objects(&bucket).await.is_empty() && app.store.count(LEAVINGS, None).await.unwrap() == 0 {
            return follow.abort();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("they stay: {:?}", objects(&bucket).await);
}

#[tokio::test]
async fn what_a_bucket_alters_is_read_again_once_and_never_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Faulty::default());
    let app = with_bucket(folder.path(), &bucket).await;
    let blob = recorded(&app, b"lines").await;
    bucket.altered.store(1, Ordering::Relaxed);
    assert_eq!(read_back(&app, blob).await.unwrap().unwrap().as_slice(), b"lines");
    bucket.altered.store(2, Ordering::Relaxed);
    let error = read_back(&app, blob).await.unwrap_err();
    assert!(matches!(error, RecordError::Content(ContentError::Altered(_))) && error.is_damage(), "{error}");
    bucket.altered.store(2, Ordering::Relaxed);
    let verified = records::verify(&app, &crate::inventory::SHAPES).await.unwrap();
    assert_eq!(verified.damaged.len(), 1);
    assert_eq!(verified.damaged[0].at, "blob_objects/org_a/ds_a/lines/00000");
    // What is longer or shorter is not read at all.
    let path = Place::from(objects(&bucket).await[0].as_str());
    bucket.within.put(&path, vec![0; 9_000].into()).await.unwrap();
    assert!(matches!(read_back(&app, blob).await, Err(RecordError::Content(ContentError::Altered(_)))));
    bucket.within.delete(&path).await.unwrap();
    assert!(matches!(read_back(&app, blob).await, Err(RecordError::Content(ContentError::Missing(_)))));
}

#[tokio::test]
async fn a_bucket_that_is_silent_is_waited_for_no_longer_than_is_told_and_records_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Faulty::default());
    let app = with_bucket(folder.path(), &bucket).await;
    bucket.silent.store(1, Ordering::Relaxed);
    let mut batch = Batch::new("org_a");
    let key = records::subject_key(&app, "org_a", "ds_a", &mut batch).await.unwrap();
    let begun = tokio::time::Instant::now();
    let error = put(&app, &mut batch, &key, "ds_a/lines", b"lines", None).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(matches!(error, RecordError::Content(ContentError::Busy(_))), "{error}");
    let told = crate::web::WebError::from(error);
    assert_eq!(told.status(), http::StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_put_for_a_batch_that_is_refused_leaves_the_bucket_and_a_kill_leaves_an_orphan_that_is_swept()
{
    let folder = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Faulty::default());
    let app = with_bucket(folder.path(), &bucket).await;
    let blob = recorded(&app, b"lines").await;
    let kept = objects(&bucket).await;

    let mut batch = Batch::new("org_a").put("things", "a", Expect::Version(7), Vec::new(), None);
    let key = records::subject_key(&app, "org_a", "ds_a", &mut batch).await.unwrap();
    put(&app, &mut batch, &key, "ds_a/lines", b"others", None).await.unwrap();
    assert_eq!(objects(&bucket).await.len(), 2);
    assert!(matches!(commit(&app, batch).await, Err(StoreError::Conflict(_))));
    assert_eq!(objects(&bucket).await, kept, "what stands is what was recorded");

    // Killed between the object and the batch; beside it, what is of another store or of nobody we know.
    let mut batch = Batch::new("org_a");
    put(&app, &mut batch, &key, "ds_b/lines", b"others", None).await.unwrap();
    drop(batch);
    for other in
        ["folder/org_a/ds_a/lines/00000/notes.txt", "other/org_a/x/00000/00000000000aaaaaaaaaaaaaaaa"]
    {
        bucket.within.put(&Place::from(other), b"x".to_vec().into()).await.unwrap();
    }
    assert_eq!(retention::run(&app, &[], app.clock.now()).await.unwrap(), [], "it may be on its way");
    assert_eq!(objects(&bucket).await.len(), 4);
    drop(app);
    let mut later = testing::app(folder.path(), SignedDuration::from_hours(2)).await;
    let dynamic: Arc<dyn ObjectStore> = Arc::clone(&bucket) as _;
    later.blobs = Some(Objects::new(dynamic, "folder".into(), Duration::from_secs(1)));
    let done = retention::run(&later, &[], later.clock.now()).await.unwrap();
    assert_eq!((done[0].what.as_str(), done[0].count), ("orphaned_content", 1));
    assert_eq!(objects(&bucket).await.len(), 3);
    assert_eq!(read_back(&later, blob).await.unwrap().unwrap().as_slice(), b"lines");
}

#[tokio::test]
async fn each_side_is_read_whatever_is_configured_since_and_a_backup_holds_both() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Faulty::default());
    let app = testing::shared(folder.path()).await;
    let before = recorded(&app, b"before").await;
    drop(app);
    let app = with_bucket(folder.path(), &bucket).await;
    assert_eq!(read_back(&app, before).await.unwrap().unwrap().as_slice(), b"before");
    let mut batch = Batch::new("org_a");
    let key = records::subject_key(&app, "org_a", "ds_a", &mut batch).await.unwrap();
    let since = put(&app, &mut batch, &key, "ds_a/since", b"since", None).await.unwrap();
    commit(&app, batch).await.unwrap();

    let file = folder.path().join("a.backup");
    let written = backup::write(&*app.store, app.blobs.as_ref(), &app.sealer, &file).await.unwrap();
    assert_eq!((written.contents, written.lost), (1, 0));
    drop(app);

    // Without the table it is told; without the bucket too, after a restore.
    let app = testing::shared(folder.path()).await;
    let nowhere = read(&app, "org_a", "ds_a", "ds_a/since", since).await.unwrap_err();
    assert!(matches!(nowhere, RecordError::Content(ContentError::Nowhere(_))), "{nowhere}");
    drop(app);
    let elsewhere = tempfile::tempdir().unwrap();
    let settings = testing::settings(elsewhere.path(), SignedDuration::ZERO);
    std::fs::create_dir_all(&settings.data).unwrap();
    std::fs::copy(folder.path().join("data/master.key"), settings.data.join("master.key")).unwrap();
    let nobody = std::collections::BTreeSet::new();
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(backup::restore_place(&settings, &file, &nobody)).unwrap()
    })
    .await
    .unwrap();
    let app = testing::shared(elsewhere.path()).await;
    assert_eq!(read_back(&app, before).await.unwrap().unwrap().as_slice(), b"before");
    let back = read(&app, "org_a", "ds_a", "ds_a/since", since).await.unwrap();
    assert_eq!(back.unwrap().as_slice(), b"since", "it stands in the store");
}

#[test]
fn a_bucket_on_another_machine_is_spoken_to_by_tls_and_with_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
    let mut told = |endpoint: &str, secret: Option<&str>| {
        let table = format!("endpoint = \"{endpoint}\"\nregion = \"r\"\nbucket = \"b\"\naccess_key = \"k\"");
        settings.blobs = Some(toml::from_str(&table).unwrap());
        settings.secrets.blobs_secret = secret.map(str::to_owned);
        Objects::check(&settings).map_err(|error| error.to_string())
    };
    assert!(told("https://s3.example", Some("s")).is_ok());
    assert!(told("http://127.0.0.1:9000", Some("s")).is_ok());
    assert!(told("http://s3.example", Some("s")).unwrap_err().contains("write https://"));
    assert!(told("https://s3.example", None).unwrap_err().contains("AOPS_BLOBS_SECRET"));
}
