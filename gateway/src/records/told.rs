//! What is kept about somebody, as JSON: for whoever asks for a copy of it (GDPR art. 15 and 20).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{self, Shape};
use super::{KEYS, RecordError};
use crate::app::App;
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch, Expect, Scan, Stored};

const PAGE: usize = 500;
/// What would open an account or a mail to whoever finds the copy, or is of no meaning outside of the store.
const WITHHELD: [&str; 10] = [
    "password",
    "secret",
    "recovery",
    "credential",
    "digest",
    "mark",
    "session",
    "sealed",
    "generation",
    "subject",
];

/// Where something about somebody may stand.
#[derive(Debug, Clone)]
pub struct Place {
    /// The partition.
    pub partition: String,
    /// Whose keys seal what is theirs.
    pub subjects: Vec<String>,
    /// Which of the documents that are not sealed are about them.
    pub open: Open,
}

/// Which documents that are not sealed are about somebody.
#[derive(Debug, Clone)]
pub enum Open {
    /// All of the partition.
    All,
    /// Those that bear or say this name.
    Naming(String),
}

impl Place {
    /// Of what has a key of its own, by whose name it stands.
    pub fn of(partition: String, name: String) -> Self {
        Self { partition, subjects: vec![name.clone()], open: Open::Naming(name) }
    }
}

/// Everything about somebody at these places, by collection; of a sealed document what their keys open.
///
/// # Errors
/// [`RecordError`], of the store as a whole.
pub async fn told(
    app: &App,
    shapes: &[&[Shape]],
    places: &[Place],
) -> Result<BTreeMap<&'static str, Vec<Value>>, RecordError> {
    let mut all: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
    for place in places {
        for (address, value) in theirs(app, shapes, place).await? {
            all.entry(address.collection).or_default().push(without(value));
        }
    }
    Ok(all)
}

/// Removes everything about somebody at a place, with the keys that seal it: the same walk as [`told`], so that what a
/// copy shows goes, and nothing else.
///
/// # Errors
/// [`RecordError`], of the store as a whole; nothing was written then.
pub async fn forget(app: &App, shapes: &[&[Shape]], place: &Place) -> Result<(), RecordError> {
    let mut batch = Batch::new(&place.partition);
    for (address, _) in theirs(app, shapes, place).await? {
        batch = batch.delete(address.collection, &address.key, Expect::Anything);
    }
    for subject in &place.subjects {
        super::erase(app, &mut batch, subject).await?;
    }
    if batch.writes.is_empty() {
        return Ok(());
    }
    Ok(app.store.commit(batch).await?)
}

/// The documents of a place that are about somebody.
async fn theirs(
    app: &App,
    shapes: &[&[Shape]],
    place: &Place,
) -> Result<Vec<(Address, Value)>, RecordError> {
    // A collection that holds two types is walked once.
    let collections: BTreeSet<&'static str> =
        shapes.iter().copied().flatten().map(|shape| shape.collection).collect();
    let mut keys = Vec::new();
    for subject in &place.subjects {
        let wrapped = app.store.read(&Address::new(KEYS, &place.partition, subject)).await?;
        keys.extend(wrapped.and_then(|wrapped| app.sealer.unwrap(subject, &wrapped.body).ok()));
    }
    let mut all = Vec::new();
    for collection in collections {
        let mut after = None;
        loop {
            let partition = Some(place.partition.clone());
            let scan = Scan { collection, partition, prefix: String::new(), after, limit: PAGE };
            let page = app.store.scan(scan).await?;
            let found = page.documents.into_iter().filter_map(|(address, stored)| {
                let value = one(place, &keys, &address, &stored)?;
                Some((address, value))
            });
            all.extend(found);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

/// A document, if it is about them.
fn one(place: &Place, keys: &[SubjectKey], address: &Address, stored: &Stored) -> Option<Value> {
    let plain = document::split(&stored.body).1;
    if let Ok(value) = serde_json::from_slice::<Value>(plain) {
        let theirs = match &place.open {
            Open::All => true,
            Open::Naming(name) => {
                address.key.contains(name) || value.to_string().contains(&format!("\"{name}\""))
            }
        };
        return theirs.then_some(value);
    }
    let plain = keys.iter().find_map(|key| key.open(address, &stored.body).ok())?;
    serde_json::from_slice(document::split(&plain).1).ok()
}

/// It without what is withheld.
fn without(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !WITHHELD.contains(&name.as_str()))
            .map(|(name, value)| (name, without(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without).collect(),
        other => other,
    }
}
