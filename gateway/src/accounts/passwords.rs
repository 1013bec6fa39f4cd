//! Password hashing (`p-password-hash`): Argon2id in a small pool of threads that yield to all others, so that sign-ins
//! cannot take the memory or the cores from the rest. It keeps nothing; hashes are sealed with the account.
//!
//! Beside the salt a pepper goes in (NIST SP 800-63B § 3.1.1.2: a keyed hash): a key that follows from the store's root,
//! which the master key wraps. Whoever reads hashes without it can try no guess on them. A hash says by which pepper and
//! parameters it was made, so that older ones still verify, and are replaced at the next sign-in.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, KeyId, Params, ParamsBuilder, PasswordHasher, PasswordVerifier, Version};
use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::process::{getpriority_process, setpriority_process};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

/// Memory of one hash, in KiB: 19 MiB, OWASP's floor for t = 2, p = 1.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes computed at once: 4 × 19 MiB at most.
const AT_ONCE: usize = 4;
/// How far the threads that hash yield to those that answer (nice(2)): a tenth of a processor that others keep busy is
/// theirs, and all of one that rests.
const YIELDING: i32 = 10;
/// The longest wait for a turn; past it the client is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a password could be neither hashed nor checked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PasswordError {
    /// Too many sign-ins at once.
    #[error("too many passwords are being checked at once; retry in a few seconds")]
    Busy,
    /// The hash function refused its input or the machine its memory.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// The pool of hashing turns.
#[derive(Debug, Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    threads: Arc<ThreadPool>,
    pepper: Arc<Pepper>,
    decoy: Arc<str>,
}

impl Passwords {
    /// A pool, with a pepper, and a decoy hash made now by the same parameters.
    ///
    /// # Errors
    /// [`PasswordError::Hash`] when the system has no randomness, no memory for one hash, or no threads.
    pub fn new(pepper: Zeroizing<[u8; 32]>) -> Result<Self, PasswordError> {
        let pepper = Pepper::new(pepper)?;
        let decoy = hash(&pepper, b"no account has this password")?;
        let (turns, threads) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(threads()?));
        Ok(Self { turns, threads, pepper: Arc::new(pepper), decoy: decoy.into() })
    }

    /// The PHC string of a password, with a fresh salt.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let (password, pepper) = (Zeroizing::new(password.as_bytes().to_vec()), Arc::clone(&self.pepper));
        self.in_turn(move || hash(&pepper, &password)).await?
    }

    /// Whether a password is the one of a PHC string. Without a string, the same work is done on the decoy
    /// and the answer is no: an unknown address takes as long as a wrong password.
    ///
    /// # Errors
    /// [`PasswordError`]; a damaged string is one, and one of another pepper.
    pub async fn verify(&self, password: &str, known: Option<&str>) -> Result<bool, PasswordError> {
        let (password, pepper) = (Zeroizing::new(password.as_bytes().to_vec()), Arc::clone(&self.pepper));
        let exists = known.is_some();
        let phc = known.unwrap_or(&self.decoy).to_owned();
        let matches = self.in_turn(move || verify(&pepper, &password, &phc)).await??;
        Ok(matches && exists)
    }

    /// Whether a PHC string is of other parameters than those in force, or without the pepper.
    pub fn outdated(&self, phc: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(phc) else { return true };
        let current = parsed.algorithm == Algorithm::Argon2id.ident()
            && parsed.version == Some(Version::V0x13.into())
            && Params::try_from(&parsed).is_ok_and(|params| {
                let costs = (params.m_cost(), params.t_cost(), params.p_cost());
                costs == (MEMORY_KIB, PASSES, LANES) && params.keyid() == self.pepper.name.as_bytes()
            });
        !current
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        let (answer, answered) = oneshot::channel();
        self.threads.spawn(move || {
            let done = work();
            drop(turn);
            // Who asked may have gone.
            let _ = answer.send(done);
        });
        answered.await.map_err(|_| PasswordError::Hash("its thread ended before it".into()))
    }
}

/// The threads that hash. A panic costs its own hash alone.
fn threads() -> Result<ThreadPool, PasswordError> {
    let yielding = |_| {
        // Where the whole process yields more, nothing is to be done.
        let own = getpriority_process(None).unwrap_or_default();
        if own < YIELDING
            && let Err(error) = setpriority_process(None, YIELDING)
        {
            tracing::warn!(%error, "sign-ins are not made to yield to pages");
        }
    };
    let builder = ThreadPoolBuilder::new().num_threads(AT_ONCE).thread_name(|n| format!("password-{n}"));
    builder
        .start_handler(yielding)
        .panic_handler(|_| tracing::error!("the hashing of a password panicked"))
        .build()
        .map_err(fault)
}

/// What goes into a hash beside the password and the salt.
struct Pepper {
    key: Zeroizing<[u8; 32]>,
    /// Names it in the hashes that were made with it.
    name: KeyId,
}

impl Pepper {
    fn new(key: Zeroizing<[u8; 32]>) -> Result<Self, PasswordError> {
        let digest =
            Sha256::new().chain_update(b"aops password pepper").chain_update(key.as_slice()).finalize();
        let name = KeyId::new(digest.first_chunk::<8>().unwrap_or(&[0; 8])).map_err(fault)?;
        Ok(Self { key, name })
    }
}

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper(..)")
    }
}

fn hash(pepper: &Pepper, password: &[u8]) -> Result<String, PasswordError> {
    let mut params = ParamsBuilder::new();
    params.m_cost(MEMORY_KIB).t_cost(PASSES).p_cost(LANES).keyid(pepper.name);
    let params = params.build().map_err(fault)?;
    let function =
        Argon2::new_with_secret(pepper.key.as_slice(), Algorithm::Argon2id, Version::V0x13, params)
            .map_err(fault)?;
    let hashed: PasswordHash = function.hash_password(password).map_err(fault)?;
    Ok(hashed.to_string())
}

fn verify(pepper: &Pepper, password: &[u8], phc: &str) -> Result<bool, PasswordError> {
    let parsed = PasswordHash::new(phc).map_err(fault)?;
    let params = Params::try_from(&parsed).map_err(fault)?;
    let secret: &[u8] = match params.keyid() {
        // From before there was one.
        [] => &[],
        name if name == pepper.name.as_bytes() => pepper.key.as_slice(),
        _ => return Err(PasswordError::Hash("it was made with a pepper of another store".into())),
    };
    // The other parameters are those that the string names.
    let function =
        Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params).map_err(fault)?;
    match function.verify_password(password, &parsed) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(fault(error)),
    }
}

fn fault(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Hash(error.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(Zeroizing::new([7; 32])).unwrap()
    }

    /// As hashes were made before there was a pepper, or with less memory.
    fn made(memory_kib: u32, secret: &[u8], name: KeyId) -> String {
        let mut params = ParamsBuilder::new();
        let params = params.m_cost(memory_kib).t_cost(PASSES).p_cost(LANES).keyid(name).build().unwrap();
        let function = Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let hashed: PasswordHash = function.hash_password(b"Vr7!kd0#QzpL").unwrap();
        hashed.to_string()
    }

    /// A hash of `Vr7!kd0#QzpL` from before there was a pepper.
    pub(in crate::accounts) fn bare() -> String {
        made(MEMORY_KIB, &[], KeyId::EMPTY)
    }

    #[tokio::test]
    async fn hashes_of_before_verify_and_are_told_as_outdated() {
        let passwords = passwords();
        let pepper = Arc::clone(&passwords.pepper);
        let bare = bare();
        assert!(!bare.contains("keyid"), "{bare}");
        for older in [bare, made(8 * 1024, pepper.key.as_slice(), pepper.name)] {
            assert!(passwords.verify("Vr7!kd0#QzpL", Some(&older)).await.unwrap());
            assert!(!passwords.verify("Vr7!kd0#QzpM", Some(&older)).await.unwrap());
            assert!(passwords.outdated(&older));
        }
        assert!(!passwords.outdated(&passwords.hash("Vr7!kd0#QzpL").await.unwrap()));
        assert!(passwords.outdated("nonsense"));
    }

    #[tokio::test]
    async fn without_the_pepper_of_a_hash_no_guess_can_be_tried_on_it() {
        let phc = passwords().hash("Vr7!kd0#QzpL").await.unwrap();
        let other = Passwords::new(Zeroizing::new([8; 32])).unwrap();
        assert!(other.verify("Vr7!kd0#QzpL", Some(&phc)).await.is_err());
        // Even under its name.
        let renamed = made(MEMORY_KIB, &[9; 32], passwords().pepper.name);
        assert!(!passwords().verify("Vr7!kd0#QzpL", Some(&renamed)).await.unwrap());
    }

    #[tokio::test]
    async fn p_password_hash_is_argon2id_salted_and_verifies_only_its_own_password() {
        let passwords = passwords();
        let phc = passwords.hash("Vr7!kd0#QzpL").await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid="), "{phc}");
        assert!(!phc.contains("Vr7"));
        assert_ne!(phc, passwords.hash("Vr7!kd0#QzpL").await.unwrap());
        assert!(passwords.verify("Vr7!kd0#QzpL", Some(&phc)).await.unwrap());
        assert!(!passwords.verify("Vr7!kd0#QzpM", Some(&phc)).await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_address_never_signs_in_even_with_the_decoy_s_password() {
        let passwords = passwords();
        assert!(!passwords.verify("no account has this password", None).await.unwrap());
    }

    #[test]
    fn the_threads_that_hash_yield_and_outlive_a_panic() {
        let threads = threads().unwrap();
        threads.spawn(|| panic!("one hash fails"));
        let own = getpriority_process(None).unwrap();
        let priorities = threads.broadcast(|_| getpriority_process(None).unwrap());
        assert_eq!(priorities, [own.max(YIELDING); AT_ONCE]);
        assert!(own < YIELDING, "the others are as they were: {own}");
    }

    #[tokio::test]
    async fn a_damaged_hash_is_told_and_lets_nobody_in() {
        let passwords = passwords();
        assert!(passwords.verify("Vr7!kd0#QzpL", Some("$argon2id$broken")).await.is_err());
    }
}
