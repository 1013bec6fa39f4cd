//! Eigenvalues and eigenvectors of small symmetric matrices: Householder's reduction to three diagonals, then implicit QL
//! steps (Martin, Reinsch and Wilkinson, 1968; Bowdler and others, 1968: `tred2` and `tql2` of EISPACK). Not large ones.

/// Steps for one eigenvalue; two are usual.
const MOST_STEPS: usize = 60;

/// The spectrum of a symmetric matrix.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spectrum {
    /// Eigenvalues, increasing.
    pub(super) values: Vec<f64>,
    /// Eigenvectors of unit length: cell `row * size + k` is that of the `k`-th value.
    pub(super) vectors: Vec<f64>,
}

/// The spectrum of a symmetric matrix given row by row.
pub(super) fn spectrum(mut matrix: Vec<f64>, size: usize) -> Spectrum {
    let (mut diagonal, mut beside) = reduce(&mut matrix, size);
    diagonalise(&mut diagonal, &mut beside, &mut matrix, size);
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|one, two| diagonal[*one].total_cmp(&diagonal[*two]));
    let values = order.iter().map(|from| diagonal[*from]).collect();
    let row = |row: &[f64]| order.iter().map(|from| row[*from]).collect::<Vec<f64>>();
    Spectrum { values, vectors: matrix.chunks(size.max(1)).flat_map(row).collect() }
}

/// Leaves in `z` the rotation to three diagonals, which it returns: the middle one, and the one below it from index 1.
fn reduce(z: &mut [f64], size: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut d, mut e) = (vec![0.0; size], vec![0.0; size]);
    for i in (1..size).rev() {
        let scale: f64 = z[i * size..i * size + i].iter().map(|cell| cell.abs()).sum();
        let mut h = 0.0;
        if i == 1 || scale == 0.0 {
            e[i] = z[i * size + i - 1];
        } else {
            for cell in &mut z[i * size..i * size + i] {
                *cell /= scale;
                h += *cell * *cell;
            }
            let f = z[i * size + i - 1];
            let g = -h.sqrt().copysign(f);
            e[i] = scale * g;
            h -= f * g;
            z[i * size + i - 1] = f - g;
            let mut sum = 0.0;
            for j in 0..i {
                z[j * size + i] = z[i * size + j] / h;
                let mut g = 0.0;
                for k in 0..=j {
                    g += z[j * size + k] * z[i * size + k];
                }
                for k in j + 1..i {
                    g += z[k * size + j] * z[i * size + k];
                }
                e[j] = g / h;
                sum += e[j] * z[i * size + j];
            }
            let half = sum / (h + h);
            for j in 0..i {
                let f = z[i * size + j];
                let g = e[j] - half * f;
                e[j] = g;
                for k in 0..=j {
                    z[j * size + k] -= f * e[k] + g * z[i * size + k];
                }
            }
        }
        d[i] = h;
    }
    for i in 0..size {
        if d[i] != 0.0 {
            for j in 0..i {
                let g: f64 = (0..i).map(|k| z[i * size + k] * z[k * size + j]).sum();
                for k in 0..i {
                    z[k * size + j] -= g * z[k * size + i];
                }
            }
        }
        d[i] = z[i * size + i];
        z[i * size + i] = 1.0;
        for j in 0..i {
            z[j * size + i] = 0.0;
            z[i * size + j] = 0.0;
        }
    }
    (d, e)
}

/// Turns three diagonals into eigenvalues in `d`, and `z` into their vectors.
fn diagonalise(d: &mut [f64], e: &mut [f64], z: &mut [f64], size: usize) {
    e.rotate_left(usize::from(size > 0));
    for l in 0..size {
        for _ in 0..MOST_STEPS {
            let small = |m: usize| e[m].abs() <= f64::EPSILON * (d[m].abs() + d[m + 1].abs());
            let m = (l..size - 1).find(|m| small(*m)).unwrap_or(size - 1);
            if m == l {
                break;
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut r = g.hypot(1.0);
            g = d[m] - d[l] + e[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut broken = false;
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    broken = true;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                for row in z.chunks_exact_mut(size) {
                    let (one, two) = (row[i], row[i + 1]);
                    row[i + 1] = s * one + c * two;
                    row[i] = c * one - s * two;
                }
            }
            if !broken {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `DᵀD` of first differences of so many points.
    fn differences(size: usize) -> Vec<f64> {
        let mut matrix = vec![0.0; size * size];
        for step in 0..size - 1 {
            matrix[step * size + step] += 1.0;
            matrix[(step + 1) * size + step + 1] += 1.0;
            matrix[step * size + step + 1] -= 1.0;
            matrix[(step + 1) * size + step] -= 1.0;
        }
        matrix
    }

    #[test]
    fn eigenvalues_of_first_differences_are_known() {
        // 2 − 2 cos(kπ/n), k = 0 … n − 1.
        for size in [1, 2, 6, 25] {
            for (k, value) in spectrum(differences(size), size).values.iter().enumerate() {
                let expected = 2.0 - 2.0 * (k as f64 * std::f64::consts::PI / size as f64).cos();
                assert!((value - expected).abs() < 1e-13, "{size} {k}");
            }
        }
    }

    #[test]
    fn vectors_are_orthonormal_and_make_the_matrix_again() {
        let size = 9;
        let mut matrix = differences(size);
        for row in 0..size {
            for column in 0..size {
                matrix[row * size + column] += ((row + 1) * (column + 1) % 5) as f64;
            }
        }
        let Spectrum { values, vectors } = spectrum(matrix.clone(), size);
        let at = |row: usize, k: usize| vectors[row * size + k];
        for row in 0..size {
            for column in 0..size {
                let again: f64 = (0..size).map(|k| at(row, k) * values[k] * at(column, k)).sum();
                assert!((again - matrix[row * size + column]).abs() < 1e-12);
                let product: f64 = (0..size).map(|point| at(point, row) * at(point, column)).sum();
                assert!((product - f64::from(u8::from(row == column))).abs() < 1e-13);
            }
        }
    }
}
