//! Every document of the store, read through, and every object of the bucket that one names: what does not open or parse
//! is told by its place, and by nothing of what stands in it.

use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::document::{self, Shape};
use super::{ERASED, KEYS, RecordError};
use crate::app::App;
use crate::blobs;
use crate::sealing::FORMAT;
use crate::store::{Address, Copied, Scan};

/// Documents that wait to be looked at.
const WAITING: usize = 256;
const PAGE: usize = 500;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Documents that were looked at.
    pub documents: u64,
    /// Wrapped keys among them.
    pub keys: u64,
    /// Sealed ones among them that open.
    pub sealed: u64,
    /// Sealed ones whose subject was erased: nobody opens them any more.
    pub erased: u64,
    /// What is damaged.
    pub damaged: Vec<Damage>,
    /// What a later program wrote: this one leaves it as it is.
    pub newer: Vec<Newer>,
}

/// A damaged document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Where it stands: collection, partition and key.
    pub at: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A document of a version that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newer {
    /// Where it stands: collection, partition and key.
    pub at: String,
    /// The version of its shape.
    pub schema: u16,
}

enum Found {
    Key,
    /// What it says, opened.
    Sealed(Zeroizing<Vec<u8>>),
    Erased,
    Plain,
    Damaged(&'static str),
}

/// Reads every document through, beside whatever else is done with the store; those of `shapes` as what they are.
///
/// # Errors
/// [`RecordError`], of the store as a whole.
pub async fn verify(app: &App, shapes: &[&[Shape]]) -> Result<Verified, RecordError> {
    let (to, mut from) = mpsc::channel(WAITING);
    let looking = async move {
        let mut verified = Verified::default();
        while let Some(copied) = from.recv().await {
            look(app, shapes, &copied, &mut verified).await?;
        }
        // The channel goes with this block, so that a look that fails ends the copy too.
        Ok::<_, RecordError>(verified)
    };
    let (copied, verified) = tokio::join!(app.store.copy(to), looking);
    let verified = verified?;
    copied?;
    Ok(verified)
}

async fn look(
    app: &App,
    shapes: &[&[Shape]],
    copied: &Copied,
    verified: &mut Verified,
) -> Result<(), RecordError> {
    let Some(stored) = &copied.stored else { return Ok(()) };
    if stored.expires.is_some_and(|expires| expires <= app.clock.now()) {
        return Ok(());
    }
    verified.documents += 1;
    let at = place(copied);
    let (sealed, told) = match found(app, copied, &stored.body).await? {
        Found::Key => {
            verified.keys += 1;
            return Ok(());
        }
        Found::Erased => {
            verified.erased += 1;
            return Ok(());
        }
        Found::Damaged(why) => {
            verified.damaged.push(Damage { at, why });
            return Ok(());
        }
        Found::Sealed(opened) => (true, judged(shapes, copied, true, &at, &opened)),
        Found::Plain => (false, judged(shapes, copied, false, &at, &stored.body)),
    };
    let told = match told {
        Ok(()) => contained(app, copied).await,
        Err(error) => Err(error),
    };
    match told {
        Ok(()) => verified.sealed += u64::from(sealed),
        Err(RecordError::Content(error)) if error.is_damage() => {
            verified.damaged.push(Damage { at, why: "its object is lost or was altered in the bucket" });
        }
        Err(error @ (RecordError::Content(_) | RecordError::Store(_))) => return Err(error),
        Err(RecordError::Newer { schema, .. }) => verified.newer.push(Newer { at, schema }),
        Err(_) => verified.damaged.push(Damage { at, why: "it is not of the shape that stands there" }),
    }
    Ok(())
}

/// Whether the object that a document names, if it names one, is in the bucket as it was put.
async fn contained(app: &App, copied: &Copied) -> Result<(), RecordError> {
    match blobs::elsewhere(&copied.collection, &copied.partition, &copied.key) {
        Some(piece) => blobs::fetched(app.store.as_ref(), app.blobs.as_ref(), &piece).await.map(drop),
        None => Ok(()),
    }
}

/// Whether a document is what its collection holds. Of a collection that nobody declared, the first version is taken
/// for whole.
fn judged(
    shapes: &[&[Shape]],
    copied: &Copied,
    sealed: bool,
    at: &str,
    plain: &[u8],
) -> Result<(), RecordError> {
    let same = |shape: &&Shape| shape.sealed == sealed && shape.collection == copied.collection;
    match (shapes.iter().copied().flatten().find(same), document::split(plain).0) {
        (Some(shape), _) => (shape.read)(at, plain),
        (None, 0) => Ok(()),
        (None, schema) => Err(RecordError::Newer { at: at.to_owned(), schema, known: 0 }),
    }
}

async fn found(app: &App, copied: &Copied, body: &[u8]) -> Result<Found, RecordError> {
    if copied.collection == KEYS {
        let whole = app.sealer.unwrap(&copied.key, body).is_ok();
        return Ok(if whole { Found::Key } else { Found::Damaged("no given master key opens this key") });
    }
    // A tombstone says all by its name.
    if copied.collection == ERASED || serde_json::from_slice::<IgnoredAny>(document::split(body).1).is_ok() {
        return Ok(Found::Plain);
    }
    if body.first() != Some(&FORMAT) {
        return Ok(Found::Damaged("neither JSON nor sealed"));
    }
    // A record is most often sealed under the key of its own name, of its document's, or of its partition's.
    let document = copied.key.split('/').next().unwrap_or_default();
    for subject in [document, &copied.key, &copied.partition] {
        let at = Address::new(KEYS, copied.partition.clone(), subject);
        let wrapped = app.store.read(&at).await?;
        if let Some(opened) = wrapped.and_then(|wrapped| open(app, subject, &wrapped.body, copied, body)) {
            return Ok(Found::Sealed(opened));
        }
    }
    let (mut any, mut after) = (false, None);
    loop {
        let partition = Some(copied.partition.clone());
        let scan = Scan { collection: KEYS, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, wrapped) in page.documents {
            any |= address.key == copied.key || address.key == copied.partition;
            if let Some(opened) = open(app, &address.key, &wrapped.body, copied, body) {
                return Ok(Found::Sealed(opened));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(if any { Found::Damaged("it was altered or moved: its key does not open it") } else { Found::Erased })
}

fn open(
    app: &App,
    subject: &str,
    wrapped: &[u8],
    copied: &Copied,
    body: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    app.sealer.unwrap(subject, wrapped).ok()?.open_at(&place(copied), body).ok()
}

fn place(copied: &Copied) -> String {
    format!("{}/{}/{}", copied.collection, copied.partition, copied.key)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::inventory::SHAPES;
    use crate::store::{Batch, Expect};
    use crate::{accounts, newsletter, testing};

    #[tokio::test]
    async fn a_bit_flip_is_told_by_its_place_and_the_rest_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let (one, other) =
            (testing::account(&app, "a@example.com").await, testing::account(&app, "b@example.com").await);
        for email in ["c%40example.com", "d%40example.com"] {
            testing::post(&app, "/newsletter", &HeaderMap::new(), &format!("email={email}")).await;
        }
        let before = verify(&app, &SHAPES).await.unwrap();
        assert_eq!(before.damaged, []);
        assert!(before.keys >= 4 && before.sealed >= 4, "{before:?}");
        let mut flipped = Vec::new();
        for collection in ["accounts", "subscribers"] {
            let scan = Scan { collection, partition: None, prefix: String::new(), after: None, limit: 1 };
            let (address, stored) = app.store.scan(scan).await.unwrap().documents.remove(0);
            let mut body = stored.body;
            let last = body.len() - 1;
            body[last] ^= 1;
            let batch = Batch::new(&address.partition);
            let batch =
                batch.put(collection, &address.key, Expect::Version(stored.version), body, stored.expires);
            app.store.commit(batch).await.unwrap();
            flipped.push(address.to_string());
        }
        let after = verify(&app, &SHAPES).await.unwrap();
        let told: Vec<_> = after.damaged.iter().map(|damage| damage.at.clone()).collect();
        assert_eq!(told.len(), 2);
        assert!(flipped.iter().all(|at| told.contains(at)), "{told:?}");
        assert!(!serde_json::to_string(&after).unwrap().contains("example.com"));
        assert_eq!(accounts::list(&app).await.unwrap().len(), 1, "the other is there");
        assert_eq!(newsletter::list(&app).await.unwrap().len(), 1);
        let whole = [one, other].into_iter().filter(|account| !flipped[0].ends_with(&account.id));
        for account in whole {
            let form = format!("email={}&mot_de_passe=Vr7!kd0%23QzpL", account.email.replace('@', "%40"));
            let answer = testing::post(&app, "/compte/connexion", &HeaderMap::new(), &form).await;
            assert_eq!(answer.status(), 303);
        }
    }

    #[tokio::test]
    async fn a_lost_key_and_rubbish_are_told_and_the_erased_are_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let account = testing::account(&app, "a@example.com").await;
        let batch = Batch::new("p").put("things", "rubbish", Expect::Absent, b"{\"cut".to_vec(), None);
        app.store.commit(batch).await.unwrap();
        let batch = Batch::new("p").put(KEYS, "lost", Expect::Absent, vec![FORMAT; 80], None);
        app.store.commit(batch).await.unwrap();
        let mut gone = Batch::new(&account.organisation);
        crate::records::erase(&app, &mut gone, &account.id).await.unwrap();
        app.store.commit(gone).await.unwrap();
        let verified = verify(&app, &SHAPES).await.unwrap();
        let told: Vec<_> = verified.damaged.iter().map(|damage| damage.at.as_str()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.contains(&"things/p/rubbish") && told.contains(&"keys/p/lost"), "{told:?}");
        assert_eq!(verified.erased, 1);
    }
}
