//! The lines of data that a module takes, column by column, from the fields that its reading checks. Not reading.

use crate::calculate::find;
use crate::field::{Field, Kind};
use crate::schema::Words;

/// The lines of data of a module's request: a list of objects, which a table may stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// The member of the request that holds them (`employees`).
    pub member: &'static str,
    /// The module, in French.
    pub module: String,
    /// What they are, in French.
    pub title: String,
    /// A member that is a table of numbers and may stand instead (`triangle`).
    pub matrix: Option<&'static str>,
    /// As many as a request may hold.
    pub most: usize,
    /// The members of each line.
    pub columns: Vec<Column>,
}

/// A member of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name in requests.
    pub name: &'static str,
    /// Its name in French.
    pub title: String,
    /// What it may hold.
    pub values: Values,
    /// Whether each line must have it.
    pub required: bool,
    /// Its unit in French, where it has one.
    pub unit: Option<String>,
}

/// What a cell of a column may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values {
    /// A number.
    Number {
        /// The least.
        minimum: f64,
        /// The greatest.
        maximum: f64,
    },
    /// A whole number.
    Integer {
        /// The least.
        minimum: i64,
        /// The greatest.
        maximum: i64,
    },
    /// Yes or no.
    Flag,
    /// Any text.
    Text,
    /// A day.
    Date,
    /// One of these names.
    Choice(&'static [&'static str]),
}

/// The lines of data of a module; `None` for one that is unknown or takes none.
///
/// ```
/// let lines = aops_engine::lines("ifc").unwrap();
/// assert_eq!((lines.member, lines.columns[0].name), ("employees", "id"));
/// assert!(aops_engine::lines("courbe").is_none());
/// ```
pub fn lines(module: &str) -> Option<Lines> {
    let module = find(module)?;
    let matrix = table_of_numbers(module.fields);
    let words = Words::of(module);
    let (field, fields, most) = module.fields.iter().filter(|field| field.bulk).find_map(listed)?;
    let column = |one: &Field| {
        let title = words.title(&format!("{}/{}", field.name, one.name)).unwrap_or(one.name).to_owned();
        let unit = words.unit(one.unit).map(str::to_owned);
        let values = one.kind.shapes().iter().find_map(values)?;
        Some(Column { name: one.name, title, values, required: one.required, unit })
    };
    let title = words.title(field.name).unwrap_or(field.name).to_owned();
    let columns = fields.iter().filter_map(column).collect();
    let module = words.title("").unwrap_or(module.name).to_owned();
    Some(Lines { member: field.name, module, title, matrix, most, columns })
}

/// Shorter lists are assumptions, which nobody keeps as a file.
const FEWEST: usize = 1000;

/// A list of objects, the fields of these and how many there may be.
fn listed(field: &'static Field) -> Option<(&'static Field, &'static [Field], usize)> {
    field.kind.shapes().iter().find_map(|kind| {
        let Kind::List { of, maximum, .. } = kind else { return None };
        if *maximum < FEWEST {
            return None;
        }
        of.shapes().iter().find_map(|kind| match kind {
            Kind::Object(fields) => Some((field, *fields, *maximum)),
            _ => None,
        })
    })
}

/// The first list of lists of numbers.
fn table_of_numbers(fields: &[Field]) -> Option<&'static str> {
    let is_number = |kind: &Kind| matches!(kind, Kind::Number { .. } | Kind::Cell { .. });
    let is_row = |kind: &Kind| matches!(kind, Kind::List { of, .. } if of.shapes().iter().all(is_number));
    let is_table = |kind: &Kind| matches!(kind, Kind::List { of, .. } if of.shapes().iter().all(is_row));
    fields.iter().find(|field| field.bulk && field.kind.shapes().iter().any(is_table)).map(|field| field.name)
}

/// What a cell may hold of a kind; `None` where a cell cannot hold it.
fn values(kind: &Kind) -> Option<Values> {
    Some(match *kind {
        Kind::Number { minimum, maximum } | Kind::Cell { minimum, maximum } => {
            Values::Number { minimum, maximum }
        }
        Kind::Integer { minimum, maximum } => Values::Integer { minimum, maximum },
        Kind::Flag => Values::Flag,
        Kind::Text | Kind::Table => Values::Text,
        Kind::Date => Values::Date,
        Kind::Choice(names) => Values::Choice(names),
        Kind::Object(_) | Kind::List { .. } | Kind::Map(_) | Kind::Either(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculate::MODULES;

    #[test]
    fn lines_of_every_module_are_told_with_french_titles() {
        let taking: Vec<&str> = MODULES.iter().copied().filter(|module| lines(module).is_some()).collect();
        assert_eq!(taking, ["rente", "ifc", "medailles", "provisionnement", "mortalite", "prevoyance"]);
        for module in taking {
            let lines = lines(module).unwrap();
            assert!(lines.columns.len() > 2 && lines.most >= 1000, "{module}");
            assert!(lines.columns.iter().all(|column| column.title != column.name), "{module}");
        }
    }

    #[test]
    fn an_employee_has_the_columns_that_a_csv_of_them_may_have() {
        let lines = lines("ifc").unwrap();
        let required: Vec<&str> =
            lines.columns.iter().filter(|column| column.required).map(|column| column.name).collect();
        assert_eq!(required, ["id", "sex", "birth_date", "hire_date", "annual_salary"]);
        assert_eq!(lines.columns[1].values, Values::Choice(&["M", "F"]));
    }
}
