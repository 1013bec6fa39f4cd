//! The form of a key: `aops_`, `test_` where it is for trying out, and 50 letters and digits: 12 of name, 32 of secret
//! (190 bits) and 6 of checksum, so that secret scanners find it by form and drop what only looks like it.

use sha2::{Digest, Sha256};

use super::Mode;
use crate::accounts::random;

const PREFIX: &str = "aops_";
const TEST: &str = "aops_test_";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;

pub(super) fn draw(mode: Mode) -> Result<String, random::NoRandomness> {
    let body = random::base62(ID_LENGTH + SECRET_LENGTH)?;
    Ok(format!("{}{body}{}", prefix(mode), checksum(&body)))
}

fn prefix(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => PREFIX,
        Mode::Test => TEST,
    }
}

/// What stands behind the prefix.
fn rest(key: &str) -> Option<&str> {
    key.strip_prefix(TEST).or_else(|| key.strip_prefix(PREFIX))
}

/// The name in a key, which is no secret.
pub(super) fn name_in(key: &str) -> &str {
    rest(key).and_then(|rest| rest.get(..ID_LENGTH)).unwrap_or_default()
}

/// How a key begins, by its name: enough to know it by.
pub(super) fn beginning(id: &str, mode: Mode) -> String {
    format!("{}{id}", prefix(mode))
}

/// The key, if it has the form and the checksum of one: a mistyped key costs no look-up.
pub(super) fn well_formed(key: &str) -> Option<&str> {
    let rest = rest(key)?;
    let plausible = rest.len() == ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH
        && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    if !plausible {
        return None;
    }
    let (body, sum) = rest.split_at(ID_LENGTH + SECRET_LENGTH);
    (checksum(body) == sum).then_some(key)
}

pub(super) fn digest(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 32 bits of the SHA-256 of the text, in base 62, most significant first.
fn checksum(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let mut value = digest.iter().take(4).fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
    let mut letters = [0_u8; CHECKSUM_LENGTH];
    for letter in letters.iter_mut().rev() {
        *letter = random::BASE62[value % 62];
        value /= 62;
    }
    letters.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_for_trying_out_says_so() {
        let key = draw(Mode::Test).unwrap();
        assert_eq!((key.len(), well_formed(&key)), (60, Some(key.as_str())));
        assert!(key.starts_with("aops_test_") && key.starts_with(&beginning(name_in(&key), Mode::Test)));
    }

    #[test]
    fn a_key_has_a_form_that_scanners_find_and_a_checksum_that_typing_errors_break() {
        let key = draw(Mode::Live).unwrap();
        assert_eq!(key.len(), 55);
        assert_eq!(well_formed(&key), Some(key.as_str()));
        assert!(key.starts_with(&beginning(name_in(&key), Mode::Live)));
        let mut broken = 0;
        for at in PREFIX.len()..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            broken += usize::from(well_formed(std::str::from_utf8(&bytes).unwrap()).is_none());
        }
        assert_eq!(broken, 50);
        for other in ["", "aops_", "sk_test_1", &key[1..], &format!("{key}0"), &key.replace("aops_", "AOPS_")]
        {
            assert_eq!(well_formed(other), None, "{other}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_documentation() {
        // SHA-256("abc") begins ba7816bf = 3128432319 = 3 25 44 36 9 49 in base 62.
        assert_eq!(checksum("abc"), "3Pia9n");
    }
}
