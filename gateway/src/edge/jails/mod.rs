//! Jails: clients that misbehave again and again are refused for a while, longer each time.
//!
//! Phases and features tell what they see, by [`Jails::saw`]; a client's offences are counted ([`tallies`]), and past a
//! rule's count a sentence waits for whoever carries it out, as a ban that staff could pronounce by hand. Only the
//! offender's own prefix is ever banned: nobody can be locked out by another's doing.

mod offence;
mod record;
mod tallies;
pub mod traps;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use serde::Deserialize;
use tokio::sync::mpsc;

pub use self::offence::Offence;
use self::offence::Rules;
use self::record::Record;
use self::tallies::Tallies;
use crate::config::Trusted;
use crate::edge::address_filter::Ban;
use crate::edge::blocks::Blocks;
use crate::edge::prefix::ClientPrefix;

/// Sentences that may wait to be carried out; an offender who is not heard goes on offending, and is sentenced then.
const MOST_WAITING: usize = 1_024;

/// The `[gateway.jails]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JailsConfig {
    /// Whether anybody is jailed at all.
    pub enabled: bool,
    /// Whether the loop, from which everything comes in development, may be jailed too.
    pub loopback: bool,
    /// The longest term.
    pub longest: SignedDuration,
    /// An offender who has been free for so long begins anew.
    pub forget: SignedDuration,
    /// When each offence is one too many.
    pub rules: Rules,
}

impl Default for JailsConfig {
    fn default() -> Self {
        let (longest, forget) = (SignedDuration::from_hours(24), SignedDuration::from_hours(7 * 24));
        Self { enabled: true, loopback: false, longest, forget, rules: Rules::default() }
    }
}

/// A client that did one thing once too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence {
    /// Whom it concerns.
    pub client: ClientPrefix,
    /// What it did.
    pub offence: Offence,
}

/// Who did what how often.
#[derive(Debug)]
pub struct Jails {
    judging: ArcSwap<Judging>,
    /// Multiplies every count.
    factor: u32,
    tallies: Mutex<Tallies>,
    record: Mutex<Record>,
    sentences: mpsc::Sender<Sentence>,
    waiting: Mutex<Option<mpsc::Receiver<Sentence>>>,
}

/// By what a client is judged.
#[derive(Debug)]
struct Judging {
    config: JailsConfig,
    /// Who speaks for others.
    speakers: Blocks,
}

impl Judging {
    fn new(config: JailsConfig, trusted: &Trusted) -> Self {
        let speakers = trusted.balancers.iter().chain(&trusted.proxies).copied().collect();
        Self { config, speakers }
    }
}

impl Jails {
    /// Empty jails, with the memory of the bans that were pronounced before a restart.
    pub fn new(config: JailsConfig, trusted: &Trusted, factor: u32, before: &[Ban]) -> Self {
        let (sentences, waiting) = mpsc::channel(MOST_WAITING);
        let judging = ArcSwap::from_pointee(Judging::new(config, trusted));
        let record = Mutex::new(Record::new(before));
        let (tallies, waiting) = (Mutex::default(), Mutex::new(Some(waiting)));
        Self { judging, factor, tallies, record, sentences, waiting }
    }

    /// Other rules from now on; what was counted stays.
    pub fn adopt(&self, config: JailsConfig, trusted: &Trusted) {
        self.judging.store(Arc::new(Judging::new(config, trusted)));
    }

    /// Counts an offence of a client.
    pub fn saw(&self, offence: Offence, client: IpAddr) {
        counter!("offences_total", "offence" => offence.label()).increment(1);
        let judging = self.judging.load();
        let Judging { config, speakers } = &**judging;
        let spared = (client.to_canonical().is_loopback() && !config.loopback) || speakers.hold(client);
        if !config.enabled || spared {
            return;
        }
        let client = ClientPrefix::of(client);
        let rule = config.rules.of(offence);
        let most = rule.count.saturating_mul(self.factor);
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        if tallies.count(client, offence, Instant::now(), rule.within.unsigned_abs()) < most.max(1) {
            return;
        }
        // Full: the next offence asks again.
        if self.sentences.try_send(Sentence { client, offence }).is_ok() {
            tallies.forget(client);
        }
    }

    /// The ban that a sentence means now: the rule's first term, doubled for each ban that is remembered.
    pub fn ban(&self, sentence: Sentence, now: Timestamp) -> Ban {
        let config = self.judging.load().config;
        let rule = config.rules.of(sentence.offence);
        let net = sentence.client.net();
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let times = record.times(&net, now, config.forget).saturating_add(1);
        let term = doubled(rule.term, times - 1).min(config.longest);
        let until = now.saturating_add(term).unwrap_or(Timestamp::MAX);
        record.note(net, times, until);
        let count = rule.count.saturating_mul(self.factor);
        let reason = format!("{} at least {count} times within {:#}", sentence.offence.told(), rule.within);
        let jail = Some(sentence.offence.label().to_owned());
        Ban { net, until: Some(until), since: Some(now), jail, times, reason: Some(reason) }
    }

    /// How long a ban is remembered after its end.
    pub fn memory(&self) -> SignedDuration {
        self.judging.load().config.forget
    }

    /// Forgets what the clients of a block did.
    pub fn pardon(&self, net: &IpNet) {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).pardon(net);
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.pardon(net);
    }

    /// What is to be carried out, for the one who does.
    pub fn sentences(&self) -> Option<mpsc::Receiver<Sentence>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A term, doubled so many times.
fn doubled(term: SignedDuration, times: u32) -> SignedDuration {
    let factor = 1i32.checked_shl(times).filter(|factor| *factor > 0).unwrap_or(i32::MAX);
    term.checked_mul(factor).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES_10: SignedDuration = SignedDuration::from_mins(10);

    fn jails(config: JailsConfig) -> (Jails, mpsc::Receiver<Sentence>) {
        let trusted = Trusted { balancers: Vec::new(), proxies: vec!["10.0.0.0/8".parse().unwrap()] };
        let jails = Jails::new(config, &trusted, 1, &[]);
        let waiting = jails.sentences().unwrap();
        (jails, waiting)
    }

    fn offend(jails: &Jails, client: &str, times: u32) {
        (0..times).for_each(|_| jails.saw(Offence::Trap, client.parse().unwrap()));
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_client_is_sentenced_at_the_count_of_its_offence_and_nobody_else_is() {
        let config = JailsConfig::default();
        let (jails, mut waiting) = jails(config);
        let count = config.rules.of(Offence::Trap).count;
        offend(&jails, "192.0.2.1", count - 1);
        jails.saw(Offence::NotFound, "192.0.2.1".parse().unwrap());
        offend(&jails, "192.0.2.2", count - 1);
        assert!(waiting.try_recv().is_err());
        offend(&jails, "192.0.2.1", 1);
        let sentence = waiting.try_recv().unwrap();
        assert_eq!(
            (sentence.offence, sentence.client.net().to_string()),
            (Offence::Trap, "192.0.2.1/32".into())
        );
        offend(&jails, "2001:db8::1", count - 1);
        offend(&jails, "2001:db8::2", 1);
        assert_eq!(waiting.try_recv().unwrap().client.net().to_string(), "2001:db8::/64");
        assert!(waiting.try_recv().is_err());
    }

    #[test]
    fn the_loop_and_those_who_speak_for_others_are_spared_unless_the_loop_is_asked_for() {
        let (first, mut waiting) = jails(JailsConfig::default());
        for spared in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3"] {
            offend(&first, spared, 100);
        }
        assert!(waiting.try_recv().is_err());
        let (other, mut waiting) = jails(JailsConfig { loopback: true, ..JailsConfig::default() });
        offend(&other, "127.0.0.1", 100);
        assert!(waiting.try_recv().is_ok());
        let (none, mut waiting) = jails(JailsConfig { enabled: false, ..JailsConfig::default() });
        offend(&none, "192.0.2.1", 100);
        assert!(waiting.try_recv().is_err());
    }

    #[test]
    fn terms_double_up_to_the_longest_and_are_forgotten_or_pardoned() {
        let (jails, _waiting) = jails(JailsConfig::default());
        let client = ClientPrefix::of("192.0.2.1".parse().unwrap());
        let sentence = Sentence { client, offence: Offence::NotFound };
        assert_eq!(JailsConfig::default().rules.of(Offence::NotFound).term, MINUTES_10);
        let mut now = at(0);
        let mut terms = Vec::new();
        for _ in 0..10 {
            let ban = jails.ban(sentence, now);
            terms.push(ban.until.unwrap().duration_since(now).as_mins());
            now = ban.until.unwrap();
        }
        assert_eq!(terms, [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
        jails.pardon(&"192.0.2.0/24".parse().unwrap());
        let ban = jails.ban(sentence, now);
        assert_eq!((ban.times, ban.until.unwrap().duration_since(now)), (1, MINUTES_10));
        let later = now.saturating_add(SignedDuration::from_hours(8 * 24)).unwrap();
        assert_eq!(jails.ban(sentence, later).times, 1, "a week in freedom");
    }

    #[test]
    fn a_configuration_names_what_it_changes_and_nothing_unknown() {
        let text =
            "loopback = true\nlongest = \"2h\"\nrules.trap = { count = 1, within = \"1m\", term = \"5s\" }";
        let config: JailsConfig = toml::from_str(text).unwrap();
        assert!(config.loopback && config.enabled);
        assert_eq!(config.rules.of(Offence::Trap).term, SignedDuration::from_secs(5));
        assert_eq!(
            config.rules.of(Offence::Limited).count,
            JailsConfig::default().rules.of(Offence::Limited).count
        );
        for wrong in [
            "traps = 3",
            "rules.traps = 3",
            "rules.trap = { count = 0, within = \"1m\", term = \"5s\" }",
            "rules.trap = { count = 1 }",
            "rules.not_found = { count = 1, within = \"-1m\", term = \"5s\" }",
        ] {
            assert!(toml::from_str::<JailsConfig>(wrong).is_err(), "{wrong}");
        }
    }
}
