//! A cumulative run-off triangle. Not its development factors.

/// Cumulative amounts by origin (rows) and development (columns), each row known without a hole.
#[derive(Debug, Clone, PartialEq)]
pub struct Triangle {
    /// Known amounts of each origin, first development first.
    pub rows: Vec<Vec<f64>>,
    /// Number of developments.
    pub width: usize,
}

impl Triangle {
    /// Last known amount of each origin.
    pub fn latest(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.last().copied().unwrap_or(0.0)).collect()
    }

    /// `(i, C_{i,j}, C_{i,j+1})` of the origins where both are known.
    pub fn pairs(&self, column: usize) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
        let pair =
            move |(origin, row): (usize, &Vec<f64>)| Some((origin, *row.get(column)?, *row.get(column + 1)?));
        self.rows.iter().enumerate().filter_map(pair)
    }

    /// Development from each origin's last known column to the last factor.
    pub fn to_ultimate(&self, factors: &[f64]) -> Vec<f64> {
        self.rows.iter().map(|row| factors[row.len() - 1..].iter().product()).collect()
    }

    /// The amounts of each development alone, from their cumulative sums.
    pub fn increments(&self) -> Vec<Vec<f64>> {
        let differences = |row: &Vec<f64>| {
            let mut before = 0.0;
            row.iter().map(|amount| amount - std::mem::replace(&mut before, *amount)).collect()
        };
        self.rows.iter().map(differences).collect()
    }

    /// Cumulative sums of the amounts of each development.
    pub fn accumulate(rows: &mut [Vec<f64>]) {
        for row in rows {
            let mut total = 0.0;
            for amount in row {
                total += *amount;
                *amount = total;
            }
        }
    }

    /// The same losses by `size` origins and developments at a time (four quarters to the year); amounts are aligned on
    /// the last diagonal, so that each new origin is known whole. `None` where origins or developments do not divide.
    pub fn coarser(&self, size: usize) -> Option<Self> {
        let origins = self.rows.len();
        if size == 0 || !origins.is_multiple_of(size) || !self.width.is_multiple_of(size) {
            return None;
        }
        let mut rows = Vec::new();
        for block in self.rows.chunks(size) {
            // Origin q of a block is `q` developments younger than the block's first at the same date.
            let known = block.iter().enumerate().map(|(q, row)| (row.len() + q) / size).min()?;
            let row = (1..=known).map(|year| {
                let amounts = block.iter().enumerate().map(|(q, row)| row.get(year * size - 1 - q).copied());
                amounts.sum::<Option<f64>>()
            });
            rows.push(row.collect::<Option<Vec<f64>>>()?);
        }
        let width = rows.first().map_or(0, Vec::len);
        Some(Self { rows, width })
    }

    /// The sum of two triangles of the same shape.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let same = self.width == other.width && self.rows.len() == other.rows.len();
        let fits = self.rows.iter().zip(&other.rows).all(|(one, two)| one.len() == two.len());
        let add = |(one, two): (&Vec<f64>, &Vec<f64>)| one.iter().zip(two).map(|(a, b)| a + b).collect();
        let rows = || self.rows.iter().zip(&other.rows).map(add).collect();
        (same && fits).then(|| Self { rows: rows(), width: self.width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_become_years_on_the_last_diagonal() {
        // One unit a quarter for each quarterly origin: amounts count the quarters passed.
        let rows: Vec<Vec<f64>> = (0..8).map(|origin| (1..=8 - origin).map(f64::from).collect()).collect();
        let yearly = Triangle { rows, width: 8 }.coarser(4).unwrap();
        assert_eq!(yearly.rows, [vec![4.0 + 3.0 + 2.0 + 1.0, 8.0 + 7.0 + 6.0 + 5.0], vec![10.0]]);
    }

    #[test]
    fn increments_and_sums_undo_each_other() {
        let triangle = Triangle { rows: vec![vec![1.0, 4.0, 9.0], vec![2.0, 3.0]], width: 3 };
        let mut rows = triangle.increments();
        assert_eq!(rows[0], [1.0, 3.0, 5.0]);
        Triangle::accumulate(&mut rows);
        assert_eq!(rows, triangle.rows);
        assert_eq!(triangle.plus(&triangle).unwrap().rows[1], [4.0, 6.0]);
    }
}
