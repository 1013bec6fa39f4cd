//! Pages that share terms with a page. It reads terms alone.

use rayon::prelude::*;

use super::classify::Classification;

/// Related pages of a page, at most.
const SHOWN: usize = 3;
/// How far apart in the list of a term two pages are still compared, so that long lists cost their length.
const REACH: usize = 16;

/// By document: the pages that share most with it; a rare term counts more than a common one.
pub(super) fn pages(documents: usize, classifications: &[Classification]) -> Vec<Vec<usize>> {
    // By document: its terms, as (list, place in it).
    let lists: Vec<&[usize]> =
        classifications.iter().flat_map(|c| &c.terms).map(|term| term.pages.as_slice()).collect();
    let mut places: Vec<Vec<(usize, usize)>> = vec![Vec::new(); documents];
    for (list, pages) in lists.iter().enumerate() {
        for (place, id) in pages.iter().enumerate() {
            places[*id].push((list, place));
        }
    }
    let related = |(id, own): (usize, Vec<(usize, usize)>)| {
        let mut scores: Vec<(usize, f64)> = Vec::new();
        for (list, place) in own {
            let pages = lists[list];
            let weight = 1.0 / (1.0 + pages.len() as f64).ln();
            let near = place.saturating_sub(REACH)..(place + REACH + 1).min(pages.len());
            for other in pages[near].iter().filter(|other| **other != id) {
                match scores.iter_mut().find(|(known, _)| known == other) {
                    Some((_, score)) => *score += weight,
                    None => scores.push((*other, weight)),
                }
            }
        }
        scores.sort_by(|a, b| {
            b.1.total_cmp(&a.1).then(a.0.abs_diff(id).cmp(&b.0.abs_diff(id))).then(a.0.cmp(&b.0))
        });
        scores.into_iter().take(SHOWN).map(|(id, _)| id).collect()
    };
    places.into_par_iter().enumerate().map(related).collect()
}
