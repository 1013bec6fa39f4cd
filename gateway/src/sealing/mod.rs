//! Encryption at rest: a key of its own for each person or organisation, wrapped by the master key.
//!
//! Destroying someone's key erases everything that was sealed under it, in backups too. XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha) with the record's place as associated data, so that records cannot be swapped;
//! sub-keys by HKDF-SHA-256 (RFC 5869); look-ups by HMAC-SHA-256.

mod roll;

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use self::roll::Rolled;
pub(crate) use self::roll::{PARTITION, ROOT};
use crate::config::{Environment, Settings};
use crate::files::write_private;
use crate::store::{Address, StoreError};

/// The version of the sealed form: its first byte.
pub(crate) const FORMAT: u8 = 1;
pub(crate) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const ID_BYTES: usize = 4;

/// A key that wraps the others.
pub struct MasterKey {
    id: [u8; ID_BYTES],
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// The master keys: the first one seals, all of them open.
pub struct Sealer {
    masters: Vec<MasterKey>,
    /// From which look-ups and keys of purposes follow; it stays when master keys are rolled.
    root: Zeroizing<[u8; KEY_BYTES]>,
}

/// One person's or organisation's key.
pub struct SubjectKey {
    cipher: XChaCha20Poly1305,
}

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SealError {
    /// Production without a key.
    #[error("AOPS_MASTER_KEY is not set: give 32 random bytes in base64 (`openssl rand -base64 32`)")]
    Missing,
    /// Not 32 bytes in base64.
    #[error("{0}: not 32 bytes in base64 (make one with `openssl rand -base64 32`)")]
    Malformed(String),
    /// The key's file cannot be read or written.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The store was written under another key.
    #[error(
        "AOPS_MASTER_KEY is not the key that this store was written with; give that one (or both, comma-separated, while rolling)"
    )]
    WrongMaster,
    /// Some keys are wrapped under a key that is not given.
    #[error(
        "the master key of this store is being rolled: give both, the new one first, comma-separated, until `aops admin keys roll` has ended"
    )]
    HalfRolled,
    /// A roll with one key.
    #[error(
        "there is nothing to roll to: give the new key and the old one in AOPS_MASTER_KEY, comma-separated"
    )]
    OneKey,
    /// The bytes were altered, moved, or sealed under another key.
    #[error("what stands at {0} does not open: it was altered, or its key is another one")]
    Unreadable(String),
    /// The system gives no randomness.
    #[error("the system gives no random bytes")]
    Randomness,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MasterKey {
    /// A key from its base64 form; `origin` names it in errors.
    ///
    /// # Errors
    /// [`SealError::Malformed`].
    pub fn from_base64(text: &str, origin: &str) -> Result<Self, SealError> {
        let decoded = Zeroizing::new(STANDARD.decode(text.trim()).unwrap_or_default());
        let bytes: [u8; KEY_BYTES] =
            decoded.as_slice().try_into().map_err(|_| SealError::Malformed(origin.to_owned()))?;
        let digest = Sha256::new().chain_update(b"aops master key id").chain_update(bytes).finalize();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&digest[..ID_BYTES]);
        Ok(Self { id, bytes: Zeroizing::new(bytes) })
    }

    /// The keys that the environment gives, or in development the one under the data folder, made when absent.
    ///
    /// # Errors
    /// [`SealError`]: missing in production, malformed, or a file that cannot be read.
    pub fn load(settings: &Settings) -> Result<Vec<Self>, SealError> {
        if let Some(given) = &settings.secrets.master_key {
            return given.split(',').map(|text| Self::from_base64(text, "AOPS_MASTER_KEY")).collect();
        }
        if settings.environment == Environment::Production {
            return Err(SealError::Missing);
        }
        let path = settings.data.join("master.key");
        let fault = |error: std::io::Error| SealError::File { path: path.clone(), why: error.to_string() };
        if !path.exists() {
            let text = Zeroizing::new(STANDARD.encode(random::<KEY_BYTES>()?));
            write_private(&path, text.as_bytes()).map_err(fault)?;
        }
        let text = Zeroizing::new(fs::read_to_string(&path).map_err(fault)?);
        Ok(vec![Self::from_base64(&text, &path.display().to_string())?])
    }
}

impl Sealer {
    /// A sealer over master keys, the current one first, with a root of its own; a store's comes from [`Sealer::open`].
    ///
    /// # Errors
    /// [`SealError::Missing`] without a key, [`SealError::Randomness`].
    pub fn new(masters: Vec<MasterKey>) -> Result<Self, SealError> {
        if masters.is_empty() {
            return Err(SealError::Missing);
        }
        // By chance and not from a master key: who once held one can derive nothing after it was rolled.
        Ok(Self { masters, root: Zeroizing::new(random()?) })
    }

    /// A new key for a subject, and its wrapped form, which is what may be stored.
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    pub fn new_subject_key(&self, subject: &str) -> Result<(SubjectKey, Vec<u8>), SealError> {
        let key = Zeroizing::new(random::<KEY_BYTES>()?);
        let wrapped = self.wrap(subject, &key)?;
        Ok((SubjectKey::new(&key), wrapped))
    }

    fn wrap(&self, subject: &str, key: &[u8; KEY_BYTES]) -> Result<Vec<u8>, SealError> {
        let master = self.masters.first().ok_or(SealError::Missing)?;
        let sealed = encrypt(&master.cipher(), &wrapping(subject), key.as_slice())?;
        let mut wrapped = Vec::with_capacity(1 + ID_BYTES + sealed.len());
        wrapped.push(FORMAT);
        wrapped.extend_from_slice(&master.id);
        wrapped.extend_from_slice(&sealed);
        Ok(wrapped)
    }

    /// The key of a subject from its wrapped form.
    ///
    /// # Errors
    /// [`SealError::Unreadable`] when it was wrapped under a key that is not ours, or altered.
    pub fn unwrap(&self, subject: &str, wrapped: &[u8]) -> Result<SubjectKey, SealError> {
        Ok(SubjectKey::new(&*self.bare(subject, wrapped)?))
    }

    fn bare(&self, subject: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, SealError> {
        let unreadable = || SealError::Unreadable(format!("keys/{subject}"));
        let (master, sealed) = self.wrapper(wrapped).ok_or_else(unreadable)?;
        let opened = decrypt(&master.cipher(), &wrapping(subject), sealed).ok_or_else(unreadable)?;
        let key: [u8; KEY_BYTES] = opened.as_slice().try_into().map_err(|_| unreadable())?;
        Ok(Zeroizing::new(key))
    }

    /// The master key that wraps something, and what it wraps.
    fn wrapper<'a>(&self, wrapped: &'a [u8]) -> Option<(&MasterKey, &'a [u8])> {
        let (id, sealed) = wrapped.strip_prefix(&[FORMAT])?.split_at_checked(ID_BYTES)?;
        Some((self.masters.iter().find(|master| master.id == id)?, sealed))
    }

    /// Whether something is wrapped under the current key.
    fn is_current(&self, wrapped: &[u8]) -> bool {
        let wrapper = self.wrapper(wrapped).map(|(master, _)| master.id);
        wrapper.is_some() && wrapper == self.masters.first().map(|master| master.id)
    }

    /// A keyed hash by which something personal is found without being stored, in hexadecimal.
    pub fn lookup(&self, domain: &str, value: &str) -> String {
        hex(&authenticated(&self.derive(&format!("lookup:{domain}")), &[value.as_bytes()]))
    }

    /// A key of its own for a purpose.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        expanded(&self.root, purpose)
    }

    /// As [`Sealer::derive`], the same for every gateway that has the current master key, whatever its store; it
    /// changes with that key.
    pub fn derive_shared(&self, purpose: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        self.masters.first().map_or_else(Zeroizing::default, |master| expanded(&master.bytes, purpose))
    }
}

fn expanded(secret: &[u8; KEY_BYTES], purpose: &str) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let hkdf = Hkdf::<Sha256>::new(Some(b"aops"), secret.as_slice());
    // 32 bytes are far below what HKDF can give.
    let _ = hkdf.expand(purpose.as_bytes(), key.as_mut_slice());
    key
}

impl SubjectKey {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// Seals bytes for one place of the store.
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    pub fn seal(&self, at: &Address, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(&encrypt(&self.cipher, at.to_string().as_bytes(), plain)?);
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`SealError::Unreadable`].
    pub fn open(&self, at: &Address, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open_at(&at.to_string(), sealed)
    }

    /// As [`SubjectKey::open`], of a place by its name.
    pub(crate) fn open_at(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let rest = sealed.strip_prefix(&[FORMAT]);
        let opened = rest.and_then(|rest| decrypt(&self.cipher, place.as_bytes(), rest));
        opened.ok_or_else(|| SealError::Unreadable(place.to_owned()))
    }
}

impl MasterKey {
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.bytes))
    }
}

/// HMAC-SHA-256 of parts, each with its length before it.
pub(crate) fn authenticated(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is good for HMAC; this one has 32 bytes.
    let Ok(mut mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Random bytes from the system.
///
/// # Errors
/// [`SealError::Randomness`].
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
    Ok(bytes)
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn wrapping(subject: &str) -> Vec<u8> {
    format!("subject key:{subject}").into_bytes()
}

fn encrypt(cipher: &XChaCha20Poly1305, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random::<NONCE_BYTES>()?;
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: place })
        .map_err(|_| SealError::Unreadable("a message too long to seal".into()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(cipher: &XChaCha20Poly1305, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let opened = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: place });
    opened.ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::from_base64(&STANDARD.encode([byte; KEY_BYTES]), "test").unwrap()
    }

    fn place(key: &str) -> Address {
        Address::new("messages", "contact", key)
    }

    #[test]
    fn a_record_opens_in_its_own_place_alone() {
        let sealer = Sealer::new(vec![master(1)]).unwrap();
        let (key, wrapped) = sealer.new_subject_key("a").unwrap();
        let sealed = key.seal(&place("1"), b"secret").unwrap();
        let again = sealer.unwrap("a", &wrapped).unwrap();
        assert_eq!(again.open(&place("1"), &sealed).unwrap().as_slice(), b"secret");
        assert!(again.open(&place("2"), &sealed).is_err());
        assert!(sealer.unwrap("b", &wrapped).is_err());
    }

    #[test]
    fn an_older_master_key_still_opens_while_keys_are_rolled() {
        let (_, wrapped) = Sealer::new(vec![master(1)]).unwrap().new_subject_key("a").unwrap();
        let rolling = Sealer::new(vec![master(2), master(1)]).unwrap();
        assert!(rolling.unwrap("a", &wrapped).is_ok());
        assert!(Sealer::new(vec![master(2)]).unwrap().unwrap("a", &wrapped).is_err());
        assert!(matches!(Sealer::new(Vec::new()), Err(SealError::Missing)));
    }

    #[test]
    fn lookups_depend_on_the_root_and_the_domain_and_on_no_master_key() {
        let [one, two] = [(); 2].map(|()| Sealer::new(vec![master(1)]).unwrap());
        assert_ne!(one.lookup("a", "x"), two.lookup("a", "x"));
        assert_ne!(one.lookup("a", "x"), one.lookup("b", "x"));
        assert_eq!(one.lookup("a", "x").len(), 64);
    }

    proptest! {
        /// Proves p-security-controller.
        #[test]
        fn any_changed_byte_is_noticed(plain in proptest::collection::vec(any::<u8>(), 0..64), at in any::<prop::sample::Index>(), bit in 0..8u32) {
            let (key, _) = Sealer::new(vec![master(1)]).unwrap().new_subject_key("a").unwrap();
            let mut sealed = key.seal(&place("1"), &plain).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(key.open(&place("1"), &sealed).is_err());
        }
    }
}
