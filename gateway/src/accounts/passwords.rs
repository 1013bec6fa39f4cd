//! Password hashing (`p-password-hash`): Argon2id in a small pool of threads, so that sign-ins cannot take
//! the memory or the cores from the rest. It keeps nothing; hashes are sealed with the account.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Memory of one hash, in KiB: 19 MiB, OWASP's floor for t = 2, p = 1.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes computed at once: 4 × 19 MiB at most.
const AT_ONCE: usize = 4;
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
    decoy: Arc<str>,
}

impl Passwords {
    /// A pool, with a decoy hash made now by the same parameters.
    ///
    /// # Errors
    /// [`PasswordError::Hash`] when the system has no randomness or no memory for one hash.
    pub fn new() -> Result<Self, PasswordError> {
        let decoy = hash(b"no account has this password")?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), decoy: decoy.into() })
    }

    /// The PHC string of a password, with a fresh salt.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = Zeroizing::new(password.as_bytes().to_vec());
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether a password is the one of a PHC string. Without a string, the same work is done on the decoy
    /// and the answer is no: an unknown address takes as long as a wrong password.
    ///
    /// # Errors
    /// [`PasswordError`]; a damaged string is one.
    pub async fn verify(&self, password: &str, known: Option<&str>) -> Result<bool, PasswordError> {
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let exists = known.is_some();
        let phc = known.unwrap_or(&self.decoy).to_owned();
        let matches = self.in_turn(move || verify(&password, &phc)).await??;
        Ok(matches && exists)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        worked.await.map_err(|error| PasswordError::Hash(error.to_string()))
    }
}

fn function() -> Result<Argon2<'static>, PasswordError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String, PasswordError> {
    let hashed: Result<PasswordHash, _> = function()?.hash_password(password);
    hashed.map(|phc| phc.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

fn verify(password: &[u8], phc: &str) -> Result<bool, PasswordError> {
    let parsed = PasswordHash::new(phc).map_err(|error| PasswordError::Hash(error.to_string()))?;
    match function()?.verify_password(password, &parsed) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordError::Hash(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn p_password_hash_is_argon2id_salted_and_verifies_only_its_own_password() {
        let passwords = Passwords::new().unwrap();
        let phc = passwords.hash("Vr7!kd0#QzpL").await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(!phc.contains("Vr7"));
        assert_ne!(phc, passwords.hash("Vr7!kd0#QzpL").await.unwrap());
        assert!(passwords.verify("Vr7!kd0#QzpL", Some(&phc)).await.unwrap());
        assert!(!passwords.verify("Vr7!kd0#QzpM", Some(&phc)).await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_address_never_signs_in_even_with_the_decoy_s_password() {
        let passwords = Passwords::new().unwrap();
        assert!(!passwords.verify("no account has this password", None).await.unwrap());
    }

    #[tokio::test]
    async fn a_damaged_hash_is_told_and_lets_nobody_in() {
        let passwords = Passwords::new().unwrap();
        assert!(passwords.verify("Vr7!kd0#QzpL", Some("$argon2id$broken")).await.is_err());
    }
}
