//! Answers a query from an index. `themes/aops/scripts/search.js` does the same, step by step: what changes
//! here changes there, and `tests/fixtures/` holds both to the same answers.

use std::collections::BTreeMap;

use crate::format::Index;
use crate::{Hit, words};

/// More words than that are not looked at.
const MOST_WORDS: usize = 8;
/// The shortest stem that stands for a longer word.
const SHORTEST_STEM: usize = 3;
/// How much longer than its stem a word may be.
const LONGEST_ENDING: usize = 6;

impl Index {
    /// The pages found, the best first, `limit` at most; the rule stands at the [crate].
    pub fn query(&self, text: &str, limit: usize) -> Vec<Hit> {
        let asked = words(text).into_iter().filter(|word| word.chars().nth(1).is_some());
        let asked = asked.filter(|word| !self.stop.contains(word)).take(MOST_WORDS);
        let mut scores: Option<BTreeMap<u32, u32>> = None;
        for word in asked {
            let found = self.weights(&word);
            let rarity = (self.pages.len() / found.len().max(1)).max(1).ilog2() + 1;
            scores = Some(match scores {
                None => found.into_iter().map(|(page, weight)| (page, weight * rarity)).collect(),
                Some(sums) => sums
                    .into_iter()
                    .filter_map(|(page, sum)| Some((page, sum + found.get(&page)? * rarity)))
                    .collect(),
            });
        }
        let mut ranked: Vec<_> = scores.unwrap_or_default().into_iter().collect();
        ranked.sort_by_key(|(page, score)| (std::cmp::Reverse(*score), *page));
        let hit = |(page, score): (u32, u32)| {
            let page = self.pages.get(page as usize)?;
            let (path, title, summary) = (page.path.clone(), page.title.clone(), page.summary.clone());
            Some(Hit { path, title, summary, score })
        };
        ranked.into_iter().take(limit).filter_map(hit).collect()
    }

    /// By page, the best weight of the stems that a folded word finds.
    fn weights(&self, word: &str) -> BTreeMap<u32, u32> {
        let mut weights = BTreeMap::new();
        for posting in found(&self.stems, word).iter().filter_map(|stem| self.postings.get(*stem)).flatten() {
            let best = weights.entry(posting.page).or_insert(posting.weight);
            *best = posting.weight.max(*best);
        }
        weights
    }
}

/// The places, in sorted stems, of those that a folded word finds.
pub(crate) fn found(stems: &[String], word: &str) -> Vec<usize> {
    let first = stems.partition_point(|stem| stem.as_str() < word);
    let longer = stems[first..].iter().take_while(|stem| stem.starts_with(word)).count();
    if longer > 0 {
        return (first..first + longer).collect();
    }
    let ends = word.char_indices().map(|(end, _)| end).collect::<Vec<_>>();
    let shortest = ends.len().saturating_sub(LONGEST_ENDING).max(SHORTEST_STEM);
    let beginnings = (shortest..ends.len()).rev().map(|length| &word[..ends[length]]);
    beginnings
        .filter_map(|stem| stems.binary_search_by(|other| other.as_str().cmp(stem)).ok())
        .take(1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_finds_longer_stems_or_the_longest_one_within_reach() {
        let stems = ["ag", "rent", "rentabl", "retrait", "soc", "socia"].map(str::to_owned);
        let cases: [(&str, &[usize]); 9] = [
            ("rent", &[1, 2]),
            ("ren", &[1, 2]),
            ("rentes", &[1]),
            ("rentables", &[2]),
            ("retraites", &[3]),
            ("sociaux", &[5]),
            ("age", &[]),
            ("rentabxxxxx", &[]),
            ("zebre", &[]),
        ];
        for (word, expected) in cases {
            assert_eq!(found(&stems, word), expected, "{word}");
        }
    }
}
