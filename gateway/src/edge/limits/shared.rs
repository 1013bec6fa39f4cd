//! Limits that several gateways share, over a Valkey server that no request waits for.
//!
//! A gateway lets a client have what its own table allows, and books it with the server afterwards: at once when half
//! of the client's reserve is had, within a second otherwise. The server adds what all gateways book ([`SCRIPT`], GCRA
//! by the server's clock) and answers what the client owes in all; from then on the gateway's table says the same. The
//! reserve, an eighth of the burst, is all that a client may have here before the server has answered.
//!
//! **What is guaranteed**, while the server is heard: in any span T, a client has at most
//! burst + T / interval + gateways × reserve units on all gateways together. For let g be the gateway whose last unit
//! in the span rested on the server's latest answer. By that answer, what was booked since the span began is at most
//! burst + T / interval: else the client would have owed more than the tolerance, and g refused. Every other unit of
//! the span was not yet booked when that answer was given; of these each gateway has at most its reserve (what costs more than one unit
//! may pass it by its cost, less one).
//!
//! **Without the server** (it is away, refuses us, or takes longer than 200 ms), each gateway goes on alone and
//! stricter: a unit costs as many times more as there are gateways, against the same tolerance, so that all together
//! give what one would. What clients owed stays owed. What was not booked is forgotten: once each time, at most a
//! reserve a gateway. A server that comes back is heard again by itself. A server that lost its memory has at most one
//! more burst had, less what each gateway's table still knows.
//!
//! What a client that owes nothing here had not booked is forgotten with its place when another takes it.
//!
//! The server knows clients by a keyed hash alone, under a key from the master key. A client that owes nothing is
//! forgotten there by itself, so the server too holds rate × interval clients (Little's law). Webhooks are counted by
//! each gateway for itself.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge};
use redis::RedisError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::gcra::Ticks;
use super::table::{Place, Subject};
use super::{Limit, Limits};
use crate::valkey::{Connection, Valkey};

/// What a client waits whose reserve is had, while the server is asked: 50 ms.
pub const SOON: Ticks = Ticks(6_104);
/// A server that takes longer is away; no request waits meanwhile.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often the server is told.
const TICK: Duration = Duration::from_millis(20);
/// What is not urgent is told after so long.
const LAZY: Duration = Duration::from_secs(1);
/// A server that has nothing to be told is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long before it is tried again, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Clients waiting to be told of, at most.
const MOST_WAITING: usize = 1 << 16;
/// Clients told of in one script, and the nodes of a cluster among which scripts are spread.
const BATCH: usize = 256;
const TAGS: usize = 16;

/// Adds to what each client owes and answers that in microseconds: `KEYS` are clients, `ARGV` for each the interval of
/// a unit, the units, and the most that can be owed, so that a clock set back locks nobody out.
const SCRIPT: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local owed = {}
for i, key in ipairs(KEYS) do
  local interval, units, most = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local until_ = math.max(tonumber(redis.call('GET', key) or 0), now)
  local debt = math.min(until_ - now + interval * units, most)
  redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.max(1, math.ceil(debt / 1000)))
  owed[i] = math.ceil(debt)
end
return owed";

/// What waits to be told, and whether anybody listens.
#[derive(Debug)]
pub struct Shared {
    gateways: u32,
    heard: AtomicBool,
    sender: Sender<Ticket>,
    receiver: Mutex<Option<Receiver<Ticket>>>,
}

#[derive(Debug, Clone, Copy)]
struct Ticket {
    limit: u8,
    subject: Subject,
    urgent: bool,
}

impl Shared {
    /// Nobody is heard yet.
    pub fn new(gateways: u32) -> Self {
        let (sender, receiver) = channel(MOST_WAITING);
        let receiver = Mutex::new(Some(receiver));
        Self { gateways, heard: AtomicBool::new(false), sender, receiver }
    }

    /// Whether the server is heard.
    pub fn heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Notes that a client had `cost` more, which makes `untold` in all.
    pub(super) fn count(&self, limit: &Limit, subject: Subject, untold: u32, cost: u32) {
        let half = (limit.reserve() / 2).max(1);
        let before = untold.saturating_sub(cost);
        let urgent = untold >= half && before < half;
        if urgent || before == 0 {
            self.send(Ticket { limit: limit.number, subject, urgent });
        }
    }

    /// Asks the server about a client soon.
    pub(super) fn ask(&self, limit: u8, subject: Subject) {
        self.send(Ticket { limit, subject, urgent: true });
    }

    fn send(&self, ticket: Ticket) {
        // The receiver looks by itself now and then: nobody is woken from a request.
        if self.sender.try_send(ticket).is_err() {
            counter!("shared_limits_booked_total", "outcome" => "lost").increment(1);
        }
    }

    fn hear(&self, heard: bool) {
        self.heard.store(heard, Ordering::Relaxed);
        gauge!("shared_limits_away").set(if heard { 0.0 } else { 1.0 });
    }
}

/// Books with the server, for as long as the process lives.
pub async fn run(limits: &Limits, valkey: &Valkey) {
    let Some(shared) = limits.shared() else { return };
    let taken = shared.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut tickets) = taken else { return };
    let mut told = String::new();
    let mut backoff = BACKOFF.0;
    shared.hear(false);
    loop {
        let tried = Instant::now();
        let why = match begin(valkey).await {
            Ok((connection, script)) => {
                shared.hear(true);
                tracing::info!("limits are shared");
                told.clear();
                Booking { limits, connection, script, waiting: VecDeque::new() }.run(&mut tickets).await
            }
            Err(why) => why,
        };
        shared.hear(false);
        let why = why.to_string();
        if why != told {
            tracing::warn!(%why, "limits are not shared: this gateway goes on alone, with its part of each");
            told = why;
        }
        if tried.elapsed() > 2 * BACKOFF.1 {
            backoff = BACKOFF.0;
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF.1);
        while let Ok(ticket) = tickets.try_recv() {
            limits.forget(&ticket);
        }
    }
}

/// A connection that knows the script and answers in time.
async fn begin(valkey: &Valkey) -> Result<(Connection, String), RedisError> {
    let connection = valkey.connect().await?;
    let script = in_time(connection.ask(redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT))).await?;
    Ok((connection, script))
}

struct Booking<'a> {
    limits: &'a Limits,
    connection: Connection,
    script: String,
    waiting: VecDeque<(Instant, Ticket)>,
}

impl Booking<'_> {
    /// Goes on until the server fails; what is not told then is forgotten.
    async fn run(mut self, tickets: &mut Receiver<Ticket>) -> RedisError {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            tick.tick().await;
            let now = Instant::now();
            let mut due = Vec::new();
            while let Ok(ticket) = tickets.try_recv() {
                if ticket.urgent || self.waiting.len() >= MOST_WAITING {
                    due.push(ticket);
                } else {
                    self.waiting.push_back((now + LAZY, ticket));
                }
            }
            while let Some((_, ticket)) = self.waiting.pop_front_if(|(when, _)| *when <= now) {
                due.push(ticket);
            }
            let booked = match due.is_empty() {
                false => self.book(&due).await,
                true if last.elapsed() < HEARTBEAT => continue,
                true => in_time(self.connection.ask(&redis::cmd("PING"))).await,
            };
            last = now;
            if let Err(why) = booked {
                for (_, ticket) in &self.waiting {
                    self.limits.forget(ticket);
                }
                return why;
            }
        }
    }

    /// Tells what these clients had, and hears what they owe.
    async fn book(&self, due: &[Ticket]) -> Result<(), RedisError> {
        let mut by_tag: [Vec<(Ticket, u32)>; TAGS] = Default::default();
        for ticket in due {
            // One client may wait twice: the second finds nothing left to tell.
            let units = self.limits.untold(ticket);
            let tagged = &mut by_tag[ticket.subject.0 as usize % TAGS];
            if units > 0 && !tagged.iter().any(|(other, _)| other.subject == ticket.subject) {
                tagged.push((*ticket, units));
            }
        }
        let batches: Vec<_> = by_tag.iter().flat_map(|tagged| tagged.chunks(BATCH)).collect();
        let asked = batches.iter().map(|batch| self.ask(batch));
        let answers = in_time(futures::future::try_join_all(asked)).await;
        let outcome = if answers.is_ok() { "booked" } else { "failed" };
        let count = batches.iter().map(|batch| batch.len() as u64).sum();
        counter!("shared_limits_booked_total", "outcome" => outcome).increment(count);
        match answers {
            Ok(answers) => {
                let each = batches.iter().copied().flatten().zip(answers.into_iter().flatten());
                each.for_each(|((ticket, units), owed)| self.limits.hear(ticket, *units, owed));
                Ok(())
            }
            Err(why) => {
                batches.iter().copied().flatten().for_each(|(ticket, _)| self.limits.forget(ticket));
                Err(why)
            }
        }
    }

    async fn ask(&self, batch: &[(Ticket, u32)]) -> Result<Vec<u64>, RedisError> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.script).arg(batch.len());
        for (ticket, _) in batch {
            command.arg(key(ticket));
        }
        for (ticket, units) in batch {
            let (interval, most) = self.limits.terms(ticket);
            command.arg(interval).arg(*units).arg(most);
        }
        self.connection.ask(&command).await
    }
}

impl Limits {
    fn untold(&self, ticket: &Ticket) -> u32 {
        self.table.place(ticket.subject, self.now()).map_or(0, |place| place.untold())
    }

    fn forget(&self, ticket: &Ticket) {
        if let Some(place) = self.table.place(ticket.subject, self.now()) {
            place.told(u32::MAX);
        }
    }

    /// What the server says a client owes, in microseconds, after `units` were booked.
    fn hear(&self, ticket: &Ticket, units: u32, owed: u64) {
        let Some(limit) = self.limit(ticket.limit) else { return };
        let everywhere = Ticks::of(Duration::from_micros(owed));
        let raise = |place: Place<'_>| {
            let here = limit.together.rate.worth(place.untold().saturating_sub(units));
            // One tick more, for what was rounded down.
            Ok::<_, ()>((place.owed.max(Ticks(everywhere.0 + here.0 + 1)), place.fresh))
        };
        // A client that lost its place meanwhile owes all the same.
        if let Some(Ok((place, false))) = self.table.update(ticket.subject, self.now(), raise) {
            place.told(units);
        }
    }

    /// The interval of a unit and the most that can be owed, in microseconds.
    fn terms(&self, ticket: &Ticket) -> (f64, f64) {
        let Some(limit) = self.limit(ticket.limit) else { return (0.0, 0.0) };
        let micros = |ticks: Ticks| ticks.span().as_nanos() as f64 / 1e3;
        let rate = limit.together.rate;
        let gateways = self.shared.as_ref().map_or(1, |shared| shared.gateways);
        let reserves = rate.worth(limit.reserve().saturating_mul(gateways));
        (micros(rate.worth(1)), micros(Ticks(rate.tolerance().0 + reserves.0)))
    }
}

/// The name of a client on the server; what shares a tag is on one node of a cluster.
fn key(ticket: &Ticket) -> String {
    let mut key = format!("aops:limit:{{{:x}}}:", ticket.subject.0 as usize % TAGS);
    // Writing to a string does not fail.
    let _ = write!(key, "{:032x}", ticket.subject.0);
    key
}

async fn in_time<T>(asked: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    let late = |_| RedisError::from((redis::ErrorKind::Io, "the server did not answer within 200 ms"));
    tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
