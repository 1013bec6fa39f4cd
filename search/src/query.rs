//! Asks an index. The script of the search page does the same, line by line.

use crate::Index;
use crate::words::all;

/// A stem shorter than this is not taken for the beginning of a longer word.
const SHORTEST_STEM: usize = 3;
/// Letters of a word past its stem, at most.
const LONGEST_ENDING: usize = 6;

/// A page that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<'a> {
    /// Its URL path.
    pub path: &'a str,
    /// Its title.
    pub title: &'a str,
    /// What it says.
    pub summary: &'a str,
    /// The higher, the nearer to what was asked.
    pub score: f64,
}

impl Index {
    /// The pages that hold every word of a question, the nearest first; ties in the order of paths.
    ///
    /// A word finds the stems that begin with it (it may still be typed) and those that it begins with (it may be
    /// inflected); a stem counts the less the more letters it and the word do not share.
    pub fn query(&self, question: &str, limit: usize) -> Vec<Hit<'_>> {
        let mut scores: Option<Vec<f64>> = None;
        for word in all(question).into_iter().filter(|word| !self.empty.contains(word)) {
            let own = self.of_word(&word);
            scores = Some(match scores {
                None => own,
                Some(sums) => sums
                    .iter()
                    .zip(&own)
                    .map(|(sum, own)| if *sum > 0.0 && *own > 0.0 { sum + own } else { 0.0 })
                    .collect(),
            });
        }
        let mut found: Vec<(usize, f64)> = scores
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .filter(|(page, score)| *score > 0.0 && *page < self.pages.len())
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let hit = |(page, score): (usize, f64)| {
            let (path, title, summary) = &self.pages[page];
            Hit { path, title, summary, score }
        };
        found.into_iter().take(limit).map(hit).collect()
    }

    /// By page: how much a word says of it.
    fn of_word(&self, word: &str) -> Vec<f64> {
        let mut scores = vec![0.0_f64; self.pages.len()];
        for (stem, places) in self.stems.iter().zip(&self.places) {
            let Some(shared) = nearness(word, stem) else { continue };
            let pages = places.len() as f64 / 2.0;
            let rare = (1.0 + self.pages.len() as f64 / pages).ln();
            let mut page = 0_usize;
            for pair in places.chunks_exact(2) {
                page = page.saturating_add(pair[0] as usize);
                let score = f64::from(pair[1]) * rare * shared;
                if let Some(best) = scores.get_mut(page)
                    && score > *best
                {
                    *best = score;
                }
            }
        }
        scores
    }
}

/// How near a stem is to a word, up to 1; `None` when it is another word's.
fn nearness(word: &str, stem: &str) -> Option<f64> {
    let (letters, stem_letters) = (word.chars().count(), stem.chars().count());
    let (short, long) = (letters.min(stem_letters), letters.max(stem_letters));
    let is_typed = stem.starts_with(word);
    let is_inflected =
        word.starts_with(stem) && stem_letters >= SHORTEST_STEM && letters - stem_letters <= LONGEST_ENDING;
    (is_typed || is_inflected).then(|| short as f64 / long as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Entry, build};

    fn index() -> Index {
        let entry = |path, title, text| Entry { path, title, text, ..Entry::default() };
        build(
            &[
                entry("/ifc/", "Indemnités de fin de carrière", "Les provisions des salariés actuariels"),
                entry("/rente/", "Rentes viagères", "Une rente, des provisions mathématiques"),
                entry("/mack/", "Provisionnement par Chain Ladder", "Les chevaux et l’âge"),
            ],
            "fr",
        )
    }

    fn found(question: &str) -> Vec<String> {
        index().query(question, 10).into_iter().map(|hit| hit.path.to_owned()).collect()
    }

    #[test]
    fn plurals_accents_and_beginnings_are_found() {
        assert_eq!(found("rente viagère"), ["/rente/"]);
        assert_eq!(found("INDEMNITE"), ["/ifc/"]);
        assert_eq!(found("viag"), ["/rente/"]);
        assert_eq!(found("salarié"), ["/ifc/"]);
        assert_eq!(found("provisionnement")[0], "/mack/");
        assert_eq!(found("l'âge"), ["/mack/"]);
    }

    #[test]
    fn every_word_must_be_there_and_empty_words_ask_nothing() {
        assert_eq!(found("rente chevaux"), Vec::<String>::new());
        assert_eq!(found("de la"), Vec::<String>::new());
        assert_eq!(found(""), Vec::<String>::new());
        assert_eq!(found("les rentes"), ["/rente/"]);
    }

    #[test]
    fn the_script_is_held_against_the_same_answers() {
        let fixture: serde_json::Value = serde_json::from_str(include_str!("../tests/answers.json")).unwrap();
        let index: Index = serde_json::from_value(fixture["index"].clone()).unwrap();
        assert_eq!(index, self::index());
        assert!(fixture["cases"].as_array().unwrap().len() > 8);
        for case in fixture["cases"].as_array().unwrap() {
            let paths: Vec<&str> =
                index.query(case["question"].as_str().unwrap(), 10).iter().map(|hit| hit.path).collect();
            assert_eq!(serde_json::json!(paths), case["paths"], "{case}");
        }
    }

    proptest! {
        #[test]
        fn any_question_is_answered(question in "\\PC{0,60}") {
            prop_assert!(index().query(&question, 2).len() <= 2);
        }
    }
}
