//! The key that signs packs: made once, sealed in the store like everything that is to stay ours.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::EvidenceError;
use crate::app::App;
use crate::records::{self, Document, RecordError, Shape};
use crate::sealing;
use crate::store::{Address, Batch, Expect, StoreError};

const KEYS: &str = "evidence_keys";
const PARTITION: &str = "evidence";
/// Its name, and whose key seals it.
const NAME: &str = "evidence";
const SEED_BYTES: usize = 32;

/// What is kept of it.
pub const SHAPES: &[Shape] = &[Shape::sealed::<Kept>(KEYS)];

/// The key, sealed at rest.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The seed of RFC 8032, in base64.
    secret: String,
    made: Timestamp,
}

impl Document for Kept {}

/// The key with which packs are signed, in base64.
///
/// # Errors
/// [`EvidenceError`].
pub async fn public_key(app: &App) -> Result<String, EvidenceError> {
    Ok(STANDARD.encode(pair(app).await?.public_key().as_ref()))
}

/// The pair; the first time it is made.
pub(super) async fn pair(app: &App) -> Result<Ed25519KeyPair, EvidenceError> {
    let address = Address::new(KEYS, PARTITION, NAME);
    loop {
        if let Some((kept, _)) = records::read_sealed::<Kept>(app, &address, NAME).await? {
            let seed = Zeroizing::new(STANDARD.decode(&kept.secret).map_err(|_| EvidenceError::Key)?);
            return Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| EvidenceError::Key);
        }
        let seed = Zeroizing::new(sealing::random::<SEED_BYTES>()?);
        let kept = Kept { secret: STANDARD.encode(*seed), made: app.clock.now() };
        let mut batch = Batch::new(PARTITION);
        let key = records::subject_key(app, PARTITION, NAME, &mut batch).await?;
        records::put_sealed(&mut batch, &key, KEYS, NAME, Expect::Absent, &kept, None)?;
        match app.store.commit(batch).await {
            // Another process made one a moment ago.
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(RecordError::from(error).into()),
        }
    }
}
