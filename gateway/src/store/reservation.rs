//! Reservations: a name that one owner alone has, whatever partition the owner lives in.
//!
//! A batch is atomic in one partition only, so a name is taken first, for a while, then the owner is written, then
//! the name is confirmed. Whoever dies between leaves a name that frees itself.

use jiff::Timestamp;

use super::{Address, Batch, Expect, Store, StoreError};

/// What became of an attempt to reserve a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is the owner's until the instant given, or until it is confirmed.
    Yes,
    /// Another owner has it.
    Taken(Vec<u8>),
}

/// Reserves a name for an owner until an instant. An owner that already has it has it still.
///
/// # Errors
/// [`StoreError`]; after [`StoreError::Slow`] or [`StoreError::Away`] the same owner may ask again.
pub async fn reserve(
    store: &dyn Store,
    name: &Address,
    owner: &[u8],
    until: Timestamp,
) -> Result<Reserved, StoreError> {
    loop {
        if let Some(found) = store.read(name).await? {
            return Ok(if found.body == owner { Reserved::Yes } else { Reserved::Taken(found.body) });
        }
        let batch = Batch::new(&name.partition).put(
            name.collection,
            &name.key,
            Expect::Absent,
            owner.to_vec(),
            Some(until),
        );
        match store.commit(batch).await {
            Ok(()) => return Ok(Reserved::Yes),
            // Somebody was quicker; who, the next look tells.
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes a reservation last; answers whether it is still the owner's.
///
/// # Errors
/// [`StoreError`].
pub async fn confirm(store: &dyn Store, name: &Address, owner: &[u8]) -> Result<bool, StoreError> {
    let Some(found) = store.read(name).await?.filter(|found| found.body == owner) else {
        return Ok(false);
    };
    let expect = Expect::Version(found.version);
    let batch = Batch::new(&name.partition).put(name.collection, &name.key, expect, found.body, None);
    match store.commit(batch).await {
        Err(StoreError::Conflict(_)) => Ok(false),
        other => other.map(|()| true),
    }
}

/// Gives a name up, if it is the owner's; answers whether it was.
///
/// # Errors
/// [`StoreError`].
pub async fn release(store: &dyn Store, name: &Address, owner: &[u8]) -> Result<bool, StoreError> {
    let Some(found) = store.read(name).await?.filter(|found| found.body == owner) else {
        return Ok(false);
    };
    let expect = Expect::Version(found.version);
    match store.commit(Batch::new(&name.partition).delete(name.collection, &name.key, expect)).await {
        Err(StoreError::Conflict(_)) => Ok(false),
        other => other.map(|()| true),
    }
}
