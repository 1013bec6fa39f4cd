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

    fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * (self.width + 1)..(row + 1) * (self.width + 1)]
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        if row - column > self.width { 0.0 } else { self.row(row)[self.width + column - row] }
    }

    /// Cholesky's factor; `None` where the matrix is not positive definite.
    pub(super) fn factor(mut self) -> Option<Lower> {
        let (width, stride) = (self.width, self.width + 1);
        for row in 0..self.size {
            let first = row.saturating_sub(width);
            let (before, rest) = self.cells.split_at_mut(row * stride);
            let own = &mut rest[..stride];
            let at = |column: usize| column + width - row;
            for column in first..row {
                let start = first.max(column.saturating_sub(width));
                let other = &before[column * stride..(column + 1) * stride];
                let (from, to) = (width + start - column, width);
                let product = dot(&own[at(start)..at(column)], &other[from..to]);
                own[at(column)] = (own[at(column)] - product) / other[width];
            }
            let squares = dot(&own[at(first)..width], &own[at(first)..width]);
            let pivot = own[width] - squares;
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            own[width] = pivot.sqrt();
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

    /// The diagonal of the inverse, from its band alone (Takahashi, Fagan and Chin, 1973).
    pub(super) fn inverse_diagonal(&self) -> Vec<f64> {
        let Band { size, width, .. } = self.0;
        let mut inverse = Band::new(size, width);
        for column in (0..size).rev() {
            let last = (column + width).min(size - 1);
            let pivot = self.0.at(column, column);
            for row in (column..=last).rev() {
                let mut sum = if row == column { 1.0 / pivot } else { 0.0 };
                for k in column + 1..=last {
                    let known = if row >= k { inverse.at(row, k) } else { inverse.at(k, row) };
                    sum -= self.0.at(k, column) * known;
                }
                inverse.add(row, column, sum / pivot);
            }
        }
        (0..size).map(|row| inverse.at(row, row)).collect()
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
