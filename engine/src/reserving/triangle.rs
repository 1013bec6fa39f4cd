//! A cumulative run-off triangle and its development factors. Not the methods that use them.

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

    /// `(C_{i,j}, C_{i,j+1})` of the origins where both are known.
    pub fn pairs(&self, column: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.rows.iter().filter_map(move |row| Some((*row.get(column)?, *row.get(column + 1)?)))
    }

    /// Volume-weighted development factors, one for each pair of columns.
    pub fn factors(&self) -> Vec<f64> {
        let factor = |column: usize| {
            let (from, to) =
                self.pairs(column).fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
            to / from
        };
        (0..self.width - 1).map(factor).collect()
    }

    /// Development from each origin's last known column to the last one.
    pub fn to_ultimate(&self, factors: &[f64]) -> Vec<f64> {
        self.rows.iter().map(|row| factors[row.len() - 1..].iter().product()).collect()
    }
}
