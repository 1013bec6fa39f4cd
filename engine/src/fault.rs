//! What is wrong with a request: where, a stable code, and what the sentence needs.
//! Not a place for sentences in French: themes translate codes.

use std::collections::BTreeMap;
use std::fmt;

/// One thing wrong at one place of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer (RFC 6901) to the value at fault; empty for the whole request.
    pub pointer: String,
    /// Stable code, one of [`CODES`].
    pub code: &'static str,
    /// What the sentence of the code names, by placeholder.
    pub parameters: BTreeMap<&'static str, String>,
}

impl Fault {
    /// A fault at `pointer` with the parameters its sentence names.
    pub fn new(pointer: &str, code: &'static str, parameters: &[(&'static str, String)]) -> Self {
        Self { pointer: pointer.to_owned(), code, parameters: parameters.iter().cloned().collect() }
    }
}

impl Fault {
    /// The English sentence, filled in.
    pub fn sentence(&self) -> String {
        fill(sentence(self.code).unwrap_or(self.code), &self.parameters)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{place}: {}", self.sentence())
    }
}

/// All the faults of one request; never empty when returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The faults in the order they were met.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// Adds one fault.
    pub(crate) fn push(&mut self, pointer: &str, code: &'static str, parameters: &[(&'static str, String)]) {
        self.0.push(Fault::new(pointer, code, parameters));
    }

    /// Tells whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Every code with its English sentence; `{name}` stands for a parameter.
pub const CODES: &[(&str, &str)] = &[
    ("unknown_module", "There is no module “{found}”. Known modules: {known}."),
    ("unknown_key", "“{found}” is not a key known here. Known keys: {known}."),
    ("unknown_key_near", "“{found}” is not a key known here. Did you mean “{near}”?"),
    ("unknown_value", "“{found}” is not a value known here. Known values: {known}."),
    ("unknown_value_near", "“{found}” is not a value known here. Did you mean “{near}”?"),
    ("missing", "“{name}” is required."),
    ("wrong_type", "Expected {expected}, found {found}."),
    ("out_of_range", "{found} is out of range: expected from {minimum} to {maximum}."),
    ("not_integer", "{found} is not a whole number."),
    ("not_a_date", "“{found}” is not a date; write YYYY-MM-DD."),
    ("date_order", "{found} is after {limit}; check both dates."),
    ("too_many", "{found} elements exceed the limit of {maximum}."),
    ("too_few", "{found} elements are fewer than the {minimum} required."),
    ("age_before_table", "Table {table} starts at age {first} for this life; age {found} is before it."),
    ("age_after_table", "Table {table} closes at age {last} for this life; age {found} is at or beyond it."),
    ("birth_year_missing", "Table {table} is by generation: give birth_year, from {first} to {last}."),
    ("birth_year_unknown", "Table {table} has no generation {found}: expected from {first} to {last}."),
    ("not_applicable", "“{name}” has no meaning here: {context}."),
    ("conflict", "“{name}” and “{other}” cannot be given together."),
    ("triangle_shape", "Row {row} has {found} known values; expected {expected}, without a hole."),
    ("not_positive", "The sum of column {column} is not positive, so the development factor is undefined."),
    ("duplicate", "“{found}” appears more than once."),
    ("cancelled", "The calculation was stopped before its end."),
    (
        "too_large",
        "This needs about {found} steps of calculation; at most {maximum} are allowed. Ask for less.",
    ),
    ("not_increasing", "{found} does not come after {limit}; give them in increasing order."),
    ("not_converged", "The search for {name} did not converge after {found} steps; its path: {path}."),
    ("table_values", "Table {table}: survivors must begin above zero and never increase; see age {found}."),
    ("triangle_hole", "Row {row} has no value in column {column}, between known values."),
    (
        "negative_amount",
        "The last amount of row {row} is {found}; this method needs amounts that are not negative.",
    ),
    (
        "no_such_factor",
        "The triangle has no factor for origin {origin} at development {development} (counted from zero).",
    ),
    ("no_factor", "No pair is left to give a positive factor to column {column}; exclude less."),
    (
        "no_tail",
        "The curve needs at least two factors above 1, and must give a finite tail; give a factor instead.",
    ),
    (
        "no_freedom",
        "The triangle has no more values than parameters, or is fitted without residual: nothing can be drawn.",
    ),
    (
        "not_divisible",
        "{origins} origins and {developments} developments cannot be joined {found} by {found}.",
    ),
    ("after_valuation", "{found} lines after {limit}, or in a period not over then, are left out."),
    ("length", "It has {found} values; the variables before have {expected}."),
    ("no_variable", "There is no variable “{found}” in the data."),
    ("no_level", "Variable “{name}” has no level “{found}”."),
    (
        "not_above_zero",
        "Line {line} holds {found}, which is not allowed here: it must be positive (zero for counts alone).",
    ),
    ("no_weight", "All weights are zero: nothing is left to fit."),
    (
        "separated",
        "“{name}” has no claim at all: its coefficient has no finite value. Join it with another level.",
    ),
    ("aliased", "“{name}” is a combination of the columns before it: it has no coefficient of its own."),
    ("fitted_zero", "Some fitted means are numerically zero: coefficients may have no finite value."),
    ("out_of_link", "The linear predictor left the values that the link allows; choose the log link."),
    ("deaths_exceed", "{found} deaths cannot come from an exposure of {limit}."),
    ("no_deaths", "There is no death at {found}: rates have no logarithm there. Join ages or years."),
    ("nothing_observed", "Nobody was alive and observed in this period."),
    ("nothing_expected", "The reference table expects no death from these exposures."),
    ("undetermined", "The data do not determine {name}: give more ages, deaths or exposure."),
    (
        "csv_cell",
        "Line {line}: “{found}” is not what a table in CSV has there (age,0,1,2… then one age a line, numbers with a point).",
    ),
    ("passages_exceed", "At age {age} and duration {found}, more people pass to disability than are there."),
    ("no_table", "This needs the maintenance table “{name}”."),
    ("not_one", "A row of probabilities must sum to 1; this one sums to {found}."),
    (
        "retirement_past",
        "Employee “{found}” is past the retirement age; he is counted as leaving on the day of valuation.",
    ),
    ("no_curve", "No curve with positive discount factors goes through these instruments ({found})."),
    (
        "ill_conditioned",
        "The quotes hardly tell the parameters apart (condition number {found}): use the curve, not its parameters one by one.",
    ),
    ("not_a_line", "This line cannot be read: {found}."),
    ("not_finite", "The calculation overflows with these values; check their sizes."),
];

/// The English sentence of a code.
pub(crate) fn sentence(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, sentence)| *sentence)
}

/// Puts parameters in the place of their placeholders.
fn fill(sentence: &str, parameters: &BTreeMap<&'static str, String>) -> String {
    let mut filled = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}') {
            Some((name, tail)) => {
                filled.push_str(parameters.get(name).map_or("?", String::as_str));
                rest = tail;
            }
            None => rest = after,
        }
    }
    filled.push_str(rest);
    filled
}
