//! Eigenvalues of small symmetric matrices by Jacobi's rotations. Not large ones.

const MOST_SWEEPS: usize = 40;

/// The eigenvalues of a symmetric matrix given row by row, in no order.
pub(super) fn eigenvalues(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    for _ in 0..MOST_SWEEPS {
        let mut off = 0.0;
        for row in 0..size {
            for column in row + 1..size {
                off += matrix[row * size + column].powi(2);
            }
        }
        let scale: f64 = (0..size).map(|at| matrix[at * size + at].powi(2)).sum();
        if off <= 1e-30 * scale {
            break;
        }
        for row in 0..size {
            for column in row + 1..size {
                rotate(&mut matrix, size, row, column);
            }
        }
    }
    (0..size).map(|at| matrix[at * size + at]).collect()
}

/// Makes the cell of a row and a column zero.
fn rotate(matrix: &mut [f64], size: usize, p: usize, q: usize) {
    let cell = matrix[p * size + q];
    if cell == 0.0 {
        return;
    }
    let ratio = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * cell);
    let tangent = ratio.signum() / (ratio.abs() + (ratio * ratio + 1.0).sqrt());
    let tangent = if ratio == 0.0 { 1.0 } else { tangent };
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for k in 0..size {
        let (a, b) = (matrix[k * size + p], matrix[k * size + q]);
        matrix[k * size + p] = cosine * a - sine * b;
        matrix[k * size + q] = sine * a + cosine * b;
    }
    for k in 0..size {
        let (a, b) = (matrix[p * size + k], matrix[q * size + k]);
        matrix[p * size + k] = cosine * a - sine * b;
        matrix[q * size + k] = sine * a + cosine * b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_of_first_differences_are_known() {
        // D'D of first differences of n points: 2 − 2 cos(kπ/n), k = 0 … n − 1.
        let size = 6;
        let mut matrix = vec![0.0; size * size];
        for step in 0..size - 1 {
            matrix[step * size + step] += 1.0;
            matrix[(step + 1) * size + step + 1] += 1.0;
            matrix[step * size + step + 1] -= 1.0;
            matrix[(step + 1) * size + step] -= 1.0;
        }
        let mut found = eigenvalues(matrix, size);
        found.sort_by(f64::total_cmp);
        for (k, value) in found.iter().enumerate() {
            let expected = 2.0 - 2.0 * (k as f64 * std::f64::consts::PI / size as f64).cos();
            assert!((value - expected).abs() < 1e-13);
        }
    }
}
