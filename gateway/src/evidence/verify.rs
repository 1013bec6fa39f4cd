//! Judging a pack: the signature of its manifest, the digest of every file, and the chain of the log in it. Whoever has
//! the public key needs nothing else of ours.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use zip::ZipArchive;

use super::pack::{Manifest, digest};
use super::{EvidenceError, LOG, MANIFEST, SIGNATURE, log};

/// Files of a pack, at most.
const FILES: usize = 200;
/// The largest file of a pack, in bytes.
const LARGEST: u64 = 1 << 30;
const KEY_BYTES: usize = 32;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// Files that are as they were signed.
    pub files: u64,
    /// Entries of the audit log whose chain was computed again.
    pub entries: u64,
    /// What is wrong, each with the name of its file.
    pub damaged: Vec<Value>,
}

/// Reads a pack through, with the public key in base64.
///
/// # Errors
/// [`EvidenceError::NoPack`], [`EvidenceError::NoKey`]; what was changed is told in the answer.
pub fn verify(path: &Path, key: &str) -> Result<Verified, EvidenceError> {
    let named = path.display().to_string();
    let no_pack = |why: &str| EvidenceError::NoPack(named.clone(), why.to_owned());
    let decoded = STANDARD.decode(key.trim()).ok().filter(|key| key.len() == KEY_BYTES);
    let public = decoded.ok_or_else(|| EvidenceError::NoKey(key.to_owned()))?;
    let mut archive = ZipArchive::new(File::open(path)?).map_err(|error| no_pack(&error.to_string()))?;
    if archive.len() > FILES {
        return Err(no_pack("it has too many files"));
    }
    let manifest = read(&mut archive, MANIFEST).map_err(|_| no_pack("it has no manifest"))?;
    let mut damaged = Vec::new();
    let mut tell = |file: &str, why: &str| damaged.push(json!({ "file": file, "why": why }));
    let signature = read(&mut archive, SIGNATURE).unwrap_or_default();
    let signature = STANDARD.decode(signature.trim_ascii()).unwrap_or_default();
    if UnparsedPublicKey::new(&ED25519, &public).verify(&manifest, &signature).is_err() {
        tell(MANIFEST, "its signature is not that of this key");
    }
    let manifest: Manifest =
        serde_json::from_slice(&manifest).map_err(|error| no_pack(&format!("its manifest: {error}")))?;
    let (mut files, mut entries) = (0, 0);
    for (name, expected) in &manifest.files {
        match read(&mut archive, name) {
            Err(_) => tell(name, "it is missing, or cannot be read"),
            Ok(bytes) if digest(&bytes) != *expected => tell(name, "it was changed"),
            Ok(bytes) => {
                files += 1;
                if name == LOG {
                    let text = String::from_utf8_lossy(&bytes);
                    let (count, wrong) = log::judged(&text)?;
                    entries = count;
                    wrong.iter().for_each(|why| tell(name, why));
                }
            }
        }
    }
    for name in names(&mut archive)? {
        let known = name == MANIFEST || name == SIGNATURE || manifest.files.contains_key(&name);
        if !known {
            tell(&name, "the manifest does not know it");
        }
    }
    Ok(Verified { from: manifest.from, to: manifest.to, files, entries, damaged })
}

fn names(archive: &mut ZipArchive<File>) -> Result<Vec<String>, EvidenceError> {
    let count = archive.len();
    (0..count).map(|index| Ok(archive.by_index(index)?.name()?.into_owned())).collect()
}

fn read(archive: &mut ZipArchive<File>, name: &str) -> Result<Vec<u8>, EvidenceError> {
    let mut bytes = Vec::new();
    let file = archive.by_name(name)?;
    if file.take(LARGEST + 1).read_to_end(&mut bytes)? as u64 > LARGEST {
        return Err(EvidenceError::NoPack(name.to_owned(), "it is too large".into()));
    }
    Ok(bytes)
}
