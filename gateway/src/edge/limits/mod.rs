//! Seventh phase: how often one client may ask for one class of route, or one key or account for calculations, and
//! what it is told of it.
//!
//! [`gcra`] decides, [`table`] remembers in a fixed eight megabytes, [`fields`] tells. Where several gateways share
//! their limits, [`shared`] tells a Valkey server what was had here and hears what was had elsewhere; no request waits
//! for it.

pub mod fields;
pub mod gcra;
pub mod shared;
pub mod table;

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::HeaderMap;
use metrics::{counter, gauge};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::config::{LimitsConfig, Rate};
use crate::edge::prefix::ClientPrefix;
use crate::edge::route_class::RouteClass;

use self::fields::Fields;
use self::gcra::{Denied, Gcra, Ticks};
use self::shared::Shared;
use self::table::{REGIONS, Subject, Table, update_word};

/// The allowance of a region, or of an IPv6 network, is that of so many clients.
const CLIENTS_OF_A_REGION: u32 = 16;
/// Beside a limit's number: the IPv6 networks that it counts.
const NETWORKS: u8 = 0x80;

/// How often a part of the table is swept.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(5);

/// Every limit, and what everybody owes.
#[derive(Debug)]
pub struct Limits {
    rates: ArcSwap<Rates>,
    gateways: u32,
    table: Table,
    regions: Box<[AtomicU64]>,
    secret: [u8; 16],
    begun: Instant,
    shared: Option<Arc<Shared>>,
}

/// What may be had, as configured.
#[derive(Debug)]
struct Rates {
    classes: [Arc<Limit>; RouteClass::ALL.len()],
    key: Arc<Limit>,
    account: Arc<Limit>,
    /// By offer: what its accounts get instead of `account`.
    plans: BTreeMap<String, Arc<Limit>>,
}

/// One limit.
#[derive(Debug)]
pub struct Limit {
    number: u8,
    /// With all gateways together, and alone.
    together: Told,
    alone: Told,
    region: Gcra,
    /// Whether other gateways count with this one.
    shared: bool,
}

#[derive(Debug)]
struct Told {
    rate: Gcra,
    fields: Fields,
}

/// What is left to a client, for its answer's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    class: RouteClass,
    left: Left,
}

/// What is left under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    remaining: u32,
    alone: bool,
}

/// Why there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Later.
    Wait(Ticks, Left),
    /// Never: it costs more than may be had at once, which is this.
    TooDear(u32),
}

impl Limits {
    /// Limits as configured, each multiplied by `factor`; `secret` names clients, the same on gateways that share.
    pub fn new(config: &LimitsConfig, factor: u32, secret: [u8; 16]) -> Self {
        let gateways = config.gateways.max(1);
        Self {
            rates: ArcSwap::from_pointee(Rates::new(config, factor, gateways)),
            gateways,
            table: Table::new(gateways > 1),
            regions: (0..REGIONS * RouteClass::ALL.len()).map(|_| AtomicU64::new(0)).collect(),
            secret,
            begun: Instant::now(),
            shared: (gateways > 1).then(|| Arc::new(Shared::new(gateways))),
        }
    }

    /// Other limits from now on, shared by as many gateways as before; what is owed stays owed.
    pub fn adopt(&self, config: &LimitsConfig, factor: u32) {
        self.rates.store(Arc::new(Rates::new(config, factor, self.gateways)));
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait, in whole seconds, when the client is past its limit.
    pub fn take(&self, class: RouteClass, client: ClientPrefix) -> Result<Allowance, Duration> {
        let rates = self.rates.load();
        let limit = &rates.classes[class as usize];
        let counted = self.count(limit, self.client(limit, client), 1, || self.region(class, client));
        // The client comes first: who is past its own limit takes nothing from its neighbours.
        match counted.and_then(|left| self.of_network(limit, client, left)) {
            Ok(left) => Ok(Allowance { class, left }),
            Err(Refused::Wait(wait, _)) => Err(Duration::from_secs(wait.seconds())),
            Err(Refused::TooDear(_)) => Err(Duration::from_secs(1)),
        }
    }

    /// Counts the IPv6 /48 that one customer may have, with the 65,536 clients in it; in IPv4, networks have many owners.
    fn of_network(&self, limit: &Limit, client: ClientPrefix, left: Left) -> Result<Left, Refused> {
        let Some(network) = client.v6_network() else { return Ok(left) };
        let subject = self.subject(limit.number | NETWORKS, &network);
        let take = |place: table::Place<'_>| limit.region.take(place.owed, 1).map(|owed| (owed, owed));
        match self.table.update(subject, self.now(), take) {
            Some(Ok((_, owed))) => {
                Ok(Left { remaining: left.remaining.min(limit.region.remaining(owed)), ..left })
            }
            Some(Err(Denied::Wait(wait))) => Err(Refused::Wait(wait, Left { remaining: 0, ..left })),
            Some(Err(Denied::TooDear)) | None => Ok(left),
        }
    }

    /// Counts `cost` units of who is named so: a key, an account.
    ///
    /// # Errors
    /// [`Refused`]: nothing is counted.
    pub fn spend(&self, limit: &Limit, name: &str, cost: u32) -> Result<Left, Refused> {
        let subject = self.subject(limit.number, name.as_bytes());
        self.count(limit, subject, cost, || &self.regions[subject.0 as usize % REGIONS])
    }

    /// Charges a client for what it should not have done; beyond its limit nothing is added.
    pub fn charge(&self, class: RouteClass, client: ClientPrefix, cost: u32) {
        let rates = self.rates.load();
        let limit = &rates.classes[class as usize];
        self.adjust(limit, client, |owed| limit.together.rate.charge(owed, cost));
    }

    /// Gives back what a request took that is not to be counted.
    pub fn give_back(&self, class: RouteClass, client: ClientPrefix) {
        let rates = self.rates.load();
        let limit = &rates.classes[class as usize];
        let one = limit.rates(limit.shared && self.share()).rate.worth(1);
        self.adjust(limit, client, |owed| Ticks(owed.0.saturating_sub(one.0)));
    }

    fn adjust(&self, limit: &Limit, client: ClientPrefix, owing: impl Fn(Ticks) -> Ticks) {
        let subject = self.client(limit, client);
        let set = |place: table::Place<'_>| Ok::<_, ()>((owing(place.owed), ()));
        // A client that has no place is counted with its region, which forgets soon enough.
        let _ = self.table.update(subject, self.now(), set);
    }

    fn count<'a>(
        &'a self,
        limit: &Limit,
        subject: Subject,
        cost: u32,
        region: impl Fn() -> &'a AtomicU64,
    ) -> Result<Left, Refused> {
        let now = self.now();
        let sharing = self.shared.as_deref().filter(|_| limit.shared);
        let alone = sharing.is_some_and(|shared| !shared.heard());
        let rate = limit.rates(alone).rate;
        let refused = |denied, owed| match denied {
            Denied::Wait(wait) => Refused::Wait(wait, Left { remaining: rate.remaining(owed), alone }),
            Denied::TooDear => Refused::TooDear(rate.burst()),
        };
        let telling = sharing.filter(|_| !alone);
        let counted = self.table.update(subject, now, |place| {
            if let Some(shared) = telling
                && place.untold() >= limit.reserve()
            {
                shared.ask(limit.number, subject);
                return Err(refused(Denied::Wait(shared::SOON), place.owed));
            }
            let owed = rate.take(place.owed, cost).map_err(|denied| refused(denied, place.owed))?;
            Ok((owed, owed))
        });
        match counted {
            Some(Ok((place, owed))) => {
                if let Some(shared) = telling {
                    shared.count(limit, subject, place.tell_later(cost), cost);
                }
                Ok(Left { remaining: rate.remaining(owed), alone })
            }
            Some(Err(refused)) => Err(refused),
            // No room: newcomers of a region share an allowance; those who are known keep theirs.
            None => {
                counter!("limits_crowded_total").increment(1);
                let counted = update_word(region(), now, |owed| {
                    let owed = limit.region.take(owed, cost).map_err(|denied| refused(denied, owed))?;
                    Ok((owed, owed))
                });
                counted.map(|owed| Left { remaining: limit.region.remaining(owed).min(rate.burst()), alone })
            }
        }
    }

    /// Tells what is left: `RateLimit` and `RateLimit-Policy`.
    pub fn tell(&self, class: RouteClass, allowance: Option<&Allowance>, headers: &mut HeaderMap) {
        let rates = self.rates.load();
        let limit = &rates.classes[class as usize];
        match allowance {
            Some(Allowance { left, .. }) => limit.rates(left.alone).fields.tell(left.remaining, headers),
            None => limit.rates(limit.shared && self.share()).fields.tell_nothing(headers),
        }
    }

    /// The limit of one API key.
    pub fn key(&self) -> Arc<Limit> {
        Arc::clone(&self.rates.load().key)
    }

    /// The limit of an account whose plans are these: the widest of them.
    pub fn account<'a>(&self, plans: impl Iterator<Item = &'a str>) -> Arc<Limit> {
        let rates = self.rates.load();
        let of_plans = plans.filter_map(|plan| rates.plans.get(plan));
        Arc::clone(of_plans.max_by_key(|limit| limit.together.rate.burst()).unwrap_or(&rates.account))
    }

    /// Clears a part of the table of those who owe nothing.
    pub fn sweep(&self) {
        let (taken, looked_at) = self.table.sweep(self.now());
        gauge!("limits_table_filled").set(taken as f64 / looked_at as f64);
    }

    /// What other gateways count with this one, if any does.
    pub fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    /// Whether the shared table is not heard.
    fn share(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| !shared.heard())
    }

    fn limit(&self, number: u8) -> Option<Arc<Limit>> {
        let rates = self.rates.load();
        let fixed = rates.classes.iter().chain([&rates.key, &rates.account]);
        fixed.chain(rates.plans.values()).find(|limit| limit.number == number).cloned()
    }

    fn client(&self, limit: &Limit, client: ClientPrefix) -> Subject {
        self.subject(limit.number, &client.bytes())
    }

    fn subject(&self, number: u8, name: &[u8]) -> Subject {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(&[number]);
        hasher.write(name);
        Subject(hasher.finish128().as_u128())
    }

    fn region(&self, class: RouteClass, client: ClientPrefix) -> &AtomicU64 {
        &self.regions[class as usize * REGIONS + usize::from(client.region()) % REGIONS]
    }

    fn now(&self) -> Ticks {
        Ticks::of(self.begun.elapsed())
    }
}

impl Rates {
    fn new(config: &LimitsConfig, factor: u32, gateways: u32) -> Self {
        let rate = |class| match class {
            RouteClass::Pages => config.pages,
            RouteClass::Forms => config.forms,
            RouteClass::SignIn => config.sign_in,
            RouteClass::Checkout => config.checkout,
            RouteClass::Calculators => config.calculators,
            RouteClass::Api => config.api,
            RouteClass::Webhooks => config.webhooks,
        };
        let mut numbers = 0..;
        let mut limit = |name: &str, rate: Rate| {
            Limit::new(numbers.next().unwrap_or_default(), name, Gcra::new(rate, factor), gateways)
        };
        let mut classes = RouteClass::ALL.map(|class| limit(class.label(), rate(class)));
        // A signed call gives back what it took, which others cannot be told of.
        classes[RouteClass::Webhooks as usize].shared = false;
        let (key, account) = (limit("key", config.api_key), limit("account", config.api_account));
        let plans = config.plans.iter().map(|(plan, rate)| (plan.clone(), Arc::new(limit("account", *rate))));
        let plans = plans.collect();
        Self { classes: classes.map(Arc::new), key: Arc::new(key), account: Arc::new(account), plans }
    }
}

impl Limit {
    fn new(number: u8, name: &str, rate: Gcra, gateways: u32) -> Self {
        let told = |rate| Told { rate, fields: Fields::new(name, rate) };
        let region = rate.of_clients(CLIENTS_OF_A_REGION);
        Self { number, together: told(rate), alone: told(rate.share(gateways)), region, shared: true }
    }

    fn rates(&self, alone: bool) -> &Told {
        if alone { &self.alone } else { &self.together }
    }

    /// Half of what may be had at once.
    pub fn half(&self) -> u32 {
        (self.together.rate.burst() / 2).max(1)
    }

    /// Units that a client may have here before others hear of them: an eighth of the burst.
    pub fn reserve(&self) -> u32 {
        (self.together.rate.burst() / 8).max(1)
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        self.together.fields.name()
    }

    /// Tells what is left and what the request cost.
    pub fn tell(&self, left: Left, cost: u32, headers: &mut HeaderMap) {
        self.rates(left.alone).fields.tell_cost(left.remaining, cost, headers);
    }

    /// Tells when there is enough for what was asked.
    pub fn tell_wait(&self, left: Left, wait: Ticks, headers: &mut HeaderMap) {
        self.rates(left.alone).fields.tell_wait(left.remaining, wait, headers);
    }
}

impl Allowance {
    /// The class that it is of.
    pub fn class(&self) -> RouteClass {
        self.class
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(factor: u32) -> Limits {
        Limits::new(&LimitsConfig::default(), factor, [7; 16])
    }

    fn client(text: &str) -> ClientPrefix {
        ClientPrefix::of(text.parse().unwrap())
    }

    #[test]
    fn one_client_past_its_limit_does_not_slow_another_client_or_class() {
        let limits = limits(1);
        let burst = LimitsConfig::default().sign_in.burst;
        for left in (0..burst).rev() {
            let allowance = limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap();
            assert_eq!(allowance.left.remaining, left);
        }
        let wait = limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(7), "{wait:?}");
        limits.take(RouteClass::SignIn, client("192.0.2.2")).unwrap();
        limits.take(RouteClass::Pages, client("192.0.2.1")).unwrap();
    }

    #[test]
    fn the_factor_multiplies_the_burst() {
        let limits = limits(10);
        let burst = LimitsConfig::default().forms.burst * 10;
        let client = client("192.0.2.1");
        let taken = (0..burst * 2).take_while(|_| limits.take(RouteClass::Forms, client).is_ok()).count();
        assert!(taken as u32 >= burst, "{taken}");
    }

    #[test]
    fn fields_tell_quota_window_and_what_is_left() {
        let limits = limits(1);
        let allowance = limits.take(RouteClass::SignIn, client("192.0.2.1")).unwrap();
        let mut headers = HeaderMap::new();
        limits.tell(RouteClass::SignIn, Some(&allowance), &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"sign_in\";q=10;w=60");
        assert_eq!(headers["ratelimit"], "\"sign_in\";r=9;t=54");
    }

    #[test]
    fn what_is_charged_and_given_back_counts_and_never_goes_past_the_limit() {
        let limits = limits(1);
        let sender = client("192.0.2.1");
        let left = |limits: &Limits| limits.take(RouteClass::Webhooks, sender).map(|a| a.left.remaining);
        assert_eq!(left(&limits), Ok(199));
        limits.give_back(RouteClass::Webhooks, sender);
        assert_eq!(left(&limits), Ok(199));
        limits.charge(RouteClass::Webhooks, sender, 1_000_000);
        let wait = left(&limits).unwrap_err();
        assert_eq!(wait, Duration::from_secs(1));
    }

    #[test]
    fn a_plan_widens_its_account_and_a_request_dearer_than_the_burst_is_never_had() {
        let plans = BTreeMap::from([("wide".into(), Rate { per_minute: 60_000, burst: 10_000 })]);
        let limits = Limits::new(&LimitsConfig { plans, ..LimitsConfig::default() }, 1, [7; 16]);
        let wide = limits.account(["other", "wide"].into_iter());
        assert!(limits.spend(&wide, "org_1", 5_000).is_ok());
        let usual = limits.account(["other"].into_iter());
        let most = LimitsConfig::default().api_account.burst;
        assert_eq!(limits.spend(&usual, "org_1", 5_000), Err(Refused::TooDear(most)));
        assert!(matches!(limits.spend(&limits.key(), "key", 100), Ok(Left { remaining: 0, .. })));
        assert!(matches!(limits.spend(&limits.key(), "key", 50), Err(Refused::Wait(_, _))));
        assert!(limits.spend(&limits.key(), "another", 50).is_ok());
    }

    #[test]
    fn other_limits_are_in_force_at_once_and_what_is_owed_stays_owed() {
        let (limits, client) = (limits(1), client("192.0.2.1"));
        while limits.take(RouteClass::SignIn, client).is_ok() {}
        let wider = Rate { per_minute: 10, burst: 15 };
        limits.adopt(&LimitsConfig { sign_in: wider, ..LimitsConfig::default() }, 1);
        let had = (0..100).take_while(|_| limits.take(RouteClass::SignIn, client).is_ok()).count();
        assert_eq!(had, 5);
    }

    #[test]
    fn an_ipv6_network_has_the_allowance_of_sixteen_clients_however_many_it_has() {
        let limits = limits(1);
        let neighbour = |n: u32| client(&format!("2001:db8:1:{n:x}::1"));
        let let_in = (0..1_000).filter(|n| limits.take(RouteClass::SignIn, neighbour(*n)).is_ok()).count();
        let most = (LimitsConfig::default().sign_in.burst * CLIENTS_OF_A_REGION) as usize;
        assert!((most..most + 20).contains(&let_in), "{let_in} of {most}");
        assert!(limits.take(RouteClass::SignIn, client("2001:db8:2::1")).is_ok());
        // Who is past its own limit takes nothing from the others.
        for _ in 0..2_000 {
            let _ = limits.take(RouteClass::SignIn, client("2001:db8:3:1::1"));
        }
        assert!(limits.take(RouteClass::SignIn, client("2001:db8:3:2::1")).is_ok());
    }

    #[test]
    fn newcomers_to_a_full_table_share_the_allowance_of_their_region_and_the_known_keep_theirs() {
        let limits = limits(1);
        let known = client("203.0.113.1");
        while limits.take(RouteClass::Forms, known).is_ok() {}
        let an_hour = Ticks::of(Duration::from_secs(3_600));
        for bucket in 0..table::BUCKETS {
            for mark in 1..=table::WAYS as u64 {
                let owe = |_: table::Place<'_>| Ok::<_, ()>((an_hour, ()));
                let _ = limits.table.update(Subject::at(bucket, mark), limits.now(), owe);
            }
        }
        let newcomers = (0..2_000).map(|n| client(&format!("172.16.{}.{}", n / 250, n % 250 + 1)));
        let let_in = newcomers.filter(|client| limits.take(RouteClass::Forms, *client).is_ok()).count();
        let most = (LimitsConfig::default().forms.burst * CLIENTS_OF_A_REGION) as usize;
        assert!((most..most + 200).contains(&let_in), "{let_in} of {most}");
        assert!(limits.take(RouteClass::Forms, client("198.51.100.1")).is_ok(), "another region");
        assert!(limits.take(RouteClass::Forms, known).is_err(), "what is owed is not forgotten");
    }
}
