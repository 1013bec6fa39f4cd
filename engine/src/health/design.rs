//! Columns of numbers from variables and levels: treatment contrasts, interactions, offsets. Not their fit.

use std::collections::BTreeMap;

/// A variable of the data, a value a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Variable {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Levels in alphabetical order, and the place among them of each line's.
    Levels(Vec<String>, Vec<u32>),
}

/// Variables by name.
pub type Data = BTreeMap<String, Variable>;

/// A factor of a column: a variable itself, or whether it is at a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Name of the variable.
    pub variable: String,
    /// The level; `None` for a variable of numbers.
    pub level: Option<String>,
}

/// One column of a design: the product of its parts, the constant where there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The parts.
    pub parts: Vec<Part>,
    /// Term it comes from; `None` for the constant.
    pub term: Option<usize>,
}

/// What keeps a term or a column from being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// No variable of this name.
    Variable(String),
    /// The variable has no such level.
    Level(String, String),
}

impl Variable {
    /// Levels of texts, one a line.
    pub fn levels<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut places: BTreeMap<&str, u32> = texts.clone().map(|text| (text, 0)).collect();
        places.values_mut().zip(0..).for_each(|(place, rank)| *place = rank);
        let codes = texts.map(|text| places[text]).collect();
        Self::Levels(places.keys().map(|text| (*text).to_owned()).collect(), codes)
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Levels(_, codes) => codes.len(),
        }
    }

    /// Tells whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Column {
    /// Name as R writes it: `age`, `zoneB`, `zoneB:age`.
    pub fn name(&self) -> String {
        if self.parts.is_empty() {
            return "(Intercept)".to_owned();
        }
        let part = |part: &Part| format!("{}{}", part.variable, part.level.as_deref().unwrap_or_default());
        self.parts.iter().map(part).collect::<Vec<_>>().join(":")
    }

    /// The column's values.
    ///
    /// # Errors
    /// When the data lack a variable or a level.
    pub fn values(&self, data: &Data, lines: usize) -> Result<Vec<f64>, Unknown> {
        let mut values = vec![1.0; lines];
        for Part { variable, level } in &self.parts {
            match (data.get(variable), level) {
                (None, _) => return Err(Unknown::Variable(variable.clone())),
                (Some(Variable::Numbers(numbers)), None) => {
                    values.iter_mut().zip(numbers).for_each(|(value, number)| *value *= number);
                }
                (Some(Variable::Levels(names, codes)), Some(level)) => {
                    // A level absent from these lines is at none of them.
                    let code = names.iter().position(|name| name == level);
                    for (value, found) in values.iter_mut().zip(codes) {
                        *value *= f64::from(u8::from(code == Some(*found as usize)));
                    }
                }
                (Some(Variable::Numbers(_)), Some(level)) => {
                    return Err(Unknown::Level(variable.clone(), level.clone()));
                }
                (Some(Variable::Levels(names, _)), None) => {
                    return Err(Unknown::Level(variable.clone(), names.first().cloned().unwrap_or_default()));
                }
            }
        }
        Ok(values)
    }

    /// Whether the column only tells levels, so that its lines are a group.
    pub fn is_group(&self) -> bool {
        self.parts.iter().all(|part| part.level.is_some())
    }
}

/// The columns of `terms` (`"age"`, `"zone"`, `"zone:age"`), the constant first; `base` names the level that each
/// variable's contrasts compare with, the first otherwise.
///
/// # Errors
/// When the data lack a variable, or a variable its base.
pub fn columns(
    terms: &[String],
    base: &BTreeMap<String, String>,
    data: &Data,
    intercept: bool,
) -> Result<Vec<Column>, Unknown> {
    let mut columns = Vec::new();
    if intercept {
        columns.push(Column { parts: Vec::new(), term: None });
    }
    for (index, term) in terms.iter().enumerate() {
        let mut products: Vec<Vec<Part>> = vec![Vec::new()];
        for variable in term.split(':').map(str::trim) {
            let parts = contrasts(variable, base, data)?;
            products = products
                .iter()
                .flat_map(|before| {
                    parts.iter().map(move |part| [before.as_slice(), std::slice::from_ref(part)].concat())
                })
                .collect();
        }
        columns.extend(products.into_iter().map(|parts| Column { parts, term: Some(index) }));
    }
    Ok(columns)
}

fn contrasts(variable: &str, base: &BTreeMap<String, String>, data: &Data) -> Result<Vec<Part>, Unknown> {
    let part = |level: Option<&String>| Part { variable: variable.to_owned(), level: level.cloned() };
    match data.get(variable) {
        None => Err(Unknown::Variable(variable.to_owned())),
        Some(Variable::Numbers(_)) => Ok(vec![part(None)]),
        Some(Variable::Levels(levels, _)) => {
            let chosen = base.get(variable).or(levels.first());
            if let Some(base) = chosen.filter(|base| !levels.contains(base)) {
                return Err(Unknown::Level(variable.to_owned(), base.clone()));
            }
            Ok(levels.iter().filter(|level| Some(*level) != chosen).map(|level| part(Some(level))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrasts_leave_the_base_out_and_interactions_multiply() {
        let data = Data::from([
            ("zone".to_owned(), Variable::levels(["B", "A", "C"].into_iter())),
            ("age".to_owned(), Variable::Numbers(vec![20.0, 30.0, 40.0])),
        ]);
        let terms = ["age".to_owned(), "zone".to_owned(), "zone:age".to_owned()];
        let found = columns(&terms, &BTreeMap::new(), &data, true).unwrap();
        let names: Vec<String> = found.iter().map(Column::name).collect();
        assert_eq!(names, ["(Intercept)", "age", "zoneB", "zoneC", "zoneB:age", "zoneC:age"]);
        assert_eq!(found[5].values(&data, 3).unwrap(), [0.0, 0.0, 40.0]);
        let base = BTreeMap::from([("zone".to_owned(), "C".to_owned())]);
        assert_eq!(columns(&terms[1..2], &base, &data, false).unwrap()[0].name(), "zoneA");
        let base = BTreeMap::from([("zone".to_owned(), "D".to_owned())]);
        assert_eq!(
            columns(&terms, &base, &data, true).unwrap_err(),
            Unknown::Level("zone".into(), "D".into())
        );
    }
}
