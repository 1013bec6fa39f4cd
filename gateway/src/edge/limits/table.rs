//! What clients owe, in a table of fixed size: eight bytes a client, no lock, no allocation, nothing to sweep on a
//! request's way.
//!
//! A place holds, in one word, 24 bits that tell clients of a bucket apart and forty bits of the instant until which
//! the client owes. A place whose instant has passed is free: forgetting a client that owes nothing changes nothing.
//! So places are taken in proportion to what is asked for: at n requests a second, each owing t seconds, n · t of them
//! (Little's law); 50,000 a second to the slowest class, six seconds, fill three in ten. A client that finds its
//! bucket full of others is counted with its region, in words of their own that nobody can take away.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::gcra::Ticks;

/// Clients in one line of the processor's cache.
pub(super) const WAYS: usize = 8;
/// Lines: a million clients in eight megabytes.
pub(super) const BUCKETS: usize = 1 << 17;
/// Regions, by the bits that [`Subject::region`] keeps.
pub const REGIONS: usize = 1 << 13;
/// Bits of a word that are an instant.
const INSTANT: u32 = 40;
const INSTANTS: u64 = (1 << INSTANT) - 1;
/// What is swept at once: a whole round in a minute, where a hundred days would do.
const SWEPT: usize = BUCKETS / 12;

/// Who is counted under which limit: a keyed hash of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject(pub u128);

impl Subject {
    fn bucket(self) -> usize {
        self.0 as usize % BUCKETS
    }

    /// The mark of a place of this subject, never zero.
    fn mark(self) -> u64 {
        ((self.0 >> 64) as u64 >> INSTANT).max(1) << INSTANT
    }

    /// The one that has this bucket and this mark.
    #[cfg(test)]
    pub(super) fn at(bucket: usize, mark: u64) -> Self {
        Self(u128::from(mark << INSTANT) << 64 | bucket as u128)
    }
}

#[derive(Debug)]
#[repr(align(64))]
struct Bucket([AtomicU64; WAYS]);

/// The table.
#[derive(Debug)]
pub struct Table {
    buckets: Box<[Bucket]>,
    /// By place: units that the shared table was not told of; none where nothing is shared.
    untold: Box<[AtomicU32]>,
    next_swept: AtomicU64,
}

/// A client's place, while it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What it owes.
    pub owed: Ticks,
    /// Whether it was not here before.
    pub fresh: bool,
    untold: Option<&'a AtomicU32>,
}

impl Place<'_> {
    /// Units that the shared table was not told of.
    pub fn untold(&self) -> u32 {
        match (self.fresh, self.untold) {
            (false, Some(untold)) => untold.load(Ordering::Relaxed),
            _ => 0,
        }
    }

    /// Adds units that the shared table is to be told of, and answers all of them.
    pub fn tell_later(&self, cost: u32) -> u32 {
        let Some(untold) = self.untold else { return 0 };
        if self.fresh {
            untold.store(cost, Ordering::Relaxed);
            return cost;
        }
        untold.fetch_add(cost, Ordering::Relaxed).saturating_add(cost)
    }

    /// These units are told, or given up.
    pub fn told(&self, cost: u32) {
        if let Some(untold) = self.untold {
            let _ =
                untold.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_sub(cost)));
        }
    }
}

impl Table {
    /// Nobody owes anything; `shared` makes room for what is to be told to others.
    pub fn new(shared: bool) -> Self {
        let bucket = |_| Bucket(std::array::from_fn(|_| AtomicU64::new(0)));
        let places = if shared { BUCKETS * WAYS } else { 0 };
        Self {
            buckets: (0..BUCKETS).map(bucket).collect(),
            untold: (0..places).map(|_| AtomicU32::new(0)).collect(),
            next_swept: AtomicU64::new(0),
        }
    }

    /// Lets `decide` say what a subject owes from now on; `None` when its bucket is full of others that owe.
    pub fn update<T, E>(
        &self,
        subject: Subject,
        now: Ticks,
        decide: impl Fn(Place<'_>) -> Result<(Ticks, T), E>,
    ) -> Option<Result<(Place<'_>, T), E>> {
        let (index, mark) = (subject.bucket(), subject.mark());
        loop {
            let (way, word) = self.find(index, mark, now)?;
            let known = word & !INSTANTS == mark;
            let owed = if known { owed(word, now) } else { Ticks::default() };
            let place = Place { owed, fresh: !known, untold: self.untold.get(index * WAYS + way) };
            let (next, answer) = match decide(place) {
                Ok(decided) => decided,
                Err(refused) => return Some(Err(refused)),
            };
            let word_after = mark | ((now.0 + next.0) & INSTANTS);
            let cell = &self.buckets[index].0[way];
            // Another worker may have come first: look again.
            if cell.compare_exchange_weak(word, word_after, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Some(Ok((place, answer)));
            }
        }
    }

    /// The place of a subject, if it has one.
    pub fn place(&self, subject: Subject, now: Ticks) -> Option<Place<'_>> {
        let (index, mark) = (subject.bucket(), subject.mark());
        let (way, word) = self.find(index, mark, now)?;
        let untold = self.untold.get(index * WAYS + way);
        (word & !INSTANTS == mark).then(|| Place { owed: owed(word, now), fresh: false, untold })
    }

    /// The way that bears the mark, or the first that is free.
    fn find(&self, index: usize, mark: u64, now: Ticks) -> Option<(usize, u64)> {
        let mut free = None;
        for (way, cell) in self.buckets[index].0.iter().enumerate() {
            let word = cell.load(Ordering::Relaxed);
            if word & !INSTANTS == mark {
                return Some((way, word));
            }
            if free.is_none() && (word == 0 || owed(word, now).0 == 0) {
                free = Some((way, word));
            }
        }
        free
    }

    /// Clears some of the places that owe nothing, so that no instant grows so old that it looks like one to come, and
    /// answers how many of those looked at are taken, of how many.
    pub fn sweep(&self, now: Ticks) -> (usize, usize) {
        let first = self.next_swept.fetch_add(SWEPT as u64, Ordering::Relaxed) as usize;
        let mut taken = 0;
        for index in first..first + SWEPT {
            for cell in &self.buckets[index % BUCKETS].0 {
                let word = cell.load(Ordering::Relaxed);
                if word == 0 {
                    continue;
                }
                if owed(word, now).0 == 0 {
                    // Whoever came meanwhile stays.
                    let _ = cell.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
                } else {
                    taken += 1;
                }
            }
        }
        (taken, SWEPT * WAYS)
    }
}

/// A region's word: the instant alone.
pub fn update_word<T, E>(
    cell: &AtomicU64,
    now: Ticks,
    decide: impl Fn(Ticks) -> Result<(Ticks, T), E>,
) -> Result<T, E> {
    loop {
        let word = cell.load(Ordering::Relaxed);
        let (next, answer) = decide(Ticks(word.saturating_sub(now.0)))?;
        let after = now.0 + next.0;
        if cell.compare_exchange_weak(word, after, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return Ok(answer);
        }
    }
}

/// What a word says is owed; instants wrap, so the difference is read with its sign.
fn owed(word: u64, now: Ticks) -> Ticks {
    let difference = (word.wrapping_sub(now.0) & INSTANTS) << (64 - INSTANT);
    Ticks(((difference as i64) >> (64 - INSTANT)).max(0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(bucket: usize, mark: u64) -> Subject {
        Subject::at(bucket, mark)
    }

    fn owe(table: &Table, subject: Subject, now: u64, ticks: u64) -> Option<u64> {
        let add = |place: Place<'_>| Ok::<_, ()>((Ticks(place.owed.0 + ticks), place.owed.0));
        table.update(subject, Ticks(now), add).map(|done| done.unwrap().1)
    }

    #[test]
    fn a_full_bucket_refuses_newcomers_until_somebody_owes_nothing() {
        let table = Table::new(false);
        for mark in 1..=8 {
            assert_eq!(owe(&table, subject(7, mark), 100, 50 + mark), Some(0));
        }
        assert_eq!(owe(&table, subject(7, 9), 100, 1), None);
        assert_eq!(owe(&table, subject(7, 3), 100, 1), Some(53), "who is there is found");
        assert_eq!(owe(&table, subject(8, 9), 100, 1), Some(0), "the next bucket is another");
        assert_eq!(owe(&table, subject(7, 9), 151, 1), Some(0), "the first has paid");
        assert_eq!(owe(&table, subject(7, 1), 151, 1), None, "and lost its place");
    }

    #[test]
    fn instants_wrap_and_what_is_long_paid_is_swept() {
        let table = Table::new(false);
        let late = INSTANTS - 10;
        assert_eq!(owe(&table, subject(0, 1), late, 100), Some(0));
        assert_eq!(owe(&table, subject(0, 1), late + 60, 100), Some(40));
        assert_eq!(owe(&table, subject(0, 2), late + 60, 5), Some(0));
        assert_eq!(table.sweep(Ticks(late + 70)), (1, SWEPT * WAYS));
        assert!(table.place(subject(0, 2), Ticks(late + 70)).is_none());
        assert_eq!(table.place(subject(0, 1), Ticks(late + 70)).unwrap().owed, Ticks(130));
    }

    #[test]
    fn workers_lose_nothing_to_each_other() {
        let table = Table::new(true);
        let told = |_| {
            for n in 0..20_000 {
                let add = |place: Place<'_>| Ok::<_, ()>((Ticks(place.owed.0 + 1), ()));
                let (place, ()) = table.update(subject(1, 1 + n % 3), Ticks(5), add).unwrap().unwrap();
                place.tell_later(1);
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|n| drop(scope.spawn(move || told(n)))));
        let owed: u64 = (1..=3).map(|m| table.place(subject(1, m), Ticks(5)).unwrap().owed.0).sum();
        assert_eq!(owed, 80_000);
    }

    #[test]
    fn a_newcomer_does_not_inherit_what_its_place_had_untold() {
        let table = Table::new(true);
        let one = |place: Place<'_>| Ok::<_, ()>((Ticks(place.owed.0 + 1), ()));
        let (place, ()) = table.update(subject(1, 1), Ticks(5), one).unwrap().unwrap();
        assert_eq!(place.tell_later(7), 7);
        let (place, ()) = table.update(subject(1, 2), Ticks(50), one).unwrap().unwrap();
        assert_eq!((place.fresh, place.untold(), place.tell_later(1)), (true, 0, 1));
    }
}
