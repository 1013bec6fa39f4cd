//! Words of a text as they are indexed and asked: folded, and without those that say nothing.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Shorter words say too little.
const SHORTEST: usize = 2;

/// French and English words that stand everywhere, folded.
pub(crate) const EMPTY: [&str; 108] = [
    "ai", "alors", "and", "any", "are", "as", "at", "au", "aucun", "aussi", "autre", "autres", "aux", "avec",
    "be", "by", "can", "car", "ce", "cela", "ces", "cet", "cette", "ceux", "chaque", "comme", "dans", "de",
    "des", "do", "donc", "dont", "du", "elle", "elles", "en", "est", "et", "etre", "eu", "for", "from",
    "has", "have", "il", "ils", "in", "is", "it", "its", "je", "la", "le", "les", "leur", "leurs", "lui",
    "mais", "may", "meme", "ne", "nos", "not", "notre", "nous", "of", "on", "or", "ou", "our", "par", "pas",
    "peut", "plus", "pour", "qu", "quand", "que", "qui", "sa", "sans", "se", "ses", "si", "son", "sont",
    "soit", "sous", "sur", "that", "the", "their", "this", "to", "tous", "tout", "toute", "toutes", "un",
    "une", "vers", "was", "we", "which", "with", "you", "your", "vous",
];

/// The words of a text, in order, without those that say nothing.
pub(crate) fn words(text: &str) -> Vec<String> {
    all(text).into_iter().filter(|word| !EMPTY.contains(&word.as_str())).collect()
}

/// Every word of a text, in order.
pub(crate) fn all(text: &str) -> Vec<String> {
    let folded = fold(text);
    let parts = folded.split(|c: char| !c.is_alphanumeric());
    parts.filter(|word| word.chars().count() >= SHORTEST).map(str::to_owned).collect()
}

/// Small letters without accents.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase) {
        match letter {
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            letter => folded.push(letter),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_empty_ones_dropped() {
        let found = words("L’Âge moyen des SALARIÉS, au cœur de l'étude : 65 ans");
        assert_eq!(found, ["age", "moyen", "salaries", "coeur", "etude", "65", "ans"]);
    }
}
