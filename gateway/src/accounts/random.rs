//! Unguessable names and secrets from the system's randomness; it knows nothing of what they are for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The alphabet of [`base62`], in order of value.
pub const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The system gives no randomness: nothing secret can be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness; nothing secret can be made now")]
pub struct NoRandomness;

/// So many letters and digits, each drawn evenly (5.95 bits a character).
///
/// # Errors
/// [`NoRandomness`].
pub fn base62(length: usize) -> Result<String, NoRandomness> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        for byte in bytes::<32>()? {
            // 248 = 4 × 62: bytes past it would favour the first letters.
            if byte < 248 && text.len() < length {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    Ok(text)
}

/// 256 random bits in 43 characters of URL-safe base64.
///
/// # Errors
/// [`NoRandomness`].
pub fn token() -> Result<String, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<32>()?))
}

/// So many random bytes.
///
/// # Errors
/// [`NoRandomness`].
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_the_asked_length_and_never_twice_the_same() {
        for length in [0, 1, 12, 100] {
            let name = base62(length).unwrap();
            assert_eq!(name.len(), length);
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()));
        }
        assert_ne!(base62(16).unwrap(), base62(16).unwrap());
        assert_eq!(token().unwrap().len(), 43);
        assert_ne!(token().unwrap(), token().unwrap());
    }
}
