//! How the process of a calculation ended, and whose doing that was.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

use super::Bounds;

/// The process could not be bounded, and computed nothing.
pub(super) const UNBOUNDED: u8 = 70;

/// As the nursery tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    /// It ended by itself with this code.
    Exit(i32),
    /// It was ended by this signal.
    Signal(i32),
    /// It never began.
    Unborn(String),
}

/// Whose doing it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The calculation's own.
    Own(String),
    /// Somebody's who ends processes: it may be begun again.
    Another(String),
    /// This machine's, which cannot compute as it should.
    Machine(String),
}

impl Fate {
    pub(super) fn of(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Signal(signal),
            None => Self::Exit(status.code().unwrap_or_default()),
        }
    }

    /// What it means for a calculation that said nothing of its end.
    pub(super) fn cause(self, bounds: &Bounds) -> Cause {
        let Bounds { memory_mib, processor_seconds, .. } = bounds;
        match self {
            Self::Unborn(why) => Cause::Machine(format!("its process could not be started: {why}")),
            Self::Exit(code) if code == i32::from(UNBOUNDED) => {
                Cause::Machine("its process could not be bounded".into())
            }
            Self::Exit(code) => Cause::Own(format!("its process ended with code {code} and no outcome")),
            Self::Signal(libc::SIGXCPU) => {
                Cause::Own(format!("it took more than {processor_seconds} s of processor time"))
            }
            Self::Signal(libc::SIGABRT) => Cause::Own(format!(
                "its process aborted: it may have wanted more than {memory_mib} MiB of memory"
            )),
            Self::Signal(libc::SIGKILL) => {
                Cause::Own("its process was killed, as the kernel does where memory ends".into())
            }
            Self::Signal(signal @ (libc::SIGTERM | libc::SIGINT | libc::SIGHUP)) => {
                Cause::Another(format!("its process was told to end (signal {signal})"))
            }
            Self::Signal(signal) => Cause::Own(format!("its process was ended by signal {signal}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sandbox;

    #[test]
    fn a_bound_that_was_passed_is_its_own_doing_and_an_end_that_somebody_asked_for_is_not() {
        let bounds = Bounds { memory_mib: 512, processor_seconds: 9, sandbox: Sandbox::Off };
        let cause = |fate: Fate| fate.cause(&bounds);
        for (signal, told) in [(libc::SIGXCPU, "9 s"), (libc::SIGABRT, "512 MiB"), (libc::SIGSEGV, "11")] {
            let Cause::Own(why) = cause(Fate::Signal(signal)) else { panic!("{signal}") };
            assert!(why.contains(told), "{why}");
        }
        assert!(matches!(cause(Fate::Exit(101)), Cause::Own(_)), "a panic");
        assert!(matches!(cause(Fate::Signal(libc::SIGTERM)), Cause::Another(_)));
        assert!(matches!(cause(Fate::Exit(UNBOUNDED.into())), Cause::Machine(_)));
        assert!(matches!(cause(Fate::Unborn("no memory".into())), Cause::Machine(_)));
        let status = |raw| Fate::of(ExitStatus::from_raw(raw));
        assert_eq!((status(9), status(101 << 8)), (Fate::Signal(9), Fate::Exit(101)));
    }
}
