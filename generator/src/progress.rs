//! How far a build is, for whoever waits at a terminal. It shows nothing itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Told the part of a build, how much of it is done, and of how much; from several threads.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Tell>>);

type Tell = dyn Fn(&'static str, usize, usize) + Send + Sync;

impl Progress {
    /// Calls a function at each step.
    pub fn new(tell: impl Fn(&'static str, usize, usize) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Counts the steps of a part.
    pub(crate) fn of(&self, part: &'static str, total: usize) -> Steps<'_> {
        Steps { progress: self, part, total, done: AtomicUsize::new(0) }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The same with and without a listener: it changes nothing that is built.
        f.write_str("Progress")
    }
}

/// The steps of one part.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    progress: &'a Progress,
    part: &'static str,
    total: usize,
    done: AtomicUsize,
}

impl Steps<'_> {
    /// One more is done.
    pub(crate) fn step(&self) {
        if let Some(tell) = &self.progress.0 {
            tell(self.part, self.done.fetch_add(1, Ordering::Relaxed) + 1, self.total);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_step_is_told_once() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let progress =
            Progress::new(move |part, done, total| heard.lock().unwrap().push((part, done, total)));
        let steps = progress.of("pages", 2);
        steps.step();
        steps.step();
        assert_eq!(*told.lock().unwrap(), [("pages", 1, 2), ("pages", 2, 2)]);
        Progress::default().of("pages", 1).step();
    }
}
