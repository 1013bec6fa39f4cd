//! The side of contents that speaks S3: sealed pieces as objects of one bucket, by `object_store` and through the
//! outbound door. Each call is retried for as long as it is waited for, and no longer; each object that is read is held
//! against the checksum that was noted when it was put.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use reqwest::{Certificate, Client, redirect};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use url::Url;

use super::BlobsConfig;
use super::fault::ContentError;
use crate::config::Settings;
use crate::outbound::{Gate, is_here};
use crate::records;
use crate::sealing::{self, SealError, Sealer, hex};
use crate::store::Address;

/// The longest for a connection to stand.
const CONNECT: Duration = Duration::from_secs(3);
/// Tries of one call beside the first, as far as patience goes.
const RETRIES: usize = 6;
/// Digits of the instant with which a name begins, in milliseconds.
const INSTANT: usize = 11;
const DRAWN: usize = 8;
/// Digits of the folder of a store.
const FOLDER: usize = 16;
/// Where `aops doctor` writes.
const TRIAL: &str = "doctor";

/// A bucket, and the folder in it that is this store's.
#[derive(Debug)]
pub struct Objects {
    bucket: Arc<dyn ObjectStore>,
    /// Follows from the root of the store: another store in the same bucket neither sees nor sweeps what is this one's.
    folder: String,
    patience: Duration,
    /// Tells that something is to leave the bucket.
    pub(super) leaving: Notify,
}

/// Why the bucket cannot be reached as it is told.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// Keys would travel in clear.
    #[error("[blobs] endpoint: `{0}` is another machine; write https://")]
    Clear(Url),
    /// The secret is missing.
    #[error(
        "[blobs]: AOPS_BLOBS_SECRET is missing; set it, or AOPS_BLOBS_SECRET_FILE, in the service's environment"
    )]
    Secret,
    /// A file of certificates cannot be read.
    #[error("[blobs] authority {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no client.
    #[error("[blobs]: {0}")]
    Client(#[from] reqwest::Error),
    /// What is configured makes no sense to the client.
    #[error("[blobs]: {0}")]
    Bucket(#[from] object_store::Error),
}

/// Where a piece stands in the bucket, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Object {
    /// The last part of its name, drawn for each put: two who write the same piece at once never write one object.
    pub(super) object: String,
    /// SHA-256 of the sealed piece, in hexadecimal.
    pub(super) digest: String,
    /// Its size, sealed.
    pub(super) bytes: u64,
}

impl records::Document for Object {}

/// An object that was found in the bucket, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: Path,
    pub(super) partition: String,
    /// The name of its piece in the store.
    pub(super) piece: String,
    pub(super) object: String,
    pub(super) put: Timestamp,
}

/// Gives the client of the outbound door to `object_store`.
#[derive(Debug)]
struct Door(Client);

impl HttpConnector for Door {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl Objects {
    /// The bucket of `[blobs]`, if there is one, and the folder of the sealer's store in it.
    ///
    /// # Errors
    /// [`ObjectsError`]: what to change.
    pub fn of(settings: &Settings, sealer: &Sealer) -> Result<Option<Self>, ObjectsError> {
        let folder: String = sealer.lookup("blobs", "folder").chars().take(FOLDER).collect();
        let bucket = settings.blobs.as_ref().map(|config| bucket(settings, config)).transpose()?;
        Ok(bucket.map(|(bucket, patience)| Self::new(bucket, folder, patience)))
    }

    /// Whether what is configured can be used, as far as it is told without a call.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub fn check(settings: &Settings) -> Result<(), ObjectsError> {
        settings.blobs.as_ref().map(|config| bucket(settings, config)).transpose().map(drop)
    }

    /// The bucket, and a folder of nobody's in it: for a look that opens no store.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub fn on_trial(settings: &Settings) -> Result<Option<Self>, ObjectsError> {
        let bucket = settings.blobs.as_ref().map(|config| bucket(settings, config)).transpose()?;
        Ok(bucket.map(|(bucket, patience)| Self::new(bucket, TRIAL.into(), patience)))
    }

    pub(super) fn new(bucket: Arc<dyn ObjectStore>, folder: String, patience: Duration) -> Self {
        Self { bucket, folder, patience, leaving: Notify::new() }
    }

    /// Puts a sealed piece under a name of its own.
    pub(super) async fn put(
        &self,
        now: Timestamp,
        at: &Address,
        sealed: Vec<u8>,
    ) -> Result<Object, PutError> {
        let object =
            Object { object: name(now)?, digest: hex(&Sha256::digest(&sealed)), bytes: sealed.len() as u64 };
        let path = self.path(at, &object.object);
        match self.waited(self.bucket.put(&path, sealed.into())).await {
            Ok(_) => Ok(object),
            Err(Failed::Absent(why) | Failed::Refused(why)) => {
                Err(told("put", ContentError::Refused(why)).into())
            }
            Err(Failed::Busy(why)) => Err(told("put", ContentError::Busy(why)).into()),
        }
    }

    /// A sealed piece as it was put.
    ///
    /// # Errors
    /// [`ContentError`]; of a checksum that is wrong after a second try, [`ContentError::Altered`].
    pub(super) async fn get(&self, at: &Address, object: &Object) -> Result<Vec<u8>, ContentError> {
        for _ in 0..2 {
            let bytes = self.got(at, object).await.map_err(|error| told("get", error))?;
            if let Some(bytes) = bytes {
                return Ok(bytes);
            }
        }
        Err(told("get", ContentError::Altered(at.clone())))
    }

    /// The bytes of an object, unless they are others than those that were put.
    async fn got(&self, at: &Address, object: &Object) -> Result<Option<Vec<u8>>, ContentError> {
        let path = self.path(at, &object.object);
        let reading = async {
            let found = self.bucket.get(&path).await?;
            // What is longer is not read.
            if found.meta.size != object.bytes {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        };
        match self.waited(reading).await {
            Ok(bytes) => {
                Ok(bytes.filter(|bytes| hex(&Sha256::digest(bytes)) == object.digest).map(Vec::from))
            }
            Err(Failed::Absent(_)) => Err(ContentError::Missing(at.clone())),
            Err(failed) => Err(failed.into()),
        }
    }

    /// Removes an object; one that is not there is no fault.
    pub(super) async fn remove(&self, at: &Address, object: &str) -> Result<(), ContentError> {
        self.removed(&self.path(at, object)).await
    }

    pub(super) async fn removed(&self, path: &Path) -> Result<(), ContentError> {
        match self.waited(self.bucket.delete(path)).await {
            Ok(()) | Err(Failed::Absent(_)) => Ok(()),
            Err(failed) => Err(told("delete", failed.into())),
        }
    }

    /// The objects of this store, or those of a partition that stand under a name.
    pub(super) fn list(&self, under: Option<(&str, &str)>) -> BoxStream<'_, Result<Found, ContentError>> {
        let prefix = match under {
            None => Path::from(self.folder.as_str()),
            Some((partition, name)) => Path::from(format!("{}/{partition}/{name}", self.folder)),
        };
        let listed = self.bucket.list(Some(&prefix)).map_err(|error| told("list", Failed::of(error).into()));
        // What somebody else put there is left alone.
        listed.try_filter_map(|meta| std::future::ready(Ok(self.found(meta.location)))).boxed()
    }

    /// Writes, reads and removes an object, for `aops doctor`.
    ///
    /// # Errors
    /// [`ContentError`]: what is wrong with the bucket.
    pub async fn try_out(&self) -> Result<(), ContentError> {
        let at = Address::new(super::BLOBS, TRIAL, "trial/00000");
        let put = self.put(Timestamp::now(), &at, b"a trial of aops doctor".to_vec()).await;
        let object = put.map_err(|error| match error {
            PutError::Content(error) => error,
            PutError::Seal(error) => ContentError::Busy(error.to_string()),
        })?;
        let got = self.get(&at, &object).await;
        self.remove(&at, &object.object).await?;
        let trial = |found: &Found| found.partition == TRIAL && found.object == object.object;
        got?;
        let left: Vec<Found> = self.waiting(self.list(Some((TRIAL, "trial"))).try_collect()).await?;
        match left.iter().any(trial) {
            true => Err(ContentError::Refused("what was removed is still there".into())),
            false => Ok(()),
        }
    }

    fn path(&self, at: &Address, object: &str) -> Path {
        Path::from(format!("{}/{}/{}/{object}", self.folder, at.partition, at.key))
    }

    /// What a path in the bucket says, if it is one of ours.
    fn found(&self, path: Path) -> Option<Found> {
        let rest = path.as_ref().strip_prefix(&self.folder)?.strip_prefix('/')?.to_owned();
        let (partition, rest) = rest.split_once('/')?;
        let (piece, object) = rest.rsplit_once('/')?;
        let instant = i64::from_str_radix(object.get(..INSTANT)?, 16).ok()?;
        let ours = object.len() == INSTANT + 2 * DRAWN && object.bytes().all(|byte| byte.is_ascii_hexdigit());
        let put = Timestamp::from_millisecond(instant).ok()?;
        ours.then(|| Found {
            partition: partition.into(),
            piece: piece.into(),
            object: object.into(),
            put,
            path,
        })
    }

    async fn waited<T>(
        &self,
        call: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, Failed> {
        match tokio::time::timeout(self.patience, call).await {
            Ok(answered) => answered.map_err(Failed::of),
            Err(_) => Err(Failed::Busy(format!("no answer within {} s", self.patience.as_secs()))),
        }
    }

    /// As much as one call is waited for, of several.
    pub(super) async fn waiting<T>(
        &self,
        calls: impl Future<Output = Result<T, ContentError>>,
    ) -> Result<T, ContentError> {
        let slow = || ContentError::Busy(format!("no answer within {} s", self.patience.as_secs()));
        tokio::time::timeout(self.patience, calls).await.map_err(|_| slow())?
    }
}

/// Why a piece was not put.
#[derive(Debug, thiserror::Error)]
pub(super) enum PutError {
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// How a call failed.
enum Failed {
    /// There is no such object.
    Absent(String),
    Refused(String),
    Busy(String),
}

impl Failed {
    fn of(error: object_store::Error) -> Self {
        let told = error.to_string();
        let why = shortened(&told);
        match error {
            object_store::Error::NotFound { .. } if !told.contains("NoSuchBucket") => Self::Absent(why),
            object_store::Error::NotFound { .. }
            | object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => Self::Refused(why),
            _ => Self::Busy(why),
        }
    }
}

impl From<Failed> for ContentError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Absent(why) | Failed::Refused(why) => Self::Refused(why),
            Failed::Busy(why) => Self::Busy(why),
        }
    }
}

/// Counted; and told once by whoever answers for it.
fn told(call: &'static str, error: ContentError) -> ContentError {
    let why = match &error {
        ContentError::Busy(_) => "busy",
        ContentError::Refused(_) => "refused",
        ContentError::Missing(_) => "missing",
        ContentError::Altered(_) => "altered",
        ContentError::Nowhere(_) => "nowhere",
    };
    metrics::counter!("blob_calls_failed_total", "call" => call, "why" => why).increment(1);
    error
}

/// What is said of a fault: answers quote whole pages, and paths of objects lead nowhere for whoever reads a log.
fn shortened(told: &str) -> String {
    const MOST: usize = 500;
    let text = told.replace(['\n', '\r'], " ");
    match text.char_indices().nth(MOST) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A name that nobody guesses, which tells when it was drawn.
fn name(now: Timestamp) -> Result<String, SealError> {
    let drawn = sealing::random::<DRAWN>()?;
    Ok(format!("{:0width$x}{}", now.as_millisecond().max(0), hex(&drawn), width = INSTANT))
}

fn bucket(
    settings: &Settings,
    config: &BlobsConfig,
) -> Result<(Arc<dyn ObjectStore>, Duration), ObjectsError> {
    let here = is_here(&config.endpoint);
    if config.endpoint.scheme() != "https" && !here {
        return Err(ObjectsError::Clear(config.endpoint.clone()));
    }
    let secret = settings.secrets.blobs_secret.as_deref().ok_or(ObjectsError::Secret)?;
    let patience = config.patience();
    let mut client = Gate::to_urls("blobs", [&config.endpoint])
        .client()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT.min(patience))
        .timeout(patience);
    if let Some(path) = &config.authority {
        let read = std::fs::read(path).map_err(|source| ObjectsError::File { path: path.clone(), source })?;
        client = client.tls_certs_only(Certificate::from_pem_bundle(&read)?);
    }
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    };
    let built = AmazonS3Builder::new()
        .with_endpoint(config.endpoint.as_str().trim_end_matches('/'))
        .with_region(&config.region)
        .with_bucket_name(&config.bucket)
        .with_access_key_id(&config.access_key)
        .with_secret_access_key(secret)
        .with_allow_http(here)
        // One object at a time: not every server knows how to delete many.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: patience })
        .with_http_connector(Door(client.build()?))
        .build()?;
    Ok((Arc::new(built), patience))
}
