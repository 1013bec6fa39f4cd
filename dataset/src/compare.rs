//! This year's data beside last year's: who came, who left, what should not have changed, whose pay moved strangely.
//! Both are canonical CSV with identifiers.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};
use serde::{Deserialize, Serialize};

/// Lines of each kind that are listed; all are counted.
const MOST: usize = 500;
/// What nobody changes from one year to the next.
const FIXED: [&str; 3] = ["sex", "birth_date", "hire_date"];
const PAY: &str = "annual_salary";
/// Pay of a year over that of the year before, beyond which one looks again.
const RAISES: std::ops::RangeInclusive<f64> = 0.8..=1.3;

/// What is other than in the year before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Lines before and now, and those in both.
    pub before: usize,
    /// Now.
    pub after: usize,
    /// In both.
    pub stayed: usize,
    /// Identifiers that are new, the first ones.
    pub entries: Vec<String>,
    /// Identifiers that are gone, the first ones.
    pub exits: Vec<String>,
    /// Changes of what nobody changes, the first ones.
    pub changed: Vec<Change>,
    /// How many of these there are.
    pub changes: usize,
    /// Changes of pay that one looks at again, the first ones.
    pub raised: Vec<Change>,
    /// How many of these there are.
    pub raises: usize,
    /// Pay of those who stayed over their pay before, less one.
    pub raise: Option<f64>,
}

/// One value of one person, before and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose.
    pub id: String,
    /// The engine's column.
    pub column: String,
    /// Before.
    pub before: String,
    /// Now.
    pub after: String,
}

impl Comparison {
    /// How many came.
    pub fn came(&self) -> usize {
        self.after - self.stayed
    }

    /// How many left.
    pub fn left(&self) -> usize {
        self.before - self.stayed
    }
}

/// Compares two canonical CSV; none where one of them has no identifiers.
///
/// # Errors
/// What the CSV reader says of a text that is no canonical CSV.
pub fn compare(before: &str, after: &str) -> Result<Option<Comparison>, csv::Error> {
    let (before, after) = (Table::read(before)?, Table::read(after)?);
    let (Some(id_before), Some(id_after)) = (before.at("id"), after.at("id")) else { return Ok(None) };
    let known: HashMap<&str, &StringRecord> =
        before.rows.iter().filter_map(|row| Some((row.get(id_before)?, row))).collect();
    let mut seen: HashMap<&str, ()> = HashMap::with_capacity(after.rows.len());
    let fixed = FIXED.iter().filter_map(|name| Some((*name, before.at(name)?, after.at(name)?)));
    let fixed: Vec<(&str, usize, usize)> = fixed.collect();
    let pay = before.at(PAY).zip(after.at(PAY));
    let mut found =
        Comparison { before: before.rows.len(), after: after.rows.len(), ..Comparison::default() };
    let mut pays = (0.0, 0.0);
    for row in &after.rows {
        let id = row.get(id_after).unwrap_or_default();
        let Some(old) = known.get(id) else {
            list(&mut found.entries, id.to_owned());
            continue;
        };
        seen.insert(id, ());
        found.stayed += 1;
        for (name, at_before, at_after) in &fixed {
            let (was, is) = (old.get(*at_before).unwrap_or_default(), row.get(*at_after).unwrap_or_default());
            if was != is {
                found.changes += 1;
                list(&mut found.changed, change(id, name, was, is));
            }
        }
        let Some((at_before, at_after)) = pay else { continue };
        let (was, is) = (old.get(at_before).unwrap_or_default(), row.get(at_after).unwrap_or_default());
        let (Ok(paid), Ok(pays_now)) = (was.parse::<f64>(), is.parse::<f64>()) else { continue };
        pays = (pays.0 + paid, pays.1 + pays_now);
        if paid > 0.0 && !RAISES.contains(&(pays_now / paid)) {
            found.raises += 1;
            list(&mut found.raised, change(id, PAY, was, is));
        }
    }
    for row in &before.rows {
        let id = row.get(id_before).unwrap_or_default();
        if !seen.contains_key(id) {
            list(&mut found.exits, id.to_owned());
        }
    }
    found.raise = (pays.0 > 0.0).then(|| pays.1 / pays.0 - 1.0);
    Ok(Some(found))
}

fn list<T>(to: &mut Vec<T>, one: T) {
    if to.len() < MOST {
        to.push(one);
    }
}

fn change(id: &str, column: &str, before: &str, after: &str) -> Change {
    Change {
        id: id.to_owned(),
        column: column.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
    }
}

struct Table {
    header: StringRecord,
    rows: Vec<StringRecord>,
}

impl Table {
    fn read(text: &str) -> Result<Self, csv::Error> {
        let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
        Ok(Self { header: reader.headers()?.clone(), rows: reader.records().collect::<Result<_, _>>()? })
    }

    fn at(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_left_and_changed_is_told() {
        let before =
            "id,sex,birth_date,annual_salary\na,M,1970-01-01,100\nb,F,1971-01-01,100\nc,F,1972-01-01,100\n";
        let after =
            "id,birth_date,sex,annual_salary\nb,1971-01-01,F,102\nc,1972-12-01,F,300\nd,1990-01-01,M,90\n";
        let found = compare(before, after).unwrap().unwrap();
        assert_eq!((found.came(), found.left(), found.stayed), (1, 1, 2));
        assert_eq!(
            (found.entries.as_slice(), found.exits.as_slice()),
            (&["d".to_owned()][..], &["a".to_owned()][..])
        );
        assert_eq!(found.changed, [change("c", "birth_date", "1972-01-01", "1972-12-01")]);
        assert_eq!(found.raised, [change("c", "annual_salary", "100", "300")]);
        assert!((found.raise.unwrap() - 1.01).abs() < 1e-12);
        assert_eq!(compare("sex\nM\n", after).unwrap(), None);
    }
}
