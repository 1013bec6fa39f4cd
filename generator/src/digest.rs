//! Digests of bytes, as names and tags.

use sha2::{Digest, Sha256};

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// So many bytes of a digest, in hexadecimal.
pub(crate) fn hex(digest: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// 64 bits of the digest: enough to tell versions of one file apart.
pub(crate) fn short(bytes: &[u8]) -> String {
    hex(&sha256(bytes)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_fips_180() {
        assert!(hex(&sha256(b"abc")).starts_with("ba7816bf8f01cfea"));
        assert_eq!(short(b"abc"), "ba7816bf8f01cfea");
    }
}
