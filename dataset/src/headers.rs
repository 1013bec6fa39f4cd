//! Which column of a file is which of the engine's: guessed by names, whatever their accents, and changed as one likes.
//! Not cells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use aops_engine::{Column, Lines};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::fault::{Fault, Faults};

/// By the plain name of a file's column, the engine's column; empty for one that is not wanted.
pub type Mapping = BTreeMap<String, String>;

/// A column of a file, and what it is read as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapped {
    /// Its name in the file.
    pub column: Arc<str>,
    /// The engine's column; none where it is left out.
    #[serde(rename = "as")]
    pub read_as: Option<String>,
    /// Whether its name says that it holds what identifies people and is of no use here.
    pub personal: bool,
}

/// Names of columns and of values that files have, and names of what is better left out.
pub(crate) static WORDS: LazyLock<Words> =
    LazyLock::new(|| serde_json::from_str(include_str!("../data/words.json")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub(crate) names: BTreeMap<String, Vec<String>>,
    pub(crate) values: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    pub(crate) personal: Vec<String>,
    /// Columns of ours, in files that were sent back to be mended.
    pub(crate) ours: Vec<String>,
}

/// So near a name must be to be taken for it.
const NEAR: f64 = 0.93;
/// So near it must be to be asked about.
const ALIKE: f64 = 0.8;

/// A name without what may be written one way or another: accents, case, spaces, marks.
pub fn plain(name: &str) -> String {
    let letters = name.nfd().filter(|one| !is_combining_mark(*one)).flat_map(char::to_lowercase);
    letters.filter(|one| one.is_alphanumeric()).collect()
}

/// What each column of a file is read as: by `wished` first, then by its name. No column is read twice.
pub fn guess(header: &[Arc<str>], lines: &Lines, wished: &Mapping) -> Vec<Mapped> {
    let known: Vec<(&Column, BTreeSet<String>)> =
        lines.columns.iter().map(|column| (column, names(column))).collect();
    let personal: BTreeSet<String> = WORDS.personal.iter().map(|name| plain(name)).collect();
    let plains: Vec<String> = header.iter().map(|name| plain(name)).collect();
    let mut read: Vec<Option<&str>> = vec![None; header.len()];
    let mut settled = vec![false; header.len()];
    for (index, name) in plains.iter().enumerate() {
        if let Some(target) = wished.get(name) {
            settled[index] = true;
            let column = lines.columns.iter().find(|column| column.name == target).map(|column| column.name);
            read[index] = column.filter(|column| !read.contains(&Some(*column)));
        }
    }
    // The engine's own names come first, then those that mean the same, then what is nearly one of them.
    let exact = |name: &String, (column, _): &(&Column, _)| plain(column.name) == *name;
    let same = |name: &String, (_, names): &(&Column, BTreeSet<String>)| names.contains(name);
    let near = |name: &String, (_, names): &(&Column, BTreeSet<String>)| {
        name.len() > 3
            && !monthly(name)
            && names.iter().any(|known| known.len() > 3 && strsim::jaro_winkler(known, name) > NEAR)
    };
    type Fits<'f> = &'f dyn Fn(&String, &(&Column, BTreeSet<String>)) -> bool;
    for fits in [&exact as Fits<'_>, &same, &near] {
        for (index, name) in plains.iter().enumerate() {
            if settled[index] || (personal.contains(name) && !known.iter().any(|one| same(name, one))) {
                continue;
            }
            let free = |one: &&(&Column, _)| !read.contains(&Some(one.0.name));
            if let Some((column, _)) = known.iter().filter(free).find(|one| fits(name, one)) {
                (read[index], settled[index]) = (Some(column.name), true);
            }
        }
    }
    let mapped = header.iter().zip(read).zip(&plains);
    mapped
        .map(|((column, read), name)| Mapped {
            column: Arc::clone(column),
            read_as: read.map(str::to_owned),
            personal: read.is_none() && personal.contains(name),
        })
        .collect()
}

/// Pay of a month is not taken for that of a year.
pub(crate) fn monthly(name: &str) -> bool {
    name.contains("mensuel") || name.contains("month") || name.contains("parmois")
}

fn names(column: &Column) -> BTreeSet<String> {
    let more = WORDS.names.get(column.name).into_iter().flatten().map(String::as_str);
    [column.name, &column.title].into_iter().chain(more).map(plain).collect()
}

/// What is wrong with a header: required columns that it lacks, the nearest of those it has told with each.
pub(crate) fn faults(header: &[Arc<str>], lines: &Lines, mapped: &[Mapped], wished: &Mapping) -> Faults {
    let mut faults = Faults::default();
    let known = |target: &str| target.is_empty() || lines.columns.iter().any(|column| column.name == target);
    for target in wished.values().filter(|target| !known(target)) {
        faults.push(Fault::at(1, "unknown_target", &[("found", crate::fault::short(target))]));
    }
    if mapped.iter().all(|one| one.read_as.is_none()) && lines.columns.iter().all(|column| !column.required) {
        let known: Vec<&str> = lines.columns.iter().map(|column| column.title.as_str()).collect();
        faults.push(Fault::at(1, "no_column", &[("known", known.join(", "))]));
    }
    let read = |name: &str| mapped.iter().any(|one| one.read_as.as_deref() == Some(name));
    for column in lines.columns.iter().filter(|column| column.required && !read(column.name)) {
        let names = names(column);
        let nearness = |found: &Arc<str>| {
            let found = plain(found);
            let near = |name: &String| strsim::jaro_winkler(name, &found);
            names.iter().map(near).fold(0.0, f64::max)
        };
        let free = header.iter().zip(mapped).filter(|(_, one)| one.read_as.is_none());
        let near = free.map(|(found, _)| (nearness(found), found)).max_by(|one, two| one.0.total_cmp(&two.0));
        let place: Arc<str> = Arc::from(column.name);
        let mut parameters = vec![("name", column.name.to_owned()), ("title", column.title.clone())];
        match near.filter(|(near, _)| *near > ALIKE) {
            Some((_, found)) => {
                parameters.push(("near", found.to_string()));
                faults.push(Fault::new(Some(1), &place, "missing_column_near", &parameters));
            }
            None => faults.push(Fault::new(Some(1), &place, "missing_column", &parameters)),
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[&str], wished: &[(&str, &str)]) -> Vec<Option<String>> {
        let header: Vec<Arc<str>> = header.iter().map(|name| Arc::from(*name)).collect();
        let wished =
            wished.iter().map(|(name, target)| (plain(name), (*target).to_owned())).collect::<Mapping>();
        let lines = aops_engine::lines("ifc").unwrap();
        guess(&header, &lines, &wished).into_iter().map(|one| one.read_as).collect()
    }

    #[test]
    fn names_are_known_in_french_and_in_english_whatever_their_accents_and_case() {
        let expected = ["id", "sex", "birth_date", "hire_date", "annual_salary", "category"].map(Some);
        for header in [
            ["id", "sex", "birth_date", "hire_date", "annual_salary", "category"],
            ["Matricule", "SEXE", "Date de naissance", "Date d’entrée", "Salaire annuel brut", "Catégorie"],
            ["N° matricule", "Civilité", "Né(e) le", "DATE D'EMBAUCHE", "salaire_brut_annuel", "statut"],
            ["matricul", "genre", "date de naissence", "date d embauche", "Rémunération annuelle", "CSP"],
        ] {
            let read = read(&header, &[]);
            assert_eq!(read.iter().map(Option::as_deref).collect::<Vec<_>>(), expected, "{header:?}");
        }
    }

    #[test]
    fn what_is_wished_comes_before_what_is_guessed_and_nothing_is_read_twice() {
        let header = ["Matricule", "Référence", "Salaire", "Salaire annuel"];
        assert_eq!(read(&header, &[]), [Some("id".into()), None, Some("annual_salary".into()), None]);
        let read = read(&header, &[("référence", "id"), ("SALAIRE", "")]);
        assert_eq!(read, [None, Some("id".into()), None, Some("annual_salary".into())]);
    }

    #[test]
    fn monthly_pay_is_not_taken_for_yearly_pay_and_names_of_people_are_left_out() {
        let header: Vec<Arc<str>> = ["Salaire mensuel brut", "Nom", "NIR"].map(Arc::from).to_vec();
        let lines = aops_engine::lines("ifc").unwrap();
        let mapped = guess(&header, &lines, &Mapping::new());
        assert!(mapped.iter().all(|one| one.read_as.is_none()));
        assert_eq!(mapped.iter().map(|one| one.personal).collect::<Vec<_>>(), [false, true, true]);
        let faults = faults(&header, &lines, &mapped, &Mapping::new());
        let told: Vec<&str> = faults.listed.iter().map(|fault| &*fault.column).collect();
        assert_eq!(told, ["id", "sex", "birth_date", "hire_date", "annual_salary"]);
        assert_eq!(faults.listed[4].code, "missing_column_near");
    }
}
