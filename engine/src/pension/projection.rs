//! One path of savings, month by month, at a known yield. Not chance.

/// What is paid in and what is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Saving {
    /// Months to retirement.
    pub months: usize,
    /// Euros saved already.
    pub initial: f64,
    /// Euros paid at the beginning of each month of the first year.
    pub contribution: f64,
    /// Yearly growth of the contributions.
    pub contribution_growth: f64,
    /// Part of each contribution that is kept by the insurer.
    pub entry_fee: f64,
    /// Part of the savings that is taken in a year, month by month.
    pub yearly_fee: f64,
}

/// A year of a projection, in euros.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Year {
    /// Paid in, before fees.
    pub contributions: f64,
    /// Entry and yearly fees.
    pub fees: f64,
    /// Yield before fees.
    pub interest: f64,
    /// Savings at its end.
    pub fund: f64,
}

impl Saving {
    /// Contribution of a month, 0 the first.
    pub fn contribution_of(&self, month: usize) -> f64 {
        self.contribution * (1.0 + self.contribution_growth).powi((month / 12) as i32)
    }

    /// What a month leaves of one euro after the yearly fee.
    pub fn kept(&self) -> f64 {
        ((-self.yearly_fee).ln_1p() / 12.0).exp()
    }

    /// All that is paid in, with what was saved already.
    pub fn paid(&self) -> f64 {
        self.initial + crate::numeric::sum((0..self.months).map(|month| self.contribution_of(month)))
    }
}

/// Projects savings at annual effective yields by year (the last one holds on); the last year may be short.
pub fn project(saving: &Saving, yields: &[f64]) -> Vec<Year> {
    let kept = saving.kept();
    let mut fund = saving.initial;
    let mut years: Vec<Year> = Vec::new();
    for month in 0..saving.months {
        let rate = yields.get(month / 12).or(yields.last()).copied().unwrap_or(0.0);
        if month % 12 == 0 {
            years.push(Year::default());
        }
        let contribution = saving.contribution_of(month);
        let entered = fund + contribution * (1.0 - saving.entry_fee);
        let grown = entered * (rate.ln_1p() / 12.0).exp();
        fund = grown * kept;
        if let Some(year) = years.last_mut() {
            year.contributions += contribution;
            year.fees += contribution * saving.entry_fee + grown - fund;
            year.interest += grown - entered;
            year.fund = fund;
        }
    }
    years
}
