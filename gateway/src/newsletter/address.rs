//! What can be said of an address before anybody confirms it: its domain was mistyped, or is lent for ten minutes.
//! Only the domain is looked at, never who is subscribed, so the answer tells nothing of anybody.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::email::Email;

/// Domains lent for minutes, one a line: `gateway/data/disposable-domains.txt`, which names its source.
static DISPOSABLE: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/disposable-domains.txt").lines();
    lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// Domains that many readers have, in France first.
const FREQUENT: [&str; 22] = [
    "gmail.com",
    "orange.fr",
    "wanadoo.fr",
    "free.fr",
    "sfr.fr",
    "hotmail.fr",
    "hotmail.com",
    "outlook.fr",
    "outlook.com",
    "live.fr",
    "yahoo.fr",
    "yahoo.com",
    "icloud.com",
    "laposte.net",
    "bbox.fr",
    "neuf.fr",
    "numericable.fr",
    "protonmail.com",
    "proton.me",
    "googlemail.com",
    "msn.com",
    "aol.com",
];
/// Real domains that are one letter away from a frequent one.
const REAL: [&str; 14] = [
    "gmail.fr",
    "ymail.com",
    "email.com",
    "mail.com",
    "gmx.fr",
    "gmx.com",
    "live.com",
    "me.com",
    "mac.com",
    "fre.fr",
    "yahoo.ca",
    "yahoo.de",
    "hotmail.it",
    "hotmail.de",
];

/// Whether the address is of a domain whose addresses are lent for minutes.
pub(super) fn disposable(email: &Email) -> bool {
    let domain = domain(email);
    let mut rest = domain.as_str();
    loop {
        if DISPOSABLE.contains(rest) {
            return true;
        }
        match rest.split_once('.') {
            Some((_, parent)) if parent.contains('.') => rest = parent,
            _ => return false,
        }
    }
}

/// The address that was probably meant, when the domain is one slip away from one that many have.
pub(super) fn suggestion(email: &Email) -> Option<String> {
    let domain = domain(email);
    if FREQUENT.contains(&domain.as_str()) || REAL.contains(&domain.as_str()) {
        return None;
    }
    let meant = FREQUENT.into_iter().find(|known| one_slip(&domain, known))?;
    let (local, _) = email.as_str().rsplit_once('@')?;
    Some(format!("{local}@{meant}"))
}

fn domain(email: &Email) -> String {
    email.folded().rsplit_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default()
}

/// One letter left out, put in, changed, or two neighbours swapped; short names are too near to each other for it.
fn one_slip(typed: &str, known: &str) -> bool {
    known.len() > 7 && strsim::osa_distance(typed, known) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_frequent_domain_is_noticed_and_nothing_else() {
        for (typed, meant) in [
            ("Claire+lettre@gmial.com", Some("Claire+lettre@gmail.com")),
            ("a@gmail.con", Some("a@gmail.com")),
            ("a@gmai.com", Some("a@gmail.com")),
            ("a@orang.fr", Some("a@orange.fr")),
            ("a@hotmial.fr", Some("a@hotmail.fr")),
            ("a@laposte.ne", Some("a@laposte.net")),
            ("a@gmail.com", None),
            ("a@ymail.com", None),
            ("a@free.fr", None),
            ("a@fee.fr", None),
            ("a@entreprise.example", None),
            ("a@example.org", None),
            ("a@société.example", None),
        ] {
            assert_eq!(suggestion(&Email::parse(typed).unwrap()).as_deref(), meant, "{typed}");
        }
    }

    #[test]
    fn addresses_lent_for_minutes_are_known_by_their_domain() {
        let disposable = |text: &str| disposable(&Email::parse(text).unwrap());
        assert!(DISPOSABLE.len() > 1_000, "{}", DISPOSABLE.len());
        assert!(
            disposable("a@yopmail.com") && disposable("a@Mailinator.com") && disposable("a@x.mailinator.com")
        );
        for known in FREQUENT.iter().chain(&REAL) {
            assert!(!DISPOSABLE.contains(known), "{known}");
        }
        assert!(!disposable("a@example.org") && !disposable("a@aops.fr"));
    }
}
