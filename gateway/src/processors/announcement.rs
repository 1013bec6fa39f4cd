//! The lists that were announced, each with its number, the day from which it applies, and how far its letters have
//! gone. Nothing of them is of anybody: where letters stand is told by an account's id.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Processor;
use crate::app::App;
use crate::records::{self, Document, RecordError, Shape};
use crate::store::{Address, Batch, Expect, Scan};

pub(super) const LISTS: &str = "processor_lists";
pub(super) const PARTITION: &str = "processors";
const PAGE: usize = 500;

/// What is kept of lists.
pub const SHAPES: &[Shape] = &[Shape::plain::<Announcement>(LISTS)];

/// A list that was announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Announcement {
    /// Whom it names.
    pub(super) processors: Vec<Processor>,
    /// When it was announced.
    pub(super) announced: Timestamp,
    /// The first day on which it applies.
    pub(super) applies: Date,
    /// Whether clients are still being written to.
    pub(super) telling: bool,
    /// The last account that was written to; letters go in the order of ids.
    pub(super) told_up_to: Option<String>,
    /// Letters that were put on their way.
    pub(super) letters: u32,
}

impl Document for Announcement {}

/// What differs from one list to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whom the one before did not name.
    pub added: Vec<Processor>,
    /// Whom it names no more.
    pub removed: Vec<Processor>,
    /// Of whom it says something else, as it says now.
    pub changed: Vec<Processor>,
}

impl Change {
    /// From one list to the next.
    pub fn between(before: &[Processor], after: &[Processor]) -> Self {
        let named = |list: &[Processor], name: &str| list.iter().find(|one| one.name == name).cloned();
        let mut change = Self::default();
        for one in after {
            match named(before, &one.name) {
                None => change.added.push(one.clone()),
                Some(known) if known != *one => change.changed.push(one.clone()),
                Some(_) => {}
            }
        }
        change.removed = before.iter().filter(|one| named(after, &one.name).is_none()).cloned().collect();
        change
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A list of the history, as clients and staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its number.
    pub number: u32,
    /// The first day on which it applies.
    pub applies: Date,
    /// When it was announced.
    pub announced: Timestamp,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// Whether its day has not come.
    pub to_come: bool,
    /// Whom it names.
    pub processors: Vec<Processor>,
    /// What is new in it; nothing of the first.
    pub change: Change,
    /// Letters that told of it.
    pub letters: u32,
    /// Whether all of them are on their way.
    pub told: bool,
}

/// Every list that was announced, the oldest first, as they stand on a day.
///
/// # Errors
/// [`RecordError`].
pub async fn history(app: &App, today: Date) -> Result<Vec<Listed>, RecordError> {
    let all = all(app).await?;
    let in_force = all.iter().rev().find(|(_, one)| one.applies <= today).map(|(number, _)| *number);
    let mut listed: Vec<Listed> = Vec::new();
    for (number, one) in all {
        let before = listed.last().map(|before| before.processors.as_slice());
        let change = before.map(|before| Change::between(before, &one.processors)).unwrap_or_default();
        listed.push(Listed {
            number,
            applies: one.applies,
            announced: one.announced,
            in_force: in_force == Some(number),
            to_come: one.applies > today,
            change,
            letters: one.letters,
            told: !one.telling,
            processors: one.processors,
        });
    }
    Ok(listed)
}

/// Those in force on a day; what is declared, before the first list is entered.
///
/// # Errors
/// [`RecordError`].
pub async fn in_force(app: &App, today: Date) -> Result<Vec<Processor>, RecordError> {
    let listed = history(app, today).await?.into_iter().find(|one| one.in_force);
    Ok(listed.map_or_else(|| app.settings.processors.clone(), |one| one.processors))
}

/// Every announcement by its number, the oldest first.
pub(super) async fn all(app: &App) -> Result<Vec<(u32, Announcement)>, RecordError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let partition = Some(PARTITION.to_owned());
        let scan = Scan { collection: LISTS, partition, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            let found = records::sound(records::decode(&address, &stored.body))?;
            all.extend(found.map(|one| (address.key.parse().unwrap_or_default(), one)));
        }
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

pub(super) async fn read(app: &App, number: u32) -> Result<Option<(Announcement, u64)>, RecordError> {
    records::read_plain(app, &Address::new(LISTS, PARTITION, name(number))).await
}

pub(super) fn put(
    batch: &mut Batch,
    number: u32,
    announcement: &Announcement,
    expect: Expect,
) -> Result<(), RecordError> {
    records::put_plain(batch, LISTS, &name(number), expect, announcement, None)
}

fn name(number: u32) -> String {
    format!("{number:08}")
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn processor(name: &str, role: &str) -> Processor {
        Processor {
            name: name.into(),
            role: role.into(),
            country: "France".into(),
            safeguard: "aucun".into(),
        }
    }

    #[test]
    fn what_came_what_left_and_what_is_told_otherwise() {
        let before = [processor("A", "x"), processor("B", "x"), processor("C", "x")];
        let after = [processor("C", "x"), processor("B", "y"), processor("D", "x")];
        let change = Change::between(&before, &after);
        let names = |list: &[Processor]| list.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&change.added), ["D"]);
        assert_eq!(names(&change.removed), ["A"]);
        assert_eq!((names(&change.changed), change.changed[0].role.as_str()), (vec!["B".into()], "y"));
        let mut turned = before.to_vec();
        turned.reverse();
        assert!(Change::between(&before, &turned).is_none(), "the order says nothing");
    }
}
