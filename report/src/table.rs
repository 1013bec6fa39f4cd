//! What a report is made of.

/// A titled table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The sheet's or section's title.
    pub title: String,
    /// One title a column.
    pub headers: Vec<String>,
    /// As many cells as headers in each.
    pub rows: Vec<Vec<Cell>>,
    /// Lines that follow these and stand elsewhere.
    pub more: usize,
}

impl Table {
    /// One that is whole.
    pub fn new(title: &str, headers: Vec<String>, rows: Vec<Vec<Cell>>) -> Self {
        Self { title: title.to_owned(), headers, rows, more: 0 }
    }
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Words; never read as a formula.
    Text(String),
    /// A number, unrounded, and how it is shown.
    Number(f64, Kind),
}

/// How a number is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Euros, to the cent.
    Money,
    /// A proportion, in percent.
    Rate,
    /// Anything else.
    Plain,
}

impl Kind {
    /// How the engine's field of this name is shown.
    pub fn of(field: &str) -> Self {
        const MONEY: [&str; 12] = [
            "present_value",
            "dbo",
            "service_cost",
            "interest_cost",
            "projected_benefit",
            "ultimate",
            "reserve",
            "standard_error",
            "amount",
            "annual_salary",
            "apriori",
            "exposure",
        ];
        const RATE: [&str; 7] = [
            "probability",
            "rate",
            "discount_rate",
            "salary_growth",
            "social_charge_rate",
            "reversion",
            "growth",
        ];
        if MONEY.contains(&field) {
            Self::Money
        } else if RATE.contains(&field) {
            Self::Rate
        } else {
            Self::Plain
        }
    }
}
