//! Which passwords are taken (`p-password-policy`); it neither hashes nor keeps them.
//!
//! The CNIL (deliberation 2022-100) asks 80 bits of guessing work, or 50 where tries are throttled, as they
//! are here ([`super::throttle`]). We ask 12 characters and 50 bits, counted the CNIL's way: length times the
//! binary logarithm of the alphabet that the kinds of characters draw from.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

/// The shortest password, in characters.
pub(super) const MIN_CHARACTERS: usize = 12;
/// The longest, in bytes: past it, nothing is gained.
pub(super) const MAX_BYTES: usize = 1024;
/// The least guessing work, in bits.
pub(super) const MIN_BITS: f64 = 50.0;
/// Fewer different characters than this are a pattern, not a secret.
const MIN_DISTINCT: usize = 5;

/// The longest password of the list, in characters.
const LONGEST_LISTED: usize = 32;

/// Roots of the passwords tried first everywhere, in lower case; they must not be most of a password.
const COMMON: [&str; 26] = [
    "123456",
    "azerty",
    "qwerty",
    "password",
    "passw0rd",
    "p@ssw0rd",
    "motdepasse",
    "motdepass",
    "admin",
    "welcome",
    "bienvenue",
    "letmein",
    "iloveyou",
    "jetaime",
    "soleil",
    "bonjour",
    "doudou",
    "loulou",
    "marseille",
    "changeme",
    "secret",
    "aopsconseil",
    "actuarem",
    "abcdef",
    "abc123",
    "000000",
];

/// The passwords of a list of the 20,000 most common, those that could be half of one that we take.
static LISTED: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt").lines().filter(|line| !line.starts_with('#')).collect()
});

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too few characters.
    #[error("the password has fewer than {MIN_CHARACTERS} characters")]
    Short,
    /// Too many bytes.
    #[error("the password has more than {MAX_BYTES} bytes")]
    Long,
    /// Too few bits.
    #[error("the password is too easy to guess; mix letters, digits and signs, or use more words")]
    Simple,
    /// One that is tried first.
    #[error("the password is built on one of the most common ones")]
    Common,
    /// Made of what is known of its holder.
    #[error("the password is built on the holder's name, firm or address")]
    Personal,
}

impl WeakPassword {
    /// The code of its message.
    fn code(self) -> &'static str {
        match self {
            Self::Short => "password_short",
            Self::Long => "password_long",
            Self::Simple => "password_weak",
            Self::Common => "password_common",
            Self::Personal => "password_personal",
        }
    }
}

/// The code of what is wrong with a new password, given what is known of its holder.
pub(super) fn fault<'a>(password: &str, known: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    if password.is_empty() {
        return Some("required");
    }
    let known: Vec<&str> = known.flat_map(words).collect();
    check_of(password, &known).err().map(WeakPassword::code)
}

/// Whether a new password is taken.
///
/// # Errors
/// [`WeakPassword`], by what to change.
pub(super) fn check(password: &str) -> Result<(), WeakPassword> {
    check_of(password, &[])
}

/// As [`check`], given words that are known of its holder.
fn check_of(password: &str, known: &[&str]) -> Result<(), WeakPassword> {
    if password.len() > MAX_BYTES {
        return Err(WeakPassword::Long);
    }
    let characters = password.chars().count();
    if characters < MIN_CHARACTERS {
        return Err(WeakPassword::Short);
    }
    let lower = password.to_lowercase();
    let secret = COMMON.iter().fold(lower.clone(), |rest, root| rest.replace(root, ""));
    if secret.chars().count() * 2 < characters || is_listed(&lower) {
        return Err(WeakPassword::Common);
    }
    let secret = known.iter().fold(lower, |rest, word| rest.replace(&word.to_lowercase(), ""));
    if secret.chars().count() * 2 < characters {
        return Err(WeakPassword::Personal);
    }
    let distinct: BTreeSet<char> = password.chars().collect();
    if distinct.len() < MIN_DISTINCT || bits(password) < MIN_BITS {
        return Err(WeakPassword::Simple);
    }
    // What the CNIL's count does not see: words, dates, rows of keys. The highest score is 10^10 guesses or more.
    let score = zxcvbn::zxcvbn(password, known).score();
    if score < zxcvbn::Score::Four { Err(WeakPassword::Simple) } else { Ok(()) }
}

/// Whether more than half of a password is one of the list: what is put before or behind it is tried as soon.
fn is_listed(lower: &str) -> bool {
    let starts: Vec<usize> = lower.char_indices().map(|(at, _)| at).chain([lower.len()]).collect();
    let characters = starts.len() - 1;
    let least = characters / 2 + 1;
    // None of the list has more.
    (least..=characters.min(LONGEST_LISTED)).any(|length| {
        starts.windows(length + 1).any(|part| match part {
            [from, .., to] => lower.get(*from..*to).is_some_and(|part| LISTED.contains(part)),
            _ => false,
        })
    })
}

/// The parts of a name or an address that are long enough to build a password on.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= 4)
}

/// Guessing work in bits, as the CNIL counts it.
fn bits(password: &str) -> f64 {
    type Kind = (fn(char) -> bool, u32);
    let kinds: [Kind; 5] = [
        (|c| c.is_ascii_lowercase(), 26),
        (|c| c.is_ascii_uppercase(), 26),
        (|c| c.is_ascii_digit(), 10),
        (|c| c.is_ascii() && !c.is_ascii_alphanumeric(), 33),
        (|c| !c.is_ascii(), 60),
    ];
    let alphabet: u32 =
        kinds.iter().filter(|(kind, _)| password.chars().any(kind)).map(|(_, size)| size).sum();
    password.chars().count() as f64 * f64::from(alphabet.max(1)).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_password_policy_takes_what_is_hard_to_guess_and_tells_why_not() {
        let cases = [
            ("Vr7!kd0#QzpL", Ok(())),
            ("correct horse battery staple", Ok(())),
            ("cheval exact pile agrafe lune vent sable", Ok(())),
            ("été comme hiver à Nîmes", Ok(())),
            ("8305 1946 2750 1", Ok(())),
            ("Court1!", Err(WeakPassword::Short)),
            ("aaaaaaaaaaaaaaaaaaaa", Err(WeakPassword::Simple)),
            ("830519462750", Err(WeakPassword::Simple)),
            ("Motdepasse123456", Err(WeakPassword::Common)),
            ("azertyazerty1!", Err(WeakPassword::Common)),
            ("q1w2e3r4t5y6", Err(WeakPassword::Common)),
            ("PE#5GZ29PTZMSE", Err(WeakPassword::Common)),
            ("xk-pe#5gz29ptzmse-9", Err(WeakPassword::Common)),
            ("mnopqrstuvwxyz-98765", Err(WeakPassword::Simple)),
        ];
        for (password, expected) in cases {
            assert_eq!(check(password), expected, "{password}");
        }
        assert_eq!(check(&"Ab1!".repeat(1000)), Err(WeakPassword::Long));
        let known = || ["Claire", "Mutuelle du Nord", "claire.durand@example.org"].into_iter();
        assert_eq!(fault("claire.durand!1", known()), Some("password_personal"));
        assert_eq!(fault("Vr7!kd0#QzpL", known()), None);
        assert_eq!(fault("", known()), Some("required"));
    }

    #[test]
    fn the_list_has_what_it_says_and_nothing_longer() {
        assert!(LISTED.len() > 10_000);
        let fits = |word: &&str| {
            (7..=LONGEST_LISTED).contains(&word.chars().count()) && *word == word.to_lowercase()
        };
        assert!(LISTED.iter().all(fits));
    }
}
