//! From text to words and stems; it knows French and English, and nothing of pages.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The folded words of a text: lower case, accents off, `œ` and `æ` in two letters, apart at everything that
/// is neither letter nor digit (`L’âge du cœur` → `l`, `age`, `du`, `coeur`).
pub fn words(text: &str) -> Vec<String> {
    let plain: String = text.to_lowercase().nfd().filter(|c| !is_combining_mark(*c)).collect();
    let plain = plain.replace('œ', "oe").replace('æ', "ae");
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What [`words`] takes apart, as it is written.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
    parts.filter(|token| !token.is_empty())
}

/// A word of a text: as it is typed without accents, and the stem that its inflections share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) folded: String,
    pub(crate) stem: String,
}

/// What is particular to a language.
pub(crate) struct Grammar {
    stemmer: Stemmer,
    stop: &'static str,
    /// Ends of stems whose last letter the other inflections do not have.
    turning: &'static [&'static str],
}

/// A stem is not cut below this.
const SHORTEST_CUT: usize = 4;

impl Grammar {
    /// By BCP 47 tag; all that is not English is read as French, the site's own language.
    pub(crate) fn of(language: &str) -> Self {
        match language {
            "en" => Self {
                stemmer: Stemmer::create(Algorithm::English),
                stop: include_str!("../data/stop-en.txt"),
                // Snowball writes annuity, annuities → annuiti.
                turning: &["i"],
            },
            _ => Self {
                stemmer: Stemmer::create(Algorithm::French),
                stop: include_str!("../data/stop-fr.txt"),
                // Social, sociaux; nombreux, nombreuse; fréquent, fréquence; actif, active.
                turning: &["al", "eux", "ent", "enc", "if", "iv"],
            },
        }
    }

    /// Folded words too common to tell pages apart, sorted.
    pub(crate) fn stop_words(&self) -> Vec<String> {
        let mut list: Vec<_> = self.stop.split_whitespace().map(str::to_owned).collect();
        list.sort();
        list.dedup();
        list
    }

    /// The words of a token with their stems. Snowball reads accents (`-ité`, `-é`), so that a stem is taken
    /// before it is folded.
    pub(crate) fn stemmed(&self, token: &str) -> Vec<Word> {
        let accented: String = token.to_lowercase().nfc().collect();
        let folded = words(&accented);
        let alone = folded.len() == 1;
        let word = |folded: String| {
            let stem = words(&self.stemmer.stem(if alone { &accented } else { &folded })).concat();
            Word { folded, stem: self.cut(stem) }
        };
        folded.into_iter().map(word).collect()
    }

    /// Without the letter that turns into another one.
    fn cut(&self, mut stem: String) -> String {
        let turns = self.turning.iter().any(|end| stem.ends_with(end));
        if turns && stem.chars().count() > SHORTEST_CUT {
            stem.pop();
        }
        stem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(language: &str, word: &str) -> String {
        Grammar::of(language).stemmed(word).remove(0).stem
    }

    #[test]
    fn words_are_folded_and_apart_at_apostrophes() {
        let cases: [(&str, &[&str]); 7] = [
            ("L’âge du Cœur", &["l", "age", "du", "coeur"]),
            ("aujourd'hui", &["aujourd", "hui"]),
            ("Épargne-retraite", &["epargne", "retraite"]),
            ("IAS 19, 12\u{202f}000 €", &["ias", "19", "12", "000"]),
            ("e\u{301}te\u{301}", &["ete"]),
            ("ÆQUO çà", &["aequo", "ca"]),
            (" …\u{a0}! ", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn inflections_share_their_stem() {
        let families = [
            ("fr", ["évaluer", "évaluation", "évaluées"]),
            ("fr", ["rente", "rentes", "Rentes"]),
            ("fr", ["calculer", "calculés", "calculant"]),
            ("fr", ["social", "sociaux", "sociales"]),
            ("fr", ["fréquent", "fréquence", "fréquentes"]),
            ("fr", ["actif", "active", "actives"]),
            ("en", ["annuity", "annuities", "Annuities"]),
            ("en", ["reserving", "reserved", "reserves"]),
        ];
        for (language, family) in families {
            let stems = family.map(|word| stem(language, word));
            assert!(stems.iter().all(|other| *other == stems[0]), "{family:?}: {stems:?}");
        }
    }

    #[test]
    fn stop_words_are_written_folded() {
        for language in ["fr", "en"] {
            for word in Grammar::of(language).stop_words() {
                assert_eq!(words(&word), [word]);
            }
        }
    }
}
