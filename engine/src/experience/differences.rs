//! Differences of an order between neighbouring points, and what they penalise. Not smoothing.

/// Coefficients of a difference of an order, signs alternating.
pub(super) fn binomials(order: usize) -> Vec<f64> {
    let mut signs = vec![1.0];
    for _ in 0..order {
        let mut next = vec![0.0; signs.len() + 1];
        for (place, sign) in signs.iter().enumerate() {
            next[place] -= sign;
            next[place + 1] += sign;
        }
        signs = next;
    }
    signs
}

/// Cells of `DᵀD`, lower half: row, column, value.
pub(super) fn differences(size: usize, order: usize) -> Vec<(usize, usize, f64)> {
    let signs = binomials(order);
    let mut cells = vec![vec![0.0; order + 1]; size];
    for from in 0..size.saturating_sub(order) {
        for (row, one) in signs.iter().enumerate() {
            for (column, two) in signs[..=row].iter().enumerate() {
                cells[from + row][row - column] += one * two;
            }
        }
    }
    let full = cells.iter().enumerate().flat_map(|(row, line)| {
        line.iter()
            .enumerate()
            .filter(move |(back, _)| *back <= row)
            .map(move |(back, value)| (row, row - back, *value))
    });
    full.collect()
}
