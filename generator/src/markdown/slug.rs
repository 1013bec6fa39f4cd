//! Names fit for URLs and anchors: small letters without accents, figures, hyphens.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `Provisions & réserves (2024)` → `provisions-reserves-2024`; empty when nothing remains.
pub(crate) fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    if text.is_ascii() {
        for byte in text.bytes() {
            match byte {
                b if b.is_ascii_alphanumeric() => slug.push(char::from(b.to_ascii_lowercase())),
                _ if slug.is_empty() || slug.ends_with('-') => {}
                _ => slug.push('-'),
            }
        }
        slug.truncate(slug.trim_end_matches('-').len());
        return slug;
    }
    for character in text.nfd().filter(|c| !is_combining_mark(*c)) {
        match character {
            'œ' | 'Œ' => slug.push_str("oe"),
            'æ' | 'Æ' => slug.push_str("ae"),
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// Letters without accents or case, to order titles.
pub(crate) fn fold(title: &str) -> String {
    if title.is_ascii() {
        return title.to_ascii_lowercase();
    }
    title.nfd().filter(char::is_ascii).collect::<String>().to_ascii_lowercase()
}

/// Gives each id of one page once.
#[derive(Debug, Default)]
pub(crate) struct UniqueIds(HashMap<String, usize>);

impl UniqueIds {
    /// The id itself, or the id with `-2`, `-3`… when it is taken.
    pub(crate) fn take(&mut self, wanted: String) -> String {
        let wanted = if wanted.is_empty() { "section".to_owned() } else { wanted };
        let count = self.0.entry(wanted.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            return wanted;
        }
        let next = format!("{wanted}-{count}");
        self.take(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_fold_and_signs_become_one_hyphen() {
        for (text, slug) in [
            ("Provisions & réserves (2024)", "provisions-reserves-2024"),
            ("  L’âge — cœur  ", "l-age-coeur"),
            ("ÇA ira", "ca-ira"),
            ("!!!", ""),
        ] {
            assert_eq!(slugify(text), slug);
        }
    }

    #[test]
    fn an_id_is_given_once() {
        let mut ids = UniqueIds::default();
        let given: Vec<_> = ["a", "a", "a-2", "a"].map(|id| ids.take(id.to_owned())).into();
        assert_eq!(given, ["a", "a-2", "a-2-2", "a-3"]);
    }
}
