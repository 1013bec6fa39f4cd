//! A small checker of linearizability for one document under guarded writes (Herlihy and Wing, 1990).
//!
//! Each acknowledged write names the version it replaced, so versions order all writes; it is left to check that
//! this order agrees with time, and that reads and refusals fit between.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use crate::store::Expect;

/// What clients did and saw.
pub(super) struct History {
    begun: Instant,
    acts: Mutex<Vec<(u128, u128, Act)>>,
}

enum Act {
    /// The version and value seen; none when nothing stood there.
    Read(Option<(u64, String)>),
    /// The version made, and its value.
    Wrote(u64, String),
    /// The version that did not stand any more.
    Refused(u64),
}

impl Default for History {
    fn default() -> Self {
        Self { begun: Instant::now(), acts: Mutex::default() }
    }
}

impl History {
    pub(super) fn now(&self) -> u128 {
        self.begun.elapsed().as_nanos()
    }

    pub(super) fn read(&self, begun: u128, seen: Option<(u64, String)>) {
        self.note(begun, Act::Read(seen));
    }

    pub(super) fn wrote(&self, begun: u128, expect: Expect, value: String) {
        self.note(begun, Act::Wrote(replaced(expect) + 1, value));
    }

    pub(super) fn refused(&self, begun: u128, expect: Expect) {
        self.note(begun, Act::Refused(replaced(expect)));
    }

    fn note(&self, begun: u128, act: Act) {
        self.acts.lock().unwrap().push((begun, self.now(), act));
    }

    /// Panics where no order of the acts explains what was seen.
    pub(super) fn check(&self) {
        let acts = self.acts.lock().unwrap();
        let mut writes = BTreeMap::from([(0, (0, 0, None))]);
        for (begun, ended, act) in acts.iter() {
            if let Act::Wrote(version, value) = act {
                let before = writes.insert(*version, (*begun, *ended, Some(value)));
                assert!(before.is_none(), "version {version} was written twice");
            }
        }
        assert!(writes.keys().copied().eq(0..writes.len() as u64), "a version is missing");
        assert!(writes.len() > 40, "{} writes are no load", writes.len());
        // A version stands from within its write until within the next.
        let first = |version: u64| writes[&version].0;
        let gone = |version: u64| writes.get(&(version + 1)).map_or(u128::MAX, |write| write.1);
        for version in 1..writes.len() as u64 {
            assert!(
                first(version - 1) <= writes[&version].1,
                "version {version} came before the one it replaced"
            );
        }
        let mut latest = BTreeMap::new();
        for (begun, ended, act) in acts.iter() {
            match act {
                Act::Read(seen) => {
                    let version = seen.as_ref().map_or(0, |(version, _)| *version);
                    let value =
                        writes.get(&version).unwrap_or_else(|| panic!("{version} was never written")).2;
                    assert_eq!(
                        value,
                        seen.as_ref().map(|(_, value)| value),
                        "another value than was written"
                    );
                    assert!(first(version) <= *ended, "version {version} was read before it was written");
                    assert!(gone(version) >= *begun, "version {version} was read after it was replaced");
                    latest.insert(*ended, (*begun, version));
                }
                Act::Refused(version) => {
                    let next = writes.get(&(version + 1)).unwrap_or_else(|| panic!("{version} still stands"));
                    assert!(next.0 <= *ended, "refused before version {version} was replaced");
                }
                Act::Wrote(..) => {}
            }
        }
        // A read that began after another had ended does not see less.
        let mut seen: Vec<(u128, u64)> = Vec::new();
        for (ended, (begun, version)) in latest {
            let past = seen.iter().filter(|(end, _)| *end < begun).map(|(_, version)| *version).max();
            assert!(past.is_none_or(|past| past <= version), "version {version} was read after a later one");
            seen.push((ended, version));
        }
    }
}

fn replaced(expect: Expect) -> u64 {
    match expect {
        Expect::Version(version) => version,
        Expect::Absent => 0,
        Expect::Anything => panic!("an unguarded write tells no version"),
    }
}

#[test]
#[should_panic(expected = "read after it was replaced")]
fn the_checker_finds_a_stale_read() {
    let history = History::default();
    for version in 0..60_u64 {
        let expect = if version == 0 { Expect::Absent } else { Expect::Version(version) };
        history.wrote(history.now(), expect, version.to_string());
    }
    history.read(history.now(), Some((3, "2".into())));
    history.check();
}
