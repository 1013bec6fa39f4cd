//! A calculation in a process of its own, with bounds: what goes wrong in it takes nothing else down, and it reaches
//! nothing but the socket on which it was asked.
//!
//! ```text
//! gateway ── a byte and two sockets ──▶ nursery ── starts, waits, kills ──▶ calculation
//!    ▲                                     │ how it ended, on the second          │
//!    └─────── what was asked, how far it is, what came of it, on the first ───────┘
//! ```
//! The gateway gives up starting programs once it serves (`sandbox/`); the nursery is started before, has one thread,
//! reads nothing of what is computed, and goes with the gateway. A calculation goes with the nursery (`PR_SET_PDEATHSIG`),
//! and as soon as nobody holds the other end of its second socket.

mod alone;
mod fate;
mod frames;
mod heard;
mod nursery;
mod work;

use serde::{Deserialize, Serialize};

pub use self::alone::calculate;
pub(super) use self::heard::{Heard, hear};
pub use self::nursery::{Nursery, run as nurse};
pub(super) use self::work::{Answer, Work};
use crate::calculations::CalculationsConfig;
use crate::config::{Sandbox, Settings};

/// What a calculation may take, as it is told to the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    memory_mib: u64,
    processor_seconds: u64,
    sandbox: Sandbox,
}

impl Bounds {
    /// As configured.
    pub fn of(settings: &Settings) -> Self {
        let CalculationsConfig { memory_mib, processor_seconds, .. } = settings.calculations;
        Self { memory_mib, processor_seconds, sandbox: settings.gateway.sandbox }
    }
}
