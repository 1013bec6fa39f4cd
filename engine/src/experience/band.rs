//! Symmetric systems with a band: Cholesky's factor, solutions, the diagonal of the inverse. Not what they mean.

/// The lower half of a symmetric matrix that is zero beyond `width` places off the diagonal, row by row: row `i` holds
/// columns `i − width ..= i`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    size: usize,
    width: usize,
    cells: Vec<f64>,
}

/// The lower triangular factor of a [`Band`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lower(Band);

impl Band {
    pub(super) fn new(size: usize, width: usize) -> Self {
        Self { size, width, cells: vec![0.0; size * (width + 1)] }
    }

    /// Adds to the cell of a row and of a column not beyond it.
    pub(super) fn add(&mut self, row: usize, column: usize, value: f64) {
        let place = row * (self.width + 1) + self.width + column - row;
        self.cells[place] += value;
    }

    /// Adds to neighbouring cells of a row, from a column on, none beyond the diagonal.
    pub(super) fn add_row(&mut self, row: usize, column: usize, values: &[f64]) {
        let place = row * (self.width + 1) + self.width + column - row;
        self.cells[place..place + values.len()]
            .iter_mut()
            .zip(values)
            .for_each(|(cell, value)| *cell += value);
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * (self.width + 1)..(row + 1) * (self.width + 1)]
    }

    /// The cell of a row and of a column not beyond it.
    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        if row - column > self.width { 0.0 } else { self.row(row)[self.width + column - row] }
    }

    /// Cholesky's factor; `None` where the matrix is not positive definite. Each column is taken from all below it at once:
    /// the rows there are contiguous, so that nothing is summed across lanes.
    pub(super) fn factor(mut self) -> Option<Lower> {
        let (width, stride) = (self.width, self.width + 1);
        let mut below = vec![0.0; width];
        for column in 0..self.size {
            let pivot = self.cells[column * stride + width];
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            let root = pivot.sqrt();
            self.cells[column * stride + width] = root;
            let count = width.min(self.size - 1 - column);
            for (k, cell) in below[..count].iter_mut().enumerate() {
                let place = (column + 1 + k) * stride + width - 1 - k;
                self.cells[place] /= root;
                *cell = self.cells[place];
            }
            let rows = self.cells[(column + 1) * stride..].chunks_exact_mut(stride);
            for (k, row) in rows.take(count).enumerate() {
                let factor = below[k];
                if factor != 0.0 {
                    let own = row[width - k..].iter_mut().zip(&below[..=k]);
                    own.for_each(|(cell, other)| *cell -= factor * other);
                }
            }
        }
        Some(Lower(self))
    }
}

impl Lower {
    /// The solution for a right-hand side.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let Band { size, width, .. } = self.0;
        let mut solution = right.to_vec();
        for row in 0..size {
            let first = row.saturating_sub(width);
            let own = self.0.row(row);
            let product = dot(&own[width + first - row..width], &solution[first..row]);
            solution[row] = (solution[row] - product) / own[width];
        }
        for row in (0..size).rev() {
            let own = self.0.row(row);
            let value = solution[row] / own[width];
            solution[row] = value;
            let first = row.saturating_sub(width);
            for (earlier, factor) in solution[first..row].iter_mut().zip(&own[width + first - row..width]) {
                *earlier -= value * factor;
            }
        }
        solution
    }

    /// The logarithm of the determinant.
    pub(super) fn log_determinant(&self) -> f64 {
        (0..self.0.size).map(|row| 2.0 * self.0.row(row)[self.0.width].ln()).sum()
    }

    /// The band of the inverse, which needs no other cells of it (Takahashi, Fagan and Chin, 1973).
    pub(super) fn inverse(&self) -> Band {
        let Band { size, width, .. } = self.0;
        let mut inverse = Band::new(size, width);
        let (mut below, mut found) = (vec![0.0; width], vec![0.0; width]);
        for column in (0..size).rev() {
            let count = width.min(size - 1 - column);
            let pivot = self.0.at(column, column);
            for (k, cell) in below[..count].iter_mut().enumerate() {
                *cell = self.0.at(column + 1 + k, column) / pivot;
            }
            found[..count].fill(0.0);
            // Minus the product of the inverse below, symmetric and known by its lower half, and the column.
            for k in 0..count {
                let own = &inverse.row(column + 1 + k)[width - k..=width];
                let factor = below[k];
                found[k] -= dot(own, &below[..=k]);
                found[..k].iter_mut().zip(own).for_each(|(sum, cell)| *sum -= factor * cell);
            }
            let diagonal = 1.0 / (pivot * pivot) - dot(&below[..count], &found[..count]);
            inverse.add(column, column, diagonal);
            for (k, value) in found[..count].iter().enumerate() {
                inverse.add(column + 1 + k, column, *value);
            }
        }
        inverse
    }

    /// The diagonal of the inverse.
    pub(super) fn inverse_diagonal(&self) -> Vec<f64> {
        let inverse = self.inverse();
        (0..inverse.size).map(|row| inverse.at(row, row)).collect()
    }
}

const LANES: usize = 8;

fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a, b) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a.zip(b) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix of second differences with 3 on the diagonal: small enough to invert by hand beside.
    fn matrix(size: usize) -> Band {
        let mut band = Band::new(size, 2);
        for row in 0..size {
            band.add(row, row, 3.0 + row as f64);
            if row > 0 {
                band.add(row, row - 1, -1.0);
            }
            if row > 1 {
                band.add(row, row - 2, 0.25);
            }
        }
        band
    }

    #[test]
    fn a_solution_gives_its_right_hand_side_back() {
        let band = matrix(9);
        let right: Vec<f64> = (0..9).map(|row| f64::from(row) - 3.5).collect();
        let solution = band.clone().factor().unwrap().solve(&right);
        for (row, right) in right.iter().enumerate() {
            let full = |row: usize, column: usize| {
                if row >= column { band.at(row, column) } else { band.at(column, row) }
            };
            let product: f64 = (0..9).map(|column| full(row, column) * solution[column]).sum();
            assert!((product - right).abs() < 1e-13);
        }
    }

    #[test]
    fn the_inverse_and_determinant_are_those_of_unit_solutions() {
        let factor = matrix(7).factor().unwrap();
        let diagonal = factor.inverse_diagonal();
        for (row, found) in diagonal.iter().enumerate() {
            let mut unit = vec![0.0; 7];
            unit[row] = 1.0;
            assert!((found - factor.solve(&unit)[row]).abs() < 1e-14);
        }
        let mut two = Band::new(2, 1);
        [(0, 0, 4.0), (1, 0, 1.0), (1, 1, 3.0)]
            .iter()
            .for_each(|(row, column, value)| two.add(*row, *column, *value));
        assert!((two.factor().unwrap().log_determinant() - 11.0_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn a_singular_matrix_has_no_factor() {
        assert_eq!(Band::new(3, 1).factor(), None);
    }
}
