//! Following a calculation and stopping it, from another thread. Not what is computed.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Progress of one calculation, and the wish to stop it.
#[derive(Default)]
pub struct Watch {
    stopped: AtomicBool,
    thousandths: AtomicU32,
    tell: Option<Box<dyn Fn(f64) + Send + Sync>>,
}

impl Watch {
    /// Calls `tell` with the part done, from 0 to 1, at most a thousand times and possibly from several threads.
    pub fn telling(tell: impl Fn(f64) + Send + Sync + 'static) -> Self {
        Self { tell: Some(Box::new(tell)), ..Self::default() }
    }

    /// Asks the calculation to stop; it answers the fault `cancelled` soon after.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Tells whether a stop was asked for.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The part done, from 0 to 1.
    pub fn progress(&self) -> f64 {
        f64::from(self.thousandths.load(Ordering::Relaxed)) / 1000.0
    }

    /// Notes that `done` of `total` is done; `None` when the calculation has to stop.
    pub(crate) fn at(&self, done: usize, total: usize) -> Option<()> {
        if self.is_stopped() {
            return None;
        }
        let now = (done as f64 / total.max(1) as f64 * 1000.0).min(1000.0) as u32;
        if self.thousandths.fetch_max(now, Ordering::Relaxed) < now
            && let Some(tell) = &self.tell
        {
            tell(f64::from(now) / 1000.0);
        }
        Some(())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("stopped", &self.is_stopped())
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}
