//! Visits while they last, in memory alone. A visit is recognised by a keyed hash under a key of the day that is
//! never written and is destroyed at midnight: nobody can be followed from one day to the next, and what is stored
//! holds totals only.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::Measure;
use super::request::Seen;
use crate::accounts::random::NoRandomness;
use crate::countries::Country;
use crate::sealing::{KEY_BYTES, authenticated};

/// A visit has ended when its visitor has opened nothing for so long.
const REST: SignedDuration = SignedDuration::from_mins(30);
/// Visits open at once; past it pages are still counted, visits no more.
const MOST_VISITS: usize = 100_000;
/// Hosts told by name in a day; the others are counted together.
pub(super) const MOST_HOSTS: usize = 200;
/// What stands for the others.
pub(super) const OTHERS: &str = "others";

/// Totals by day, measure and value.
pub(super) type Counts = BTreeMap<Date, BTreeMap<Measure, BTreeMap<String, u64>>>;

/// What tells a visitor within one day; it means nothing without the key.
type Visitor = [u8; 16];

/// The open visits of a day.
pub(super) struct Visits {
    day: Option<Date>,
    key: Zeroizing<[u8; KEY_BYTES]>,
    open: HashMap<Visitor, Visit>,
    counts: Counts,
    zone: TimeZone,
}

struct Visit {
    first: Timestamp,
    last: Timestamp,
    exit: String,
    pages: u32,
}

impl Visits {
    /// No visit yet.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(super) fn new() -> Result<Self, NoRandomness> {
        Ok(Self { day: None, key: fresh_key()?, open: HashMap::new(), counts: Counts::new(), zone: zone() })
    }

    /// Counts one page.
    pub(super) fn count(
        &mut self,
        now: Timestamp,
        peer: IpAddr,
        path: &str,
        seen: &Seen,
        country: Option<Country>,
    ) {
        let day = now.to_zoned_datetime(self.zone.clone()).date();
        self.turn(day);
        if seen.robot {
            return self.one(day, Measure::Robot, "");
        }
        self.one(day, Measure::Page, path);
        let visitor = self.visitor(peer, &seen.traits);
        if self.open.get(&visitor).is_some_and(|visit| now.duration_since(visit.last) >= REST)
            && let Some(visit) = self.open.remove(&visitor)
        {
            self.close(day, &visit);
        }
        if let Some(visit) = self.open.get_mut(&visitor) {
            visit.last = now;
            visit.pages += 1;
            path.clone_into(&mut visit.exit);
            return;
        }
        if self.open.len() >= MOST_VISITS {
            return;
        }
        self.open.insert(visitor, Visit { first: now, last: now, exit: path.to_owned(), pages: 1 });
        self.one(day, Measure::Visit, "");
        self.one(day, Measure::Entry, path);
        self.one(day, Measure::Device, seen.device);
        self.one(day, Measure::Language, seen.language);
        if let Some(country) = country.as_ref().map(Country::as_str) {
            self.one(day, Measure::Country, country);
        }
        if let Some(host) = &seen.referrer {
            let hosts = self.counts.get(&day).and_then(|day| day.get(&Measure::Referrer));
            let full = hosts.is_some_and(|hosts| hosts.len() >= MOST_HOSTS && !hosts.contains_key(host));
            self.one(day, Measure::Referrer, if full { OTHERS } else { host });
        }
    }

    /// Ends the visits that rest (or all of them), and takes the totals.
    pub(super) fn take(&mut self, now: Timestamp, all: bool) -> Counts {
        let day = now.to_zoned_datetime(self.zone.clone()).date();
        self.turn(day);
        let rests = |visit: &Visit| all || now.duration_since(visit.last) >= REST;
        let ended: Vec<Visit> =
            self.open.extract_if(|_, visit| rests(visit)).map(|(_, visit)| visit).collect();
        for visit in &ended {
            self.close(day, visit);
        }
        std::mem::take(&mut self.counts)
    }

    /// Adds totals that were taken.
    pub(super) fn add(&mut self, counts: Counts) {
        for (day, measures) in counts {
            for (measure, values) in measures {
                let own = self.counts.entry(day).or_default().entry(measure).or_default();
                for (value, count) in values {
                    *own.entry(value).or_default() += count;
                }
            }
        }
    }

    /// A new day: its visits are others, and the key of the last one is destroyed.
    fn turn(&mut self, day: Date) {
        let Some(before) = self.day.replace(day).filter(|before| *before != day) else { return };
        let open = std::mem::take(&mut self.open);
        for visit in open.values() {
            self.close(before, visit);
        }
        // Without randomness the next key follows from the last, which cannot be found back from it.
        self.key = fresh_key().unwrap_or_else(|_| Zeroizing::new(authenticated(&self.key, &[b"next day"])));
    }

    fn close(&mut self, day: Date, visit: &Visit) {
        self.one(day, Measure::Exit, &visit.exit);
        self.one(day, Measure::Length, length(visit.last.duration_since(visit.first)));
        self.one(day, Measure::Depth, depth(visit.pages));
    }

    fn one(&mut self, day: Date, measure: Measure, value: &str) {
        let values = self.counts.entry(day).or_default().entry(measure).or_default();
        match values.get_mut(value) {
            Some(count) => *count += 1,
            None => {
                values.insert(value.to_owned(), 1);
            }
        }
    }

    fn visitor(&self, peer: IpAddr, traits: &[u8]) -> Visitor {
        let hash = authenticated(&self.key, &[&cut(peer), traits]);
        let mut visitor = [0; 16];
        visitor.copy_from_slice(&hash[..16]);
        visitor
    }
}

/// An address without what names one line: a /24, or a /48.
pub(super) fn cut(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) & !0xff).to_ipv6_mapped().octets(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & (!0 << 80)).octets(),
    }
}

/// Where days begin and end.
pub(super) fn zone() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)
}

fn length(time: SignedDuration) -> &'static str {
    match time.as_secs() {
        ..10 => "0-10s",
        10..60 => "10-60s",
        60..180 => "1-3min",
        180..600 => "3-10min",
        _ => "10min+",
    }
}

fn depth(pages: u32) -> &'static str {
    match pages {
        ..=1 => "1",
        2..=3 => "2-3",
        4..=9 => "4-9",
        _ => "10+",
    }
}

fn fresh_key() -> Result<Zeroizing<[u8; KEY_BYTES]>, NoRandomness> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(key.as_mut_slice()).map_err(|_| NoRandomness)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(traits: &str) -> Seen {
        Seen { robot: false, device: "mobile", language: "fr", referrer: None, traits: traits.into() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn sum(counts: &Counts, measure: Measure) -> Vec<(String, u64)> {
        let values = counts.values().filter_map(|day| day.get(&measure));
        values.flatten().map(|(value, count)| (value.clone(), *count)).collect()
    }

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    /// Proves p-audience-metrics.
    #[test]
    fn a_visit_is_its_pages_without_a_rest_of_half_an_hour() {
        let mut visits = Visits::new().unwrap();
        for (time, path) in
            [("10:00:00", "/"), ("10:00:40", "/articles/"), ("10:29:00", "/contact/"), ("11:00:00", "/")]
        {
            visits.count(at(&format!("2026-11-24T{time}Z")), PEER, path, &seen("a"), None);
        }
        visits.count(at("2026-11-24T11:00:05Z"), PEER, "/", &seen("b"), None);
        let counts = visits.take(at("2026-11-24T12:00:00Z"), false);
        let pair = |value: &str, count| (value.to_owned(), count);
        assert_eq!(sum(&counts, Measure::Visit), [pair("", 3)]);
        assert_eq!(sum(&counts, Measure::Page), [pair("/", 3), pair("/articles/", 1), pair("/contact/", 1)]);
        assert_eq!(sum(&counts, Measure::Exit), [pair("/", 2), pair("/contact/", 1)]);
        assert_eq!(sum(&counts, Measure::Length), [pair("0-10s", 2), pair("10min+", 1)]);
        assert_eq!(sum(&counts, Measure::Depth), [pair("1", 2), pair("2-3", 1)]);
        assert!(visits.take(at("2026-11-24T12:00:00Z"), true).is_empty(), "nothing is told twice");
    }

    #[test]
    fn p_audience_anonymous_the_same_visitor_on_two_days_cannot_be_linked() {
        let mut visits = Visits::new().unwrap();
        // 22:59 and 23:01 in Greenwich are two days in Paris.
        visits.count(at("2026-11-24T22:59:00Z"), PEER, "/", &seen("a"), None);
        let before: Vec<Visitor> = visits.open.keys().copied().collect();
        visits.count(at("2026-11-24T23:01:00Z"), PEER, "/", &seen("a"), None);
        let after: Vec<Visitor> = visits.open.keys().copied().collect();
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_ne!(before, after);
        let counts = visits.take(at("2026-11-24T23:02:00Z"), true);
        assert_eq!(counts.len(), 2, "each day has its own visit");
    }

    /// Proves p-audience-anonymous.
    #[test]
    fn neighbours_in_a_prefix_are_told_apart_by_their_browsers_alone() {
        let visits = Visits::new().unwrap();
        let neighbour = "192.0.2.99".parse().unwrap();
        assert_eq!(visits.visitor(PEER, b"a"), visits.visitor(neighbour, b"a"));
        assert_ne!(visits.visitor(PEER, b"a"), visits.visitor(PEER, b"b"));
        let another = Visits::new().unwrap();
        assert_ne!(visits.visitor(PEER, b"a"), another.visitor(PEER, b"a"), "another key, another name");
    }

    #[test]
    fn robots_are_apart_and_hosts_are_bounded() {
        let mut visits = Visits::new().unwrap();
        let now = at("2026-11-24T10:00:00Z");
        visits.count(now, PEER, "/", &Seen { robot: true, ..seen("bot") }, None);
        for n in 0..MOST_HOSTS + 5 {
            let referrer = Some(format!("h{n}.example"));
            visits.count(
                now,
                PEER,
                "/",
                &Seen { referrer, ..seen(&n.to_string()) },
                "FR".to_owned().try_into().ok(),
            );
        }
        let counts = visits.take(now, true);
        assert_eq!(sum(&counts, Measure::Robot), [(String::new(), 1)]);
        let hosts = sum(&counts, Measure::Referrer);
        assert_eq!(hosts.len(), MOST_HOSTS + 1);
        assert!(hosts.contains(&(OTHERS.to_owned(), 5)));
        assert_eq!(sum(&counts, Measure::Country), [("FR".to_owned(), MOST_HOSTS as u64 + 5)]);
    }
}
