//! The clock port: the only place that asks what time it is, so that tests can move it.

use jiff::{SignedDuration, Timestamp};

/// Wall-clock time, shifted by a fixed offset outside production (`AOPS_NOW_OFFSET`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    offset: SignedDuration,
}

impl Clock {
    /// A clock that runs this far ahead of the machine's (behind, when negative).
    pub fn shifted(offset: SignedDuration) -> Self {
        Self { offset }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.offset).unwrap_or(Timestamp::MAX)
    }
}
