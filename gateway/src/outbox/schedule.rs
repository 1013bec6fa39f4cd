//! What waits to leave, letters and calls of webhooks, in order of time: the store is scanned at start and now and then,
//! not at each.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::app::App;
use crate::records::{self, Document, RecordError};
use crate::store::{Address, Scan};

/// Documents read at once.
const PAGE: usize = 200;

/// When each known letter is due.
#[derive(Debug, Default)]
pub struct Schedule {
    by_time: BTreeSet<(Timestamp, Address)>,
    due: HashMap<Address, Timestamp>,
    flying: HashSet<Address>,
}

impl Schedule {
    /// Notes everything of a collection, each by when it is due; what cannot be read is told and left.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn scan<T: Document>(
        &mut self,
        app: &App,
        collection: &'static str,
        due: impl Fn(&T) -> Timestamp,
    ) -> Result<(), RecordError> {
        let mut after = None;
        loop {
            let scan = Scan { collection, partition: None, prefix: String::new(), after, limit: PAGE };
            let page = app.store.scan(scan).await?;
            for (address, stored) in page.documents {
                match records::decode::<T>(&address, &stored.body) {
                    Ok(waiting) => self.note(address, due(&waiting)),
                    Err(error) => tracing::error!(%error, collection, "what waits to leave cannot be read"),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Notes when a letter is due; one that is being tried keeps its place.
    pub fn note(&mut self, address: Address, due: Timestamp) {
        if self.flying.contains(&address) {
            return;
        }
        if let Some(before) = self.due.insert(address.clone(), due) {
            self.by_time.remove(&(before, address.clone()));
        }
        self.by_time.insert((due, address));
    }

    /// Takes the letter that is due first, if any is.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Address> {
        self.take_where(now, |_| true)
    }

    /// Takes the first of those that are due and may go.
    pub fn take_where(&mut self, now: Timestamp, may: impl Fn(&Address) -> bool) -> Option<Address> {
        let mut due = self.by_time.iter().take_while(|(due, _)| *due <= now);
        let (due, address) = due.find(|(_, address)| may(address))?.clone();
        self.by_time.remove(&(due, address.clone()));
        self.due.remove(&address);
        self.flying.insert(address.clone());
        Some(address)
    }

    /// A letter that was taken is no longer tried; it waits again, or is gone.
    pub fn landed(&mut self, address: Address, again: Option<Timestamp>) {
        self.flying.remove(&address);
        if let Some(due) = again {
            self.note(address, due);
        }
    }

    /// How long nothing will be due, as far as is known.
    pub fn pause(&self, now: Timestamp) -> Option<Duration> {
        let (due, _) = self.by_time.first()?;
        Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    /// How many wait or are tried.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.due.len() + self.flying.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn letters_come_in_order_of_time_and_each_is_tried_by_one() {
        let letter = |name: &str| Address::new("outbox", "p", name);
        let mut schedule = Schedule::default();
        schedule.note(letter("late"), at(30));
        schedule.note(letter("early"), at(10));
        schedule.note(letter("moved"), at(5));
        schedule.note(letter("moved"), at(20));
        assert_eq!(schedule.pause(at(4)), Some(Duration::from_secs(6)));
        assert_eq!(schedule.take(at(9)), None);
        assert_eq!(schedule.take(at(40)), Some(letter("early")));
        schedule.note(letter("early"), at(0));
        assert_eq!(schedule.take(at(40)), Some(letter("moved")), "a letter under way is not taken twice");
        schedule.landed(letter("early"), Some(at(35)));
        schedule.landed(letter("moved"), None);
        assert_eq!(schedule.len(), 2);
        assert_eq!(schedule.take(at(40)), Some(letter("late")));
        assert_eq!(schedule.take(at(40)), Some(letter("early")));
        assert_eq!((schedule.take(at(40)), schedule.pause(at(40))), (None, None));
    }
}
