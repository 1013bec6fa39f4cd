//! The policy at its size: one person's copy and erasure among a million records, and the evidence pack of the whole. The
//! removal of 100,000 whose term has passed is measured with the data (`--data`).

use anyhow::Result;

use super::data::measured;

/// Prints the figures.
///
/// # Errors
/// When something cannot be built or run.
pub(super) fn run() -> Result<()> {
    measured("one_person_among_a_million")
}
