//! An e-mail address: checked for shape once, at the border, and never again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// An address of the form `local@domain`; the domain in lower case, the rest as typed.
///
/// The shape is that of RFC 5321 § 4.1.2 without quoted local parts and address literals, which no form of
/// ours needs. Letters past ASCII are composed (NFC, RFC 6532 § 3.1), and none may be invisible: the same address is
/// then the same text. Letters that merely look alike are other addresses, and stay so. Whether one exists, only a mail
/// can tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text has not the shape of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct NotAnEmail;

/// The longest address, in bytes (RFC 5321 § 4.5.3.1.3, less its brackets).
const LONGEST: usize = 254;

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// [`NotAnEmail`] for anything longer than 254 bytes, without exactly one `@`, with spaces, control
    /// characters or marks that have a meaning in mail headers.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        // What is far too long costs nothing more.
        let composed: String = text.nfc().take(LONGEST + 1).collect();
        let text = composed.as_str();
        let (local, domain) = text.split_once('@').ok_or(NotAnEmail)?;
        let forbidden =
            |c: char| c.is_control() || c.is_whitespace() || is_invisible(c) || "@<>()[]\\,;:\"".contains(c);
        let dotted = |part: &str| part.split('.').all(|label| !label.is_empty());
        let label = |label: &str| {
            label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c == '-' || c.is_alphanumeric())
        };
        let good = text.len() <= LONGEST
            && local.len() <= 64
            && !text.replacen('@', "", 1).contains(forbidden)
            && dotted(local)
            && domain.contains('.')
            && domain.split('.').all(|part| !part.is_empty() && label(part));
        if good { Ok(Self(format!("{local}@{}", domain.to_lowercase()))) } else { Err(NotAnEmail) }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two addresses one: case is of no account to any provider in use, and a domain is the same in
    /// letters of its own as in ASCII. What stands after `+`, and dots, do make another address.
    pub fn folded(&self) -> String {
        ascii_domain(&self.0).to_lowercase()
    }
}

/// Whether a character shows nothing, or turns what stands around it (the format characters that text holds).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// An address whose domain is written in ASCII (RFC 5891), as mail servers find it.
pub fn ascii_domain(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    match url::Host::parse(domain) {
        Ok(url::Host::Domain(ascii)) => format!("{local}@{ascii}"),
        _ => address.to_owned(),
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Email {
    type Err = NotAnEmail;

    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Email {
    type Error = NotAnEmail;

    fn try_from(text: String) -> Result<Self, NotAnEmail> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_addresses_pass_and_keep_what_was_typed() {
        for (typed, kept) in [
            ("claire@example.org", "claire@example.org"),
            ("Claire+lettre@EXAMPLE.Org", "Claire+lettre@example.org"),
            ("a.b-c_d'e@sous.domaine.example", "a.b-c_d'e@sous.domaine.example"),
            ("élise@société.example", "élise@société.example"),
        ] {
            assert_eq!(Email::parse(typed).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn one_address_is_one_text_however_it_is_composed_and_look_alikes_are_others() {
        let folded = |text: &str| Email::parse(text).unwrap().folded();
        for (one, other) in [
            ("\u{e9}lise@example.org", "e\u{301}lise@example.org"),
            ("mi\u{212a}e@example.org", "mike@example.org"),
            ("Claire@EXAMPLE.org", "claire@example.org"),
            ("a@soci\u{e9}t\u{e9}.example", "a@xn--socit-esab.example"),
            ("a@\u{ff45}xample.org", "a@example.org"),
        ] {
            assert_eq!(folded(one), folded(other), "{one}");
        }
        for (one, other) in [
            ("p\u{430}ul@example.org", "paul@example.org"),
            ("m\u{131}ke@example.org", "mike@example.org"),
            ("\u{130}nci@example.org", "inci@example.org"),
            ("a@ex\u{430}mple.org", "a@example.org"),
            ("a+b@example.org", "a@example.org"),
            ("a.b@example.org", "ab@example.org"),
        ] {
            assert_ne!(folded(one), folded(other), "{one}");
        }
        for hidden in
            ["a\u{200b}@example.org", "\u{202e}a@example.org", "a\u{fe0f}@example.org", "a\u{ad}b@c.fr"]
        {
            assert!(Email::parse(hidden).is_err(), "{hidden:?}");
        }
    }

    #[test]
    fn what_is_no_address_or_would_break_a_header_is_refused() {
        for bad in [
            "",
            "a",
            "@b.fr",
            "a@",
            "a@b",
            "a b@c.fr",
            "a@b@c.fr",
            "a@b..fr",
            ".a@b.fr",
            "a.@b.fr",
            "a@-b.fr",
            "a@b.fr\r\nBcc: c@d.fr",
            "\"a\"@b.fr",
            "<a@b.fr>",
            "a@[127.0.0.1]",
            "a,b@c.fr",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@b.fr", "a".repeat(65))).is_err());
    }

    proptest! {
        #[test]
        fn reading_twice_changes_nothing(text in "\\PC{1,20}@\\PC{1,10}\\.[a-z]{2,4}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
            }
        }
    }
}
