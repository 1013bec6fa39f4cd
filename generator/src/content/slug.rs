//! Names fit for addresses and anchors.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, accents folded, everything but letters and digits made one hyphen.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            'œ' | 'Œ' => slug.push_str("oe"),
            'æ' | 'Æ' => slug.push_str("ae"),
            c if c.is_alphanumeric() => slug.extend(c.to_lowercase()),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_ligatures_and_punctuation_fold() {
        assert_eq!(slug("Évaluer l’œuvre : 1er pas !"), "evaluer-l-oeuvre-1er-pas");
        assert_eq!(slug("---"), "");
    }
}
