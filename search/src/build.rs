//! Makes an index, and keeps it small: of each page, the words that tell it from the others.

use std::collections::BTreeMap;

use rust_stemmers::{Algorithm, Stemmer};

use crate::Index;
use crate::words::{EMPTY, words};

/// Bytes of an index as it is sent, unless even one word a page is more.
const LARGEST: usize = 30_000;
/// Stems kept of each page, at most; fewer as long as the index is too large.
const KEPT: usize = 160;
/// Letters shown of a page.
const SHOWN: usize = 160;
/// How much a word weighs in a title, a heading, a description.
const IN_TITLE: u32 = 12;
const IN_HEADING: u32 = 5;
const IN_DESCRIPTION: u32 = 4;
/// Repetition counts up to this.
const HEAVIEST: u32 = 60;

/// A page to be found.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// Its URL path.
    pub path: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its headings.
    pub headings: Vec<&'a str>,
    /// What its author says of it; the beginning of its text otherwise.
    pub description: &'a str,
    /// Its text, without tags.
    pub text: &'a str,
}

/// The index of pages in a language (`fr`, `en`; other tags are stemmed as English).
pub fn build(entries: &[Entry<'_>], language: &str) -> Index {
    let algorithm = if language == "fr" { Algorithm::French } else { Algorithm::English };
    let stemmer = Stemmer::create(algorithm);
    let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
    entries.sort_unstable_by_key(|entry| entry.path);
    let weights: Vec<BTreeMap<String, u32>> = entries.iter().map(|entry| weights(entry, &stemmer)).collect();
    let mut spread: BTreeMap<&str, usize> = BTreeMap::new();
    weights.iter().flat_map(BTreeMap::keys).for_each(|stem| *spread.entry(stem).or_default() += 1);
    let mut kept = KEPT;
    loop {
        let index = cut(&entries, &weights, &spread, kept);
        if kept <= 1 || index.to_json().len() <= LARGEST {
            return index;
        }
        kept = kept * 4 / 5;
    }
}

/// How much each stem of a page weighs.
fn weights(entry: &Entry<'_>, stemmer: &Stemmer) -> BTreeMap<String, u32> {
    let mut weights: BTreeMap<String, u32> = BTreeMap::new();
    let mut add = |text: &str, weight: u32| {
        for word in words(text) {
            let stem = stemmer.stem(&word).into_owned();
            let sum = weights.entry(stem).or_default();
            *sum = (*sum + weight).min(HEAVIEST);
        }
    };
    add(entry.title, IN_TITLE);
    entry.headings.iter().for_each(|heading| add(heading, IN_HEADING));
    add(entry.description, IN_DESCRIPTION);
    add(entry.text, 1);
    weights
}

/// The index of so many stems a page: those that weigh much here and stand on few other pages.
fn cut(
    entries: &[&Entry<'_>],
    weights: &[BTreeMap<String, u32>],
    spread: &BTreeMap<&str, usize>,
    kept: usize,
) -> Index {
    let mut places: BTreeMap<&str, Vec<(u32, u32)>> = BTreeMap::new();
    for (page, weights) in weights.iter().enumerate() {
        let told = |stem: &str, weight: u32| {
            let elsewhere = spread.get(stem).copied().unwrap_or(1);
            f64::from(weight) * (1.0 + entries.len() as f64 / elsewhere as f64).ln()
        };
        let mut ranked: Vec<(&String, &u32)> = weights.iter().collect();
        ranked.sort_by(|a, b| told(b.0, *b.1).total_cmp(&told(a.0, *a.1)).then(a.0.cmp(b.0)));
        for (stem, weight) in ranked.into_iter().take(kept) {
            places.entry(stem).or_default().push((u32::try_from(page).unwrap_or(u32::MAX), *weight));
        }
    }
    let deltas = |places: &Vec<(u32, u32)>| {
        let mut last = 0;
        let mut written = Vec::with_capacity(places.len() * 2);
        for (page, weight) in places {
            written.extend([page - last, *weight]);
            last = *page;
        }
        written
    };
    let shown = |entry: &&Entry<'_>| {
        let said = if entry.description.is_empty() { entry.text } else { entry.description };
        (entry.path.to_owned(), entry.title.to_owned(), beginning(said))
    };
    Index {
        empty: EMPTY.map(str::to_owned).to_vec(),
        pages: entries.iter().map(shown).collect(),
        places: places.values().map(deltas).collect(),
        stems: places.into_keys().map(str::to_owned).collect(),
    }
}

/// The beginning of a text, cut between words.
fn beginning(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= SHOWN {
        return text;
    }
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{}…", cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_a_hundred_long_pages_stays_small() {
        let texts: Vec<String> = (0..100)
            .map(|page| (0..800).map(|word| format!("mot{} ", (page * 37 + word * word) % 3000)).collect())
            .collect();
        let paths: Vec<String> = (0..100).map(|page| format!("/articles/page-{page}/")).collect();
        let entries: Vec<Entry<'_>> = texts
            .iter()
            .zip(&paths)
            .map(|(text, path)| Entry { path, title: "Une page", text, ..Entry::default() })
            .collect();
        let index = build(&entries, "fr");
        assert!(index.to_json().len() <= LARGEST, "{}", index.to_json().len());
        assert_eq!(index.pages.len(), 100);
        assert_eq!(Index::from_json(index.to_json().as_bytes()).ok(), Some(index));
    }
}
