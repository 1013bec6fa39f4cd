//! The order in which calculations take their turns: organisation after organisation, the small ones of each first, and
//! always a place for what is small. It knows names and sizes, and nothing of what is computed.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aops_engine::Watch;
use tokio::sync::Notify;

use super::shared::Shared;

/// Of a size, in units of cost, that a person waits for.
pub(super) const SMALL: u32 = 10;

/// A calculation, or a chunk of one, that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::calculations) struct Waiting {
    /// Whose it is.
    pub(super) organisation: String,
    /// Its name; that of a chunk begins with its calculation's.
    pub(super) id: String,
    /// Its size.
    pub(super) size: u32,
}

/// What stands between the name of a calculation and the number of a chunk of it.
const CHUNK: char = '/';

impl Waiting {
    /// The calculation that it is, or is of.
    pub(super) fn calculation(&self) -> &str {
        self.id.split_once(CHUNK).map_or(self.id.as_str(), |(calculation, _)| calculation)
    }

    /// Which chunk of its calculation, if it is one.
    pub(super) fn chunk(&self) -> Option<usize> {
        self.id.split_once(CHUNK)?.1.parse().ok()
    }
}

/// Which turns a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Any.
    All,
    /// Those that somebody waits for.
    Small,
}

/// Calculations that wait, and those that run.
#[derive(Debug, Default)]
pub(in crate::calculations) struct Jobs {
    lines: Mutex<Lines>,
    running: Mutex<HashMap<String, Arc<Run>>>,
    more: Notify,
    /// Where others take from as well; then nothing waits here.
    pub(super) shared: Option<Shared>,
}

/// By organisation, in the order of size and then of arrival.
#[derive(Debug, Default)]
struct Lines {
    waiting: BTreeMap<String, BTreeMap<(u32, u64), String>>,
    /// Who had the last turn.
    last: String,
    arrived: u64,
}

impl Jobs {
    /// Those of a process that shares its queue.
    pub(in crate::calculations) fn shared(shared: Shared) -> Self {
        Self { shared: Some(shared), ..Self::default() }
    }

    /// Adds one to the queue of whoever computes.
    pub(super) async fn queue(&self, waiting: Waiting) {
        let Some(shared) = &self.shared else { return self.push(waiting) };
        if let Err(error) = shared.push(&waiting).await {
            // It stands in the store, where it is found by who looks for what is not in line.
            tracing::warn!(%error, calculation = waiting.id, "a calculation could not be put in line yet");
        }
        self.more.notify_waiters();
    }

    /// Ends when something was queued here, or after so long.
    pub(super) async fn more(&self, longest: Duration) {
        // That nothing came is no fault.
        let _ = tokio::time::timeout(longest, self.more.notified()).await;
    }

    /// Adds one at the end of its organisation's.
    pub(super) fn push(&self, waiting: Waiting) {
        locked(&self.lines).push(waiting);
        self.more.notify_waiters();
    }

    /// The next one, as soon as there is one.
    pub(super) async fn next(&self, takes: Takes) -> Waiting {
        loop {
            let more = self.more.notified();
            tokio::pin!(more);
            // From here on a push is not missed.
            more.as_mut().enable();
            if let Some(next) = locked(&self.lines).next(takes) {
                return next;
            }
            more.await;
        }
    }

    /// How many of an organisation wait; nobody knows where the server of the queue does not answer, and none then.
    pub(super) async fn waiting(&self, organisation: &str) -> usize {
        match &self.shared {
            Some(shared) => shared.waiting(organisation).await.unwrap_or_default(),
            None => locked(&self.lines).waiting.get(organisation).map_or(0, BTreeMap::len),
        }
    }

    /// Notes that one runs.
    pub(super) fn began(&self, id: &str) -> Running<'_> {
        let run = Arc::<Run>::default();
        locked(&self.running).insert(id.to_owned(), Arc::clone(&run));
        Running { jobs: self, id: id.to_owned(), run }
    }

    /// Asks one to stop, with its chunks, if it runs here.
    pub(super) fn stop(&self, id: &str) {
        let is_of =
            |name: &str| name.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with(CHUNK));
        for (_, run) in locked(&self.running).iter().filter(|(name, _)| is_of(name)) {
            run.stop();
        }
    }

    /// The part done of one that runs, here or elsewhere.
    pub(in crate::calculations) fn progress(&self, id: &str) -> Option<f64> {
        let here = locked(&self.running).get(id).map(|run| run.progress());
        here.or_else(|| self.shared.as_ref()?.progress(id))
    }
}

/// One that runs; it stops when nobody waits for it any more.
pub(super) struct Running<'a> {
    jobs: &'a Jobs,
    id: String,
    pub(super) run: Arc<Run>,
}

/// How far one is, and the wish to stop it, whether it runs on a thread of this process or in one of its own.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// What a thread of this process looks at.
    pub(super) watch: Arc<Watch>,
    thousandths: AtomicU32,
    stopped: Notify,
}

impl Run {
    /// Asks it to stop.
    pub(super) fn stop(&self) {
        self.watch.stop();
        // Whoever looks later finds it as well.
        self.stopped.notify_one();
    }

    /// Whether it was asked to.
    pub(super) fn is_stopped(&self) -> bool {
        self.watch.is_stopped()
    }

    /// Ends once it was asked to; one alone waits for it.
    pub(super) async fn stopped(&self) {
        while !self.is_stopped() {
            self.stopped.notified().await;
        }
    }

    /// Notes the part done.
    pub(super) fn note(&self, part: f64) {
        self.thousandths.fetch_max((part * 1000.0) as u32, Ordering::Relaxed);
    }

    /// The part done.
    pub(super) fn progress(&self) -> f64 {
        let noted = f64::from(self.thousandths.load(Ordering::Relaxed)) / 1000.0;
        noted.max(self.watch.progress())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.run.stop();
        locked(&self.jobs.running).remove(&self.id);
    }
}

impl Lines {
    fn push(&mut self, waiting: Waiting) {
        self.arrived += 1;
        let line = self.waiting.entry(waiting.organisation).or_default();
        line.insert((waiting.size, self.arrived), waiting.id);
    }

    /// The smallest of the organisation that comes after the last one that had a turn.
    fn next(&mut self, takes: Takes) -> Option<Waiting> {
        let fits = |line: &BTreeMap<(u32, u64), String>| {
            let first = line.first_key_value();
            first.is_some_and(|((size, _), _)| takes == Takes::All || *size <= SMALL)
        };
        let after = self
            .waiting
            .range::<str, _>((std::ops::Bound::Excluded(self.last.as_str()), std::ops::Bound::Unbounded));
        let organisation = after.chain(&self.waiting).find(|(_, line)| fits(line))?.0.clone();
        let line = self.waiting.get_mut(&organisation)?;
        let ((size, _), id) = line.pop_first()?;
        if line.is_empty() {
            self.waiting.remove(&organisation);
        }
        self.last.clone_from(&organisation);
        Some(Waiting { organisation, id, size })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(organisation: &str, id: &str, size: u32) -> Waiting {
        Waiting { organisation: organisation.into(), id: id.into(), size }
    }

    fn order(lines: &mut Lines, takes: Takes) -> Vec<String> {
        std::iter::from_fn(|| lines.next(takes)).map(|waiting| waiting.id).collect()
    }

    #[test]
    fn organisations_take_turns_and_each_has_its_small_ones_first() {
        let mut lines = Lines::default();
        for (organisation, id, size) in [
            ("a", "a1", 50),
            ("a", "a2", 50),
            ("a", "a3", 1),
            ("b", "b1", 99),
            ("c", "c1", 2),
            ("b", "b2", 3),
        ] {
            lines.push(waiting(organisation, id, size));
        }
        assert_eq!(order(&mut lines, Takes::All), ["a3", "b2", "c1", "a1", "b1", "a2"]);
    }

    #[test]
    fn a_place_kept_for_what_is_small_takes_nothing_else() {
        let mut lines = Lines::default();
        for (organisation, id, size) in [("a", "large", SMALL + 1), ("b", "small", SMALL)] {
            lines.push(waiting(organisation, id, size));
        }
        assert_eq!(order(&mut lines, Takes::Small), ["small"]);
        assert_eq!(order(&mut lines, Takes::All), ["large"]);
    }

    #[test]
    fn of_a_thousand_from_fifty_organisations_each_has_the_same_share_at_any_time() {
        let mut lines = Lines::default();
        for number in 0..1_000 {
            // The first organisation asks for half of all.
            let organisation = if number < 500 { 0 } else { 1 + number % 49 };
            lines.push(waiting(&format!("org_{organisation:02}"), &format!("{number}"), 1));
        }
        let mut served: HashMap<String, usize> = HashMap::new();
        for _ in 0..250 {
            *served.entry(lines.next(Takes::All).unwrap().organisation).or_default() += 1;
        }
        let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
        assert_eq!((served.len(), *least, *most), (50, 5, 5));
    }

    #[test]
    fn a_chunk_is_of_its_calculation_and_stops_with_it() {
        let jobs = Jobs::default();
        let names = ["calc_1", "calc_1/00000", "calc_1/00012", "calc_12", "calc_12/00000"];
        let running = names.map(|name| jobs.began(name));
        let told =
            names.map(|name| (waiting("a", name, 1).calculation().to_owned(), waiting("a", name, 1).chunk()));
        assert_eq!(told[0], ("calc_1".to_owned(), None));
        assert_eq!(told[2], ("calc_1".to_owned(), Some(12)));
        jobs.stop("calc_1");
        assert_eq!(running.each_ref().map(|one| one.run.is_stopped()), [true, true, true, false, false]);
        jobs.stop("calc_12/00000");
        assert_eq!(running.each_ref().map(|one| one.run.is_stopped()), [true, true, true, false, true]);
    }

    #[tokio::test]
    async fn who_waits_for_a_turn_hears_of_the_next_one() {
        let jobs = Arc::new(Jobs::default());
        let taker = Arc::clone(&jobs);
        let next = tokio::spawn(async move { taker.next(Takes::All).await });
        tokio::task::yield_now().await;
        jobs.push(waiting("a", "a1", 1));
        assert_eq!(next.await.unwrap().id, "a1");
        let running = jobs.began("a1");
        assert_eq!(jobs.progress("a1"), Some(0.0));
        jobs.stop("a1");
        assert!(running.run.is_stopped());
        running.run.note(0.5);
        assert_eq!(jobs.progress("a1"), Some(0.5));
        drop(running);
        assert_eq!(jobs.progress("a1"), None);
    }
}
