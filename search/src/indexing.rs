//! Chooses the words of an index and weighs them; their look-up is not here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::Entry;
use crate::format::{Index, Page, Posting};
use crate::lookup::found;
use crate::words::{Grammar, Word, tokens};

/// What the JSON of an index takes at most, in bytes, as long as the pages' titles and summaries leave room.
pub const MOST_BYTES: usize = 60_000;

/// How many stems of a page are kept: the first of these with which the whole index fits.
pub const CEILINGS: [usize; 12] = [2048, 1024, 512, 256, 192, 128, 96, 64, 48, 32, 16, 8];

/// The longest summary, in characters.
const SUMMARY: usize = 120;
/// A beginning shorter than this finds no word.
const SHORTEST_STEM: usize = 3;

/// By page number, the weight; the pages of a family of inflections.
type Pages = BTreeMap<u32, u32>;

/// The index of a site's pages in one language (`fr` or `en`), the same whatever their order.
pub fn build(entries: &[Entry], language: &str) -> Index {
    let grammar = Grammar::of(language);
    let stop = grammar.stop_words();
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.path);
    let families = families(&entries, &grammar, &stop);
    let pages: Vec<_> = entries.iter().map(|entry| page(entry)).collect();
    let mut index = Index { pages, stop, stems: Vec::new(), postings: Vec::new() };
    let bare = index.to_json().map_or(0, |json| json.len());
    let ranked = ranked(&families, index.pages.len());
    for ceiling in CEILINGS {
        let postings: usize = ranked.iter().map(|families| families.len().min(ceiling)).sum();
        // A posting takes a digit and a comma at the least: what cannot fit is not tried.
        if bare + 2 * postings > MOST_BYTES && Some(&ceiling) != CEILINGS.last() {
            continue;
        }
        (index.stems, index.postings) = vocabulary(&kept(&families, &ranked, ceiling));
        if index.to_json().is_ok_and(|json| json.len() <= MOST_BYTES) {
            break;
        }
    }
    index
}

/// The inflections of one stem and where they stand.
#[derive(Debug, Clone)]
struct Family {
    stem: String,
    words: BTreeSet<String>,
    pages: Pages,
}

/// The families met so far, and those that each word as written belongs to: a site repeats its words, and
/// each is stemmed once.
struct Lexicon<'a> {
    grammar: &'a Grammar,
    stop: &'a [String],
    families: Vec<Family>,
    by_stem: HashMap<String, usize>,
    by_token: HashMap<String, Vec<usize>>,
}

impl Lexicon<'_> {
    /// The families, by place, of what is written without a space or a sign inside.
    fn families_of(&mut self, token: &str) -> &[usize] {
        if !self.by_token.contains_key(token) {
            let useful =
                |word: &Word| word.folded.chars().nth(1).is_some() && !self.stop.contains(&word.folded);
            let words: Vec<_> = self.grammar.stemmed(token).into_iter().filter(useful).collect();
            let places = words.into_iter().map(|word| self.enter(word)).collect();
            self.by_token.insert(token.to_owned(), places);
        }
        &self.by_token[token]
    }

    fn enter(&mut self, Word { folded, stem }: Word) -> usize {
        let place = *self.by_stem.entry(stem.clone()).or_insert(self.families.len());
        if place == self.families.len() {
            self.families.push(Family { stem, words: BTreeSet::new(), pages: Pages::new() });
        }
        self.families[place].words.insert(folded);
        place
    }
}

fn families(entries: &[&Entry], grammar: &Grammar, stop: &[String]) -> Vec<Family> {
    let (by_stem, by_token) = (HashMap::new(), HashMap::new());
    let mut lexicon = Lexicon { grammar, stop, families: Vec::new(), by_stem, by_token };
    for (page, entry) in entries.iter().enumerate() {
        let mut counts: BTreeMap<usize, [u32; 3]> = BTreeMap::new();
        let headings = entry.headings.iter().map(|heading| (1, *heading));
        let rest = [(0, entry.title), (2, entry.description), (2, entry.text)];
        for (place, text) in rest.into_iter().chain(headings) {
            for token in tokens(text) {
                for family in lexicon.families_of(token) {
                    counts.entry(*family).or_default()[place] += 1;
                }
            }
        }
        for (family, counts) in counts {
            lexicon.families[family].pages.insert(page as u32, weight(counts));
        }
    }
    lexicon.families
}

/// From 1 to 9: the places outweigh one another in their order.
fn weight([title, headings, text]: [u32; 3]) -> u32 {
    5 * u32::from(title > 0) + 2 * u32::from(headings > 0) + u32::from(text > 0) + u32::from(text > 3)
}

/// Of each page, the places of its families, those first that tell it best from the others.
fn ranked(families: &[Family], pages: usize) -> Vec<Vec<usize>> {
    let mut by_page: Vec<Vec<(u32, usize)>> = vec![Vec::new(); pages];
    for (place, family) in families.iter().enumerate() {
        let rarity = (1.0 + pages as f64 / family.pages.len().max(1) as f64).log2();
        for (page, weight) in &family.pages {
            // In thousandths, so that values have an order.
            by_page[*page as usize].push(((f64::from(*weight) * rarity * 1000.0) as u32, place));
        }
    }
    let sorted = |mut values: Vec<(u32, usize)>| {
        values.sort_by_key(|(value, place)| (std::cmp::Reverse(*value), *place));
        values.into_iter().map(|(_, place)| place).collect()
    };
    by_page.into_iter().map(sorted).collect()
}

/// The families with so many of them a page, and without those that no page keeps.
fn kept(families: &[Family], ranked: &[Vec<usize>], ceiling: usize) -> Vec<Family> {
    let mut kept: Vec<_> =
        families.iter().map(|family| Family { pages: Pages::new(), ..family.clone() }).collect();
    for (page, places) in ranked.iter().enumerate() {
        let page = page as u32;
        for place in places.iter().take(ceiling) {
            kept[*place].pages.extend(families[*place].pages.get(&page).map(|weight| (page, *weight)));
        }
    }
    kept.retain(|family| !family.pages.is_empty());
    kept
}

/// Stems and postings such that each word of each family finds the whole family.
///
/// A family stands under what its stem and its words begin with alike (`socia` for `sociaux`). A word that the
/// look-up would then lead elsewhere, or nowhere, becomes a stem of its own.
fn vocabulary(families: &[Family]) -> (Vec<String>, Vec<Vec<Posting>>) {
    let mut stems: BTreeMap<String, Pages> = BTreeMap::new();
    for family in families {
        let alike = family.words.iter().fold(family.stem.as_str(), |alike, word| beginning(alike, word));
        if alike.chars().count() >= SHORTEST_STEM {
            add(&mut stems, alike, &family.pages);
        }
    }
    loop {
        let sorted: Vec<String> = stems.keys().cloned().collect();
        let before = sorted.len();
        for family in families {
            for word in &family.words {
                let reached: BTreeSet<_> =
                    found(&sorted, word).into_iter().flat_map(|place| stems[&sorted[place]].keys()).collect();
                if !family.pages.keys().all(|page| reached.contains(page)) {
                    add(&mut stems, word, &family.pages);
                }
            }
        }
        if stems.len() == before {
            break;
        }
    }
    let list = |pages: Pages| pages.into_iter().map(|(page, weight)| Posting { page, weight }).collect();
    stems.into_iter().map(|(stem, pages)| (stem, list(pages))).unzip()
}

fn add(stems: &mut BTreeMap<String, Pages>, stem: &str, pages: &Pages) {
    let known = stems.entry(stem.to_owned()).or_default();
    for (page, weight) in pages {
        let best = known.entry(*page).or_insert(*weight);
        *best = (*best).max(*weight);
    }
}

/// What two words begin with alike.
fn beginning<'a>(one: &'a str, other: &str) -> &'a str {
    let differ = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    &one[..differ.unwrap_or(one.len().min(other.len()))]
}

fn page(entry: &Entry) -> Page {
    let about = if entry.description.trim().is_empty() { entry.text } else { entry.description };
    Page { path: entry.path.to_owned(), title: one_line(entry.title), summary: cut(&one_line(about)) }
}

fn one_line(text: &str) -> String {
    text.split([' ', '\n', '\r', '\t']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The text, or what of it fits before the last space, and an ellipsis.
fn cut(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(SUMMARY) else {
        return text.to_owned();
    };
    let whole = &text[..end];
    let words = whole.rsplit_once(' ').map_or(whole, |(words, _)| words);
    format!("{}…", words.trim_end_matches(|c: char| !c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_outweighs_headings_and_headings_outweigh_text() {
        assert!(weight([1, 0, 0]) > weight([0, 9, 99]));
        assert!(weight([0, 1, 1]) > weight([0, 0, 99]));
        assert_eq!(weight([1, 1, 4]), 9);
    }

    #[test]
    fn a_summary_ends_at_a_word() {
        let long = "Évaluer une rente viagère, ".repeat(9);
        let short = cut(&one_line(&long));
        assert!(short.chars().count() <= SUMMARY + 1, "{short}");
        assert!(
            short.ends_with("viagère…") || short.ends_with("une…") || short.ends_with("rente…"),
            "{short}"
        );
        assert_eq!(cut("Bref."), "Bref.");
    }
}
