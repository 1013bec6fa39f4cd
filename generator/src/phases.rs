//! How long each part of a build took.

use std::time::{Duration, Instant};

/// Times the parts of a build, one after the other.
#[derive(Debug)]
pub(crate) struct Phases {
    begun: Instant,
    last: Instant,
    ended: Vec<(&'static str, Duration)>,
}

impl Default for Phases {
    fn default() -> Self {
        Self::begin()
    }
}

impl Phases {
    pub(crate) fn begin() -> Self {
        let now = Instant::now();
        Self { begun: now, last: now, ended: Vec::new() }
    }

    /// Ends the part that began when the last one ended.
    pub(crate) fn end(&mut self, name: &'static str) {
        let now = Instant::now();
        self.ended.push((name, now - self.last));
        self.last = now;
    }

    /// All parts, and the whole.
    pub(crate) fn finish(self) -> (Vec<(&'static str, Duration)>, Duration) {
        (self.ended, self.begun.elapsed())
    }
}
