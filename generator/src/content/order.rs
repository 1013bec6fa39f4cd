//! The order of pages in lists. It joins nothing.

use std::cmp::Reverse;
use std::sync::Arc;

use super::documents::Document;
use super::front_matter::{FrontMatter, SortBy};

/// Puts the pages of a section in the order it asks for; tells whether that is one of time, the newest first.
pub(super) fn pages(documents: &[Arc<Document>], front: &FrontMatter, pages: &mut [usize]) -> bool {
    let of = |id: usize| documents[id].as_ref();
    let order = front.sort_by.unwrap_or(SortBy::Weight);
    match order {
        SortBy::Title => pages.sort_by(|a, b| of(*a).letters.cmp(&of(*b).letters)),
        SortBy::Weight => {
            pages.sort_by(|a, b| key(of(*a), |d| d.front.weight).cmp(&key(of(*b), |d| d.front.weight)));
        }
        SortBy::Date => newest_first(documents, pages),
        SortBy::UpdateDate => {
            let last = |d: &Document| Reverse(d.days.updated.or(d.days.date));
            pages.sort_by(|a, b| key(of(*a), last).cmp(&key(of(*b), last)));
        }
        SortBy::Slug => pages.sort_by(|a, b| of(*a).slug().cmp(of(*b).slug())),
        SortBy::None => {}
    }
    if front.sort_reversed {
        pages.reverse();
    }
    matches!(order, SortBy::Date | SortBy::UpdateDate) && !front.sort_reversed
}

/// Puts sections by weight, then by title.
pub(super) fn sections(documents: &[Arc<Document>], sections: &mut [usize]) {
    let of = |id: usize| documents[id].as_ref();
    sections.sort_by(|a, b| key(of(*a), |d| d.front.weight).cmp(&key(of(*b), |d| d.front.weight)));
}

/// Puts pages the newest first.
pub(super) fn newest_first(documents: &[Arc<Document>], pages: &mut [usize]) {
    let of = |id: usize| documents[id].as_ref();
    pages.sort_by(|a, b| key(of(*a), |d| Reverse(d.days.date)).cmp(&key(of(*b), |d| Reverse(d.days.date))));
}

/// What comes first, and the title where that is the same.
fn key<K: Ord>(document: &Document, first: impl Fn(&Document) -> K) -> (K, &str) {
    (first(document), document.letters.as_str())
}
