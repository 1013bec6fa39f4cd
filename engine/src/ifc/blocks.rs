//! What a staff is worth under moved assumptions, block by block: the figures of a block depend on its lines alone, so
//! that they may have been computed anywhere; they are summed here, in the order of the blocks. Not which moves.

use std::ops::Range;

use super::plan::CHUNK;
use crate::call::Call;
use crate::numeric::{in_chunks, sum};

/// The figures of every block: first what it is worth as it stands, then its `moved` ones. `None` when a stop was asked
/// for.
pub(super) fn figures(
    length: usize,
    call: &Call<'_>,
    own: impl Fn(Range<usize>) -> f64 + Sync,
    moved: impl Fn(Range<usize>) -> Vec<f64> + Sync,
) -> Option<Vec<Vec<f64>>> {
    in_chunks(length, CHUNK, call.watch(), |range| {
        let mut figures = vec![own(range.clone())];
        figures.extend(moved(range));
        figures
    })
}

/// The sums of the `columns` moved figures over all blocks, the same bytes for any number of threads and whatever was
/// computed elsewhere. What was given of a block counts where the block is worth the same here, to the bit: then it is of
/// these lines, under these assumptions, by the same arithmetic. All else is computed. `None` when a stop was asked for.
pub(super) fn summed(
    length: usize,
    columns: usize,
    call: &Call<'_>,
    own: impl Fn(Range<usize>) -> f64 + Sync,
    moved: impl Fn(Range<usize>) -> Vec<f64> + Sync,
) -> Option<Vec<f64>> {
    let given = call.given();
    let rows = in_chunks(length, CHUNK, call.watch(), |range| {
        match given.get(&(range.start / CHUNK)).and_then(|figures| figures.split_first()) {
            Some((worth, figures))
                if figures.len() == columns && worth.to_bits() == own(range.clone()).to_bits() =>
            {
                figures.to_vec()
            }
            _ => moved(range),
        }
    })?;
    Some((0..columns).map(|column| sum(rows.iter().map(|row| row[column]))).collect())
}
