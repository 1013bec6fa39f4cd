//! Weighted least squares by Householder's QR, block by block, so that no matrix of the size of the data is kept.
//! Not the weights.

/// The triangular factor of rows `[X | z]`, last column the right-hand side; column by column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factor {
    size: usize,
    r: Vec<f64>,
}

/// Columns whose remainder is below this part of their length are combinations of those before, as in R's `lm.fit`.
const ALIASED: f64 = 1e-7;

/// What least squares find.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    /// A coefficient by column; `None` where the column is a combination of those before.
    pub(super) coefficients: Vec<Option<f64>>,
    /// `(XᵀX)⁻¹` of the columns kept, row by row.
    pub(super) inverse: Vec<f64>,
}

impl Factor {
    pub(super) fn empty(size: usize) -> Self {
        Self { size, r: vec![0.0; size * size] }
    }

    /// The factor of a block of `rows` rows, column by column, which it spoils.
    pub(super) fn of_block(block: &mut [f64], rows: usize, size: usize) -> Self {
        reduce(block, rows, size);
        let mut factor = Self::empty(size);
        for column in 0..size {
            let kept = (column + 1).min(rows);
            factor.r[column * size..column * size + kept]
                .copy_from_slice(&block[column * rows..column * rows + kept]);
        }
        factor
    }

    /// The factor of the rows of both.
    pub(super) fn join(&self, other: &Self) -> Self {
        let size = self.size;
        let rows = 2 * size;
        let mut block = vec![0.0; rows * size];
        for column in 0..size {
            block[column * rows..column * rows + size]
                .copy_from_slice(&self.r[column * size..(column + 1) * size]);
            block[column * rows + size..(column + 1) * rows]
                .copy_from_slice(&other.r[column * size..(column + 1) * size]);
        }
        Self::of_block(&mut block, rows, size)
    }

    fn column(&self, column: usize) -> &[f64] {
        &self.r[column * self.size..column * self.size + column + 1]
    }

    /// Coefficients and inverse; columns are kept in their order, as R keeps them.
    pub(super) fn solve(&self) -> Solution {
        let columns = self.size - 1;
        let mut kept: Vec<usize> = Vec::new();
        // Orthonormal combinations of the columns kept so far, and what they leave of each column: modified Gram-Schmidt
        // twice on the small triangular factor is as stable as Householder there.
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let mut triangle: Vec<Vec<f64>> = Vec::new();
        for column in 0..columns {
            let (rest, products) = self.orthogonal(column, &basis);
            let (left, whole) = (norm(&rest), norm(self.column(column)));
            if left <= ALIASED * whole {
                continue;
            }
            basis.push(rest.iter().map(|value| value / left).collect());
            triangle.push(products.into_iter().chain([left]).collect());
            kept.push(column);
        }
        let (_, right) = self.orthogonal(columns, &basis);
        let count = kept.len();
        let mut inverse_root = vec![0.0; count * count];
        for column in 0..count {
            // R⁻¹ by back substitution of the unit vectors.
            for row in (0..=column).rev() {
                let unit = f64::from(u8::from(row == column));
                let sum: f64 =
                    (row + 1..=column).map(|k| triangle[k][row] * inverse_root[k * count + column]).sum();
                inverse_root[row * count + column] = (unit - sum) / triangle[row][row];
            }
        }
        let mut coefficients = vec![None; columns];
        let mut inverse = vec![0.0; count * count];
        for row in 0..count {
            let products = (row..count).map(|k| inverse_root[row * count + k] * right[k]);
            coefficients[kept[row]] = Some(products.sum());
            for column in 0..count {
                let from = row.max(column);
                inverse[row * count + column] = (from..count)
                    .map(|k| inverse_root[row * count + k] * inverse_root[column * count + k])
                    .sum();
            }
        }
        Solution { coefficients, inverse }
    }

    /// `‖X δ‖²` of weighted lines.
    pub(super) fn length_squared(&self, delta: &[f64]) -> f64 {
        let row = |row: usize| -> f64 {
            (row..delta.len()).map(|column| self.r[column * self.size + row] * delta[column]).sum()
        };
        (0..delta.len()).map(|at| row(at).powi(2)).sum()
    }

    /// What is left of a column outside the basis, and its products with the basis.
    fn orthogonal(&self, column: usize, basis: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
        let mut rest = vec![0.0; self.size];
        rest[..=column].copy_from_slice(self.column(column));
        let mut products = vec![0.0; basis.len()];
        for _ in 0..2 {
            for (direction, product) in basis.iter().zip(&mut products) {
                let part: f64 = direction.iter().zip(&rest).map(|(a, b)| a * b).sum();
                rest.iter_mut().zip(direction).for_each(|(value, along)| *value -= part * along);
                *product += part;
            }
        }
        (rest, products)
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Householder's reflections in place; what is below the diagonal afterwards means nothing.
fn reduce(block: &mut [f64], rows: usize, columns: usize) {
    for step in 0..columns.min(rows) {
        let (done, rest) = block.split_at_mut((step + 1) * rows);
        let reflector = &mut done[step * rows + step..];
        let length = dot(reflector, reflector).sqrt();
        if length == 0.0 {
            continue;
        }
        let first = reflector[0];
        let end = -length.copysign(first);
        reflector[0] = first - end;
        let scale = 1.0 / (length * (length + first.abs()));
        let mut columns = rest.chunks_exact_mut(rows);
        while let Some(one) = columns.next() {
            let one = &mut one[step..];
            match columns.next() {
                // Two columns at a time read the reflector once for both.
                Some(two) => reflect_two(reflector, scale, one, &mut two[step..]),
                None => {
                    let part = dot(reflector, one) * scale;
                    one.iter_mut().zip(&*reflector).for_each(|(value, along)| *value -= part * along);
                }
            }
        }
        reflector[0] = end;
    }
}

/// Lanes of a sum: enough for the processor's vectors, in a fixed order.
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

fn reflect_two(reflector: &[f64], scale: f64, one: &mut [f64], two: &mut [f64]) {
    let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
    let (v, a, b) = (reflector.chunks_exact(LANES), one.chunks_exact(LANES), two.chunks_exact(LANES));
    let tail = |v: &[f64], a: &[f64]| v.iter().zip(a).map(|(x, y)| x * y).sum::<f64>();
    let rest = (tail(v.remainder(), a.remainder()), tail(v.remainder(), b.remainder()));
    for ((v, a), b) in v.zip(a).zip(b) {
        for lane in 0..LANES {
            first[lane] += v[lane] * a[lane];
            second[lane] += v[lane] * b[lane];
        }
    }
    let first = (first.iter().sum::<f64>() + rest.0) * scale;
    let second = (second.iter().sum::<f64>() + rest.1) * scale;
    for ((v, a), b) in reflector.iter().zip(one).zip(two) {
        *a -= first * v;
        *b -= second * v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Column by column: a constant, a slope, the sum of both, and the right-hand side `2 + 3 x`.
    fn block() -> Vec<f64> {
        let x: Vec<f64> = (0..11).map(f64::from).collect();
        let columns = [
            vec![1.0; 11],
            x.clone(),
            x.iter().map(|x| 1.0 + x).collect(),
            x.iter().map(|x| 2.0 + 3.0 * x).collect(),
        ];
        columns.concat()
    }

    #[test]
    fn a_combination_of_columns_is_left_out_and_the_line_found() {
        let solution = Factor::of_block(&mut block(), 11, 4).solve();
        let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(near(solution.coefficients[0], 2.0) && near(solution.coefficients[1], 3.0));
        assert_eq!(solution.coefficients[2], None);
        // (XᵀX)⁻¹ of a line on 0…10: XᵀX = [[11, 55], [55, 385]], determinant 1210.
        let expected = [385.0 / 1210.0, -55.0 / 1210.0, -55.0 / 1210.0, 11.0 / 1210.0];
        assert!(solution.inverse.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-13));
    }

    #[test]
    fn blocks_joined_are_the_whole() {
        let whole = block();
        let part = |from: usize, to: usize| {
            let mut rows: Vec<f64> = whole.chunks(11).flat_map(|column| column[from..to].to_vec()).collect();
            Factor::of_block(&mut rows, to - from, 4)
        };
        let joined = part(0, 2).join(&part(2, 11)).solve();
        assert!((joined.coefficients[1].unwrap() - 3.0).abs() < 1e-12);
    }
}
