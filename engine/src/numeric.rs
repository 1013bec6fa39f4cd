//! Sums and loops whose results do not depend on threads. Not formulas.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::watch::Watch;

/// A compensated sum (Neumaier 1974): its error does not grow with the number of terms.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        let next = self.total + term;
        self.lost += if self.total.abs() >= term.abs() {
            (self.total - next) + term
        } else {
            (term - next) + self.total
        };
        self.total = next;
    }

    pub(crate) fn value(self) -> f64 {
        // An infinite total has lost NaN: the infinity is what must be seen.
        if self.total.is_finite() { self.total + self.lost } else { self.total }
    }
}

/// The compensated sum of `terms`, in their order.
pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = Sum::default();
    terms.into_iter().for_each(|term| total.add(term));
    total.value()
}

/// Runs `of` over `0..length` by chunks of `size` on all threads; results in the order of the chunks, whatever ran
/// first. `None` when a stop was asked for.
pub(crate) fn in_chunks<T: Send>(
    length: usize,
    size: usize,
    watch: &Watch,
    of: impl Fn(Range<usize>) -> T + Sync,
) -> Option<Vec<T>> {
    let size = size.max(1);
    let done = AtomicUsize::new(0);
    (0..length.div_ceil(size))
        .into_par_iter()
        .map(|chunk| {
            if watch.is_stopped() {
                return None;
            }
            let range = chunk * size..((chunk + 1) * size).min(length);
            let passed = range.len();
            let result = of(range);
            watch.at(done.fetch_add(passed, Ordering::Relaxed) + passed, length)?;
            Some(result)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_are_not_lost_beside_a_large_one() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum([f64::MAX, f64::MAX]), f64::INFINITY);
    }

    #[test]
    fn chunks_come_back_in_order_and_stop_when_asked() {
        let watch = Watch::default();
        let firsts = in_chunks(10, 3, &watch, |range| range.start).unwrap();
        assert_eq!(firsts, [0, 3, 6, 9]);
        assert_eq!(watch.progress(), 1.0);
        watch.stop();
        assert!(in_chunks(10, 3, &watch, |range| range.start).is_none());
    }
}
