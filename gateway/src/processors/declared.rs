//! The declared list, as the site's data file has it.

use serde::{Deserialize, Serialize};

/// Where it stands, from the site's root folder.
pub const FILE: &str = "content/fr/sous-traitants.csv";
/// Its columns, in this order.
const COLUMNS: [&str; 4] = ["Prestataire", "Rôle", "Pays du groupe", "Garantie du transfert"];

/// Somebody to whom data may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// Its name.
    pub name: String,
    /// What it does for us.
    pub role: String,
    /// Where its group is established.
    pub country: String,
    /// On what a transfer out of the European Union rests (GDPR chapter V).
    pub safeguard: String,
}

/// The file is no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Not a table.
    #[error("{FILE}: {0}")]
    Table(String),
    /// Other columns.
    #[error("{FILE}: its columns are `{}`, in this order", COLUMNS.join("`, `"))]
    Columns,
    /// A cell without words.
    #[error("{FILE}, line {0}: a cell is empty")]
    Empty(usize),
    /// One name in two lines.
    #[error("{FILE}: `{0}` stands twice")]
    Twice(String),
}

/// Reads the file.
///
/// # Errors
/// [`ListError`].
pub fn declared(source: &str) -> Result<Vec<Processor>, ListError> {
    let told = |error: csv::Error| ListError::Table(error.to_string());
    let mut reader = csv::Reader::from_reader(source.as_bytes());
    if reader.headers().map_err(told)?.iter().ne(COLUMNS) {
        return Err(ListError::Columns);
    }
    let mut processors: Vec<Processor> = Vec::new();
    for (index, row) in reader.records().enumerate() {
        let row = row.map_err(told)?;
        let cell = |column: usize| row.get(column).unwrap_or_default().trim().to_owned();
        let processor = Processor { name: cell(0), role: cell(1), country: cell(2), safeguard: cell(3) };
        if row.iter().any(|cell| cell.trim().is_empty()) {
            return Err(ListError::Empty(index + 2));
        }
        if processors.iter().any(|known| known.name == processor.name) {
            return Err(ListError::Twice(processor.name));
        }
        processors.push(processor);
    }
    Ok(processors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves p-transfers, p-processors.
    #[test]
    fn p_subprocessors_the_list_of_the_page_is_the_declared_one_and_each_has_its_country_and_safeguard() {
        let source =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../content/fr/sous-traitants.csv"));
        let listed = declared(&source.unwrap()).unwrap();
        let names: Vec<&str> = listed.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["DigitalOcean", "SendGrid", "Stripe", "Google Analytics"]);
    }

    #[test]
    fn a_file_that_is_no_list_is_refused_with_its_place() {
        let head = "Prestataire,Rôle,Pays du groupe,Garantie du transfert\n";
        assert_eq!(declared(head), Ok(Vec::new()));
        assert_eq!(declared("Nom,Rôle\n"), Err(ListError::Columns));
        assert_eq!(declared(""), Err(ListError::Columns));
        assert_eq!(declared(&format!("{head}A,b,c,d\nB,, c,d\n")), Err(ListError::Empty(3)));
        assert_eq!(declared(&format!("{head}A,b,c,d\nA,e,f,g\n")), Err(ListError::Twice("A".into())));
        assert!(matches!(declared(&format!("{head}A,b\n")), Err(ListError::Table(_))));
    }
}
